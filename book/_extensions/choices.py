"""Answers to choose from, `- **a** ...`, as a list without dots: each has its letter."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

CLASS = "choices"  # of the style sheet


class MarkChoices(SphinxTransform):
    default_priority = 500  # any time while a page is read

    def apply(self, **_options: object) -> None:
        for answers in self.document.findall(nodes.bullet_list):
            if all(len(letter_of(answer)) == 1 for answer in answers):
                answers["classes"].append(CLASS)


def letter_of(answer: nodes.Element) -> str:
    """What stands in bold at its beginning."""
    beginning = next((text for text in answer.findall(nodes.Text) if str(text)), None)
    return str(beginning) if beginning is not None and isinstance(beginning.parent, nodes.strong) else ""


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(MarkChoices)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
