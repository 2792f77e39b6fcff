"""How the book looks: one palette, one typeface, one measure."""

import re

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT
from fontTools.ttLib import TTFont
from pages import PAGES
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from vae_lessons.evaluation.plots import COLOURS

STATIC = ROOT / "book/_static"
LESSONS = [name for name in PAGES if name.startswith("notebooks/")]
AS_FILTERED = """([colour]) => {
    const canvas = document.createElement("canvas").getContext("2d");
    canvas.filter = "invert(0.93) hue-rotate(180deg)";
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 9, 9);
    return [...canvas.getImageData(4, 4, 1, 1).data.slice(0, 3)];
}"""
VARIABLES = (
    """names => names.map(name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim())"""
)


@pytest.fixture
def page_of(tmp_path):
    """Return a function that builds a book of one page with one part of the extension, and parses the page."""

    def build(text, name):
        source, site = tmp_path / "book", tmp_path / "site"
        source.mkdir()
        (source / "index.md").write_text(f"# A\n\n{text}\n", encoding="utf-8")
        options = {"extensions": ["myst_parser", name], "myst_enable_extensions": ["dollarmath"]}
        with docutils_namespace():
            Sphinx(source, None, site, tmp_path / "trees", "html", options, status=None, warning=None).build()
        return BeautifulSoup((site / "index.html").read_text(encoding="utf-8"), "html.parser")

    return build


def rgb(colour):
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def test_pages_have_the_palette_of_the_figures(visit):
    page, _ = visit(f"{LESSONS[0]}.html", "light")
    assert page.evaluate(VARIABLES, list(COLOURS)) == list(COLOURS.values())


@pytest.mark.check
def test_dark_palette_is_what_the_filter_makes_of_it(visit):
    names = ["ink", *COLOURS]
    page, _ = visit(f"{LESSONS[0]}.html", "light")
    light = page.evaluate(VARIABLES, names)
    filtered = [page.evaluate(AS_FILTERED, [colour]) for colour in light]
    page, _ = visit(f"{LESSONS[0]}.html", "dark")
    for colour, expected in zip(page.evaluate(VARIABLES, names), filtered, strict=True):
        assert max(abs(a - b) for a, b in zip(rgb(colour), expected, strict=True)) <= 2


def test_filter_of_the_style_sheet_is_the_one_tested():
    css = (STATIC / "lessons.css").read_text(encoding="utf-8")
    assert set(re.findall(r"filter: (invert[^;]+);", css)) == set(re.findall(r'"(invert[^"]+)"', AS_FILTERED))


def test_only_the_palette_names_its_colours():
    sheets = [file for file in STATIC.glob("*.css") if file.name != "palette.css"]
    written = "".join(file.read_text(encoding="utf-8") for file in sheets).lower()
    assert sheets
    assert [colour for colour in COLOURS.values() if colour in written] == []


def test_typeface_has_the_letters_of_the_lessons(site):
    written = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "notebooks").rglob("*.ipynb"))
    latin = {character for character in written if character.isalpha() and ord(character) < 0x250}
    greek = {character for character in written if 0x370 <= ord(character) < 0x400}
    fonts = list((site / "_static").glob("source-serif-*.woff2"))
    assert len(fonts) == 3
    for file in fonts:
        with TTFont(file) as font:
            drawn = set(map(chr, font.getBestCmap()))
        assert latin | set("–‘’“”…×") <= drawn, file.name
        assert greek | set("−≤≥") <= drawn or "regular" not in file.name


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("is $a$, not", ["is ", "\\(a\\),", " not"]),
        ("all ($a$) of", ["all ", "(\\(a\\))", " of"]),
        ("an $a$-th one", ["an ", "\\(a\\)-", "th one"]),
        ("is $a$ not", ["is ", "\\(a\\)", " not"]),
        ("$a$, not", ["\\(a\\),", " not"]),
        ("*so* $a$", ["so", " ", "\\(a\\)"]),
        ("*so*$a$", ["so", "\\(a\\)"]),
    ],
)
def test_formula_keeps_the_characters_that_touch_it(text, parts, page_of):
    paragraph = page_of(text, "course.theme.formulas").select_one("section p")
    assert [child.get_text() for child in paragraph.children] == parts


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("- **a** One.\n- **b** *Two*.", True),
        ("- **a**\n- **b** Two.", True),
        ("- **any** of\n- **these**", False),
        ("- a\n- b", False),
        ("- **a** One.\n- Two.", False),
    ],
)
def test_answer_lists_are_known_by_their_letters(text, marked, page_of):
    assert bool(page_of(text, "course.content.answer_lists").select("ul.answers")) == marked
