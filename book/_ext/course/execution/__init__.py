"""When a lesson runs again, and which pages are written again."""

from sphinx.application import Sphinx

MODULES = ("optional", "lessons", "rebuilds")


def setup(app: Sphinx) -> dict[str, bool]:
    """Set up every module."""
    for module in MODULES:
        app.setup_extension(f"{__name__}.{module}")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
