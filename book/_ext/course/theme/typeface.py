"""Cut the fonts to the characters that pages use: Source Serif, from its package, and the theme's icons.

Whole, they are 663 kB on every page: 507 kB of Source Serif in three styles and 156 kB of icons. Cut, they are 42 kB.
"""

from importlib.resources import as_file, files
from pathlib import Path

from fontTools.subset import main as cut
from sphinx.application import Sphinx

PACKAGE = "font_source_serif_pro"
LATIN = "U+0020-00FF,U+2010-204F"  # with its accents and punctuation
SYMBOLS = "U+0370-03FF,U+2070-208F,U+2190-226F"  # Greek, super- and subscripts, arrows, signs of mathematics
STYLES = {"Regular": f"{LATIN},{SYMBOLS}", "It": LATIN, "Semibold": LATIN}  # lessons.css names the files

ICONS = "vendor/fontawesome/webfonts/fa-solid-900"
# Of the theme's buttons, of the titles of boxes, and of the style sheet.
BUTTONS = "f002,f00c,f00d,f015,f019,f03a,f042,f065,f066,f078,f0c9,f101,f104,f105,f107,f135,f15b,f185,f186,f1c1"
BOXES = "f010,f02e,f057,f058,f059,f05a,f064,f06a,f071,f09b,f0eb,f0f3,f140,f296,f303,f35d"


def write_typeface(app: Sphinx) -> None:
    """Write Source Serif into the site, unless it is there."""
    static = Path(app.outdir, "_static")
    static.mkdir(parents=True, exist_ok=True)
    for style, characters in STYLES.items():
        target = static / f"source-serif-{style.lower()}.woff2"
        if target.exists() and target.stat().st_mtime > Path(__file__).stat().st_mtime:
            continue
        with as_file(files(PACKAGE) / "files" / f"SourceSerifPro-{style}.ttf") as source:
            write_cut(source, target, characters)


def cut_icons(app: Sphinx, error: Exception | None) -> None:
    """Replace the theme's icon font, which Sphinx has copied into the site."""
    source = Path(app.outdir, "_static", f"{ICONS}.ttf")
    if error is None and source.exists():
        characters = ",".join(f"U+{code}" for code in f"{BUTTONS},{BOXES}".split(","))
        write_cut(source, source.with_suffix(".woff2"), characters)


def write_cut(source: Path, target: Path, characters: str) -> None:
    """Write these characters of a font, without kerning, which would be a third of the file."""
    cut(
        [str(source), f"--unicodes={characters}", "--layout-features=liga", "--flavor=woff2", f"--output-file={target}"]
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.connect("builder-inited", write_typeface)
    app.connect("build-finished", cut_icons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
