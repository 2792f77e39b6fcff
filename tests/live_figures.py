"""What a test does to a live figure in a browser, and what it then looks at."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from playwright.sync_api import Locator, Page

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
LESSONS_WITH_LIVE_FIGURES = [
    path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if "vae_lessons.explorables" in path.read_text(encoding="utf-8")
]
SET_SLIDERS = """([figure, values]) => {
    for (const [i, value] of values.entries()) {
        const input = figure.querySelectorAll("input[type=range]")[i];
        input.value = value;
        input.dispatchEvent(new Event("input"));
    }
}"""


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


def drawn(figure: Locator) -> bytes:
    return figure.locator(".explorable-panels").screenshot()


def assert_moves(page: Page, figure: Locator, control: Locator) -> None:
    """A control, moved by key, changes the drawing and a number of its figure, and nothing of another one."""
    others = [f for f in page.locator("figure.explorable").all() if f.get_attribute("id") != figure.get_attribute("id")]
    picture, numbers, elsewhere = drawn(figure), printed(figure), [printed(other) for other in others]
    control.focus()
    page.keyboard.press("ArrowRight" if control.get_attribute("type") == "range" else "Space")
    painted(page)
    assert drawn(figure) != picture
    assert printed(figure) != numbers
    assert [printed(other) for other in others] == elsewhere


def assert_every_control_moves(page: Page, figure: Locator) -> None:
    """Sliders and buttons first, then switches, then what these have brought out: none is passed over."""
    controls = figure.locator(".explorable-controls :is(input, button)").all()
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
