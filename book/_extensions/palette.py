"""The colours of the figures as variables of the style sheets, so that a thing has one colour everywhere.

In dark mode figures are inverted and their hues turned back, by a filter; there the variables are what the filter
makes of each colour.
"""

from pathlib import Path

from sphinx.application import Sphinx

from vae_lessons.diagrams.page import in_dark_mode
from vae_lessons.evaluation.plots import COLOURS

SHEET = "palette.css"


def style_sheet() -> str:
    light = "".join(f"  --{name}: {colour};\n" for name, colour in COLOURS.items())
    dark = "".join(f"  --{name}: {in_dark_mode(colour)};\n" for name, colour in COLOURS.items())
    return f':root {{\n{light}}}\n\nhtml[data-theme="dark"] {{\n{dark}}}\n'


def write_palette(app: Sphinx) -> None:
    if app.builder.format != "html":
        return
    app.add_css_file(SHEET)
    static = Path(app.outdir, "_static")
    static.mkdir(parents=True, exist_ok=True)
    (static / SHEET).write_text(style_sheet(), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_palette)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
