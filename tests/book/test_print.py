"""The book on paper: what a reader of the PDF relies on."""

import itertools
import re
from io import BytesIO
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from pages import PAGES
from pypdf import PdfReader

from book.print.__main__ import main
from book.print.answers import move_answers
from book.print.pages import place_name, refer_to_pages, rename_places
from book.print.printing import COLUMN, pages_of_targets, prepare, print_book, with_page_numbers

pytestmark = [pytest.mark.check, pytest.mark.xdist_group("print")]  # one process reads the PDF

IN_THE_BOOK = set(PAGES) - {"genindex", "search"}
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
def soup(book_as_one_page):
    return html(book_as_one_page.read_text("utf-8"))


@pytest.fixture(scope="module")
def pdf(printed_book):
    return PdfReader(printed_book)


@pytest.fixture(scope="module")
def texts(pdf):
    return [read(page) for page in pdf.pages]


@pytest.fixture(scope="module")
def destinations(printed_book):
    """The page of everything that a link leads to."""
    return pages_of_targets(printed_book.read_bytes())


@pytest.fixture
def open_document(browser, tmp_path):
    """Open a file, or a text, as it will be printed."""
    pages = []

    def open_it(document):
        file = document
        if isinstance(document, str):
            file = tmp_path / f"{len(pages)}.html"
            file.write_text(document, encoding="utf-8")
        page = browser.new_page(viewport={"width": COLUMN, "height": COLUMN})
        pages.append(page)
        page.emulate_media(media="print")
        page.goto(file.as_uri(), timeout=0)
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
    for name in IN_THE_BOOK - {"book/index"}:
        article = html((site / f"{name}.html").read_text("utf-8")).select_one("article")
        article.select_one("h1 .headerlink").decompose()
        assert squeezed(article.h1.get_text()) in outline, name


def test_the_book_has_the_pages_of_the_site(soup):
    pages = [soup.find(id=place_name(name)).find_parent(class_="page") for name in IN_THE_BOOK]
    assert len(set(map(id, pages))) == len(soup.select(".page")) == len(IN_THE_BOOK)


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


def test_nothing_is_cut(book_as_one_page, open_document):
    page = open_document(book_as_one_page)
    prepare(page)
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


def test_an_answer_is_where_its_question_says_and_not_beside_it(soup, texts, destinations):
    asked = soup.select(".see-answer")
    assert len(asked) > 50
    for question in asked:
        here = soup.find(id=question.a["href"][1:])
        assert here.find_parent(class_="answers")
        asked = soup.find(id=here.a["href"][1:])
        assert question in asked.select(".see-answer")
        assert destinations[asked["id"]] < destinations[here["id"]]
        title = re.sub(r"\s\(p\..*", "", here.h4.get_text(), flags=re.DOTALL)
        assert squeezed(title) in squeezed(texts[destinations[asked["id"]] - 1][0])
    assert soup.select(".chapter:not(.answers) .answer") == []


def page_with(*content, docname="notebooks/04-elbo", number="4. "):
    """A page of the site as the builder has marked it."""
    title = nodes.title("", "", nodes.inline("", number, classes=["section-number"]), nodes.Text("The ELBO"))
    return nodes.section("", title, *content, ids=["lesson"], classes=["page"], docname=docname)


def box(title, *content, kind):
    return nodes.admonition("", nodes.title("", title), *content, classes=[kind])


def test_links_get_pages_and_addresses():
    addresses = ["#notebooks-04-elbo--here", "#b", "#c--x", "https://web.example/a"]
    links = [nodes.reference("", f"to {address[-1]} ", refuri=address) for address in addresses]
    page = page_with(nodes.paragraph("", "", *links))
    refer_to_pages(page)
    assert [link.get("refuri") or link["refid"] for link in page.findall(nodes.reference)] == [
        "#notebooks-04-elbo--here",
        "#b",
        "b",
        "#c--x",
        "c--x",
        "https://web.example/a",
    ]
    assert squeezed(page[1].astext()) == "toetobp000toxp000toawebexamplea"


def test_pages_keep_their_ids_apart():
    link = nodes.reference("", "there", refid="remember")
    below = page_with(nodes.section("", nodes.title("", "Remember"), ids=["remember"]), docname="book/b")
    page = page_with(nodes.paragraph("", "", link, ids=["remember"]), below)
    rename_places(page, "book/a")
    ids = [name for element in page.findall(nodes.Element) for name in element["ids"]]
    assert {"notebooks-04-elbo--remember", "book-b--remember", "notebooks-04-elbo", "book-b"} <= set(ids)
    assert len(ids) == len(set(ids))
    assert link["refid"] == "notebooks-04-elbo--remember"


def test_a_book_without_solutions_has_no_chapter_for_them():
    assert move_answers(page_with(box("Quick question", kind="question"))) == []


def test_only_answers_go_to_the_end():
    answer = box("Answer", nodes.paragraph("", "b"), kind="dropdown")
    question = box("Quick question", answer, kind="question")
    page = page_with(question, box("Each page", nodes.paragraph("", "stays"), kind="dropdown"))
    ((_, (_, entry)),) = move_answers(nodes.container("", page))
    assert squeezed(entry.astext()) == "Quickquestion41p000b"
    assert "stays" in page.astext()
    assert entry[0][1]["refid"] == question["ids"][0]


def test_what_is_too_wide_is_made_smaller_and_else_an_error(open_document):
    code = '<div id="there"><pre style="font: 16px monospace">{}</pre></div>'
    page = open_document(PAGE.format(code.format("m" * 70)))
    prepare(page)
    assert page.evaluate(CUT, COLUMN) == []
    assert page.evaluate("getComputedStyle(document.querySelector('pre')).fontSize") < "16px"
    with pytest.raises(ValueError, match="too wide for the paper:\nthere: pre mmm"):
        prepare(open_document(PAGE.format(code.format("m" * 700))))


def test_no_line_of_a_paragraph_stands_alone(open_document):
    style = "<style>p { font: 16px/1.5 serif; margin: 0 0 1em; orphans: 2; widows: 2 }</style>"
    paragraphs = "".join(f"<p>P{'<br>lines' * (2 + i % 3)}</p>" for i in range(60))
    page = open_document(PAGE.format(style + paragraphs))
    prepare(page)
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
    with pytest.raises(ValueError, match="still change what is on a page"):
        with_page_numbers(page)


def test_a_number_of_nothing_is_an_error(open_document):
    page = open_document(PAGE.format('<a class="page-number" href="#gone">000</a>'))
    with pytest.raises(ValueError, match="gone"):
        with_page_numbers(page)


def test_an_unbuilt_book_names_the_command(tmp_path):
    with pytest.raises(SystemExit, match="make pdf"):
        main([str(tmp_path / "index.html"), str(tmp_path / "book.pdf")])


def test_an_old_browser_is_refused(tmp_path):
    class Old:
        version = "130.0.1"

    with pytest.raises(RuntimeError, match="131 or newer is needed"):
        print_book(Old(), tmp_path, tmp_path / "book.pdf")
