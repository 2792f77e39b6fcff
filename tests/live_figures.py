"""The live figures that tests make, what a test does to one in a browser, and what it then looks at."""

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path

from playwright.sync_api import Locator, Page
from torch import Generator

from vae_lessons import VAE, Autoencoder, Bernoulli, Gaussian, ImageData, fit, load_images
from vae_lessons.figures import DrawDigit, ElboGap, GaussianKL, Interpolation, LatentExplorer, Reparameterisation
from vae_lessons.figures.runtime.controls import Slider, controls_of
from vae_lessons.figures.runtime.widget import LiveFigure

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
LESSONS_WITH_LIVE_FIGURES = [
    path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if "vae_lessons.figures" in path.read_text(encoding="utf-8")
]
ONLY_FOR_THE_EYE = {"test codes"}  # switches that hide a part of the drawing, and change no number
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


def latent_explorer(**values: float | str) -> LatentExplorer:
    return LatentExplorer(small_models(), digits(), **values)


def interpolation(**values: float | str) -> Interpolation:
    models = {name: small_models(latent_dim)[name] for name, latent_dim in (("autoencoder", 2), ("BCE VAE", 3))}
    return Interpolation(models, digits(), **values)


def draw_digit(**values: float | str) -> DrawDigit:
    return DrawDigit(small_models()["BCE VAE"], digits(), **values)


# What makes each figure, given values of its controls.
MAKERS = {
    "GaussianKL": GaussianKL,
    "ElboGap": ElboGap,
    "Reparameterisation": Reparameterisation,
    "LatentExplorer": latent_explorer,
    "Interpolation": interpolation,
    "DrawDigit": draw_digit,
}


def sliders_of(figure: LiveFigure) -> dict[str, Slider]:
    return {name: control for name, control in controls_of(figure).items() if isinstance(control, Slider)}


def set_sliders(page: Page, figure: Locator, values: Sequence[float]) -> None:
    """Put all sliders of a figure where they are told, in their order."""
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


def start_all(page: Page) -> None:
    """Begin every figure, each of which waits to come near what is seen of the page; then go back to its top."""
    for figure in page.locator("figure.live-figure").all():
        figure.scroll_into_view_if_needed()
        figure.locator(".live-figure-view").wait_for()
    page.evaluate("scrollTo(0, 0)")


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
    page.keyboard.press("ArrowRight" if control.get_attribute("type") == "range" else "Space")
    painted(page)
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
    if "kl" in n:
        assert n["mean"] + n["spread"] + n["logarithm"] == n["kl"]
    else:
        assert n["fit"] - n["rate"] == n["elbo"]
        assert n["elbo"] + n["gap"] == n["log_evidence"]
        assert n["gap"] >= 0
