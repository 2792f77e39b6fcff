"""What pages hold besides their text."""

from sphinx.application import Sphinx

MODULES = (
    "answer_lists",
    "api_page",
    "exercise_pages",
    "formula_sheet",
    "index_terms",
    "launch_buttons",
    "learning_path",
)


def setup(app: Sphinx) -> dict[str, bool]:
    """Set up every module."""
    for module in MODULES:
        app.setup_extension(f"{__name__}.{module}")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
