"""The built site: what its pages hold, how a browser shows them, and when its lessons run again."""

import io
import os
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from course.execution import lessons
from jupyter_cache import get_cache
from live_figures import LESSONS_WITH_LIVE_FIGURES, assert_adds_up, assert_every_control_moves, set_sliders
from nbformat.v4 import new_code_cell, new_notebook
from pages import FIRST_PAGE, MODES, PAGES, VIEWPORTS, start_all
from PIL import Image
from playwright.sync_api import expect
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import docutils_namespace

from vae_lessons.figures.runtime.page import figure_html

ROOT = Path(__file__).parents[2]
LOADING = "img, script, iframe, frame, embed, object, source, track, audio, video, image, use, input"
LOADING_LINKS = {"stylesheet", "icon", "preload", "prefetch", "modulepreload", "manifest", "preconnect", "dns-prefetch"}
BY_PERSON = ("http", "https", "mailto")  # what a reader may follow to another host
CSS_URL = re.compile(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^"')\s]*))\s*\)|@import\s+(?:"([^"]*)"|'([^']*)')""")
IMAGE_FILE = re.compile(r"\.(png|svg|jpe?g|gif|webp)$", re.IGNORECASE)

BUTTONS_WITH_ICONS = {
    "desktop": ["primary-toggle", "search-button__button", "theme-switch-button", "btn-fullscreen-button"],
    "phone": ["primary-toggle", "secondary-toggle", "search-button__button", "theme-switch-button"],
}


# What the files hold.


@cache
def parsed(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path):
    return {element["id"] for element in parsed(path).select("[id]")}


def html_pages(site):
    """Return all pages; `_static` holds templates, which are not pages."""
    return [path for path in sorted(site.rglob("*.html")) if path.relative_to(site).parts[0] != "_static"]


def stylesheet_addresses(css):
    found = CSS_URL.findall(re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL))
    return [address for groups in found for address in groups if address]


def loaded_addresses(soup):
    """Yield what a browser fetches of its own accord."""
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
    """Yield where links and redirections lead."""
    yield from (element["href"] for element in soup.select("a[href], area[href], link[href]"))
    for element in soup.select("meta[http-equiv=refresh i]"):
        yield element["content"].partition("url=")[2]


def is_broken(address, source, site):
    """Whether an address in the file `source` leads to no file of the site, or to no place in that file."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return parts.scheme != "data"
    target = (source.parent / unquote(parts.path)).resolve() if parts.path else source
    if not (target.is_file() and target.is_relative_to(site)):
        return True
    if target.name == "playground.html" and "=" in parts.fragment:
        return False  # a run, which test_playground.py tries
    return bool(parts.fragment) and target.suffix == ".html" and unquote(parts.fragment) not in anchors(target)


def test_site_has_exactly_the_pages_of_the_contents(site):
    found = {path.relative_to(site).with_suffix("").as_posix() for path in html_pages(site)}
    assert sorted({*PAGES, "index"} - found) == []
    assert sorted(found - {*PAGES, "index"}) == []


def test_links_lead_to_existing_places(site):
    broken = [
        f"{path.relative_to(site)}: {address}"
        for path in html_pages(site)
        for address in followed_addresses(parsed(path))
        if urlsplit(address).scheme not in BY_PERSON and is_broken(address, path, site)
    ]
    assert not broken, "\n".join(broken)


def test_pages_load_only_files_of_the_site(site):
    broken = [
        f"{path.relative_to(site)}: {address}"
        for path in html_pages(site)
        for address in loaded_addresses(parsed(path))
        if is_broken(address, path, site)
    ]
    assert not broken, "\n".join(broken)


def test_style_sheets_load_only_files_of_the_site(site):
    broken = [
        f"{path.relative_to(site)}: {address}"
        for path in site.rglob("*.css")
        for address in stylesheet_addresses(path.read_text(encoding="utf-8"))
        if is_broken(address, path, site)
    ]
    assert not broken, "\n".join(broken)


def test_images_have_alt_texts(site):
    for path in html_pages(site):
        for image in parsed(path).select("article img"):
            alt = image.get("alt", "").strip()
            assert alt, f"{path.name}: {image['src']} has no alt text"
            assert not IMAGE_FILE.search(alt), f"{path.name}: {alt} is a file name"


def test_first_page_names_the_data(site):
    text = parsed(site / f"{FIRST_PAGE}.html").select_one("article").get_text()
    assert re.search(r"[\d,]+ training and [\d,]+ test images of \d+ × \d+", text)


# When lessons run again.


@pytest.mark.check
def test_second_build_runs_no_lesson(build_book):
    build_book()
    _, log = build_book()
    assert "Executing notebook" not in log
    assert not re.search(r"running \d+ lessons", log)
    assert "Using cached notebook" not in log  # nothing new: not even looked at


@pytest.fixture
def prepare(monkeypatch, tmp_path):
    """Return a function that prepares a build with this data, package and lock file, and returns its cache's folder."""
    for name in ("VAE_LESSONS_DATASET", "VAE_LESSONS_STATIC", "VAE_LESSONS_FAST"):
        monkeypatch.setenv(name, "")  # so that what `prepare` sets is undone

    def prepare_build(pixels="pixels", package="package", lock="torch==1", fast=""):
        (tmp_path / "requirements.txt").write_text(lock)
        monkeypatch.setenv("VAE_LESSONS_FAST", fast)
        monkeypatch.setattr(lessons, "course_root", lambda: tmp_path)
        monkeypatch.setattr(lessons, "source_fingerprint", lambda: package)
        monkeypatch.setattr(lessons, "load_images", lambda: SimpleNamespace(name="digits", fingerprint=pixels))
        config = SimpleNamespace()
        lessons.prepare(None, config)
        return Path(config.nb_execution_cache_path)

    return prepare_build


def test_unchanged_course_reuses_its_outputs(prepare, tmp_path):
    folder = prepare()
    (folder / "outputs").touch()
    assert folder.is_relative_to(tmp_path)
    assert prepare() == folder
    assert (folder / "outputs").exists()


@pytest.mark.parametrize("changed", [{"pixels": "others"}, {"package": "new"}, {"lock": "torch==2"}, {"fast": "1"}])
def test_changed_inputs_run_lessons_again(prepare, changed):
    assert prepare(**changed) != prepare()


def test_only_recent_outputs_are_kept(prepare):
    folders = [prepare(package=name) for name in "abcd"]
    for time, folder in enumerate(folders):
        os.utime(folder, (time, time))
    prepare(package="a")  # used again
    folders.append(prepare(package="e"))
    assert [folder.exists() for folder in folders] == [True, False, True, True, True]


def test_kernels_get_the_data_and_the_static_mode(prepare):
    prepare()
    assert os.environ["VAE_LESSONS_DATASET"] == "digits"
    assert os.environ["VAE_LESSONS_STATIC"] == "1"


# What figures of a page share.


STYLE = ".live-figure-view { color: red }"


def figure_with(weights):
    dot = io.BytesIO()
    Image.new("P", (1, 1)).save(dot, format="png")
    options = {"module": "", "styles": [STYLE], "state": {}, "size": (1, 1), "alt": "", "caption": ""}
    return figure_html(weights=weights, still=dot.getvalue(), **options)


def test_figures_of_a_page_share_weights_and_style(tmp_path):
    figures = [figure_with({"one": "AAAA", "two": "BBBB"}), figure_with({"two": "BBBB", "three": "CCCC"})]
    source, out = tmp_path / "book", tmp_path / "site"
    source.mkdir()
    raw = "\n\n".join(f"```{{raw}} html\n{figure}\n```\n\nbetween" for figure in figures)
    (source / "index.md").write_text(f"# A\n\n{raw}\n", encoding="utf-8")
    options = {"extensions": ["myst_parser", "course.theme.live_figures"]}
    with docutils_namespace():
        Sphinx(source, None, out, tmp_path / "trees", "html", options, status=None, warning=None).build()
    first, second = parsed(out / "index.html").select("figure.live-figure")
    assert [e["data-digest"] for e in first.select("script.live-figure-weights")] == ["one", "two"]
    assert [e["data-digest"] for e in second.select("script.live-figure-weights")] == ["three"]
    assert first.select_one("style").get_text(strip=True) == STYLE
    assert not second.select("style")


def test_no_page_has_the_same_weights_or_style_twice(site):
    for path in html_pages(site):
        digests = [element["data-digest"] for element in parsed(path).select("script.live-figure-weights")]
        assert len(digests) == len(set(digests)), path.name
        styles = [style.get_text() for style in parsed(path).select("figure.live-figure > style")]
        assert len(styles) == len(set(styles)), path.name


# How a browser shows the pages.


@pytest.mark.check
@pytest.mark.parametrize("lesson", [path.stem for path in LESSONS_WITH_LIVE_FIGURES])
def test_every_control_moves_a_live_figure(lesson, visit):
    page, troubles = visit(f"notebooks/{lesson}.html", viewport=VIEWPORTS["desktop"], reduced_motion="reduce")
    figures = page.locator("figure.live-figure").all()
    assert figures
    start_all(page)
    for figure in figures:
        expect(figure.locator(".live-figure-still")).to_be_hidden()
        assert_every_control_moves(page, figure)
    assert not troubles, "\n".join(troubles)


def test_bars_of_the_elbo_add_up(visit):
    page, _ = visit("notebooks/04-elbo.html", viewport=VIEWPORTS["desktop"])
    figure = page.locator("figure.live-figure")
    start_all(page)
    generator = np.random.default_rng(0)
    for values in generator.uniform([-3, -4, -3, 0], [3, 1.5, 3, 2], size=(25, 4)).tolist():
        set_sliders(page, figure, values)
        assert_adds_up(figure)


@pytest.mark.parametrize("viewport", BUTTONS_WITH_ICONS)
def test_buttons_show_their_icons(viewport, visit):
    page, _ = visit("notebooks/01-autoencoder.html", viewport=VIEWPORTS[viewport])
    for name in BUTTONS_WITH_ICONS[viewport]:
        button = Image.open(io.BytesIO(page.locator(f"button.{name}:visible").screenshot())).convert("L")
        darkest, lightest = button.getextrema()
        assert lightest - darkest > 60, name


@pytest.mark.check
@pytest.mark.parametrize("viewport", ["phone", "tablet"])
@pytest.mark.parametrize("side", ["primary", "secondary"])
def test_menus_work_on_small_screens(side, viewport, visit):
    page, troubles = visit("notebooks/04-elbo.html", viewport=VIEWPORTS[viewport], has_touch=True)
    dialog, links = page.locator(f"#pst-{side}-sidebar-modal"), page.locator(f"#pst-{side}-sidebar-modal a:visible")
    page.locator(f".{side}-toggle:visible").tap()
    assert dialog.evaluate("dialog => dialog.open")
    place = links.filter(has_text="Reconstruction minus KL" if side == "secondary" else "The KL term in closed form")
    place.tap()
    page.wait_for_url("**/06-kl.html" if side == "primary" else "**/04-elbo.html#reconstruction-minus-kl")
    assert not page.locator("dialog[open]").count()
    assert not troubles, "\n".join(troubles)


@pytest.mark.check
def test_menu_can_be_hidden_on_a_large_screen(visit):
    page, _ = visit("notebooks/04-elbo.html", viewport=VIEWPORTS["desktop"])
    menu, shown = page.locator("#pst-primary-sidebar"), []
    for _ in range(2):
        shown.append(menu.bounding_box()["x"] >= 0)
        page.locator(".primary-toggle:visible").click()
        page.wait_for_timeout(500)  # it slides
    assert shown == [True, False]


@pytest.mark.check
def test_mode_button_shows_the_mode(visit):
    page, troubles = visit(f"{FIRST_PAGE}.html", color_scheme="dark", viewport=VIEWPORTS["desktop"])
    button, shown = page.locator("button.theme-switch-button:visible"), []
    for _ in range(3):
        button.click()
        shown.append(button.locator("i:visible").get_attribute("data-mode"))
        assert shown[-1] == page.evaluate("document.documentElement.dataset.mode")
    assert sorted(shown) == ["auto", "dark", "light"]
    assert not troubles, "\n".join(troubles)


@pytest.mark.parametrize("mode", MODES)
def test_first_visit_uses_the_mode_of_the_system(mode, visit):
    page, troubles = visit(f"{FIRST_PAGE}.html", color_scheme=mode)
    assert page.evaluate("document.documentElement.dataset.theme") == mode
    assert not troubles, "\n".join(troubles)


def test_search_works_from_disk(visit):
    page, _ = visit("search.html?q=autoencoder")
    page.locator(".search-summary", has_text="finished").wait_for()  # results may still change places
    page.locator("#search-results a[href*='01-autoencoder.html']").first.click()
    page.wait_for_url("**/notebooks/01-autoencoder.html*")
    assert "autoencoder" in page.locator("h1").first.inner_text()


@pytest.fixture
def run_lessons(tmp_path):
    """Return a function that writes lessons of one cell, runs those that need it, and returns the cached outputs."""
    cache = tmp_path / "cache"

    def run(**sources):
        for name, source in sources.items():
            nbformat.write(new_notebook(cells=[new_code_cell(source, id="only")]), tmp_path / f"{name}.ipynb")
        app = SimpleNamespace(config=SimpleNamespace(nb_execution_cache_path=str(cache), nb_execution_timeout=60))
        env = SimpleNamespace(doc2path=lambda name: str(tmp_path / f"{name}.ipynb"))
        lessons.run_lessons(app, env, list(sources))
        return {name: outputs_of(name) for name in sources}

    def outputs_of(name):
        _, notebook = get_cache(cache).merge_match_into_notebook(
            nbformat.read(tmp_path / f"{name}.ipynb", as_version=4)
        )
        return notebook.cells[0].outputs[0]["text"].strip()

    yield run
    os.environ.pop("OMP_NUM_THREADS", None)


def test_only_changed_lessons_run(run_lessons, tmp_path):
    counted = tmp_path / "counted"
    count = f"open({str(counted)!r}, 'a').write('.')\nprint('{{}}')"
    assert run_lessons(one=count.format(1), two=count.format(2)) == {"one": "1", "two": "2"}
    assert run_lessons(one=count.format(1), two=count.format(3)) == {"one": "1", "two": "3"}
    assert counted.read_text() == "..."


def test_parallel_lessons_share_the_cores(run_lessons, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(5), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    source = "import os\nprint(os.environ['OMP_NUM_THREADS'])"
    assert set(run_lessons(one=source, two=source + "  # too").values()) == {"2"}


def test_failing_lesson_is_named_and_others_are_kept(run_lessons):
    with pytest.raises(ExtensionError, match=r"(?s)bad\.ipynb did not run to its end.*ZeroDivisionError"):
        run_lessons(good="print('well')", bad="1 / 0")
    assert run_lessons(good="print('well')") == {"good": "well"}
