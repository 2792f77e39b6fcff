"""Put drawings into the page, so that the page's style sheet gives them the colours of its mode.

A drawing is an SVG file in `book/figures` that describes itself in <title> and <desc>. In a figure it stands as any
image does, so JupyterLab shows it too.
"""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

FOLDER = "book/figures/"


class InlineDrawings(SphinxPostTransform):
    """The transform that replaces the image of a drawing with the drawing itself."""

    default_priority = 500  # when pages refer to images by their place in the book
    formats = ("html",)

    def run(self, **_options: object) -> None:
        """Replace every one."""
        for image in list(self.document.findall(nodes.image)):
            if image["uri"].startswith(FOLDER) and image["uri"].endswith(".svg"):
                svg = Path(self.env.srcdir, image["uri"]).read_text(encoding="utf-8")
                image.replace_self(nodes.raw("", svg, format="html"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.add_post_transform(InlineDrawings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
