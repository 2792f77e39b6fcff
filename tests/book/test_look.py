"""How the book looks: one palette, one typeface, one measure."""

import importlib

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT
from fontTools.ttLib import TTFont
from pages import MODES, PAGES, VIEWPORTS
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from vae_lessons.diagrams.page import in_dark_mode
from vae_lessons.evaluation.plots import COLOURS

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
# Of paragraphs of three lines or more, how many characters each line has but the last.
CHARACTERS_OF_LINES = """() => [...document.querySelectorAll("article section > p")].flatMap(p => {
    if (p.querySelector("mjx-container, code")) return [];
    const { top } = p.getBoundingClientRect(), height = parseFloat(getComputedStyle(p).lineHeight);
    const walker = document.createTreeWalker(p, NodeFilter.SHOW_TEXT), range = document.createRange(), lines = [];
    while (walker.nextNode())
        for (let i = 0; i < walker.currentNode.length; i++) {
            range.setStart(walker.currentNode, i);
            range.setEnd(walker.currentNode, i + 1);
            const line = Math.floor((range.getBoundingClientRect().bottom - top - 1) / height);
            lines[line] = (lines[line] ?? 0) + 1;
        }
    return lines.length >= 3 ? lines.slice(0, -1) : [];
})"""
# Of formulas with what must stay on their line, what that is where it is on another line all the same.
TORN = """() => [...document.querySelectorAll("article .together")].flatMap(together => {
    const formula = together.querySelector("mjx-math").getBoundingClientRect();
    const torn = [...together.childNodes].filter(child => {
        const range = document.createRange();
        range.selectNode(child);
        const { top, bottom } = range.getBoundingClientRect();
        return child.nodeType === Node.TEXT_NODE && (bottom < formula.top || top > formula.bottom);
    });
    return torn.length ? [together.textContent] : [];
})"""
FORMULAS_CUT_OFF = """() => [...document.querySelectorAll("article span.math:not(table *)")].filter(formula => {
    const { left, right } = formula.querySelector("mjx-math").getBoundingClientRect();
    const box = formula.closest("p, li, dd, h1, h2, h3").getBoundingClientRect();
    return getComputedStyle(formula).display !== "inline" || left < box.left - 1 || right > box.right + 1;
}).map(formula => formula.textContent)"""
FACES_LOADED = """async () => {
    await document.fonts.ready;
    return [...document.fonts].filter(face => face.family.includes("Source Serif") && face.status === "loaded").length;
}"""


@pytest.fixture
def extension(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book/_extensions")
    return importlib.import_module


@pytest.fixture
def page_of(extension, tmp_path):
    """What becomes of a text in a book of one page, with one of the book's extensions."""

    def build(text, name):
        extension(name)
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


def test_in_dark_mode_a_colour_is_what_the_filter_of_figures_makes_of_it(browser):
    page = browser.new_page()
    for colour in [*COLOURS.values(), "#000000", "#ffffff"]:
        filtered = page.evaluate(AS_FILTERED, [colour])
        here = rgb(in_dark_mode(colour))
        assert max(abs(a - b) for a, b in zip(here, filtered, strict=True)) <= 2
    page.close()


def test_a_page_has_the_palette_of_the_figures(visit):
    for mode in MODES:
        page, _ = visit(f"{LESSONS[0]}.html", mode)
        colours = page.evaluate(VARIABLES, list(COLOURS))
        expected = COLOURS.values() if mode == "light" else map(in_dark_mode, COLOURS.values())
        assert colours == list(expected)


def test_style_sheets_name_no_colour_of_the_palette_a_second_time():
    written = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "book/_static").glob("*.css")).lower()
    assert [colour for colour in COLOURS.values() if colour in written] == []


def test_the_typeface_has_what_the_lessons_are_written_with(site, extension):
    typeface = extension("typeface")
    written = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "notebooks").rglob("*.ipynb"))
    latin = {character for character in written if character.isalpha() and ord(character) < 0x250}
    greek = {character for character in written if 0x370 <= ord(character) < 0x400}
    for cut in typeface.CUTS:
        with TTFont(site / "_static" / typeface.file_name(cut)) as font:
            drawn = set(map(chr, font.getBestCmap()))
        assert latin | set("–‘’“”…×") <= drawn, cut
        assert greek | set("−≤≥") <= drawn or cut != "Regular"


@pytest.mark.parametrize("viewport", ["desktop", "tablet"])
def test_lines_of_text_are_of_60_to_75_characters(viewport, visit):
    for name in LESSONS:
        page, _ = visit(f"{name}.html", viewport=VIEWPORTS[viewport])
        assert page.evaluate(FACES_LOADED) >= 2
        lines = page.evaluate(CHARACTERS_OF_LINES)
        assert lines
        assert 60 <= sum(lines) / len(lines) <= 75, (name, lines)


@pytest.mark.parametrize("name", [*LESSONS, "book/one-sheet", "book/notation", "book/glossary"])
def test_no_line_begins_with_the_comma_after_a_formula_and_none_is_too_short_for_one(name, visit):
    page, _ = visit(f"{name}.html", viewport=VIEWPORTS["phone"])
    assert page.locator("article span.math").count()
    assert page.evaluate(TORN) == []
    assert page.evaluate(FORMULAS_CUT_OFF) == []


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
def test_a_formula_takes_the_characters_that_touch_it(text, parts, page_of):
    paragraph = page_of(text, "formulas").select_one("section p")
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
def test_answers_to_choose_from_are_told_by_their_letters(text, marked, page_of):
    assert bool(page_of(text, "choices").select("ul.choices")) == marked
