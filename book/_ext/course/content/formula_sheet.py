"""`{equation} LABEL` in a page: a copy of a numbered equation of another page, under words that explain it.

The number links to the place where the equation is derived.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

END_OF_SENTENCE = re.compile(r"\s*[,.](?=\s*(\\end{aligned})?\s*$)")


class Equation(SphinxDirective):
    """The directive, which leaves the formula empty: other pages may not have been read yet."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the number, the words and an empty formula."""
        label = self.arguments[0]
        words = self.parse_text_to_nodes(f"{{eq}}`{label}` " + "\n".join(self.content))
        formula = nodes.math_block("", "", nowrap=False, number=None, label=None, copy_of=label)
        return [nodes.container("", *words, formula, classes=["equation-of-the-sheet"])]


class CopyEquations(SphinxPostTransform):
    """The transform that fills in the formulas once all pages have been read."""

    default_priority = 5

    def run(self, **_options: object) -> None:
        """Copy each equation into its place."""
        for formula in self.document.findall(nodes.math_block):
            if "copy_of" in formula:
                formula += nodes.Text(latex_of(formula["copy_of"], self.env))


def latex_of(label: str, env: BuildEnvironment) -> str:
    """Return the LaTeX of a numbered equation, without the comma or full stop of the sentence around it.

    Raises
    ------
    ExtensionError
        If the book has no equation of that label.
    """
    page, _ = env.get_domain("math").equations.get(label, (None, None))
    if page is None:
        raise ExtensionError(f"{{equation}} must be given the label of a numbered equation of the book, got {label}")
    equations = env.get_doctree(page).findall(nodes.math_block)
    return END_OF_SENTENCE.sub("", next(node.astext() for node in equations if node.get("label") == label))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.add_directive("equation", Equation)
    app.add_post_transform(CopyEquations)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
