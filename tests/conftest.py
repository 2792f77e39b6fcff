"""What test files share: fast mode, a built site, a browser, and a page of live figures."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from live_figures import start_all
from pages import MATHJAX_IS_DONE
from playwright.sync_api import Browser
from threadpoolctl import threadpool_limits

from benchmarks.browsing import chromium

# A busy machine is not a failure, and a failure should come back when the test is run again.
settings.register_profile("lessons", deadline=None, derandomize=True)
settings.load_profile("lessons")

torch.set_num_threads(1)  # tensors this small gain nothing from threads, and lose much on a busy machine

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "book/_ext"))  # the book's own Sphinx extension, for the tests of its parts
BUILD = ["build", ".", "--config", "book/_config.yml", "--toc", "book/_toc.yml", "-W", "-n", "--keep-going"]
ELSEWHERE = re.compile(r"^(?!file:|data:|blob:)")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Let scikit-learn use one thread, as torch does above."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def fast_mode(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which lessons train for a moment, on the embedded digits, with models kept apart."""
    return {
        "VAE_LESSONS_FAST": "1",
        "VAE_LESSONS_DATASET": "",
        "VAE_LESSONS_STATIC": "",
        "VAE_LESSONS_CACHE": str(tmp_path_factory.mktemp("models")),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture(scope="session")
def build_book(fast_mode: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, str]]:
    """Return a function that builds the book in fast mode, into one folder, and returns the site and the log."""
    folder = tmp_path_factory.mktemp("book")
    program = shutil.which("jupyter-book", path=Path(sys.executable).parent)

    def build(*options: str) -> tuple[Path, str]:
        command = [program, *BUILD, "--path-output", str(folder), *options]
        environment = os.environ | fast_mode | {"NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
        )
        if done.returncode:
            pytest.fail(f"the book was not built:\n{done.stdout[-4000:]}", pytrace=False)
        return folder / "_build" / "html", done.stdout

    return build


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest) -> Path:
    """Return the folder of a built site: $VAE_LESSONS_SITE, or one that is built in fast mode."""
    folder = os.environ.get("VAE_LESSONS_SITE")
    if not folder:
        return request.getfixturevalue("build_book")()[0]
    if not (ROOT / folder / "index.html").is_file():
        pytest.fail(f"VAE_LESSONS_SITE={folder} is not the folder of a built site", pytrace=False)
    return (ROOT / folder).resolve()


# Not for the whole session: while playwright is there, so is its event loop, and notebooks run by one of their own.
@pytest.fixture(scope="module")
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

    def open_page(address, mode=None, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        if mode:
            context.add_init_script(f"for (const key of ['mode', 'theme']) localStorage.setItem(key, '{mode}');")
        page, troubles = context.new_page(), []
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("console", lambda line: troubles.append(f"console: {line.text}") if line.type == "error" else None)
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
