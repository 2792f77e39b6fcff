"""Every page in a browser: opened once, from disk and without a network, and looked at in windows of three sizes."""

import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from fontTools.ttLib import TTFont
from pages import FIRST_PAGE, PAGES, VIEWPORTS

IN_EVERY_RUN = (FIRST_PAGE, "notebooks/04", "notebooks/09")
MOST_BYTES = 3_200_000  # that a page may load, itself included, MathJax apart
NEEDED_BY_NO_PAGE = {"fontawesome.js"}
NEEDED_FOR_SEARCHING = {"searchtools.js", "language_data.js", "searchindex.js", "sphinx_highlight.js"}

TEX = re.compile(r"\$\$|\$[^\s$]+\$|\\[()\[\]]|\\[A-Za-z]+")
PROSE = """() => {
    const skip = "pre, code, script, style, noscript, textarea, mjx-container";
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode())
        if (!walker.currentNode.parentElement.closest(skip)) texts.push(walker.currentNode.data);
    return texts;
}"""
# A formula that failed: MathJax shows an error, or an unknown command in red.
FAILED_FORMULAS = (
    "() => [...document.querySelectorAll('mjx-merror, mjx-assistive-mml [mathcolor=red]')].map(e => e.textContent)"
)
BROKEN_IMAGES = (
    "() => [...document.querySelectorAll('article img')].filter(e => !(e.complete && e.naturalWidth)).map(e => e.src)"
)
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
WIDE_FORMULAS = """() => [...document.querySelectorAll("article div.math")]
    .filter(box => [box, box.querySelector("mjx-container")].some(e => e.scrollWidth > e.clientWidth + 1))
    .map(box => box.id)"""
# Formulas whose neighbouring characters are on another line.
TORN_FORMULAS = """() => [...document.querySelectorAll("article .together")].flatMap(together => {
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
# The number of characters in each line but the last, for paragraphs of three lines or more.
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
FACES_LOADED = """async () => {
    await document.fonts.ready;
    return [...document.fonts].filter(face => face.family.includes("Source Serif") && face.status === "loaded").length;
}"""
# What style sheets draw in a character of their own, which is that of an icon, on any element but a formula's pieces.
ICONS = """() => [...document.querySelectorAll("*")].filter(element => !element.closest("mjx-container"))
    .flatMap(element => ["::before", "::after"].map(part => getComputedStyle(element, part).content))
    .filter(content => /^"[\\ue000-\\uf8ff]"$/.test(content))"""


@pytest.fixture(scope="session")
def drawn_icons(site):
    """The characters of the icons' font."""
    with TTFont(site / "_static/vendor/fontawesome/webfonts/fa-solid-900.woff2") as font:
        return {chr(code) for code in font.getBestCmap()}


def marked(name):
    """Leave all but the first page and two lessons to `make check`."""
    return pytest.param(name, marks=[pytest.mark.check] * (not name.startswith(IN_EVERY_RUN)))


@pytest.mark.parametrize("name", [marked(name) for name in PAGES])
def test_page_is_whole_and_fits_every_window(name, visit, drawn_icons):
    requested = []
    page, troubles = visit(f"{name}.html", viewport=VIEWPORTS["desktop"], requested=requested)
    is_lesson = name.startswith("notebooks/")

    assert not is_lesson or page.evaluate(FACES_LOADED) >= 2
    assert [text for text in page.evaluate(PROSE) if TEX.search(text)] == [], "TeX that was not typeset"
    assert page.evaluate(FAILED_FORMULAS) == []
    assert page.evaluate(BROKEN_IMAGES) == []
    assert page.evaluate(WIDE_FORMULAS) == []
    assert {content.strip('"') for content in page.evaluate(ICONS)} <= drawn_icons
    assert_light(name, requested)

    for viewport, size in VIEWPORTS.items():
        page.set_viewport_size(size)
        assert page.evaluate(OVERFLOW) <= 1, f"the page scrolls sideways on a {viewport}"
        if is_lesson and viewport != "phone":
            lines = page.evaluate(CHARACTERS_OF_LINES)
            assert 60 <= sum(lines) / len(lines) <= 75, f"{viewport}: {lines}"
    assert page.evaluate(TORN_FORMULAS) == [], "on a phone"
    assert page.evaluate(FORMULAS_CUT_OFF) == [], "on a phone"
    assert not troubles, "\n".join(troubles)


def assert_light(name, requested):
    files = {Path(url2pathname(urlsplit(address).path)) for address in requested if address.startswith("file:")}
    loaded = {path.name for path in files}
    assert f"{Path(name).name}.html" in loaded
    assert not loaded & NEEDED_BY_NO_PAGE
    assert NEEDED_FOR_SEARCHING & loaded == (NEEDED_FOR_SEARCHING if name == "search" else set())
    bytes_of = {path.name: path.stat().st_size for path in files if "mathjax" not in path.parts}
    assert sum(bytes_of.values()) < MOST_BYTES, bytes_of


@pytest.mark.parametrize(
    ("fault", "script", "wrong"),
    [
        ("<p>so \\(x_1\\) is</p>", PROSE, lambda texts: any(map(TEX.search, texts))),
        ("<mjx-merror>Undefined</mjx-merror>", FAILED_FORMULAS, bool),
        ("<img src='none.png'>", BROKEN_IMAGES, bool),
        ("<div style='width: 3000px'>wide</div>", OVERFLOW, lambda pixels: pixels > 1),
        ("<style>article::before { content: '\\e000' }</style>", ICONS, bool),
    ],
    ids=["raw TeX", "failed formula", "broken image", "sideways", "icon"],
)
def test_what_is_wrong_with_a_page_is_seen(fault, script, wrong, visit):
    page, _ = visit(f"{PAGES[0]}.html", viewport=VIEWPORTS["phone"])
    page.evaluate("html => document.querySelector('article').insertAdjacentHTML('beforeend', html)", fault)
    page.wait_for_function("[...document.images].every(image => image.complete)")
    assert wrong(page.evaluate(script))
