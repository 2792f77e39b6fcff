"""How pages look, and what assistive technology needs on them. Templates and style sheets do the rest."""

from sphinx.application import Sphinx

MODULES = ("access", "drawings", "formulas", "live_figures", "typeface")


def setup(app: Sphinx) -> dict[str, bool]:
    """Set up every module."""
    for module in MODULES:
        app.setup_extension(f"{__name__}.{module}")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
