"""Pages for the exercises, made of their notebooks before the book is read; with SOLUTIONS=0 without any solution."""

import os
from pathlib import Path

from sphinx.application import Sphinx

from vae_lessons.classroom import write_pages


def setup(app: Sphinx) -> dict[str, bool]:
    """Write them at once: Sphinx has not yet looked for its pages."""
    solutions = os.environ.get("SOLUTIONS", "1") != "0"
    write_pages(Path(app.srcdir) / "book" / "exercises", solutions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
