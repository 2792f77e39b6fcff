"""The built site in a browser: how long a figure takes to follow a hand, and what a page weighs."""

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
# A frame is made as soon as there is something to show: what is measured is work, and not the wait for a display.
FRAMES_AT_ONCE = ("--disable-frame-rate-limit", "--disable-gpu-vsync")
DESKTOP = {"width": 1440, "height": 900}
PRESSES, WARM_UP = 60, 20
WAIT = 5  # ms between two looks
FRAME = 16.0  # ms
MEGABYTE, KILOBYTE = 1e6, 1e3
FIRST_PAGE = "book/index"
HOLDER, FIGURE = "figure.live-figure", ".live-figure-view"
CONTROL = "input[type=range]:visible, [tabindex='0']:visible"
# From the time stamp that the browser gave the key to the moment when the frame after it is painted: a message that
# is sent in an animation frame arrives when style, layout and paint of that frame are done.
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
    """Playwright's own, or else the system's, with these options and the usual. RuntimeError where there is neither."""
    with sync_playwright() as playwright:
        for executable in [None, *filter(None, map(shutil.which, BROWSERS))]:
            try:
                browser = playwright.chromium.launch(executable_path=executable, args=[*OPTIONS, *options])
            except Error:
                continue
            yield browser
            browser.close()
            return
    raise RuntimeError(f"no Chromium could be started; `{sys.executable} -m playwright install chromium` gets one")


def live_figures(site: Path) -> Iterator[Measurement]:
    """From a key to the painted frame, over all controls of each figure."""
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
    """Each live figure, started."""
    for holder in page.locator(HOLDER).all():
        holder.scroll_into_view_if_needed()
        figure = holder.locator(FIGURE)
        figure.wait_for()
        yield figure


def press(page: Page, control: Locator) -> list[float]:
    """Milliseconds for each of some presses of the arrow keys, there and back. The next waits for the frame before.

    It waits by a clock: to look in each animation frame, as is usual, would ask for frames that the key then waits for.
    """
    page.evaluate("window.latencies = []")
    control.focus()
    for number in range(PRESSES):
        page.keyboard.press("ArrowRight" if number % 4 < 2 else "ArrowLeft")
        page.wait_for_function(f"window.latencies.length > {number}", polling=WAIT)
    return page.evaluate("window.latencies")[WARM_UP:]


@dataclass(frozen=True)
class Opened:
    """What opening a page took. usable_after : seconds to its first live figure; None where it has none"""

    name: str
    size: int  # bytes
    requests: int
    usable_after: float | None


def opened_pages(site: Path) -> Iterator[Opened]:
    """Each page, from disk, with all that it loads; MathJax, which all pages share, does not count in the size."""
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
    """The extremes, and the middle."""
    opened = list(opened_pages(site))
    sizes = [page.size for page in opened]
    (first,) = (page.usable_after for page in opened if page.name == FIRST_PAGE)
    less = {"higher_is_better": False}
    yield Measurement.of("the heaviest page", [max(sizes) / MEGABYTE], "MB", goal=2.5, **less)
    yield Measurement.of("the median page", [statistics.median(sizes) / KILOBYTE], "KB", goal=700, **less)
    yield Measurement.of("most files that a page asks for", [max(page.requests for page in opened)], "files", **less)
    yield Measurement.of("the first page's figure can be used after", [first], "s", goal=2.0, **less)


def each_page(site: Path) -> Iterator[Measurement]:
    """One by one."""
    less = {"higher_is_better": False}
    for page in opened_pages(site):
        yield Measurement.of(page.name, [page.size / KILOBYTE], "KB", **less)
        yield Measurement.of(f"{page.name}, asks for", [page.requests], "files", **less)
        if page.usable_after is not None:
            yield Measurement.of(f"{page.name}, first figure after", [page.usable_after], "s", **less)


def pages_of(site: Path) -> list[Path]:
    """All pages of the book, without those that Sphinx makes for itself."""
    return sorted(path for folder in ("book", "notebooks") for path in (site / folder).rglob("*.html"))


def file_of(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))
