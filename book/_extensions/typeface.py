"""The book's typeface, Source Serif, from the package that has it: three cuts, each with the characters of a text.

The package's files have every script that the face was drawn for; a page would load a megabyte.
"""

import hashlib
from importlib.resources import as_file, files
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx

PACKAGE = "font_source_serif_pro"
CUTS = {"Regular": (400, "normal"), "It": (400, "italic"), "Semibold": (600, "normal")}
LATIN = [*range(0x20, 0x100), *range(0x2010, 0x2050)]  # with its accents and punctuation
# Greek, super- and subscripts, arrows, signs of mathematics: of the upright text alone.
SYMBOLS = [*range(0x370, 0x400), *range(0x2070, 0x2090), *range(0x2190, 0x2270)]
FEATURES = ["liga"]  # tables of kerning would be a third of each file
SHEET = "typeface.css"


def write_typeface(app: Sphinx) -> None:
    if app.builder.format != "html":
        return
    app.add_css_file(SHEET)
    static = Path(app.outdir, "_static")
    static.mkdir(parents=True, exist_ok=True)
    for cut in CUTS:
        target = static / file_name(cut)
        if not target.exists():
            write_cut(cut, target)
    (static / SHEET).write_text("\n".join(map(face, CUTS)), encoding="utf-8")


def write_cut(cut: str, target: Path) -> None:
    with as_file(files(PACKAGE) / "files" / f"SourceSerifPro-{cut}.ttf") as source, TTFont(source) as font:
        subsetter = Subsetter(Options(layout_features=FEATURES))
        subsetter.populate(unicodes=characters(cut))
        subsetter.subset(font)
        font.flavor = "woff2"
        font.save(target)


def characters(cut: str) -> list[int]:
    return LATIN + SYMBOLS if cut == "Regular" else LATIN


def face(cut: str) -> str:
    weight, style = CUTS[cut]
    return (
        f'@font-face {{ font-family: "Source Serif"; font-weight: {weight}; font-style: {style}; '
        f'font-display: swap; src: url("{file_name(cut)}") format("woff2"); }}'
    )


def file_name(cut: str) -> str:
    """It says what is in the file, so that a change in that makes a new one."""
    made_of = hashlib.sha256(f"{characters(cut)}{FEATURES}".encode()).hexdigest()[:8]
    return f"source-serif-{cut.lower()}-{made_of}.woff2"


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_typeface)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
