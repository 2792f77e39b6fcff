"""The book on paper: what a reader of the PDF relies on."""

import itertools
import re
from io import BytesIO
from urllib.parse import urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from pages import PAGES
from pypdf import PdfReader

from paper.__main__ import main
from paper.answers import TITLES, take_answers
from paper.back import answers
from paper.book import TOC, assemble
from paper.links import relink, rename, target
from paper.order import parts_of
from paper.printing import COLUMN, fit, pages_of_targets, print_book, with_page_numbers

IN_THE_BOOK = [name for part in parts_of(TOC) for chapter in part.chapters for name, _ in chapter.pages]
PAGE_HEIGHT = 948  # px: 251 mm, A4 without its margins
FOOT = 60  # points from the lower edge: nothing but page numbers and running titles is below
WORDS_OF_WIDGETS = ["Click to show", "Click to hide", "Copy to clipboard", "With JavaScript on", "Show the code"]
CUT = """column => [...document.querySelectorAll("article *")].filter(element => {
    // What is for a screen reader, and the pieces that a formula is made of: these hide their ends by design.
    if (element.closest("mjx-assistive-mml") || element.parentElement.closest("mjx-math")) return false;
    const { left, right, width } = element.getBoundingClientRect();
    const hides = getComputedStyle(element).overflowX !== "visible" && element.clientWidth > 0
        && element.scrollWidth > element.clientWidth + 1;
    return width > 0 && (left < -1 || right > column + 1 || hides);
}).map(element => element.outerHTML.slice(0, 200))"""
HIGHER_THAN = """height => [...document.querySelectorAll("figure, img, svg, pre:not(.long), tr, div.math, .admonition")]
    .filter(element => element.getBoundingClientRect().height > height).map(element => element.outerHTML)"""
PICTURES_NOT_THERE = "() => [...document.images].filter(image => !image.naturalWidth).map(image => image.src)"
PAGE = """<!doctype html><html lang="en"><style>@page {{ size: A4; margin: 20mm }}</style>
<script>window.MathJax = {{ startup: {{ promise: Promise.resolve() }} }}</script><article>{}</article>"""


@pytest.fixture(scope="module")
def document(site):
    """The book as one document."""
    return assemble(site)


@pytest.fixture(scope="module")
def soup(document):
    return BeautifulSoup(document, "html.parser")


@pytest.fixture(scope="module")
def file(browser, site, tmp_path_factory):
    """The book as a PDF."""
    file = tmp_path_factory.mktemp("paper") / "new" / "book.pdf"
    print_book(browser, site, file)
    return file


@pytest.fixture(scope="module")
def pdf(file):
    return PdfReader(file)


@pytest.fixture(scope="module")
def texts(pdf):
    return [read(page) for page in pdf.pages]


@pytest.fixture(scope="module")
def destinations(file):
    """The page of everything that a link leads to."""
    return pages_of_targets(file.read_bytes())


@pytest.fixture
def open_document(browser, tmp_path):
    """Open a document as it will be printed."""
    pages = []

    def open_it(text):
        file = tmp_path / f"{len(pages)}.html"
        file.write_text(text, encoding="utf-8")
        page = browser.new_page(viewport={"width": COLUMN, "height": COLUMN})
        pages.append(page)
        page.emulate_media(media="print")
        page.goto(file.as_uri())
        return page

    yield open_it
    for page in pages:
        page.close()


def squeezed(text):
    """Without what may differ between a page and the text that is read from it."""
    return re.sub(r"\W", "", text)


def links(pdf):
    for page in pdf.pages:
        yield from (annotation.get_object() for annotation in page.get("/Annots", []))


def read(page):
    """The text of a page, and what is written below it."""
    foot = []

    def collect(text, page, line, _font, _size):
        if text.strip() and page[3] * line[5] + page[5] < FOOT:
            foot.append(text.strip())

    return page.extract_text(visitor_text=collect), foot


def headings(pdf):
    """Of the outline, with their pages, from 1 on."""

    def flat(entries):
        for entry in entries:
            if isinstance(entry, list):
                yield from flat(entry)
            else:
                yield entry.title, pdf.get_destination_page_number(entry) + 1

    return list(flat(pdf.outline))


def html(text):
    return BeautifulSoup(text, "html.parser")


def test_page_numbers_run(texts):
    numbers = [next((text for text in foot if text.isdigit()), None) for _, foot in texts]
    assert numbers == [None, *map(str, range(2, len(texts) + 1))]


def test_the_contents_say_where_headings_are(pdf, texts, soup):
    first, last = (next(page for title, page in headings(pdf) if title == name) for name in ("Contents", "Preface"))
    lines = [line for text, _ in texts[first - 1 : last - 1] for line in text.splitlines()]
    said = {squeezed(title): int(number) for title, number in re.findall(r"^(.+?)\s(\d+)$", "\n".join(lines), re.M)}
    titles = [
        squeezed(entry.get_text()) for entry in soup.select(".contents .title") if not entry.select(".math, code")
    ]
    plain = [title for title in titles if title in said]
    assert len(plain) > 0.9 * len(titles)
    for title in plain:
        assert title in squeezed(texts[said[title] - 1][0]), title


def test_each_page_of_the_site_is_in_the_outline(pdf, site):
    outline = {squeezed(title) for title, _ in headings(pdf)}
    for name in IN_THE_BOOK[1:]:
        article = html((site / f"{name}.html").read_text("utf-8")).select_one("article")
        article.select_one("h1 .headerlink").decompose()
        assert squeezed(article.h1.get_text()) in outline, name


def test_the_book_has_the_pages_of_the_site():
    assert set(IN_THE_BOOK) == set(PAGES) - {"genindex", "search"}


def test_each_chapter_begins_a_page(pdf, texts, soup):
    chapters = [chapter.h2.get_text() for chapter in soup.select(".chapter")]
    pages = {squeezed(title): page for title, page in reversed(headings(pdf))}  # the first of a name
    where = [pages[squeezed(chapter)] for chapter in chapters]
    assert all(a < b for a, b in itertools.pairwise(where))
    running = [" ".join(texts[page - 1][1]) for page in where]
    assert all(squeezed(chapter) in squeezed(text) for chapter, text in zip(chapters, running, strict=True))


def test_links_lead_into_the_book_or_to_the_web(pdf, destinations):
    inside, outside = set(), set()
    for link in links(pdf):
        if "/Dest" in link:
            inside.add(str(link["/Dest"]).removeprefix("/"))
        else:
            outside.add(link["/A"]["/URI"])
    assert inside
    assert inside <= set(destinations)
    assert {urlsplit(address).scheme for address in outside} <= {"http", "https", "mailto"}


def test_names_are_there_once(soup):
    names = [element["id"] for element in soup.select("[id]")]
    assert len(names) == len(set(names))
    assert {link["href"][1:] for link in soup.select("a[href^='#']")} <= set(names)


def test_fonts_are_in_the_file(pdf):
    fonts = {}
    for page in pdf.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            font = font.get_object()
            below = [one.get_object() for one in font.get("/DescendantFonts", [])] or [font]
            fonts |= {str(one.get("/BaseFont", one["/Subtype"])): one for one in below}
    assert any("SourceSerif" in name for name in fonts)
    for name, font in fonts.items():
        drawn = font["/Subtype"] == "/Type3"
        assert drawn or any(key.startswith("/FontFile") for key in font["/FontDescriptor"]), name


def test_the_file_says_what_it_is(pdf):
    assert pdf.metadata.title == "Variational autoencoders, from the loss up"
    assert pdf.root_object["/Lang"] == "en"
    assert pdf.root_object["/MarkInfo"]["/Marked"]
    assert any(isinstance(entry, list) for entry in pdf.outline)


def test_nothing_is_cut(document, open_document):
    page = open_document(document)
    fit(page)
    assert page.evaluate(CUT, COLUMN) == []
    assert page.evaluate(HIGHER_THAN, PAGE_HEIGHT) == []
    assert page.evaluate(PICTURES_NOT_THERE) == []


def test_nothing_on_paper_waits_to_be_pressed(texts, soup):
    text = "\n".join(text for text, _ in texts)
    assert [words for words in WORDS_OF_WIDGETS if words in text] == []
    assert soup.select("button, input, details, noscript, .live-figure-view:not(style), .copybtn") == []
    assert soup.article.select("script") == []
    stills = soup.select("figure.live-figure")
    assert stills
    assert all(still.select_one("img[alt]") and still.select_one(".stands-still") for still in stills)


def test_an_answer_is_where_its_question_says_and_not_beside_it(soup, destinations):
    asked = soup.select(".see-answer")
    assert len(asked) > 50
    for question in asked:
        here = soup.find(id=question.a["href"][1:])
        assert here.find_parent(class_="answers")
        asked = soup.find(id=here.a["href"][1:])
        assert question in asked.select(".see-answer")
        assert destinations[asked["id"]] < destinations[here["id"]]
    assert soup.select(".chapter:not(.answers) .answer") == []


NAMES = st.sampled_from(["book/index", "notebooks/04-elbo", "book/exercises/04-elbo", "genindex"])


@given(NAMES, NAMES, st.sampled_from(["", "#remember", "#equation-eq-kl"]))
def test_an_address_is_understood_as_a_browser_does(here, there, fragment):
    root = "https://book.example/"
    up = "../" * here.count("/")
    full = urljoin(f"{root}{here}.html", f"{up}{there}.html{fragment}")
    name, place = target(f"{up}{there}.html{fragment}", here)
    assert full == f"{root}{name}.html" + (f"#{place}" if place else "")


def test_links_of_a_page():
    article = html(
        '<p id="here"><a href="#here">here</a> <a href="b.html">b</a> <a href="../c.html#x">c</a> '
        '<a href="file.ipynb">file</a> <a href="https://web.example/a">web</a></p>'
    )
    rename(article, "f/a")
    relink(article, "f/a", ["f/a", "f/b", "c"])
    assert [link["href"] for link in article.select("a")] == [
        "#f-a--here",
        "#f-b",
        "#f-b",
        "#c--x",
        "#c--x",
        "https://web.example/a",
    ]
    assert squeezed(article.get_text()) == "herebp000cp000filefileipynbwebwebexamplea"


def test_a_book_without_solutions_has_no_chapter_for_them():
    article = html('<h1>1. One</h1><div class="question"><p class="admonition-title">Quick question</p></div>')
    assert [answers(kind, take_answers(article, "one")) for kind in TITLES] == [None, None]


def test_only_answers_go_to_the_end():
    article = html(
        '<section id="lesson"><h1><span class="section-number">4. </span>The ELBO</h1>'
        '<div class="question"><p class="admonition-title">Quick question</p>'
        '<div class="dropdown"><p class="admonition-title">Answer</p><p>b</p></div></div>'
        '<div class="dropdown"><p class="admonition-title">Each page</p><p>stays</p></div></section>'
    )
    (answer,) = take_answers(article, "lesson")
    assert (answer.of, answer.text.get_text()) == ("Quick question 4.1", "b")
    assert "stays" in article.get_text()
    assert answer.question == article.select_one(".question")["id"]


def test_what_is_too_wide_is_made_smaller_and_else_an_error(open_document):
    code = '<div id="there"><pre style="font: 16px monospace">{}</pre></div>'
    page = open_document(PAGE.format(code.format("m" * 70)))
    fit(page)
    assert page.evaluate(CUT, COLUMN) == []
    assert page.evaluate("getComputedStyle(document.querySelector('pre')).fontSize") < "16px"
    with pytest.raises(ValueError, match="too wide for the paper:\nthere: pre mmm"):
        fit(open_document(PAGE.format(code.format("m" * 700))))


def test_no_line_of_a_paragraph_stands_alone(open_document):
    style = "<style>p { font: 16px/1.5 serif; margin: 0 0 1em; orphans: 2; widows: 2 }</style>"
    paragraphs = "".join(f"<p>P{'<br>lines' * (2 + i % 3)}</p>" for i in range(60))
    page = open_document(PAGE.format(style + paragraphs))
    fit(page)
    tops = [printed.extract_text().split()[:2] for printed in PdfReader(BytesIO(page.pdf())).pages]
    assert len(tops) > 3
    assert ["lines", "P"] not in tops


def test_printing_goes_on_until_the_numbers_are_right(open_document):
    """The number that is written puts its target on another page, once."""
    text = '<a class="page-number" href="#x">000</a><p style="height: {}">high</p><p id="x">target</p>'
    page = open_document(PAGE.format(text.format("100mm")))
    page.evaluate(
        """() => new MutationObserver(() => (document.querySelector("p").style.height = "300mm"))
            .observe(document.querySelector("a"), { childList: true })"""
    )
    pdf = with_page_numbers(page)
    assert pages_of_targets(pdf) == {"x": 2}
    assert PdfReader(BytesIO(pdf)).pages[0].extract_text().startswith("2")


def test_numbers_that_never_come_to_rest_are_an_error(open_document):
    page = open_document(PAGE.format('<a class="page-number" href="#x">000</a><p>high</p><p id="x">target</p>'))
    page.evaluate(
        """() => new MutationObserver(() => {
            const high = document.querySelector("p");
            high.style.height = high.style.height ? "" : "300mm";
        }).observe(document.querySelector("a"), { childList: true })"""
    )
    with pytest.raises(ValueError, match="that change what is on a page"):
        with_page_numbers(page)


def test_a_number_of_nothing_is_an_error(open_document):
    page = open_document(PAGE.format('<a class="page-number" href="#gone">000</a>'))
    with pytest.raises(ValueError, match="gone"):
        with_page_numbers(page)


def test_what_to_do_is_said_where_there_is_no_site(tmp_path, capsys):
    with pytest.raises(SystemExit, match="make book"):
        main([str(tmp_path), str(tmp_path / "book.pdf")])


def test_a_page_that_the_site_lacks_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"{IN_THE_BOOK[0]} is in the table of contents.*make book"):
        assemble(tmp_path)


def test_an_old_browser_is_refused(tmp_path):
    class Old:
        version = "130.0.1"

    with pytest.raises(RuntimeError, match="131 or newer is needed"):
        print_book(Old(), tmp_path, tmp_path / "book.pdf")
