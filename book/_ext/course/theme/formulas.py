"""Keep a formula in a line of text together with the characters that touch it.

To a browser a typeset formula is a picture, and a line may end before and after a picture. A comma, a bracket or the
rest of a word beside a formula could therefore stand on another line.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

CLASS = "together"  # in the style sheet


class KeepTogether(SphinxPostTransform):
    """The transform that puts a formula into one element with the character before it and the character after it."""

    default_priority = 900  # when references and citations have become text

    def run(self, **_options: object) -> None:
        """Wrap every formula that touches text."""
        for formula in list(self.document.findall(nodes.math)):
            parent, place = formula.parent, formula.parent.index(formula)
            before, after = take_character(parent, place - 1, -1), take_character(parent, place + 1, 0)
            if before or after:
                parent[place] = nodes.inline("", "", nodes.Text(before), formula, nodes.Text(after), classes=[CLASS])


def take_character(parent: nodes.Element, place: int, which: int) -> str:
    """Remove and return the first (0) or last (-1) character of a text; nothing for a space or without a text."""
    text = parent[place] if 0 <= place < len(parent) else None
    if not isinstance(text, nodes.Text) or not text[which:][:1].strip():
        return ""
    parent[place] = nodes.Text(text[:-1] if which else text[1:])
    return text[which]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.add_post_transform(KeepTogether)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
