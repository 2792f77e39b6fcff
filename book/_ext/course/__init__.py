"""The book's own Sphinx extension.

execution   when a lesson runs again, and which pages are written again
content     what pages hold besides their text: navigation, the index, copied formulas, exercises
theme       how pages look: typeface, drawings, live figures, accessible names
"""

from sphinx.application import Sphinx

PARTS = ("execution", "content", "theme")


def setup(app: Sphinx) -> dict[str, bool]:
    """Set up every part; each is an extension that a test can load alone."""
    for part in PARTS:
        app.setup_extension(f"{__name__}.{part}")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
