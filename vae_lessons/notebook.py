"""What a live notebook shows and a rendered page does not: progress bars and sliders.

The book's build sets $VAE_LESSONS_STATIC; then sliders become still figures and bars are not drawn.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from numbers import Real
from typing import Any

from tqdm.auto import tqdm
from tqdm.notebook import tqdm_notebook

NOTHING = {"text/plain": ""}


def is_live() -> bool:
    """Whether a reader can move things: False while the book is built ($VAE_LESSONS_STATIC is set and not 0)."""
    return os.environ.get("VAE_LESSONS_STATIC", "") in ("", "0")


@contextmanager
def progress_bar(total: int, description: str) -> Iterator[tqdm]:
    """Show a bar in a notebook or a terminal until the work is done; none on a page, in a log file or in a pipe."""
    in_notebook = is_live() and issubclass(tqdm, tqdm_notebook)
    how = {"display": False} if in_notebook else {}
    # disable=None lets tqdm draw only in a terminal; its notebook form always draws.
    with (
        tqdm(total=total, desc=description, disable=None if is_live() else True, leave=False, **how) as bar,
        _shown_meanwhile(bar.container) if in_notebook else nullcontext(),
    ):
        yield bar


@contextmanager
def _shown_meanwhile(widget: Any) -> Iterator[None]:
    """Show a widget, then remove it: in a saved notebook it would show as an error, its model not found."""
    from IPython.display import display

    place = display(widget, display_id=True)
    try:
        yield
    finally:
        place.update(NOTHING, raw=True)


def explore(draw: Callable[..., None], **sliders: tuple[float, float, float]) -> None:
    """Call `draw` with numbers that the reader sets by sliders.

    In a live kernel the figure is drawn again whenever a slider moves. On a rendered page it is drawn at the start
    values, without sliders.

    Parameters
    ----------
    draw : callable
        Shows a figure; called with one number for each slider.
    **sliders : (lowest, highest, start)
        A slider for each argument of `draw`.

    Raises
    ------
    ValueError
        For what is not three numbers, and for a start outside its range.
    """
    for name, numbers in sliders.items():
        _check_slider(name, numbers)
    if not is_live():
        draw(**{name: start for name, (_, _, start) in sliders.items()})
        return
    import ipywidgets
    from IPython.display import display

    controls = {
        name: ipywidgets.FloatSlider(
            value=start, min=low, max=high, step=(high - low) / 200, description=name, readout_format=".2f"
        )
        for name, (low, high, start) in sliders.items()
    }
    figure = ipywidgets.interactive_output(draw, controls)
    display(ipywidgets.VBox([*controls.values(), figure]))


def _check_slider(name: str, numbers: object) -> None:
    three = isinstance(numbers, tuple | list) and len(numbers) == 3
    if not three or not all(isinstance(number, Real) for number in numbers):
        raise ValueError(f"{name} must be three numbers, (lowest, highest, start), got {numbers!r}")
    low, high, start = numbers
    if not low <= start <= high:
        raise ValueError(f"{name} must start within [{low:.3g}, {high:.3g}], got {start:.3g}")
