"""The built site in a browser: how fast live figures respond, and how large pages are."""

import shutil
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Browser, Error, Locator, Page, sync_playwright

from benchmarks.measurements import Measurement

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
# Draw frames as soon as possible, so that the measurement is of work and not of waiting for a display.
FRAMES_AT_ONCE = ("--disable-frame-rate-limit", "--disable-gpu-vsync")
DESKTOP = {"width": 1440, "height": 900}
PRESSES, WARM_UP = 60, 20
POLLING_INTERVAL = 5  # ms
FRAME = 16.0  # ms
MEGABYTE, KILOBYTE = 1e6, 1e3
FIRST_PAGE = "book/index"
HOLDER, FIGURE = "figure.live-figure", ".live-figure-view"
CONTROL = "input[type=range]:visible, [tabindex='0']:visible"
# Measure from the time stamp of the key press until the next frame is painted: a message sent in an animation frame
# arrives when style, layout and paint of that frame are done.
WATCH = """figure => {
    const painted = new MessageChannel();
    let pressed = null;
    painted.port1.onmessage = () => {
        if (pressed !== null) window.latencies.push(performance.now() - pressed);
        pressed = null;
    };
    figure.addEventListener("keydown", event => {
        pressed = event.timeStamp;
        requestAnimationFrame(() => painted.port2.postMessage(null));
    }, { capture: true });
}"""
NOTE_FIRST_FIGURE = """
    new MutationObserver((_, observer) => {
        if (!document.querySelector(".live-figure-view")) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => (window.usableAfter = performance.now())));
    }).observe(document, { childList: true, subtree: true });
"""


@contextmanager
def chromium(*options: str) -> Iterator[Browser]:
    """Start Playwright's Chromium, else the system's, with these extra options; RuntimeError where neither starts."""
    with sync_playwright() as playwright:
        for executable in [None, *filter(None, map(shutil.which, BROWSERS))]:
            try:
                browser = playwright.chromium.launch(executable_path=executable, args=[*OPTIONS, *options])
            except Error:
                continue
            yield browser
            browser.close()
            return
    raise RuntimeError(
        f"no Chromium could be started; install one with `{sys.executable} -m playwright install chromium`"
    )


def live_figures(site: Path) -> Iterator[Measurement]:
    """Measure the time from key press to painted frame, over all controls of each figure."""
    with chromium(*FRAMES_AT_ONCE) as browser:
        page = browser.new_page(viewport=DESKTOP)
        slowest: list[float] = []
        for path in pages_of(site):
            page.goto(path.as_uri())
            for number, figure in enumerate(figures_of(page), 1):
                figure.evaluate(WATCH)
                latencies = [ms for control in figure.locator(CONTROL).all() for ms in press(page, control)]
                p95 = statistics.quantiles(latencies, n=20)[-1]
                slowest.append(p95)
                where = f"{path.relative_to(site).with_suffix('')}, figure {number}"
                yield Measurement(
                    where, statistics.median(latencies), min(latencies), p95, "ms", higher_is_better=False
                )
        yield Measurement.of(
            "the slowest of them: 95 of 100 within", [max(slowest)], "ms", higher_is_better=False, goal=FRAME
        )


def figures_of(page: Page) -> Iterator[Locator]:
    """Yield each live figure of the page, started."""
    for holder in page.locator(HOLDER).all():
        holder.scroll_into_view_if_needed()
        figure = holder.locator(FIGURE)
        figure.wait_for()
        yield figure


def press(page: Page, control: Locator) -> list[float]:
    """Press the arrow keys there and back, each after the frame of the one before; return the times in ms.

    It polls by a timer: polling in animation frames, Playwright's default, would request frames that the key press
    would then have to wait for.
    """
    page.evaluate("window.latencies = []")
    control.focus()
    for number in range(PRESSES):
        page.keyboard.press("ArrowRight" if number % 4 < 2 else "ArrowLeft")
        page.wait_for_function(f"window.latencies.length > {number}", polling=POLLING_INTERVAL)
    return page.evaluate("window.latencies")[WARM_UP:]


@dataclass(frozen=True)
class Opened:
    """A page that was opened.

    Attributes
    ----------
    name : str
    size : int
        Bytes of all that it loaded, without MathJax.
    requests : int
    usable_after : float or None
        Seconds until its first live figure could be used; None where it has none.
    """

    name: str
    size: int
    requests: int
    usable_after: float | None


def opened_pages(site: Path) -> Iterator[Opened]:
    """Open each page from disk with all that it loads; the size excludes MathJax, which all pages share."""
    with chromium() as browser:
        for path in pages_of(site):
            page = browser.new_page(viewport=DESKTOP)
            page.add_init_script(NOTE_FIRST_FIGURE)
            loaded: set[Path] = set()
            page.on("request", lambda request, loaded=loaded: loaded.add(file_of(request.url)))
            page.goto(path.as_uri(), wait_until="load")
            usable_after = None
            if page.locator(HOLDER).count():
                page.locator(HOLDER).first.scroll_into_view_if_needed()
                page.wait_for_function("window.usableAfter")
                usable_after = page.evaluate("window.usableAfter") / 1000
            page.close()
            size = sum(file.stat().st_size for file in loaded if file.is_file() and "mathjax" not in file.parts)
            yield Opened(str(path.relative_to(site).with_suffix("")), size, len(loaded), usable_after)


def pages(site: Path) -> Iterator[Measurement]:
    """Measure the extremes and the median over all pages."""
    opened = list(opened_pages(site))
    sizes = [page.size for page in opened]
    (first,) = (page.usable_after for page in opened if page.name == FIRST_PAGE)
    less = {"higher_is_better": False}
    yield Measurement.of("the heaviest page", [max(sizes) / MEGABYTE], "MB", goal=3.26, **less)
    yield Measurement.of("the median page", [statistics.median(sizes) / KILOBYTE], "KB", goal=750, **less)
    yield Measurement.of("most files that a page asks for", [max(page.requests for page in opened)], "files", **less)
    yield Measurement.of("the first page's figure can be used after", [first], "s", goal=2.0, **less)


def each_page(site: Path) -> Iterator[Measurement]:
    """Measure size, requests and start of each page."""
    less = {"higher_is_better": False}
    for page in opened_pages(site):
        yield Measurement.of(page.name, [page.size / KILOBYTE], "KB", **less)
        yield Measurement.of(f"{page.name}, asks for", [page.requests], "files", **less)
        if page.usable_after is not None:
            yield Measurement.of(f"{page.name}, first figure after", [page.usable_after], "s", **less)


def pages_of(site: Path) -> list[Path]:
    """List the pages of the book, without those that Sphinx adds."""
    return sorted(path for folder in ("book", "notebooks") for path in (site / folder).rglob("*.html"))


def file_of(url: str) -> Path:
    """Return the path in a file URL."""
    return Path(unquote(urlsplit(url).path))
