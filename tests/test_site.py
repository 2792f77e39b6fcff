"""The built site: what its pages hold, how a browser shows them, and when its lessons run again."""

import importlib
import os
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from bs4 import BeautifulSoup
from live_figures import LESSONS_WITH_LIVE_FIGURES, assert_adds_up, assert_every_control_moves, set_sliders
from playwright.sync_api import expect
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).parents[1]
FIRST_PAGE = "book/index"
PAGES = [*parse_toc_yaml(ROOT / "book/_toc.yml"), "genindex", "search"]
LOADING = "img, script, iframe, frame, embed, object, source, track, audio, video, image, use, input"
LOADING_LINKS = {"stylesheet", "icon", "preload", "prefetch", "modulepreload", "manifest", "preconnect", "dns-prefetch"}
BY_PERSON = ("http", "https", "mailto")  # what a reader may follow to another host
CSS_URL = re.compile(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^"')\s]*))\s*\)|@import\s+(?:"([^"]*)"|'([^']*)')""")
IMAGE_FILE = re.compile(r"\.(png|svg|jpe?g|gif|webp)$", re.IGNORECASE)

VIEWPORTS = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
ELSEWHERE = re.compile(r"^(?!file:|data:|blob:)")
TEX = re.compile(r"\$\$|\$[^\s$]+\$|\\[()\[\]]|\\[A-Za-z]+")
PROSE = """() => {
    const skip = "pre, code, script, style, noscript, textarea, mjx-container";
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode())
        if (!walker.currentNode.parentElement.closest(skip)) texts.push(walker.currentNode.data);
    return texts;
}"""
MATHJAX_IS_DONE = "async () => { if (window.MathJax?.startup) await MathJax.startup.promise; }"
# A formula that failed: MathJax shows an error, or an unknown command in red.
FAILED_FORMULAS = (
    "() => [...document.querySelectorAll('mjx-merror, mjx-assistive-mml [mathcolor=red]')].map(e => e.textContent)"
)
BROKEN_IMAGES = (
    "() => [...document.querySelectorAll('article img')].filter(e => !(e.complete && e.naturalWidth)).map(e => e.src)"
)
WIDE_FORMULAS = """() => [...document.querySelectorAll("article div.math")]
    .filter(box => [box, box.querySelector("mjx-container")].some(e => e.scrollWidth > e.clientWidth + 1))
    .map(box => box.id)"""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


# What the files hold.


@cache
def parsed(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path):
    return {element["id"] for element in parsed(path).select("[id]")}


def html_pages(site):
    """All pages; `_static` holds templates that are none."""
    return [path for path in sorted(site.rglob("*.html")) if path.relative_to(site).parts[0] != "_static"]


def stylesheet_addresses(css):
    found = CSS_URL.findall(re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL))
    return [address for groups in found for address in groups if address]


def loaded_addresses(soup):
    """What a browser fetches of its own accord."""
    for element in soup.select(LOADING):
        named = ("src", "data", "poster", "href", "xlink:href")
        yield from (element[name] for name in named if element.get(name))
        yield from (part.split()[0] for part in element.get("srcset", "").split(",") if part.strip())
    for element in soup.select("link[href]"):
        if LOADING_LINKS & set(element.get("rel", [])):
            yield element["href"]
    for css in [e.get_text() for e in soup.select("style")] + [e["style"] for e in soup.select("[style]")]:
        yield from stylesheet_addresses(css)


def followed_addresses(soup):
    """What a reader is led to: links, and a page that is left at once."""
    yield from (element["href"] for element in soup.select("a[href], area[href], link[href]"))
    for element in soup.select("meta[http-equiv=refresh i]"):
        yield element["content"].partition("url=")[2]


def is_broken(address, source, site):
    """Whether an address in the file `source` leads to no file of the site, or to no place in it."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return parts.scheme != "data"
    target = (source.parent / unquote(parts.path)).resolve() if parts.path else source
    if not (target.is_file() and target.is_relative_to(site)):
        return True
    return bool(parts.fragment) and target.suffix == ".html" and unquote(parts.fragment) not in anchors(target)


def test_the_site_has_the_pages_of_the_table_of_contents_and_no_others(site):
    found = {path.relative_to(site).with_suffix("").as_posix() for path in html_pages(site)}
    assert sorted({*PAGES, "index"} - found) == []
    assert sorted(found - {*PAGES, "index"}) == []


def test_links_lead_to_a_page_and_a_place_that_exist(site):
    broken = [
        f"{path.relative_to(site)}: {address}"
        for path in html_pages(site)
        for address in followed_addresses(parsed(path))
        if urlsplit(address).scheme not in BY_PERSON and is_broken(address, path, site)
    ]
    assert not broken, "\n".join(broken)


def test_pages_load_nothing_from_another_host_and_nothing_that_is_missing(site):
    broken = [
        f"{path.relative_to(site)}: {address}"
        for path in html_pages(site)
        for address in loaded_addresses(parsed(path))
        if is_broken(address, path, site)
    ]
    assert not broken, "\n".join(broken)


def test_style_sheets_load_nothing_from_another_host_and_nothing_that_is_missing(site):
    broken = [
        f"{path.relative_to(site)}: {address}"
        for path in site.rglob("*.css")
        for address in stylesheet_addresses(path.read_text(encoding="utf-8"))
        if is_broken(address, path, site)
    ]
    assert not broken, "\n".join(broken)


def test_each_image_of_a_page_is_described(site):
    for path in html_pages(site):
        for image in parsed(path).select("article img"):
            alt = image.get("alt", "").strip()
            assert alt, f"{path.name}: {image['src']} has no alt text"
            assert not IMAGE_FILE.search(alt), f"{path.name}: {alt} is a file name"


def test_the_first_page_says_what_data_the_site_was_made_from(site):
    text = parsed(site / f"{FIRST_PAGE}.html").select_one("article").get_text()
    assert re.search(r"[\d,]+ training and [\d,]+ test images of \d+ × \d+", text)


# When lessons run again.


@pytest.mark.skipif("VAE_LESSONS_SITE" in os.environ, reason="the site in VAE_LESSONS_SITE was not built here")
@pytest.mark.parametrize("options", [(), ("--all",)], ids=["as it is", "all pages anew"])
def test_a_second_build_runs_no_lesson(site, build_book, options):
    _, log = build_book(*options)
    assert "Executing notebook" not in log
    assert ("Using cached notebook" in log) == bool(options)  # nothing new: not even looked at


@pytest.fixture
def prepare(monkeypatch, tmp_path):
    """Prepare a build of a course with the given data, package and lock file. Returns its cache of outputs."""
    monkeypatch.syspath_prepend(ROOT / "book/_extensions")
    extension = importlib.import_module("lesson_execution")
    for name in ("VAE_LESSONS_DATASET", "VAE_LESSONS_STATIC", "VAE_LESSONS_FAST"):
        monkeypatch.setenv(name, "")  # so that what `prepare` sets is undone

    def prepare_build(pixels="pixels", package="package", lock="torch==1", fast=""):
        (tmp_path / "requirements.txt").write_text(lock)
        monkeypatch.setenv("VAE_LESSONS_FAST", fast)
        monkeypatch.setattr(extension, "course_root", lambda: tmp_path)
        monkeypatch.setattr(extension, "package_fingerprint", lambda: package)
        monkeypatch.setattr(extension, "load_images", lambda: SimpleNamespace(name="digits", fingerprint=pixels))
        config = SimpleNamespace()
        extension.prepare(None, config)
        return Path(config.nb_execution_cache_path)

    return prepare_build


def test_an_unchanged_course_finds_its_outputs_again(prepare, tmp_path):
    folder = prepare()
    (folder / "outputs").touch()
    assert folder.is_relative_to(tmp_path)
    assert prepare() == folder
    assert (folder / "outputs").exists()


@pytest.mark.parametrize("changed", [{"pixels": "others"}, {"package": "new"}, {"lock": "torch==2"}, {"fast": "1"}])
def test_a_change_in_what_lessons_rest_on_runs_them_again(prepare, changed):
    assert prepare(**changed) != prepare()


def test_only_the_outputs_used_last_are_kept(prepare):
    folders = [prepare(package=name) for name in "abcd"]
    for time, folder in enumerate(folders):
        os.utime(folder, (time, time))
    prepare(package="a")  # used again
    folders.append(prepare(package="e"))
    assert [folder.exists() for folder in folders] == [True, False, True, True, True]


def test_kernels_are_told_which_data_were_found_and_that_nobody_is_there(prepare):
    prepare()
    assert os.environ["VAE_LESSONS_DATASET"] == "digits"
    assert os.environ["VAE_LESSONS_STATIC"] == "1"


# How a browser shows the pages.


@pytest.fixture
def visit(browser, site):
    """Open a page of the site from disk, with no way to another host. Returns the page and what went wrong."""
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


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("viewport", VIEWPORTS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_from_disk_without_a_network(name, viewport, mode, visit):
    page, troubles = visit(f"{name}.html", mode, viewport=VIEWPORTS[viewport])
    raw_formulas = [text.strip() for text in page.evaluate(PROSE) if TEX.search(text)]
    assert not raw_formulas, "\n".join(raw_formulas)
    assert page.evaluate(FAILED_FORMULAS) == []
    assert page.evaluate(BROKEN_IMAGES) == []
    assert page.evaluate(OVERFLOW) <= 1, "the page scrolls sideways"
    assert page.evaluate("document.documentElement.dataset.theme") == mode
    assert not troubles, "\n".join(troubles)


def test_no_formula_is_cut_off_on_a_wide_screen(visit):
    for name in PAGES:
        page, _ = visit(f"{name}.html", viewport=VIEWPORTS["desktop"])
        assert page.evaluate(WIDE_FORMULAS) == [], name


@pytest.mark.parametrize("lesson", [path.stem for path in LESSONS_WITH_LIVE_FIGURES])
def test_every_control_of_a_live_figure_moves_its_drawing_and_a_number(lesson, visit):
    page, troubles = visit(f"notebooks/{lesson}.html", viewport=VIEWPORTS["desktop"], reduced_motion="reduce")
    figures = page.locator("figure.explorable").all()
    assert figures
    for figure in figures:
        expect(figure.locator(".explorable-still")).to_be_hidden()
        assert_every_control_moves(page, figure)
    assert not troubles, "\n".join(troubles)


def test_the_bars_of_the_elbo_add_up_on_its_page(visit):
    page, _ = visit("notebooks/04-elbo.html", viewport=VIEWPORTS["desktop"])
    figure = page.locator("figure.explorable")
    generator = np.random.default_rng(0)
    for values in generator.uniform([-3, -4, -3, 0], [3, 1.5, 3, 2], size=(25, 4)).tolist():
        set_sliders(page, figure, values)
        assert_adds_up(figure)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_a_first_visit_takes_the_mode_of_the_system(mode, visit):
    page, troubles = visit(f"{FIRST_PAGE}.html", color_scheme=mode)
    assert page.evaluate("document.documentElement.dataset.theme") == mode
    assert not troubles, "\n".join(troubles)


def test_search_finds_a_lesson_also_from_disk(visit):
    page, _ = visit("search.html?q=autoencoder")
    page.locator("#search-results a[href*='01-autoencoder.html']").first.click()
    page.wait_for_url("**/notebooks/01-autoencoder.html*")
    assert "autoencoder" in page.locator("h1").first.inner_text()
