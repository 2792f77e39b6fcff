"""What all live figures share: values, what a notebook or a page gets of them, and how that behaves in a browser."""

import base64
import io
import itertools
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from live_figures import (
    MAKERS,
    assert_every_control_moves,
    assert_handles_follow_a_finger,
    assert_handles_follow_the_mouse,
    contrast,
    drawn,
    ends_of,
    grid,
    html_of,
    middle_of,
    painted,
    printed,
    scrolled,
    set_sliders,
    sliders_of,
    swipe,
)
from PIL import Image
from playwright.sync_api import expect
from sample_figure import SampleFigure
from traitlets import TraitError

from vae_lessons import figures
from vae_lessons.figures.runtime.controls import Slider, controls_of

ROOT = Path(__file__).parents[2]
ALL = {"SampleFigure": SampleFigure, **MAKERS}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
HOSTILE = "</script><script>window.hacked = 1</script><!-- \" ' </style> &amp; \u2028 $x$"

every_figure = pytest.mark.parametrize("make", ALL.values(), ids=ALL)


def bundle(figure):
    return figure._repr_mimebundle_()[0]


# Values.


@every_figure
def test_sliders_reach_their_ends(make):
    for name, slider in sliders_of(make()).items():
        for value in (slider.low, slider.high):
            figure = make(**{name: value})
            assert getattr(figure, name) == value
            assert all(map(math.isfinite, figure.numbers().values())), name


@every_figure
def test_unknown_names_are_refused_with_the_known_ones(make):
    figure = make()
    there = ", ".join(controls_of(figure))
    with pytest.raises(AttributeError, match=rf"{type(figure).__name__} has no sigmma: it has {there}$"):
        figure.sigmma = 1.0
    assert not hasattr(figure, "sigmma")
    figure.caption, figure.still_size = "other words", (300, 200)  # what there is can be set
    assert (figure.caption, figure.still_size) == ("other words", (300, 200))


@every_figure
@pytest.mark.parametrize("value", [-1e4, 1e4, math.nan, math.inf, "1", None, True], ids=repr)
def test_values_out_of_range_are_refused_by_name(make, value):
    figure = make()
    before = repr(figure)
    for name, slider in sliders_of(figure).items():
        kind = "whole number" if slider.step == 1 else "number"
        message = f"{name} must be a {kind} from {slider.low:g} to {slider.high:g}, got {value!r}"
        with pytest.raises(TraitError, match=re.escape(message)):
            make(**{name: value})
        with pytest.raises(TraitError, match=re.escape(message)):
            setattr(figure, name, value)
        assert repr(figure) == before


@every_figure
def test_values_can_be_observed(make):
    name, slider = next(iter(sliders_of(make()).items()))
    figure, seen = make(**{name: slider.low}), []
    figure.observe(lambda change: seen.append((change["old"], change["new"])), name)
    setattr(figure, name, np.float32(slider.high))
    assert seen == [(slider.low, slider.high)]
    assert type(getattr(figure, name)) is (int if slider.step == 1 else float)


# Snapshots.


@pytest.mark.check
@every_figure
def test_one_display_computes_one_snapshot(make, for_a_page, monkeypatch):
    figure = make()
    snapshot, computed = type(figure).snapshot, []

    def counted(self):
        computed.append(snapshot(self))
        return computed[-1]

    monkeypatch.setattr(type(figure), "snapshot", counted)
    html_of(figure)
    assert len(computed) == 1
    assert figure.numbers() == computed[0].numbers
    assert figure.alt() == computed[0].alt()


def test_one_display_runs_each_network_a_fixed_number_of_times(for_a_page):
    calls = []
    hook = torch.nn.modules.module.register_module_forward_hook(
        lambda module, inputs, outputs: calls.append(module) if isinstance(module, torch.nn.Sequential) else None
    )
    try:
        runs = {"LatentExplorer": 3, "Interpolation": 2, "DrawDigit": 3, "RateDistortion": 0, "SimulatorPosterior": 4}
        runs |= {"ConditionalDigits": 2, "DiffusionSteps": 0}
        for name, expected in runs.items():
            if name in MAKERS:
                figure = MAKERS[name]()
                calls.clear()
                html_of(figure)
                assert len(calls) == expected, name
    finally:
        hook.remove()


# What a notebook or a page gets.


@every_figure
def test_a_kernel_gets_the_widget_and_a_page_gets_html(make, monkeypatch):
    monkeypatch.setenv("VAE_LESSONS_STATIC", "1")
    figure = make()
    assert set(bundle(figure)) == {"text/plain", "text/html", "image/png"}
    assert figure.comm is None  # else the page would carry the widget's state
    monkeypatch.setenv("VAE_LESSONS_STATIC", "")
    assert set(bundle(figure)) == {"text/plain", WIDGET_VIEW}
    assert len(json.dumps(bundle(figure))) < 1000  # kept in the saved notebook
    assert bundle(figure)["text/plain"] == repr(figure)


@every_figure
def test_the_widget_is_controls_above_the_figure(make, for_a_kernel):
    figure = make(caption="<b>")
    shown = bundle(figure)[WIDGET_VIEW]["model_id"]
    assert bundle(figure)[WIDGET_VIEW]["model_id"] == shown  # displayed twice, it is one panel
    rows, drawing, caption = figure.panel().children
    assert figure.panel().model_id == shown
    assert drawing is figure
    assert caption.value == "&lt;b&gt;"
    assert [w.description for w in rows.children] == [c.label for c in controls_of(figure).values()]
    for widget, (name, control) in zip(rows.children, controls_of(figure).items(), strict=True):
        if isinstance(control, Slider) and control.values:
            assert (tuple(value for _, value in widget.options), widget.value) == (
                control.values,
                getattr(figure, name),
            )
        elif isinstance(control, Slider):
            found = (widget.min, widget.max, widget.step, widget.value)
            assert found == (control.low, control.high, control.step, getattr(figure, name))


def test_what_anywidget_adds_for_colab_is_kept(for_a_kernel, monkeypatch):
    def with_metadata(self, **_):
        return {WIDGET_VIEW: {"model_id": "its own"}}, {WIDGET_VIEW: {"colab": 1}}

    monkeypatch.setattr("anywidget.AnyWidget._repr_mimebundle_", with_metadata)
    figure = SampleFigure()
    data, metadata = figure._repr_mimebundle_(include=None, exclude=None)
    assert metadata[WIDGET_VIEW] == {"colab": 1}
    assert data[WIDGET_VIEW]["model_id"] == figure.panel().model_id


@every_figure
def test_the_still_picture_is_small_and_not_blank(make, for_a_page):
    figure = make()
    data, metadata = figure._repr_mimebundle_()
    png = base64.b64decode(data["image/png"])
    assert len(png) < 80_000
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    width, height = (metadata["image/png"][side] for side in ("width", "height"))
    assert image.size == (2 * width, 2 * height)
    ink = np.asarray(image)[..., 3]
    assert 0.01 < (ink > 0).mean() < 0.5
    assert (ink[:, : image.width // 2] > 0).any()
    assert (ink[:, image.width // 2 :] > 0).any()


@every_figure
def test_labels_of_a_still_lie_apart(make, assert_labels_lie_apart):
    assert_labels_lie_apart(make())


@pytest.mark.check
@every_figure
def test_a_still_follows_values_and_leaves_matplotlib_alone(make):
    plt.switch_backend("Agg")  # else it is chosen when the settings are looked at
    settings, figures = matplotlib.rcParams.copy(), plt.get_fignums()
    name, slider = next(iter(sliders_of(make()).items()))
    low, again, high = (make(**{name: value}).still() for value in (slider.low, slider.low, slider.high))
    assert low == again != high
    assert matplotlib.rcParams == settings
    assert plt.get_fignums() == figures


def pixels_of(uri):
    """Size and pixels of the picture in a data URI; transparent pixels have no colour."""
    picture = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGBA").convert("RGBa")
    return picture.size, picture.tobytes()


class HostileLabel(SampleFigure):
    mu = Slider(HOSTILE, HOSTILE, -3, 3).trait()


@pytest.mark.check
@pytest.mark.parametrize("make", [*ALL.values(), HostileLabel])
def test_nothing_breaks_out_of_the_html(make, for_a_page):
    figure = make(caption=HOSTILE)
    soup = BeautifulSoup(html_of(figure), "html.parser")
    assert [element.name for element in soup.find_all(recursive=False)] == ["figure"]
    assert soup.figure["class"] == ["live-figure"]
    assert soup.figcaption.get_text() == HOSTILE
    assert soup.img["alt"] == figure.alt()
    assert pixels_of(soup.img["src"]) == pixels_of("data:image/png;base64," + bundle(figure)["image/png"])
    *weights, state, module = soup.find_all("script")
    assert all(element["data-digest"] in state.string for element in weights)
    assert {element["type"] for element in weights} <= {"text/plain"}
    assert json.loads(state.string) == json.loads(json.dumps(figure.state()))
    assert module["type"] == "module"
    assert not re.search(r"https?://", html_of(figure))
    assert len(soup.select("style")) in (1, 2)  # what all figures share, and its own


def figure_with(folder, module):
    """A figure with a module of its own, of which {runtime} is the address of what figures share."""
    runtime = Path(figures.__file__).parent / "runtime"
    address = Path(*[".."] * (len(folder.parts) - 1), *runtime.parts[1:]).as_posix()
    (folder / "figure.js").write_text(module.replace("{runtime}", address), encoding="utf-8")
    return type("Changed", (SampleFigure,), {"folder": folder})()


def test_a_module_cannot_break_out_either(for_a_page, tmp_path):
    soup = BeautifulSoup(html_of(figure_with(tmp_path, "const text = '</script><!--';")), "html.parser")
    assert r"const text = '<\/script><\!--';" in soup.find_all("script")[1].string


def test_figures_on_one_page_have_different_names(for_a_page):
    figures = [SampleFigure(), SampleFigure(), SampleFigure(mu=2.0)]
    assert len({BeautifulSoup(html_of(f), "html.parser").figure["id"] for f in [*figures, figures[0]]}) == 4


@pytest.mark.check
@every_figure
def test_html_is_the_same_in_each_build(make, for_a_page):
    def nameless(figure):
        return re.sub(r"live-figure-\w+-\d+", "", html_of(figure))

    assert nameless(make()) == nameless(make())


@pytest.mark.check
def test_style_is_shared_between_figures(for_a_page):
    soups = [BeautifulSoup(html_of(make()), "html.parser") for make in ALL.values()]
    shared, *others = [soup.select("style")[0].string for soup in soups]
    assert set(others) == {shared}
    own = [style.string for soup in soups for style in soup.select("style")[1:]]
    assert len(own) == len(set(own))
    assert all(css.strip().startswith(".live-figure-view") for css in own)  # by which the book finds and shares them


# In a browser.


@every_figure
def test_javascript_computes_the_same_numbers(make, numbers_in_javascript):
    places = {1: 9, 2: 5}.get(len(sliders_of(make())), 3)  # each is a run of all networks, or a quadrature
    points = [make(**values) for values in grid(make(), points=places)]
    for point, found in zip(points, numbers_in_javascript(points), strict=True):
        expected = point.numbers()
        assert set(found) == set(expected)
        for name in expected:
            assert found[name] == pytest.approx(expected[name], **tolerance_of(point, name)), f"{name} of {point}"


def tolerance_of(figure, name):
    if name in {"gap", "log_evidence"}:  # by quadrature
        return {"abs": 1e-6}
    if type(figure).__name__ == "DrawDigit":
        return {"abs": 0.1}  # nats: what goes through all layers of the networks feels that weights are rounded
    if type(figure).__name__ == "SimulatorPosterior":
        return {"rel": 1e-4, "abs": 1e-3}
    if type(figure).__name__ == "ConditionalDigits":
        return {"abs": 0.02}  # probabilities
    return {"abs": 1e-4} if type(figure).__name__ in ("LatentExplorer", "Interpolation") else {"rel": 1e-9, "abs": 1e-9}


def test_every_control_moves_its_own_figure_alone(open_page):
    page, troubles = open_page(*[make() for make in ALL.values()], SampleFigure(mu=-1.0), reduced_motion="reduce")
    figures = page.locator("figure.live-figure").all()
    assert len(figures) == len(ALL) + 1
    for figure in figures:
        expect(figure.locator(".live-figure-still")).to_be_hidden()
        assert_every_control_moves(page, figure)
    assert not troubles, "\n".join(troubles)


def test_a_slider_says_its_name_and_value(open_page):
    page, _ = open_page(SampleFigure(mu=1.0))
    slider = page.get_by_role("slider", name="mean μ", exact=True)
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "mu 1.05"
    assert slider.locator("xpath=..").inner_text().split() == ["mean", "μ", "1.05"]
    for picture in page.locator(".live-figure-panels > svg").all():
        assert picture.get_attribute("role") == "img"
        assert picture.get_attribute("aria-label")


def test_handles_follow_the_mouse(open_page):
    page, troubles = open_page(SampleFigure())
    assert_handles_follow_the_mouse(page, 2)
    assert not troubles


def test_handles_follow_a_finger(open_page):
    page, _ = open_page(SampleFigure(), SampleFigure(), width=390, has_touch=True)
    assert_handles_follow_a_finger(page)


def test_only_the_main_button_drags_a_handle(open_page):
    page, _ = open_page(SampleFigure())
    before = printed(page.locator("figure"))
    x, y = middle_of(page.locator(".knob").last)
    page.mouse.move(x, y)
    page.mouse.down(button="right")
    page.mouse.move(x + 30, y, steps=3)
    page.mouse.up(button="right")
    painted(page)
    assert printed(page.locator("figure")) == before


def test_a_scrolling_finger_leaves_sliders_alone(open_page):
    page, _ = open_page(*[SampleFigure() for _ in range(4)], width=360, has_touch=True)
    figure = page.locator("figure.live-figure").first
    sliders = figure.get_by_role("slider").all()
    before = [slider.input_value() for slider in sliders], printed(figure), drawn(figure)
    for slider in sliders:
        box = slider.bounding_box()
        x, y = box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2
        swipe(page, [(x, y - step) for step in range(0, 120, 10)])
        scrolled(page, 50)
        page.evaluate("scrollTo(0, 0)")
        assert ([slider.input_value() for slider in sliders], printed(figure), drawn(figure)) == before


def test_a_finger_moves_a_slider_by_tap_and_sideways(open_page):
    page, _ = open_page(SampleFigure(), SampleFigure(), width=360, has_touch=True)
    figure = page.locator("figure.live-figure").first
    slider, shown = figure.get_by_role("slider").first, figure.locator(".live-figure-value").first
    box = slider.bounding_box()
    places = [box["x"] + share * box["width"] for share in (0.1, 0.5, 0.9)]
    y = box["y"] + box["height"] / 2
    page.touchscreen.tap(places[0], y)
    painted(page)
    assert float(shown.inner_text().replace("\N{MINUS SIGN}", "-")) == float(slider.input_value()) < -2
    swipe(page, [(x, y + 4 * i) for i, x in enumerate(places)])
    painted(page)
    assert float(shown.inner_text()) == float(slider.input_value()) > 2
    assert float(printed(figure)["square"]) == pytest.approx(float(slider.input_value()) ** 2, abs=1e-3)
    slider.press("ArrowLeft")
    assert float(shown.inner_text()) == float(slider.input_value())
    assert page.evaluate("scrollY") == 0


@every_figure
def test_printed_numbers_leave_a_gap(make, open_page):
    page, _ = open_page(make())
    figure = page.locator("figure.live-figure")
    lows, highs = zip(*map(ends_of, sliders_of(make()).values()), strict=True)
    ends = lows, highs, [(lows[i], highs[i])[i % 2] for i in range(len(lows))]
    for width, values in itertools.product([320, 360, 430, 1000], ends):
        page.set_viewport_size({"width": width, "height": 900})
        set_sliders(page, figure, values)
        boxes = [number.bounding_box() for number in figure.locator("[data-number]").all()]
        for left, right in itertools.pairwise(boxes):
            assert left["x"] + left["width"] + 6 <= right["x"] or left["y"] + left["height"] <= right["y"]


def test_sliders_are_seen_in_forced_colours(open_page):
    page, _ = open_page(SampleFigure(mu=0.0), forced_colors="active")
    slider = page.get_by_role("slider").first
    pixels = np.asarray(Image.open(io.BytesIO(slider.screenshot())).convert("RGB"))
    ground, along = pixels[2, 2], pixels[pixels.shape[0] // 2]
    assert contrast(ground, along[len(along) // 2]) >= 3
    assert contrast(ground, along[len(along) // 4]) >= 3


@every_figure
def test_on_a_phone_all_is_legible_and_within_reach(make, open_page):
    page, _ = open_page(make(), width=360)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    sizes = page.locator("svg text").evaluate_all(
        "all => all.map(e => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a)"
    )
    assert min(sizes) >= 11
    for target in page.locator(".grip:visible, .live-figure-controls > :visible").all():
        assert target.bounding_box()["height"] >= 43.9
    handles = page.locator(".handle:not(.pad)").all()
    assert {e.evaluate("e => getComputedStyle(e).touchAction") for e in handles} <= {"none"}
    scrolls = {e.evaluate("e => getComputedStyle(e).touchAction") for e in page.locator("svg, .pad").all()}
    assert scrolls <= {"auto", "pan-y", "pan-y pinch-zoom"}  # a finger on the drawing still scrolls the page


@every_figure
def test_stacked_panels_have_letters_of_one_size(make, open_page):
    page, _ = open_page(make(), width=390)
    scales = page.locator(".live-figure-panels > svg").evaluate_all("all => all.map(e => e.getScreenCTM().a)")
    assert scales == pytest.approx(scales[:1] * len(scales), rel=1e-3)


FILTERS = """all => all.map(element => {
    const filters = [];
    for (let e = element; e; e = e.parentElement) filters.push(getComputedStyle(e).filter);
    return filters.filter(filter => filter !== "none");
})"""


@pytest.mark.parametrize("make", [SampleFigure, *list(MAKERS.values())[:1]])  # one style sheet for all
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_in_dark_mode_drawing_and_still_are_inverted_once(theme, make, open_page):
    css = (ROOT / "book/_static/lessons.css").read_text(encoding="utf-8")
    page, _ = open_page(make(), head=f"<style>{css}</style>", attributes=f'data-theme="{theme}"')
    page.locator("body").evaluate(
        "e => e.innerHTML = `<div class='bd-content'><div class='cell_output'>${e.innerHTML}`"
    )
    expected = ["invert(0.93) hue-rotate(180deg)"] if theme == "dark" else []
    pictures = page.locator(".live-figure-panels :is(svg, canvas), .live-figure-still img")
    assert pictures.evaluate_all(FILTERS) == [expected] * pictures.count()
    assert pictures.count() > 1
    assert not page.locator(".live-figure-still").is_visible()
    page.emulate_media(media="print")  # paper is white
    assert pictures.evaluate_all(FILTERS) == [[]] * pictures.count()
    assert page.locator(".live-figure-panels").evaluate("e => getComputedStyle(e).color") == "rgb(34, 34, 34)"
    assert page.locator("figure.live-figure").evaluate("e => getComputedStyle(e).breakInside") == "avoid"


def test_hostile_text_is_only_text(open_page):
    page, troubles = open_page(HostileLabel(caption=HOSTILE))
    assert page.evaluate("window.hacked") is None
    assert page.locator("figcaption").inner_text().startswith("</script><script>")
    assert page.locator(".live-figure-slider").first.inner_text().startswith("</script><script>")
    assert not troubles


BROKEN = {
    "no JavaScript": "this is not JavaScript",
    "throws at once": "function render() { throw new Error('at once'); }",
    "throws halfway": """
import { append } from "{runtime}/dom.js";
function render({ el }) {
  append(el, "p", {}, "half");
  throw new Error("halfway");
}
""",
}


@pytest.mark.parametrize("module", BROKEN.values(), ids=BROKEN)
def test_a_broken_module_leaves_the_still_picture(module, open_page, tmp_path):
    page, troubles = open_page(figure_with(tmp_path, module), SampleFigure(), begun=False)
    broken, whole = page.locator("figure.live-figure").all()
    expect(broken.locator("img")).to_be_visible()
    assert broken.locator("img").bounding_box()["height"] > 200
    assert broken.locator(".live-figure-view").count() == 0
    expect(whole.locator("img")).to_be_hidden()
    assert whole.locator("svg").count() > 0
    assert len(troubles) == 1


def test_without_javascript_there_is_a_still_and_a_sentence(open_page):
    page, _ = open_page(SampleFigure(), begun=False, java_script_enabled=False)
    expect(page.locator("figure img")).to_be_visible()
    assert "JavaScript" in page.locator("noscript").text_content()  # which this browser parses as with JavaScript on


def test_a_figure_begins_when_it_comes_near(open_page):
    far = "<style>figure.live-figure { margin-bottom: 5000px !important }</style>"
    page, troubles = open_page(SampleFigure(), SampleFigure(mu=1.0), head=far, begun=False)
    first, second = page.locator("figure.live-figure").all()
    first.locator(".live-figure-view").wait_for()
    assert second.locator(".live-figure-view").count() == 0
    assert second.locator(".live-figure-still").is_visible()
    second.scroll_into_view_if_needed()
    second.locator(".live-figure-view").wait_for()
    assert not second.locator(".live-figure-still").is_visible()
    assert not troubles


WITHOUT_ANCHORS = "<style>html { overflow-anchor: none }</style><script>CSS.supports = () => false</script>"


READ_BELOW = """() => {
    document.body.insertAdjacentHTML("beforeend", "<p style='margin: 600px 0 5000px'>what is read</p>");
    document.querySelector("p[style]").scrollIntoView();
}"""


def test_text_below_stays_when_a_figure_above_begins(open_page):
    far = "<style>figure.live-figure { margin-top: 4000px !important }</style>"
    page, _ = open_page(SampleFigure(), head=WITHOUT_ANCHORS + far, width=390, begun=False)
    still = page.locator("figure.live-figure").bounding_box()["height"]
    page.evaluate(READ_BELOW)
    page.locator(".live-figure-view").wait_for()
    painted(page)
    assert page.locator("figure.live-figure").bounding_box()["height"] > still + 100
    assert page.get_by_text("what is read").bounding_box()["y"] == pytest.approx(0, abs=1)


# Folders.

WITHOUT_EACH = """
import os, shutil, sys
from pathlib import Path
root, copies = Path(sys.argv[1]), Path(sys.argv[2])
os.environ["VAE_LESSONS_STATIC"] = "1"
sys.path.insert(1, str(root / "tests"))
folders = [path.parent.name for path in sorted((root / "vae_lessons" / "figures").glob("*/figure.py"))]
for folder in folders:
    copy = copies / folder
    shutil.copytree(root / "vae_lessons", copy / "vae_lessons", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(copy / "vae_lessons" / "figures" / folder)
    for name in [name for name in sys.modules if name.split(".")[0] in ("vae_lessons", "live_figures")]:
        del sys.modules[name]
    sys.path[0] = str(copy)
    import live_figures
    assert live_figures.figures.__file__.startswith(str(copy))
    live_figures.fit = lambda *arguments, **options: None  # networks that are not trained draw as well
    for make in live_figures.MAKERS.values():
        assert "<figure" in live_figures.html_of(make())
    print(folder, len(folders) - len(live_figures.figures.__all__))
"""


@pytest.mark.check
def test_any_figure_s_folder_can_be_deleted(tmp_path):
    command = [sys.executable, "-c", WITHOUT_EACH, str(ROOT), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert len(lines) == len(figures.__all__)
    assert {line.split()[1] for line in lines} == {"1"}


def test_no_figure_and_no_runtime_imports_a_figure():
    root = Path(figures.__file__).parent
    folders = {path.parent.name for path in root.glob("*/figure.py")}
    for path in [*root.rglob("*.py"), *root.rglob("*.js")]:
        text = path.read_text(encoding="utf-8")
        imported = set(re.findall(r"vae_lessons\.figures\.(\w+)", text)) | set(re.findall(r'from "\.\./(\w+)/', text))
        assert imported & folders <= {path.parent.name}, path
