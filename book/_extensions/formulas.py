"""A formula in a line of text stays with what it touches.

To a browser a typeset formula is a picture, and before and after a picture a line may end. So a comma, a bracket or
the rest of a word beside a formula could stand on another line.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

CLASS = "together"  # of the style sheet


class KeepTogether(SphinxPostTransform):
    """Put a formula in one element with the character before it and that after it."""

    default_priority = 900  # when references and citations have become text

    def run(self, **_options: object) -> None:
        for formula in list(self.document.findall(nodes.math)):
            parent, place = formula.parent, formula.parent.index(formula)
            before, after = take_character(parent, place - 1, -1), take_character(parent, place + 1, 0)
            if before or after:
                parent[place] = nodes.inline("", "", nodes.Text(before), formula, nodes.Text(after), classes=[CLASS])


def take_character(parent: nodes.Element, place: int, which: int) -> str:
    """The first (0) or last (-1) character of the text there is taken off it; none if that is a space or no text."""
    text = parent[place] if 0 <= place < len(parent) else None
    if not isinstance(text, nodes.Text) or not text[which:][:1].strip():
        return ""
    parent[place] = nodes.Text(text[:-1] if which else text[1:])
    return text[which]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_post_transform(KeepTogether)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
