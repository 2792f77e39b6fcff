"""Leave out the results of a page whose packages are not installed, and say so on the page.

Such a page needs an extra of `pyproject.toml` that a reader may do without. Its text and its code are shown all the
same.
"""

from importlib.util import find_spec

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

NEEDS = {"book/appendix/jax": ("equinox", "jax", "optax")}
LEFT_OUT = (
    "The results of this page were left out, because {} {} not installed where the book was built. "
    "The course's own environment has what they need."
)


def missing(page: str) -> list[str]:
    """Name the packages that a page needs and that are not installed."""
    return [name for name in NEEDS.get(page, ()) if find_spec(name) is None]


def exclude(_app: Sphinx, config: Config) -> None:
    """Tell MyST-NB which pages not to run."""
    pages = [f"{page}.ipynb" for page in NEEDS if missing(page)]
    config.nb_execution_excludepatterns = [*config.nb_execution_excludepatterns, *pages]


def say_what_is_missing(app: Sphinx, tree: nodes.document) -> None:
    """Put a note below the title of a page that was not run."""
    packages, title = missing(app.env.docname), tree.next_node(nodes.title)
    if packages and title is not None:
        text = LEFT_OUT.format(" and ".join(packages), "are" if len(packages) > 1 else "is")
        title.parent.insert(title.parent.index(title) + 1, nodes.important("", nodes.paragraph(text, text)))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.connect("config-inited", exclude)
    app.connect("doctree-read", say_what_is_missing)
    return {"parallel_read_safe": True}
