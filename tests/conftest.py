"""What test files share: fast mode, a built site, a browser, and a page of live figures."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tensors this small gain nothing from threads; for other processes too

import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from hypothesis import settings
from pages import MATHJAX_IS_DONE, start_all
from playwright.sync_api import Browser

from benchmarks.browsing import chromium
from book.print.printing import print_book

# A busy machine is not a failure, and a failure should come back when the test is run again.
settings.register_profile("lessons", deadline=None, derandomize=True)
settings.load_profile("lessons")

torch.set_num_threads(1)  # pytest may have imported it before this file

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "book/_ext"))  # the book's own Sphinx extension, for the tests of its parts
KEPT = ROOT / ".cache/tests"  # the book in fast mode and its models: built again only as far as something has changed
FAST_MODE = {
    "VAE_LESSONS_FAST": "1",
    "VAE_LESSONS_DATASET": "",
    "VAE_LESSONS_STATIC": "",
    "VAE_LESSONS_CACHE": str(KEPT / "models"),
}
BUILD = ["build", ".", "--config", "book/_config.yml", "--toc", "book/_toc.yml", "-W", "-n", "--keep-going"]
ELSEWHERE = re.compile(r"^(?!file:|data:|blob:)")


class Book:
    """The book in fast mode. Of several processes that run tests, one builds it and the others wait."""

    def __init__(self) -> None:
        self.process: subprocess.Popen | None = None
        self.run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))

    def build(self, *options: str) -> tuple[Path, str]:
        """Build the book and return the site's folder and the log; RuntimeError with the log's end if it fails."""
        KEPT.mkdir(parents=True, exist_ok=True)
        with FileLock(KEPT / "lock"):
            return self._build(*options)

    def site(self) -> Path:
        """Return the site's folder, built or brought up to date once in this run of the tests."""
        self.once("site", self._build)
        return KEPT / "_build/html"

    def once(self, name: str, make: Callable[[], object]) -> None:
        """Call `make`, unless one of this run's processes has called it under this name."""
        KEPT.mkdir(parents=True, exist_ok=True)
        stamp = KEPT / f"{name}.run"
        with FileLock(KEPT / "lock"):
            if not stamp.exists() or stamp.read_text() != self.run:
                make()
                stamp.write_text(self.run)

    def stop(self) -> None:
        """End a build that goes on, with the kernels that it has started."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)

    def _build(self, *options: str) -> tuple[Path, str]:
        program = shutil.which("jupyter-book", path=Path(sys.executable).parent)
        self.process = subprocess.Popen(
            [program, *BUILD, "--path-output", str(KEPT), *options],
            cwd=ROOT,
            env=os.environ | FAST_MODE | {"NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )
        log, _ = self.process.communicate()
        if self.process.returncode:
            raise RuntimeError(f"the book was not built:\n{log[-4000:]}")
        return KEPT / "_build/html", log


BOOK = Book()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put what needs the site last, and begin to build it beside the rest."""
    if config.option.collectonly or "VAE_LESSONS_SITE" in os.environ:
        return
    items.sort(key=lambda item: "site" in item.fixturenames)
    if items and "site" in items[-1].fixturenames and os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        threading.Thread(target=BOOK.site, daemon=True).start()


def pytest_sessionfinish() -> None:
    BOOK.stop()


@pytest.fixture(scope="session")
def fast_mode() -> dict[str, str]:
    """Return an environment in which lessons train for a moment, on the embedded digits, with models kept apart."""
    return FAST_MODE


@pytest.fixture(scope="session")
def build_book() -> Callable[..., tuple[Path, str]]:
    """Return a function that builds the book in fast mode, into one folder, and returns the site and the log."""
    return BOOK.build


@pytest.fixture(scope="session")
def book_as_one_page(site) -> Path:
    """Return the book as one page, from which it is printed: beside $VAE_LESSONS_SITE, or built in fast mode."""
    if "VAE_LESSONS_SITE" not in os.environ:
        BOOK.once("one-page", lambda: BOOK._build("--builder", "singlehtml"))
    return site.parent / "singlehtml" / "index.html"


@pytest.fixture(scope="session")
def printed_book(browser, book_as_one_page) -> Path:
    """Return the book as a PDF: beside $VAE_LESSONS_SITE, where `make pdf` puts it, or printed once in this run."""
    file = book_as_one_page.parents[1] / "variational-autoencoders.pdf"
    if "VAE_LESSONS_SITE" not in os.environ:
        BOOK.once("printed", lambda: print_book(browser, book_as_one_page, file))
    return file


@pytest.fixture(scope="session")
def site() -> Path:
    """Return the folder of a built site: $VAE_LESSONS_SITE, or one that is built in fast mode."""
    folder = os.environ.get("VAE_LESSONS_SITE")
    if not folder:
        return BOOK.site()
    if not (ROOT / folder / "index.html").is_file():
        pytest.fail(f"VAE_LESSONS_SITE={folder} is not the folder of a built site", pytrace=False)
    return (ROOT / folder).resolve()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with ExitStack() as stack:
        try:
            started = stack.enter_context(chromium())
        except RuntimeError as error:
            stop = pytest.fail if os.environ.get("VAE_LESSONS_REQUIRE_BROWSER") == "1" else pytest.skip
            stop(str(error))
        yield started


@pytest.fixture
def visit(browser, site):
    """Return a function that opens a page of the site from disk, without a network: the page and what went wrong."""
    contexts = []

    def open_page(address, mode=None, requested=None, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        if mode:
            context.add_init_script(f"for (const key of ['mode', 'theme']) localStorage.setItem(key, '{mode}');")
        page, troubles = context.new_page(), []
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("console", lambda line: troubles.append(f"console: {line.text}") if line.type == "error" else None)
        page.on("request", lambda request: requested is None or requested.append(request.url))
        page.on("websocket", lambda socket: troubles.append(f"request: {socket.url}"))

        def refuse(route):
            troubles.append(f"request: {route.request.url}")
            route.abort()

        page.route(ELSEWHERE, refuse)
        page.goto(f"{site.as_uri()}/{address}")
        page.evaluate(MATHJAX_IS_DONE)
        return page, troubles

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def for_a_page(monkeypatch):
    monkeypatch.setenv("VAE_LESSONS_STATIC", "1")


@pytest.fixture
def open_page(browser, for_a_page, tmp_path):
    """Return a function that opens a page of figures from disk, without a network: the page and what went wrong.

    The figures have started, unless a test says otherwise.
    """
    contexts = []

    def open_figures(*figures, head="", attributes="", width=1000, begun=True, **options):
        body = "\n".join(figure._repr_mimebundle_()[0]["text/html"] for figure in figures)
        path = tmp_path / f"{len(contexts)}.html"
        path.write_text(
            f'<!doctype html><html lang="en" {attributes}><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width">{head}'
            f'<body style="font-family: sans-serif; margin: 16px">{body}',
            encoding="utf-8",
        )
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page, troubles = context.new_page(), []
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("console", lambda line: troubles.append(f"console: {line.text}") if line.type == "error" else None)
        page.on("request", lambda r: troubles.append(f"request: {r.url}") if ELSEWHERE.match(r.url) else None)
        page.route(ELSEWHERE, lambda route: route.abort())
        page.goto(path.as_uri())
        if begun:
            start_all(page)
        return page, troubles

    yield open_figures
    for context in contexts:
        context.close()
