"""The live figures: their values and numbers, what a notebook or a page is given, and how that behaves in a browser."""

import base64
import io
import itertools
import json
import math
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from decimal import Decimal
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from live_figures import (
    MAKERS,
    assert_adds_up,
    assert_every_control_moves,
    draw_digit,
    drawn,
    painted,
    printed,
    scrolled,
    set_sliders,
    sliders_of,
    swipe,
)
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image
from playwright.sync_api import expect
from scipy.integrate import quad
from scipy.stats import norm
from torch.distributions import Normal, kl_divergence
from traitlets import TraitError

from vae_lessons.figures import DrawDigit, ElboGap, GaussianKL, Reparameterisation
from vae_lessons.figures.runtime.controls import Slider, controls_of
from vae_lessons.figures.runtime.widget import DOTS_PER_PIXEL, read

ROOT = Path(__file__).parents[2]
SLIDERS = [(make, name, slider) for make in MAKERS.values() for name, slider in sliders_of(make()).items()]
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
HOSTILE = "</script><script>window.hacked = 1</script><!-- \" ' </style> &amp; \u2028 $x$"

every_figure = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
every_slider = pytest.mark.parametrize(("make", "name", "slider"), SLIDERS)


@pytest.fixture
def for_a_kernel(monkeypatch):
    monkeypatch.delenv("VAE_LESSONS_STATIC", raising=False)


def bundle(figure):
    return figure._repr_mimebundle_()[0]


def html(figure):
    return bundle(figure)["text/html"]


def grid(figure, points=3):
    """Values of all sliders, their ends included."""
    sliders = sliders_of(figure)
    places = [np.linspace(c.low, c.high, points).round(0 if c.step == 1 else 6).tolist() for c in sliders.values()]
    for values in itertools.product(*places):
        yield dict(zip(sliders, values, strict=True))


# Values.


@every_slider
def test_a_slider_may_stand_at_its_ends(make, name, slider):
    for value in (slider.low, slider.high):
        figure = make(**{name: value})
        assert getattr(figure, name) == value
        assert all(map(math.isfinite, figure.numbers().values()))


@every_figure
def test_a_name_that_no_slider_has_is_refused_with_those_there_are(make):
    figure = make()
    there = ", ".join(controls_of(figure))
    with pytest.raises(AttributeError, match=rf"{type(figure).__name__} has no sigmma: it has {there}$"):
        figure.sigmma = 1.0
    assert not hasattr(figure, "sigmma")
    figure.caption, figure.still_size, figure._own = "other words", (300, 200), 1  # what there is, and private names
    assert (figure.caption, figure.still_size, figure._own) == ("other words", (300, 200), 1)


@every_slider
@pytest.mark.parametrize("value", [-1e3, 1e3, math.nan, math.inf, "1", None, True], ids=repr)
def test_what_is_no_number_within_range_is_refused_by_name(make, name, slider, value):
    kind = "whole number" if slider.step == 1 else "number"
    message = f"{name} must be a {kind} from {slider.low:g} to {slider.high:g}, got {value!r}"
    with pytest.raises(TraitError, match=re.escape(message)):
        make(**{name: value})
    figure = make()
    before = repr(figure)
    with pytest.raises(TraitError, match=re.escape(message)):
        setattr(figure, name, value)
    assert repr(figure) == before


def test_other_values_are_refused_by_name_too():
    with pytest.raises(TraitError, match="frozen"):
        Reparameterisation(frozen="yes")
    with pytest.raises(TraitError, match="draws"):
        Reparameterisation(draws=-1)
    with pytest.raises(TypeError, match="sigma"):
        GaussianKL(sigma=1.0)


@every_figure
def test_values_can_be_observed(make):
    name, slider = next(iter(sliders_of(make()).items()))
    figure, seen = make(**{name: slider.low}), []
    figure.observe(lambda change: seen.append((change["old"], change["new"])), name)
    setattr(figure, name, np.float32(slider.high))
    assert seen == [(slider.low, slider.high)]
    assert type(getattr(figure, name)) is (int if slider.step == 1 else float)


def test_a_figure_prints_as_the_call_that_makes_it():
    assert repr(GaussianKL(mu=1, logvar=-1.0)) == "GaussianKL(mu=1.0, logvar=-1.0)"
    figure = Reparameterisation(frozen=False, draws=3)
    assert repr(eval(repr(figure))) == repr(figure)


# Numbers, by independent routes.


def test_the_parts_of_the_kl():
    for values in grid(GaussianKL(), points=5):
        numbers = GaussianKL(**values).numbers()
        q = Normal(torch.tensor(values["mu"]).double(), torch.tensor(values["logvar"] / 2).double().exp())
        kl = float(kl_divergence(q, Normal(torch.zeros(()).double(), 1.0)))
        assert numbers["kl"] == pytest.approx(kl, abs=1e-12)
        assert numbers["mean"] + numbers["spread"] + numbers["logarithm"] == pytest.approx(kl, abs=1e-12)
        assert numbers["bits"] == pytest.approx(kl / math.log(2), abs=1e-12)
        assert numbers["mean"] == pytest.approx(values["mu"] ** 2 / 2)
        assert numbers["spread"] == pytest.approx((math.exp(values["logvar"]) - 1) / 2)


def elbo_by_quadrature(mu, logvar, x, bend):
    """Fit, gap and log p(x), by adaptive quadrature of SciPy's densities."""
    q, prior = norm(mu, math.exp(logvar / 2)), norm()

    def log_likelihood(z):
        return norm.logpdf(x, z + bend * z**2 / 2, 0.7)

    def mean(f):
        within = (mu - 12 * q.std(), mu + 12 * q.std())
        return quad(lambda z: q.pdf(z) * f(z), *within, points=[mu], limit=200, epsabs=1e-9, epsrel=1e-10)[0]

    inside = np.linspace(-10, 10, 41)[1:-1]
    evidence = quad(
        lambda z: math.exp(log_likelihood(z)) * prior.pdf(z), -10, 10, points=inside, limit=500, epsabs=0, epsrel=1e-11
    )[0]
    log_posterior = lambda z: log_likelihood(z) + prior.logpdf(z) - math.log(evidence)  # noqa: E731
    return mean(log_likelihood), mean(lambda z: q.logpdf(z) - log_posterior(z)), math.log(evidence)


@pytest.mark.parametrize("bend", [0.0, 0.7, 2.0])
def test_the_elbo_and_its_gap(bend):
    for mu, logvar, x in [(0.3, -2.0, 1.5), (-3.0, 1.5, -3.0), (3.0, -4.0, 3.0), (-1.2, 0.4, 0.0)]:
        numbers = ElboGap(mu=mu, logvar=logvar, x=x, bend=bend).numbers()
        fit, gap, log_evidence = elbo_by_quadrature(mu, logvar, x, bend)
        assert numbers["fit"] == pytest.approx(fit, abs=1e-6)
        assert numbers["gap"] == pytest.approx(gap, abs=1e-6)
        assert numbers["log_evidence"] == pytest.approx(log_evidence, abs=1e-8)
        assert numbers["elbo"] == pytest.approx(numbers["fit"] - numbers["rate"], abs=1e-12)
        assert numbers["rate"] == pytest.approx(GaussianKL(mu=mu, logvar=logvar).numbers()["kl"], abs=1e-12)


def test_the_gap_leads_from_the_elbo_to_the_evidence_and_is_never_negative():
    for values in grid(ElboGap()):
        numbers = ElboGap(**values).numbers()
        assert numbers["elbo"] + numbers["gap"] == pytest.approx(numbers["log_evidence"], abs=1e-8)
        assert numbers["gap"] >= 0


def test_a_gaussian_closes_the_gap_of_a_straight_decoder():
    variance = 1 / (1 + 1 / ElboGap.NOISE**2)
    q = {"mu": 1.5 * variance / ElboGap.NOISE**2, "logvar": math.log(variance)}
    assert ElboGap(x=1.5, bend=0.0, **q).numbers()["gap"] == pytest.approx(0, abs=1e-12)
    assert ElboGap(x=1.5, bend=1.0, **q).numbers()["gap"] > 0.1


def gradients(eps, mu, logvar):
    """Both estimates in closed form, as (pathwise_mu, pathwise_logvar, score_mu, score_logvar)."""
    variance = math.exp(logvar)
    z = mu + math.sqrt(variance) * eps
    f, slope = -0.5 * (z - 2) ** 2, 2 - z
    score_logvar = f * ((z - mu) ** 2 / variance - 1) / 2
    return slope, slope * (z - mu) / 2, f * (z - mu) / variance, score_logvar


@pytest.mark.parametrize("frozen", [True, False])
def test_both_estimates_of_the_gradient(frozen):
    names = ("pathwise_mu", "pathwise_logvar", "score_mu", "score_logvar")
    for values in grid(Reparameterisation()):
        figure = Reparameterisation(**values, frozen=frozen, draws=23)
        batch = np.array(figure._noise[3])  # there are 20
        shown = np.array([values["eps"]]) if frozen else batch
        numbers, expected = figure.numbers(), gradients(shown, values["mu"], values["logvar"])
        for name, estimates in zip(names, expected, strict=True):
            assert numbers[name] == pytest.approx(estimates.mean(), rel=1e-10, abs=1e-12)
        pathwise, _, score, _ = gradients(batch, values["mu"], values["logvar"])
        assert numbers["pathwise_deviation"] == pytest.approx(pathwise.std(ddof=1), rel=1e-10)
        assert numbers["score_deviation"] == pytest.approx(score.std(ddof=1), rel=1e-10)


def test_both_estimates_are_of_the_exact_gradient():
    mu, logvar = torch.tensor([-1.0, 0.5], dtype=torch.float64, requires_grad=True)
    expectation = -0.5 * ((mu - 2) ** 2 + logvar.exp())  # E[(z - 2)²] = (mu - 2)² + σ²
    exact = torch.stack(torch.autograd.grad(expectation, (mu, logvar)))
    figure = Reparameterisation(mu=-1.0, logvar=0.5)
    assert list(figure.numbers()[name] for name in ("exact_mu", "exact_logvar")) == pytest.approx(exact.tolist())
    for mean, target in zip(gradients(np.array(figure._noise).ravel(), -1.0, 0.5), [*exact, *exact], strict=True):
        assert abs(mean.mean() - float(target)) < 4 * mean.std() / math.sqrt(mean.size)


# What a notebook or a page is given.


@every_figure
def test_a_live_kernel_gets_a_widget_and_a_page_gets_none(make, monkeypatch):
    monkeypatch.setenv("VAE_LESSONS_STATIC", "1")
    figure = make()
    assert set(bundle(figure)) == {"text/plain", "text/html", "image/png"}
    assert figure.comm is None  # a page would carry what was told to a front end
    monkeypatch.setenv("VAE_LESSONS_STATIC", "")
    assert set(bundle(figure)) == {"text/plain", "text/html", "image/png", WIDGET_VIEW}
    assert bundle(figure)["text/plain"] == repr(figure)


@every_figure
def test_the_widget_is_a_panel_of_controls_above_the_figure(make, for_a_kernel):
    figure = make(caption="<b>")
    shown = bundle(figure)[WIDGET_VIEW]["model_id"]
    assert bundle(figure)[WIDGET_VIEW]["model_id"] == shown  # displayed twice, it is one panel
    rows, drawing, caption = figure._panel.children
    assert figure._panel.model_id == shown
    assert drawing is figure
    assert caption.value == "&lt;b&gt;"
    assert [w.description for w in rows.children] == [c.label for c in controls_of(figure).values()]
    for widget, (name, control) in zip(rows.children, controls_of(figure).items(), strict=True):
        if isinstance(control, Slider):
            found = (widget.min, widget.max, widget.step, widget.value)
            assert found == (control.low, control.high, control.step, getattr(figure, name))


def test_controls_are_shown_while_they_do_something(for_a_kernel):
    figure = Reparameterisation()
    bundle(figure)
    widgets = dict(zip(controls_of(figure), figure._panel.children[0].children, strict=True))
    assert [widgets[name].layout.display for name in ("eps", "draws")] == [None, "none"]
    figure.frozen = False
    assert [widgets[name].layout.display for name in ("eps", "draws")] == ["none", None]
    widgets["draws"].click()
    assert figure.draws == 1


def test_what_anywidget_adds_for_colab_is_kept(for_a_kernel, monkeypatch):
    def with_metadata(self, **_):
        return {WIDGET_VIEW: {"model_id": "its own"}}, {WIDGET_VIEW: {"colab": 1}}

    monkeypatch.setattr("anywidget.AnyWidget._repr_mimebundle_", with_metadata)
    figure = GaussianKL()
    data, metadata = figure._repr_mimebundle_(include=None, exclude=None)
    assert metadata[WIDGET_VIEW] == {"colab": 1}
    assert data[WIDGET_VIEW]["model_id"] == figure._panel.model_id


@pytest.mark.parametrize("make", [*MAKERS.values(), lambda: Reparameterisation(frozen=False)])
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


@pytest.fixture
def drawing_of(monkeypatch):
    """Make the still picture of a figure, and return what matplotlib drew it from."""
    saved, save = [], Figure.savefig

    def keep(drawing, *args, **options):
        saved.append(drawing)
        save(drawing, *args, **options)

    def draw(figure):
        figure.still()
        return saved[-1]

    monkeypatch.setattr(Figure, "savefig", keep)
    return draw


@pytest.mark.parametrize("make", [*MAKERS.values(), lambda: GaussianKL(mu=-1.0, logvar=0.5), lambda: ElboGap(bend=2.0)])
def test_no_label_of_a_still_picture_lies_on_another(make, monkeypatch):
    boxes, draw_text = {}, Text.draw

    def note(text, renderer):
        draw_text(text, renderer)
        if text.get_visible() and text.get_text().strip():
            boxes[text] = text.get_window_extent(renderer).padded(-DOTS_PER_PIXEL)

    monkeypatch.setattr(Text, "draw", note)
    make().still()
    assert len(boxes) > 5
    for (text, box), (other, second) in itertools.combinations(boxes.items(), 2):
        assert Bbox.intersection(box, second) is None, f"{text.get_text()} and {other.get_text()}"


WITH_PRINTED_NUMBERS = [(ElboGap, 5), (GaussianKL, 5), (draw_digit, 4)]


@pytest.mark.parametrize(("make", "count"), WITH_PRINTED_NUMBERS)
def test_a_still_picture_has_the_page_s_numbers_below_it(make, count, drawing_of, open_page):
    figure = make()
    below = drawing_of(figure).get_supxlabel().replace("\N{MINUS SIGN}", "-")
    still = [float(text) for text in re.findall(r"-?\d+\.\d\d+", below)]
    page, _ = open_page(figure)
    texts = printed(page.locator("figure")).values()
    assert len(still) == len(texts) == count
    rounded_weights = 0.1 if make is draw_digit else 0
    assert still == pytest.approx([float(text) for text in texts], abs=rounded_weights)


@pytest.mark.parametrize("make", [ElboGap, GaussianKL])
def test_what_a_still_picture_prints_adds_up(make):
    for values in grid(make(), points=4):
        texts = make(**values).printed().values()
        first, second, total, *others = (Decimal(text.removesuffix(" nats")) for text in texts)
        assert "-0.000" not in texts
        if make is GaussianKL:
            assert first + second + total == others[0]
        else:
            assert first - second == total
            assert total + others[0] == others[1]


@every_figure
def test_a_still_picture_follows_the_values_and_leaves_matplotlib_alone(make):
    plt.switch_backend("Agg")  # else it is chosen when the settings are looked at
    settings, figures = matplotlib.rcParams.copy(), plt.get_fignums()
    name, slider = next(iter(sliders_of(make()).items()))
    low, again, high = (make(**{name: value}).still() for value in (slider.low, slider.low, slider.high))
    assert low == again != high
    assert matplotlib.rcParams == settings
    assert plt.get_fignums() == figures


def pixels_of(uri):
    """Of the picture in a data URI; transparent ones have no colour."""
    picture = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGBA").convert("RGBa")
    return picture.size, picture.tobytes()


class HostileLabel(GaussianKL):
    mu = Slider(HOSTILE, HOSTILE, -3, 3).trait()


@pytest.mark.parametrize("make", [*MAKERS.values(), HostileLabel])
def test_html_is_one_figure_that_nothing_can_break_out_of(make, for_a_page):
    figure = make(caption=HOSTILE)
    soup = BeautifulSoup(html(figure), "html.parser")
    assert [element.name for element in soup.find_all(recursive=False)] == ["figure"]
    assert soup.figure["class"] == ["live-figure"]
    assert soup.figcaption.get_text() == HOSTILE
    assert soup.img["alt"] == figure.alt()
    assert pixels_of(soup.img["src"]) == pixels_of("data:image/png;base64," + bundle(figure)["image/png"])
    *weights, state, module = soup.find_all("script")
    assert {element["data-digest"]: element.string for element in weights} == figure._weights
    assert {element["type"] for element in weights} <= {"text/plain"}
    assert json.loads(state.string) == json.loads(json.dumps(figure.state()))
    assert module["type"] == "module"
    assert not re.search(r"https?://", html(figure))
    assert len(soup.select("style")) == 1


def test_a_module_cannot_break_out_either(for_a_page):
    class Hostile(GaussianKL):
        _esm = "const text = '</script><!--';"

    soup = BeautifulSoup(html(Hostile()), "html.parser")
    assert r"const text = '<\/script><\!--';" in soup.find_all("script")[1].string


def test_figures_on_one_page_have_different_names(for_a_page):
    figures = [GaussianKL(), GaussianKL(), ElboGap()]
    assert len({BeautifulSoup(html(f), "html.parser").figure["id"] for f in [*figures, figures[0]]}) == 4


@every_figure
def test_html_is_the_same_in_each_build(make, for_a_page):
    def nameless(figure):
        return re.sub(r"live-figure-\w+-\d+", "", html(figure))

    assert nameless(make()) == nameless(make())


# In a browser.


IN_JAVASCRIPT = """async ([module, states, weights]) => {
    const { numbers, prepare } = await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
    const prepared = prepare?.({ get: name => (name === "_weights" ? weights : states[0][name]) });
    return states.map(state => numbers(state, prepared));
}"""
BY_QUADRATURE = {"gap", "log_evidence"}


@every_figure
def test_javascript_computes_the_same_numbers(make, open_page):
    page, _ = open_page()
    points = [make(**values) for values in grid(make(), points=4 if make is ElboGap else 5)]
    if make is Reparameterisation:
        points = [
            *points[::3],
            *(make(frozen=False, draws=i, mu=point.mu, logvar=1.0) for i, point in enumerate(points[:40])),
        ]
    states = [point.state() for point in points]
    found = page.evaluate(IN_JAVASCRIPT, [str(points[0]._esm), states, points[0]._weights])
    for point, theirs in zip(points, found, strict=True):
        ours = point.numbers()
        assert set(theirs) == set(ours)
        for name in ours:
            assert theirs[name] == pytest.approx(ours[name], **tolerance_of(point, name)), f"{name} of {point}"


def tolerance_of(figure, name):
    if name in BY_QUADRATURE:
        return {"abs": 1e-6}
    if isinstance(figure, DrawDigit):
        return {"abs": 0.1}  # nats: what goes through all layers of the networks feels that weights are rounded
    return {"abs": 1e-4} if figure._weights else {"rel": 1e-9, "abs": 1e-9}


def test_every_control_moves_the_drawing_and_a_number_of_its_figure_alone(open_page):
    page, troubles = open_page(*[make() for make in MAKERS.values()], GaussianKL(mu=-1.0), reduced_motion="reduce")
    figures = page.locator("figure.live-figure").all()
    assert len(figures) == len(MAKERS) + 1
    for figure in figures:
        expect(figure.locator(".live-figure-still")).to_be_hidden()
        assert_every_control_moves(page, figure)
    assert not troubles, "\n".join(troubles)


def test_controls_are_there_while_they_do_something(open_page):
    page, _ = open_page(Reparameterisation())
    noise, again = page.get_by_role("slider", name="noise ε"), page.get_by_role("button", name="draw new noise")
    expect(noise).to_be_visible()
    expect(again).to_be_hidden()
    page.get_by_label("hold ε").press("Space")
    expect(noise).to_be_hidden()
    expect(again).to_be_visible()


def test_a_slider_says_what_it_is_and_where_it_stands(open_page):
    page, _ = open_page(GaussianKL(mu=1.0))
    slider = page.get_by_role("slider", name="mean μ", exact=True)
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "mu 1.05"
    assert slider.locator("xpath=..").inner_text().split() == ["mean", "μ", "1.05"]
    for picture in page.locator(".live-figure-panels > svg").all():
        assert picture.get_attribute("role") == "img"
        assert picture.get_attribute("aria-label")


def test_a_screen_reader_is_told_what_has_changed_once_it_has_come_to_rest(open_page):
    page, _ = open_page(GaussianKL(mu=1.0))
    sentence = page.locator("[aria-live=polite]")
    page.wait_for_timeout(1000)
    expect(sentence).to_be_empty()
    page.get_by_role("slider", name="mean μ", exact=True).press("ArrowRight")
    expect(sentence).to_have_text("mean part 0.551 nats; KL 0.735 nats; KL 1.061 bits")


def test_estimates_are_named_for_what_they_are(open_page):
    page, _ = open_page(Reparameterisation(mu=-1.0))
    names = page.locator("dt")
    one = ["pathwise ∂/∂μ", "pathwise ∂/∂log σ²", "sd of pathwise ∂/∂μ", "z"]
    assert set(one) <= set(names.all_inner_texts())
    held = printed(page.locator("figure"))
    assert [text for name, text in held.items() if name.endswith("deviation")] == ["–", "–"]
    page.get_by_label("hold ε").press("Space")
    painted(page)
    assert {"mean pathwise ∂/∂μ", "mean pathwise ∂/∂log σ²", "sd of pathwise ∂/∂μ", "mean z"} <= set(
        names.all_inner_texts()
    )
    expected = Reparameterisation(mu=-1.0, frozen=False).numbers()
    shown = {name: float(text) for name, text in printed(page.locator("figure")).items()}
    assert shown == pytest.approx(expected, abs=0.0051)
    told = re.compile("mean pathwise gradient in log variance .*; mean z")
    expect(page.locator("[aria-live=polite]")).to_have_text(told)


POINTS = """path => [...path.getAttribute("d").matchAll(/[ML]([-\\d.e]+),([-\\d.e]+)/g)].map(([, x, y]) => [+x, +y])"""


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("mu", [-3.0, 3.0])
def test_samples_lie_on_the_curve_or_have_a_mark_at_its_end(mu, frozen, open_page, drawing_of):
    figure = Reparameterisation(mu=mu, logvar=2.0, eps=math.copysign(2.5, mu), frozen=frozen)
    page, _ = open_page(figure)
    curve = np.array(page.locator(".line.decoder").evaluate(POINTS))
    samples = np.array(page.locator("svg .dots.encoder").first.evaluate(POINTS))
    inside = (samples[:, 0] >= curve[0, 0]) & (samples[:, 0] <= curve[-1, 0])
    heights = np.interp(samples[:, 0], *curve.T)
    assert samples[inside, 1] == pytest.approx(heights[inside], abs=0.1)
    z = figure._estimates(figure._shown_noise())["z"]
    assert inside.tolist() == (z.abs() <= 8).tolist()
    marks = page.locator(".outside.encoder").get_attribute("d").count("M")
    assert marks == int((z < -8).any()) + int((z > 8).any()) > 0
    lines = [line.get_marker() for ax in drawing_of(figure).axes for line in ax.lines]
    assert marks == lines.count("<") + lines.count(">")


@pytest.mark.parametrize("cls", [GaussianKL, ElboGap])
def test_printed_numbers_add_up_as_printed(cls, open_page):
    page, _ = open_page(cls())
    figure = page.locator("figure.live-figure")
    generator = np.random.default_rng(0)
    sliders = list(controls_of(cls()).values())
    corners = itertools.product(*[(slider.low, slider.high) for slider in sliders])
    inside = generator.uniform([s.low for s in sliders], [s.high for s in sliders], size=(40, len(sliders))).tolist()
    for values in [*corners, *inside]:
        set_sliders(page, figure, values)
        assert_adds_up(figure)


HANDLES = [(GaussianKL, {}, 2), (ElboGap, {}, 3), (Reparameterisation, {"eps": -1.0}, 3)]


@pytest.mark.parametrize(("cls", "values", "count"), HANDLES)
def test_handles_can_be_dragged(cls, values, count, open_page):
    page, troubles = open_page(cls(**values))
    figure, knobs = page.locator("figure.live-figure"), page.locator(".knob:visible")
    assert knobs.count() == count
    for i in range(count):
        before = figure.locator(".live-figure-value").all_inner_texts()
        box = knobs.nth(i).bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 18, y + 18, steps=4)
        page.mouse.up()
        painted(page)
        after = figure.locator(".live-figure-value").all_inner_texts()
        assert sum(a != b for a, b in zip(after, before, strict=True)) == 1
        moved = knobs.nth(i).bounding_box()
        assert max(abs(moved["x"] - box["x"] - 18), abs(moved["y"] - box["y"] - 18)) > 0
        assert min(abs(moved["x"] - box["x"] - 18), abs(moved["y"] - box["y"] - 18)) < 3  # it follows the pointer
    assert not troubles


def middle_of(element):
    box = element.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize(
    ("cls", "mu", "widest"), [(GaussianKL, 0.5, 3.5), (GaussianKL, 3.0, 4), (ElboGap, 3.0, 2), (ElboGap, -3.0, 2)]
)
def test_the_handle_of_the_spread_stays_with_the_pointer_and_then_in_the_picture(cls, mu, widest, open_page):
    page, _ = open_page(cls(mu=mu, logvar=0.0))
    flank, peak = page.locator(".handle.encoder .knob").all()
    picture = page.locator(".live-figure-panels > svg").first.bounding_box()
    (x, y), centre = middle_of(flank), middle_of(peak)[0]
    unit = abs(x - centre)
    for side in (1, -1):  # the pointer goes through the mean
        x, y = middle_of(flank)
        page.mouse.move(x, y)
        page.mouse.down()
        for sd in (1, 1.5, widest):
            page.mouse.move(centre + side * sd * unit, y, steps=9)
            painted(page)
            assert middle_of(flank)[0] == pytest.approx(centre + side * sd * unit, abs=4)
        page.mouse.up()
        assert picture["x"] <= middle_of(flank)[0] <= picture["x"] + picture["width"]


def test_only_the_main_button_drags_a_handle(open_page):
    page, _ = open_page(GaussianKL())
    before = printed(page.locator("figure"))
    x, y = middle_of(page.locator(".knob").last)
    page.mouse.move(x, y)
    page.mouse.down(button="right")
    page.mouse.move(x + 30, y, steps=3)
    page.mouse.up(button="right")
    painted(page)
    assert printed(page.locator("figure")) == before


@pytest.mark.parametrize("cls", [GaussianKL, ElboGap, Reparameterisation])
def test_a_finger_drags_a_handle_and_not_the_page(cls, open_page):
    page, _ = open_page(cls(), cls(), width=390, has_touch=True)
    for knob in page.locator("figure.live-figure").first.locator(".knob:visible").all():
        box = knob.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        swipe(page, [(x, y), (x + 9, y - 9), (x + 18, y - 18)])
        painted(page)
        moved = knob.bounding_box()
        assert min(abs(moved["x"] - box["x"] - 18), abs(moved["y"] - box["y"] + 18)) < 3
    assert page.evaluate("scrollY") == 0


@pytest.mark.parametrize("make", [ElboGap, MAKERS["LatentExplorer"]])
def test_a_finger_that_scrolls_the_page_leaves_sliders_alone(make, open_page):
    page, _ = open_page(make(), make(), width=360, has_touch=True)
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


def test_a_finger_moves_a_slider_by_a_tap_and_sideways(open_page):
    page, _ = open_page(GaussianKL(), GaussianKL(), width=360, has_touch=True)
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
    assert float(printed(figure)["mean"]) == pytest.approx(float(slider.input_value()) ** 2 / 2, abs=1e-3)
    slider.press("ArrowLeft")
    assert float(shown.inner_text()) == float(slider.input_value())
    assert page.evaluate("scrollY") == 0


@pytest.mark.parametrize("width", [320, 360, 430, 1000])
@every_figure
def test_printed_numbers_leave_a_gap(make, width, open_page):
    page, _ = open_page(make(), width=width)
    figure = page.locator("figure.live-figure")
    sliders = sliders_of(make()).values()
    for values in (
        [s.low for s in sliders],
        [s.high for s in sliders],
        [(s.low, s.high)[i % 2] for i, s in enumerate(sliders)],
    ):
        set_sliders(page, figure, values)
        boxes = [number.bounding_box() for number in figure.locator("[data-number]").all()]
        for left, right in itertools.pairwise(boxes):
            assert left["x"] + left["width"] + 6 <= right["x"] or left["y"] + left["height"] <= right["y"]


NEAR_THE_PRIOR_S_NAME = [(-2.5, 1.5, 3, 0.5), (0, 1.5, -3, 2), (0, 1.5, 0, 1), (0.5, 1.5, -3, 0.5), (1, -0.05, 3, 2)]


def test_no_handle_lies_on_the_name_of_the_prior(open_page):
    page, _ = open_page(ElboGap(), width=800)
    figure = page.locator("figure.live-figure")
    name, handles = figure.get_by_text("p(z)", exact=True), figure.locator(".handle.encoder .knob").all()
    for values in NEAR_THE_PRIOR_S_NAME:
        set_sliders(page, figure, values)
        box = name.bounding_box()
        for knob in (handle.bounding_box() for handle in handles):
            assert not all(box[a] - knob[b] < knob[a] < box[a] + box[b] for a, b in (("x", "width"), ("y", "height")))


SMALL_BENT = [(2, -4, -1.5, 0.5), (2, -4, 0, 2), (3, -4, 0, 2), (3, 1.5, 3, 2), (-2, -4, 1.5, 0)]


def test_no_name_of_a_density_lies_on_another(open_page):
    page, _ = open_page(ElboGap(), width=800)
    figure = page.locator("figure.live-figure")
    names = [figure.get_by_text(name, exact=True) for name in ("p(z)", "p(z | x)", "q(z)")]
    for values in SMALL_BENT:
        set_sliders(page, figure, values)
        boxes = [Bbox.from_bounds(*name.bounding_box().values()).padded(-1.5) for name in names]
        for one, other in itertools.combinations(boxes, 2):
            assert Bbox.intersection(one, other) is None, values


def test_in_a_crowd_a_numeral_goes_where_there_is_most_room(open_page):
    page, _ = open_page()
    module = read("common.js") + read("code_dots.js") + "export { amid };"
    found = page.evaluate(
        """async ([module, points, taken]) => {
            const { amid } = await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
            return [amid(points, []), amid(points, taken), amid(points, [[50, 0]])];
        }""",
        [module, [[0, 0], [4, 0], [8, 0], [9, 0]], [[3, 0], [-2, 0]]],
    )
    assert found == [[8, 0], [9, 0], [8, 0]]


DARK = "<style>html[data-theme=dark] { background: #121212 }</style>"


def luminance(colours):
    """Relative luminance, by WCAG, of sRGB colours (..., 3) from 0 to 255."""
    light = np.asarray(colours) / 255
    return np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    lights = luminance(one), luminance(other)
    return (np.maximum(*lights) + 0.05) / (np.minimum(*lights) + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_bars_stand_out_and_the_parts_of_the_kl_from_their_sum(theme, open_page):
    page, _ = open_page(GaussianKL(mu=2.0, logvar=-2.0), head=DARK, attributes=f'data-theme="{theme}"')
    inside = []
    for bar in page.locator(".bar").all():
        box = bar.bounding_box()
        clip = {"x": box["x"] - 6, "y": box["y"] + box["height"] / 2, "width": 20, "height": 1}
        ground, *others, last = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB"))[0]
        assert contrast(ground, others).max() >= 3
        inside.append(last)
    *parts, total = inside
    assert contrast(total, parts).min() >= 2


def test_sliders_can_be_seen_in_colours_that_the_system_forces(open_page):
    page, _ = open_page(GaussianKL(mu=0.0), forced_colors="active")
    slider = page.get_by_role("slider").first
    pixels = np.asarray(Image.open(io.BytesIO(slider.screenshot())).convert("RGB"))
    ground, along = pixels[2, 2], pixels[pixels.shape[0] // 2]
    assert contrast(ground, along[len(along) // 2]) >= 3
    assert contrast(ground, along[len(along) // 4]) >= 3


def test_numerals_of_classes_can_be_read(open_page, drawing_of):
    page, _ = open_page(MAKERS["LatentExplorer"](), draw_digit())
    fills = page.locator(".numeral").evaluate_all("all => all.map(e => getComputedStyle(e).fill)")
    colours = [[255 * float(part) for part in re.findall(r"\d?\.\d+|\d+", fill)] for fill in fills]
    assert contrast(colours, [255, 255, 255]).min() >= 4.5
    numerals = [text for ax in drawing_of(draw_digit()).axes for text in ax.texts if text.get_text().isdigit()]
    assert len(numerals) == 10
    for numeral in numerals:
        assert contrast(255 * np.array(numeral.get_color()), [255, 255, 255]) >= 4.5


def test_bars_of_a_still_picture_stand_out_too(drawing_of):
    *parts, total = drawing_of(GaussianKL()).axes[1].patches
    for bar in (*parts, total):
        colour = 255 * np.array(bar.get_edgecolor()[:3])
        assert bar.get_edgecolor()[3] == 1
        assert contrast(colour, [255, 255, 255]) >= 3
    assert {bar.get_facecolor()[3] for bar in parts} == {0.3}
    assert total.get_facecolor()[3] == 1


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


@pytest.mark.parametrize("make", [GaussianKL, ElboGap, Reparameterisation])
def test_one_above_the_other_panels_have_letters_of_one_size(make, open_page):
    page, _ = open_page(make(), width=390)
    first, second = page.locator(".live-figure-panels > svg").evaluate_all("all => all.map(e => e.getScreenCTM().a)")
    assert first == pytest.approx(second, rel=1e-3)


FILTERS = """all => all.map(element => {
    const filters = [];
    for (let e = element; e; e = e.parentElement) filters.push(getComputedStyle(e).filter);
    return filters.filter(filter => filter !== "none");
})"""


@pytest.mark.parametrize("make", [GaussianKL, MAKERS["LatentExplorer"]])
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
    assert pictures.count() > 2
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


class NoJavaScript(GaussianKL):
    _esm = "this is not JavaScript"


class ThrowsAtOnce(GaussianKL):
    _esm = read("common.js") + "function render() { throw new Error('at once'); }"


class ThrowsHalfway(GaussianKL):
    _esm = GaussianKL._esm.replace("return show(", "show(context, null); return (")


@pytest.mark.parametrize("cls", [NoJavaScript, ThrowsAtOnce, ThrowsHalfway])
def test_a_broken_module_leaves_the_still_picture(cls, open_page):
    page, troubles = open_page(cls(), GaussianKL(), begun=False)
    broken, whole = page.locator("figure.live-figure").all()
    expect(broken.locator("img")).to_be_visible()
    assert broken.locator("img").bounding_box()["height"] > 200
    assert broken.locator(".live-figure-view").count() == 0
    expect(whole.locator("img")).to_be_hidden()
    assert whole.locator("svg").count() > 0
    assert len(troubles) == 1


def test_without_javascript_there_is_a_still_picture_and_a_sentence(open_page):
    page, _ = open_page(GaussianKL(), begun=False, java_script_enabled=False)
    expect(page.locator("figure img")).to_be_visible()
    assert "JavaScript" in page.locator("noscript").text_content()  # which this browser parses as with JavaScript on


# In JupyterLab.

CELL = f"""\
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT / "tests")!r})
from live_figures import MAKERS, sliders_of

def watch(figure, name):
    sliders = sliders_of(figure)
    first, *others = sliders

    def record(change):
        if abs(change["new"] - change["old"]) < 1e-9:  # an ipywidgets slider rounds where it stands when it is drawn
            return
        Path(name).write_text(str(change["new"]))
        for other in others[:1]:
            setattr(figure, other, sliders[other].high)  # from Python to the browser

    figure.observe(record, first)
    if hasattr(figure, "drawing"):
        figure.observe(lambda change: Path("drawing").write_text(change["new"]), "drawing")

for name, make in MAKERS.items():
    figure = make()
    watch(figure, name)
    display(figure)
display(figure)
"""
LAB_SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"autoStartDefaultKernel": True, "windowingMode": "none"},
}
LAB_OPTIONS = ["--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token="]
PATIENCE = 60_000  # ms, of a busy machine


@pytest.fixture
def jupyterlab(tmp_path, for_a_kernel):
    """JupyterLab with settings of its own. Returns its address and the folder that it shows."""
    program = Path(sys.executable).with_name("jupyter-lab")
    if not program.exists():
        stop = pytest.fail if os.environ.get("VAE_LESSONS_REQUIRE_BROWSER") == "1" else pytest.skip
        stop("JupyterLab is not installed; the extra [lab] has it")
    for name, settings in LAB_SETTINGS.items():
        path = tmp_path / "config/lab/user-settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))
    root = tmp_path / "notebooks"
    root.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "run",
        "IPYTHONDIR": "ipython",
    }
    environment = os.environ | {name: str(tmp_path / folder) for name, folder in own.items()} | {"OMP_NUM_THREADS": "1"}
    command = [program, *LAB_OPTIONS, f"--port={port}", f"--ServerApp.root_dir={root}"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for_server(f"http://127.0.0.1:{port}/api", server, tmp_path / "log")
        yield f"http://127.0.0.1:{port}/lab/tree", root
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_for_server(address, server, log):
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(address)
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}", pytrace=False)


@pytest.fixture
def notebook(jupyterlab, browser):
    """A page with the cell above, run in JupyterLab."""
    address, root = jupyterlab
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    cells = [nbformat.v4.new_code_cell(CELL)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), root / "figures.ipynb")
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.set_default_timeout(PATIENCE)
    dialog = page.locator(".jp-Dialog")
    page.add_locator_handler(dialog, lambda: dialog.locator(".jp-mod-accept").click())
    page.goto(f"{address}/figures.ipynb")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    yield page
    page.close()


def test_in_jupyterlab_drawing_sliders_and_python_move_together(notebook, jupyterlab):
    page, (_, root) = notebook, jupyterlab
    outputs = page.locator(".jp-OutputArea-output:has(.live-figure-view)")
    expect(outputs.locator(".live-figure-view")).to_have_count(len(MAKERS) + 1, timeout=PATIENCE)  # the last one twice
    for i, (name, make) in enumerate(MAKERS.items()):
        output = outputs.nth(i)
        assert output.locator("input[type=range]").count() == 0
        before = output.locator(".live-figure-panels").inner_html()
        output.get_by_role("slider").first.focus()
        page.keyboard.press("ArrowRight")
        (first, slider), *others = sliders_of(make()).items()
        for _, other in others[:1]:
            end = f"{other.high:.{0 if other.step == 1 else 2}f}"
            expect(output.locator(".widget-readout").nth(1)).to_have_text(end, timeout=PATIENCE)
        assert float(text_of(root / name, page)) == pytest.approx(getattr(make(), first) + slider.step)
        assert output.locator(".live-figure-panels").inner_html() != before
    outputs.first.locator(".knob").last.hover()
    page.mouse.down()
    outputs.first.locator(".knob").first.hover()
    page.mouse.up()
    expect(outputs.first.locator(".widget-readout").first).not_to_have_text("1.05", timeout=PATIENCE)
    again = [outputs.nth(k).locator(".live-figure-panels").inner_html() for k in (len(MAKERS) - 1, len(MAKERS))]
    assert again[0] == again[1]


def text_of(path, page):
    """What Python has written there, once it has."""
    for _ in range(PATIENCE // 100):
        if path.exists() and path.read_text():
            return path.read_text()
        page.wait_for_timeout(100)
    pytest.fail(f"nothing was written to {path.name}", pytrace=False)


def test_in_jupyterlab_what_is_drawn_reaches_python_and_both_views(notebook, jupyterlab):
    page, (_, root) = notebook, jupyterlab
    outputs = page.locator(".jp-OutputArea-output:has(.drawing-pad)")
    expect(outputs).to_have_count(2, timeout=PATIENCE)
    outputs.first.locator(".paper").hover(position={"x": 60, "y": 50})
    page.mouse.down()
    outputs.first.locator(".paper").hover(position={"x": 90, "y": 150})
    page.mouse.up()
    assert len(text_of(root / "drawing", page)) == len(draw_digit()._images[0])
    expect(outputs.first.locator(".strokes path")).to_have_count(1)
    one, other = (output.locator("dl").inner_text() for output in outputs.all())
    assert one == other
    outputs.first.get_by_role("button", name="clear").click()
    expect(outputs.first.get_by_text("draw something")).to_be_visible(timeout=PATIENCE)
    expect(outputs.last.get_by_text("draw something")).to_be_visible(timeout=PATIENCE)


def test_in_jupyterlab_dragging_on_a_map_moves_the_sliders_and_python(notebook, jupyterlab):
    page, (_, root) = notebook, jupyterlab
    output = page.locator(".jp-OutputArea-output:has(.live-figure-models)").first
    output.locator(".pad").nth(1).click(position={"x": 30, "y": 30}, timeout=PATIENCE)
    readouts = output.locator(".widget-readout")
    expect(readouts.nth(1)).to_have_text("3.00", timeout=PATIENCE)  # Python has seen z1, and moved z2
    z1 = float(readouts.first.inner_text().replace("\N{MINUS SIGN}", "-"))
    assert z1 < -1
    assert float(text_of(root / "LatentExplorer", page)) == pytest.approx(z1)


def test_a_figure_begins_when_it_comes_near_what_is_seen_of_the_page(open_page):
    far = "<style>figure.live-figure { margin-bottom: 5000px !important }</style>"
    page, troubles = open_page(GaussianKL(), GaussianKL(mu=1.0), head=far, begun=False)
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


def test_what_is_read_stays_where_it_is_when_a_figure_above_it_begins(open_page):
    far = "<style>figure.live-figure { margin-top: 4000px !important }</style>"
    page, _ = open_page(ElboGap(), head=WITHOUT_ANCHORS + far, width=390, begun=False)
    still = page.locator("figure.live-figure").bounding_box()["height"]
    page.evaluate(READ_BELOW)
    page.locator(".live-figure-view").wait_for()
    painted(page)
    assert page.locator("figure.live-figure").bounding_box()["height"] > still + 100
    assert page.get_by_text("what is read").bounding_box()["y"] == pytest.approx(0, abs=1)
