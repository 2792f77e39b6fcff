"""The live figures that tests make, what a test does to one in a browser, and what it then looks at.

Figures are discovered: where a figure's folder is gone, so is its maker here.
"""

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from pages import start_all
from playwright.sync_api import Locator, Page
from torch import Generator

from vae_lessons import VAE, Autoencoder, Bernoulli, Gaussian, ImageData, figures, fit, load_images
from vae_lessons.data import TensorData
from vae_lessons.data.graphs import Graph, LinkData, karate_club
from vae_lessons.figures.runtime.controls import Slider, controls_of
from vae_lessons.figures.runtime.widget import LiveFigure
from vae_lessons.models import (
    BetaVAE,
    Classifier,
    ConditionalVAE,
    Diffusion,
    GraphVAE,
    InnerProduct,
    MixtureDensityNetwork,
)
from vae_lessons.probability import RealGaussian

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
LESSONS_WITH_LIVE_FIGURES = [
    path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if "vae_lessons.figures" in path.read_text(encoding="utf-8")
]
ONLY_FOR_THE_EYE = {"test codes", "draws from q, not means"}  # switches that change the drawing, and no number
SET_SLIDERS = """([figure, values]) => {
    for (const [i, value] of values.entries()) {
        const input = figure.querySelectorAll("input[type=range]")[i];
        input.value = value;
        input.dispatchEvent(new Event("input"));
    }
}"""


@cache
def digits() -> ImageData:
    return load_images("digits")


@cache
def small_models(latent_dim: int = 2, epochs: int = 30) -> dict[str, Autoencoder | VAE]:
    """An autoencoder and two VAEs of the digits, by default trained for a moment."""
    sizes, seed = ((8, 8), latent_dim, (64, 32)), Generator().manual_seed(0)
    models = {
        "autoencoder": Autoencoder(*sizes, generator=seed),
        "MSE VAE": VAE(*sizes, likelihood=Gaussian(0.3), generator=seed),
        "BCE VAE": VAE(*sizes, likelihood=Bernoulli(), generator=seed),
    }
    for model in models.values():
        fit(model, digits(), epochs=epochs, seed=0, precision="float32")  # the same on every processor
    return models


def latent_explorer(**values: float | str) -> LiveFigure:
    return figures.LatentExplorer(small_models(), digits(), **values)


def interpolation(**values: float | str) -> LiveFigure:
    models = {name: small_models(latent_dim)[name] for name, latent_dim in (("autoencoder", 2), ("BCE VAE", 3))}
    return figures.Interpolation(models, digits(), **values)


def draw_digit(**values: float | str) -> LiveFigure:
    return figures.DrawDigit(small_models()["BCE VAE"], digits(), **values)


def active_units(**values: float) -> LiveFigure:
    return figures.ActiveUnits(digits(), **{"log_sigma": -1.0} | values)


NEED_DATA = {"ActiveUnits": active_units}


@cache
def small_sweep(betas: tuple[float, ...] = (0.25, 1.0, 8.0), epochs: int = 20) -> dict[float, BetaVAE]:
    """VAEs of the digits by their β, trained for a moment."""
    models = {}
    for beta in betas:
        models[beta] = BetaVAE(
            (8, 8), 2, (32,), likelihood=Bernoulli(), beta=beta, generator=Generator().manual_seed(0)
        )
        fit(models[beta], digits(), epochs=epochs, seed=0, precision="float32")
    return models


def rate_distortion(**values: float | str) -> LiveFigure:
    return figures.RateDistortion(small_sweep(), digits(), **{"beta": 0.25} | values)


@cache
def amortised(*names: str) -> dict[str, ConditionalVAE | MixtureDensityNetwork]:
    """Models of the parameters of two moons, none of them trained: all, or those with these names."""
    seed, likelihood = Generator().manual_seed(0), RealGaussian(0.1)
    sizes = ((1, 2), 2, 2, (16,))
    models = {
        "CVAE": ConditionalVAE(*sizes, likelihood=likelihood, generator=seed),
        "CVAE, learned prior": ConditionalVAE(*sizes, likelihood=likelihood, conditional_prior=True, generator=seed),
        "mixture density": MixtureDensityNetwork(2, 2, 4, (16,), generator=seed),
    }
    return {name: models[name] for name in names or models}


def simulator_posterior(**values: float | str) -> LiveFigure:
    return figures.SimulatorPosterior(amortised("CVAE, learned prior", "mixture density"), **values)


@cache
def small_graph() -> tuple[GraphVAE, Graph, LinkData]:
    """A graph VAE that is not trained, the karate club, and the club without a tenth of its links."""
    graph = karate_club()
    model = GraphVAE(34, 2, (16,), decoder=InnerProduct(intercept=True), generator=Generator().manual_seed(0))
    with torch.no_grad():
        model.decoder.intercept.fill_(-1.0)
        model.encoder.weights[0].mul_(3)
    return model, graph, graph.hold_out(0.1, Generator().manual_seed(0))


def graph_plane(**values: float | str) -> LiveFigure:
    return figures.GraphPlane(*small_graph(), **values)


@cache
def small_classifier() -> Classifier:
    """A classifier of the digits, trained for a moment."""
    classifier = Classifier((8, 8), hidden=(32,), generator=Generator().manual_seed(0))
    fit(classifier, digits(), epochs=20, seed=0, precision="float32")
    return classifier


@cache
def small_conditional(latent_dim: int = 3, conditional_prior: bool = False) -> ConditionalVAE:
    """A VAE of the digits given their classes, trained for a moment."""
    options = {"conditional_prior": conditional_prior, "generator": Generator().manual_seed(0)}
    model = ConditionalVAE((8, 8), latent_dim, 10, (64,), likelihood=Bernoulli(), **options)
    fit(model, digits(), epochs=30, seed=0, precision="float32")
    return model


def conditional_digits(**values: float | str) -> LiveFigure:
    return figures.ConditionalDigits(small_conditional(), small_classifier(), digits(), **{"label": 3} | values)


def ring(n: int = 200, seed: int = 0) -> torch.Tensor:
    """Points around eight places on a circle."""
    generator = Generator().manual_seed(seed)
    angles = torch.randint(8, (n,), generator=generator) * (math.pi / 4)
    return 1.4 * torch.stack([angles.cos(), angles.sin()], dim=1) + 0.15 * torch.randn(n, 2, generator=generator)


@cache
def small_diffusion() -> Diffusion:
    """A diffusion model of the ring, trained for a moment."""
    model = Diffusion((2,), (64, 64), likelihood=Gaussian(0.05), generator=Generator().manual_seed(0))
    data = TensorData("ring", train=(ring(2000, seed=1),), test=(ring(),))
    fit(model, data, epochs=20, seed=0, precision="float32", start_at_mean=False)
    return model


def diffusion_steps(**values: float | str) -> LiveFigure:
    options = {"choices": (1, 5, 20, 40), "steps": 20} | values
    return figures.DiffusionSteps(small_diffusion(), ring(), **options)


NEED_MODELS = {
    "DiffusionSteps": diffusion_steps,
    "ConditionalDigits": conditional_digits,
    "LatentExplorer": latent_explorer,
    "Interpolation": interpolation,
    "DrawDigit": draw_digit,
    "RateDistortion": rate_distortion,
    "SimulatorPosterior": simulator_posterior,
    "GraphPlane": graph_plane,
}
# What makes each figure, given values of its controls.
MAKERS = {
    name: (NEED_DATA | NEED_MODELS).get(name, getattr(figures, name))
    for name in figures.__all__
    if issubclass(getattr(figures, name), LiveFigure)  # the playground has tests of its own
}


def html_of(figure: LiveFigure) -> str:
    """What a page gets: only while $VAE_LESSONS_STATIC is set."""
    return figure._repr_mimebundle_()[0]["text/html"]


def grid(figure: LiveFigure, points: int = 3) -> Iterator[dict[str, float]]:
    """Values of all sliders, their ends included."""
    sliders = sliders_of(figure)
    places = [places_of(slider, points) for slider in sliders.values()]
    for values in itertools.product(*places):
        yield dict(zip(sliders, values, strict=True))


def places_of(slider: Slider, points: int) -> list[float]:
    """Some places of a slider from its low to its high end."""
    if slider.values:
        return [slider.values[i] for i in np.linspace(0, len(slider.values) - 1, points).round().astype(int)]
    return np.linspace(slider.low, slider.high, points).round(0 if slider.step == 1 else 6).tolist()


def ends_of(slider: Slider) -> tuple[float, float]:
    """The ends of a slider's input on a page."""
    return (0, len(slider.values) - 1) if slider.values else (slider.low, slider.high)


def next_place(slider: Slider, value: float) -> float:
    """Where a slider is after a step to the right."""
    return slider.values[slider.values.index(value) + 1] if slider.values else value + slider.step


def sliders_of(figure: LiveFigure) -> dict[str, Slider]:
    return {name: control for name, control in controls_of(figure).items() if isinstance(control, Slider)}


def set_sliders(page: Page, figure: Locator, values: Sequence[float]) -> None:
    """Put all sliders of a figure at these values, in their order; one that goes through values is put at a number."""
    page.evaluate(SET_SLIDERS, [figure.element_handle(), list(values)])
    painted(page)


def painted(page: Page) -> None:
    """Wait until what was changed has been drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def printed(figure: Locator) -> dict[str, str]:
    """The numbers on the page, as text by name."""
    texts = figure.locator("[data-number]").evaluate_all("all => all.map(e => [e.dataset.number, e.textContent])")
    return {name: text.replace("\N{MINUS SIGN}", "-") for name, text in texts}


def swipe(page: Page, points: Sequence[tuple[float, float]]) -> None:
    """Put a finger on the page at the first point, lead it through the others, and lift it."""
    session = page.context.new_cdp_session(page)
    for i, (x, y) in enumerate(points):
        kind = "touchMove" if i else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()


def scrolled(page: Page, by: int) -> None:
    """Wait until the page has been scrolled down by some pixels or more, and has come to rest."""
    page.wait_for_function("by => scrollY >= by", arg=by)
    page.evaluate("() => new Promise(done => setTimeout(done, 300))")


def drawn(figure: Locator) -> bytes:
    return figure.locator(".live-figure-panels").screenshot()


def assert_moves(page: Page, figure: Locator, control: Locator) -> None:
    """A control, moved by key, changes the drawing and a number of its figure, and nothing of another one.

    Those that are only for the eye change the drawing alone.
    """
    others = [
        f for f in page.locator("figure.live-figure").all() if f.get_attribute("id") != figure.get_attribute("id")
    ]
    picture, numbers, elsewhere = drawn(figure), printed(figure), [printed(other) for other in others]
    control.focus()
    is_slider = control.get_attribute("type") == "range"
    at_end = is_slider and control.input_value() == control.get_attribute("max")
    for _ in range(10 if is_slider else 1):  # a small step may not show in a rounded number
        page.keyboard.press("Space" if not is_slider else "ArrowLeft" if at_end else "ArrowRight")
        painted(page)
        if printed(figure) != numbers:
            break
    assert drawn(figure) != picture
    assert (printed(figure) == numbers) == (control.locator("xpath=..").inner_text() in ONLY_FOR_THE_EYE)
    assert [printed(other) for other in others] == elsewhere


def assert_every_control_moves(page: Page, figure: Locator) -> None:
    """Sliders and buttons first, then switches, then what these have brought out: none is passed over."""
    start_all(page)
    controls = figure.locator(".live-figure-controls :is(input, button)").all()
    moved = set()
    for turn in ("before", "switches", "after"):
        for i, control in enumerate(controls):
            is_switch = control.get_attribute("type") == "checkbox"
            if is_switch == (turn == "switches") and control.is_visible():
                assert_moves(page, figure, control)
                moved.add(i)
    assert moved == set(range(len(controls))) != set()


def assert_adds_up(figure: Locator) -> None:
    """What a figure prints as a sum is one, to the last digit that is printed."""
    texts = printed(figure)
    assert "-0.000" not in texts.values()
    n = {name: Decimal(text) for name, text in texts.items()}
    if "mean" in n:
        assert n["mean"] + n["spread"] + n["logarithm"] == n["kl"]
    else:
        assert n["reconstruction"] - n["kl"] == n["elbo"]
        assert n["elbo"] + n["gap"] == n["log_evidence"]
        assert n["gap"] >= 0


def middle_of(element: Locator) -> tuple[float, float]:
    """Where on the page the middle of an element is."""
    box = element.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def assert_handles_follow_the_mouse(page: Page, count: int) -> None:
    """Each of `count` handles moves one slider, and stays with the pointer."""
    figure, knobs = page.locator("figure.live-figure"), page.locator(".knob:visible")
    assert knobs.count() == count
    for i in range(count):
        before = figure.locator(".live-figure-value").all_inner_texts()
        x, y = middle_of(knobs.nth(i))
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 18, y + 18, steps=4)
        page.mouse.up()
        painted(page)
        after = figure.locator(".live-figure-value").all_inner_texts()
        assert sum(a != b for a, b in zip(after, before, strict=True)) == 1
        across, down = middle_of(knobs.nth(i))
        assert max(abs(across - x - 18), abs(down - y - 18)) > 0
        assert min(abs(across - x - 18), abs(down - y - 18)) < 3


def assert_handles_follow_a_finger(page: Page) -> None:
    """Each handle of the first figure on a page stays with a finger, and the page does not scroll."""
    for knob in page.locator("figure.live-figure").first.locator(".knob:visible").all():
        x, y = middle_of(knob)
        swipe(page, [(x, y), (x + 9, y - 9), (x + 18, y - 18)])
        painted(page)
        across, down = middle_of(knob)
        assert min(abs(across - x - 18), abs(down - y + 18)) < 3
    assert page.evaluate("scrollY") == 0


def assert_spread_stays_with_the_pointer(page: Page, widest: float) -> None:
    """The handle of σ goes through the mean with the pointer, and is in the picture when it is let go."""
    flank, peak = page.locator(".handle.encoder .knob").all()
    picture = page.locator(".live-figure-panels > svg").first.bounding_box()
    (x, y), centre = middle_of(flank), middle_of(peak)[0]
    unit = abs(x - centre)
    for side in (1, -1):
        x, y = middle_of(flank)
        page.mouse.move(x, y)
        page.mouse.down()
        for sd in (1, 1.5, widest):
            page.mouse.move(centre + side * sd * unit, y, steps=9)
            painted(page)
            assert math.isclose(middle_of(flank)[0], centre + side * sd * unit, abs_tol=4)
        page.mouse.up()
        assert picture["x"] <= middle_of(flank)[0] <= picture["x"] + picture["width"]


def assert_sums_hold_everywhere(page: Page, figure: LiveFigure) -> None:
    """What the page prints adds up at all corners of the sliders, and at forty places between."""
    sliders = list(controls_of(figure).values())
    corners = itertools.product(*[(slider.low, slider.high) for slider in sliders])
    generator = np.random.default_rng(0)
    inside = generator.uniform([s.low for s in sliders], [s.high for s in sliders], size=(40, len(sliders))).tolist()
    for values in [*corners, *inside]:
        set_sliders(page, page.locator("figure.live-figure"), values)
        assert_adds_up(page.locator("figure.live-figure"))


def numbers_below(drawing: Figure) -> list[float]:
    """The numbers printed below a still picture."""
    below = drawing.get_supxlabel().replace("\N{MINUS SIGN}", "-")
    return [float(text) for text in re.findall(r"-?\d+\.\d\d+", below)]


def luminance(colours: Sequence) -> np.ndarray:
    """Relative luminance, by WCAG, of sRGB colours (..., 3) from 0 to 255."""
    light = np.asarray(colours) / 255
    return np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def contrast(one: Sequence, other: Sequence) -> np.ndarray:
    """Contrast ratio, by WCAG, of sRGB colours."""
    first, second = luminance(one), luminance(other)
    return (np.maximum(first, second) + 0.05) / (np.minimum(first, second) + 0.05)
