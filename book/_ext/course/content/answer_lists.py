"""Mark lists of answers to choose from, `- **a** ...`, so that the style sheet shows their letters and no dots."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

CLASS = "answers"  # in the style sheet


class MarkAnswers(SphinxTransform):
    """The transform that adds the class."""

    default_priority = 500  # any time while a page is read

    def apply(self, **_options: object) -> None:
        """Mark every list whose items all begin with a bold letter."""
        for answers in self.document.findall(nodes.bullet_list):
            if all(len(bold_beginning(answer)) == 1 for answer in answers):
                answers["classes"].append(CLASS)


def bold_beginning(answer: nodes.Element) -> str:
    """Return the bold text at the beginning of an item; empty if it begins otherwise."""
    beginning = next((text for text in answer.findall(nodes.Text) if str(text)), None)
    return str(beginning) if beginning is not None and isinstance(beginning.parent, nodes.strong) else ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.add_transform(MarkAnswers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
