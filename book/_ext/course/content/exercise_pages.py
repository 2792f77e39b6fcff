"""Write the pages of the exercises from their notebooks; with SOLUTIONS=0, without any solution."""

import os
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging

from vae_exercises.classroom import write_pages

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages at once, before Sphinx looks for its sources."""
    value = os.environ.get("SOLUTIONS", "1")
    if value not in ("0", "1"):
        raise ExtensionError(f"SOLUTIONS must be 0, for a book without solutions, or 1, got {value!r}")
    write_pages(Path(app.srcdir) / "book" / "exercises", solutions=value == "1")
    words = "with the solutions of its exercises" if value == "1" else "without solutions"
    app.connect("build-finished", lambda _app, _error: logger.info("this book was built %s", words))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
