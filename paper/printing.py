"""From the document to the PDF: a browser sets it, prints it, and prints it again with the numbers of the pages."""

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page
from pypdf import PdfReader

from paper.book import assemble
from paper.links import PAGE_NUMBER

COLUMN = 623  # px, as in paper.css: 165 mm
SMALLEST = 0.7
OPTIONS = {"outline": True, "tagged": True, "print_background": True, "prefer_css_page_size": True}
MOST_PRINTS = 5
OLDEST = 131  # the first Chromium that writes a page's number and running title where a style sheet says
FIT = Path(__file__).with_name("fit.js")
NUMBERS = f"[...document.querySelectorAll('a.{PAGE_NUMBER}')]"
TARGETS = f"() => {NUMBERS}.map(link => decodeURIComponent(link.hash.slice(1)))"
FILL = f"numbers => {NUMBERS}.forEach((link, i) => (link.textContent = numbers[i]))"


def print_book(browser: Browser, site: Path, target: Path) -> None:
    """Write the book of a built site to `target`.

    RuntimeError where the browser is too old, FileNotFoundError where the site lacks a page, ValueError where something
    on a page does not fit the paper or a page number has nothing to stand for.
    """
    version = browser.version
    if int(version.partition(".")[0]) < OLDEST:
        raise RuntimeError(f"Chromium {OLDEST} or newer is needed to number pages, this is {version}")
    with TemporaryDirectory() as folder:
        document = Path(folder, "book.html")
        document.write_text(assemble(site), encoding="utf-8")
        page = browser.new_page(viewport={"width": COLUMN, "height": COLUMN})
        page.emulate_media(media="print")
        page.goto(document.as_uri())
        fit(page)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(with_page_numbers(page))
        page.close()


def fit(page: Page) -> None:
    if too_wide := page.evaluate(FIT.read_text("utf-8"), {"column": COLUMN, "smallest": SMALLEST}):
        raise ValueError("too wide for the paper:\n" + "\n".join(too_wide))


def with_page_numbers(page: Page) -> bytes:
    """The PDF, printed until the numbers that are written are those of the pages. ValueError where that has no end."""
    targets, written = page.evaluate(TARGETS), []
    for _ in range(MOST_PRINTS):
        pdf = page.pdf(**OPTIONS)
        found = pages_of_targets(pdf)
        if lost := sorted(set(targets) - set(found)):
            raise ValueError(f"page numbers of what is not there: {lost}")
        numbers = [found[name] for name in targets]
        if numbers == written:
            return pdf
        page.evaluate(FILL, numbers)
        written = numbers
    raise ValueError(f"page numbers that change what is on a page, after {MOST_PRINTS} prints")


def pages_of_targets(pdf: bytes) -> dict[str, int]:
    """The page of everything that a link leads to."""
    reader = PdfReader(BytesIO(pdf))
    destinations = reader.named_destinations.items()
    return {name.removeprefix("/"): reader.get_destination_page_number(place) + 1 for name, place in destinations}
