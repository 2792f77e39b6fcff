"""From the page of the whole book to the PDF: a browser prints it until the page numbers in it are right."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from playwright.sync_api import Browser, Page
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DictionaryObject, NameObject, TextStringObject

COLUMN = 623  # px, as in print.css: 165 mm
SMALLEST = 0.7  # of its size, for what is too wide
OPTIONS = {"outline": True, "tagged": True, "print_background": True, "prefer_css_page_size": True}
MOST_PRINTS = 5
OLDEST = 131  # the first Chromium that puts page numbers and running titles where a style sheet says
PREPARE = Path(__file__).with_name("prepare.js")
NUMBERS = "[...document.querySelectorAll('a.page-number')]"
TARGETS = f"() => {NUMBERS}.map(link => decodeURIComponent(link.hash.slice(1)))"
HEADINGS = """() => [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map(
    heading => heading.textContent.replace(/\\s+/g, " ").trim())"""
FILL = f"numbers => {NUMBERS}.forEach((link, i) => (link.textContent = numbers[i]))"


def print_book(browser: Browser, source: Path, target: Path) -> None:
    """Print the page of the whole book to `target`.

    Raises
    ------
    RuntimeError
        Where the browser is too old.
    ValueError
        Where something is too wide for the paper, or a page number refers to nothing.
    """
    version = browser.version
    if int(version.partition(".")[0]) < OLDEST:
        raise RuntimeError(f"Chromium {OLDEST} or newer is needed to number pages, this is {version}")
    page = browser.new_page(viewport={"width": COLUMN, "height": COLUMN})
    page.emulate_media(media="print")
    page.goto(source.as_uri(), timeout=0)  # typesetting takes its time
    prepare(page)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(with_page_numbers(page))
    page.close()


def prepare(page: Page) -> None:
    """Give chapters their running titles, and make what is too wide fit; ValueError where it cannot be."""
    if too_wide := page.evaluate(PREPARE.read_text("utf-8"), {"column": COLUMN, "smallest": SMALLEST}):
        raise ValueError("too wide for the paper:\n" + "\n".join(too_wide))


def with_page_numbers(page: Page) -> bytes:
    """Return the PDF, printed until the page numbers in it are right; ValueError where they never are."""
    targets, numbers = page.evaluate(TARGETS), []
    for _ in range(MOST_PRINTS):
        pdf = page.pdf(**OPTIONS)
        pages = pages_of_targets(pdf)
        if missing := sorted(set(targets) - set(pages)):
            raise ValueError(f"page numbers refer to what is not in the book: {missing}")
        previous, numbers = numbers, [pages[name] for name in targets]
        if numbers == previous:
            return with_titles(pdf, page.evaluate(HEADINGS))
        page.evaluate(FILL, numbers)
    raise ValueError(f"page numbers still change what is on a page after {MOST_PRINTS} prints")


def with_titles(pdf: bytes, headings: list[str]) -> bytes:
    """Write the titles of the outline again: Chromium repeats the words of a heading at which a page begins.

    ValueError where the outline has other entries than the headings.
    """
    writer = PdfWriter(clone_from=BytesIO(pdf))
    entries = list(outline_entries(writer.root_object.get("/Outlines", DictionaryObject())))
    if len(entries) != len(headings):
        raise ValueError(f"the outline must have an entry for each of {len(headings)} headings, got {len(entries)}")
    for entry, title in zip(entries, headings, strict=True):
        entry[NameObject("/Title")] = TextStringObject(title)
    written = BytesIO()
    writer.write(written)
    return written.getvalue()


def outline_entries(parent: DictionaryObject) -> Iterator[DictionaryObject]:
    """Give the entries under one of an outline, in the order of their pages."""
    entry = parent.get("/First")
    while entry is not None:
        entry = entry.get_object()
        yield entry
        yield from outline_entries(entry)
        entry = entry.get("/Next")


def pages_of_targets(pdf: bytes) -> dict[str, int]:
    """Return the page of everything that a link leads to."""
    reader = PdfReader(BytesIO(pdf))
    destinations = reader.named_destinations.items()
    return {name.removeprefix("/"): reader.get_destination_page_number(place) + 1 for name, place in destinations}
