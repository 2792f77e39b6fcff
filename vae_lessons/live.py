"""Is somebody there? What a live kernel shows, and a rendered page does not.

A page has nobody to drag a slider or to wait for a bar. The book's build sets
$VAE_LESSONS_STATIC; then sliders become still figures and bars are not drawn.
"""

import os
from collections.abc import Callable

from tqdm.auto import tqdm


def is_live() -> bool:
    """False while the book's pages are being made ($VAE_LESSONS_STATIC is set and not 0)."""
    return os.environ.get("VAE_LESSONS_STATIC", "") in ("", "0")


def progress_bar(total: int, description: str) -> tqdm:
    """A bar in a notebook or a terminal; none on a page, in a log file or in a pipe. A context manager."""
    # None, to tqdm, means: only where there is a terminal. Its notebook form always draws.
    return tqdm(total=total, desc=description, disable=None if is_live() else True, leave=False)


def explore(draw: Callable[..., None], **sliders: tuple[float, float, float]) -> None:
    """Call `draw` with numbers that the reader moves.

    Parameters
    ----------
    draw : a function that shows a figure, called with one number for each slider
    sliders : name=(lowest, highest, start) for each argument of `draw`

    In a live kernel: a float slider for each, and the figure drawn anew as they move. On a
    rendered page: the figure at the start values, and no control that would do nothing.

    Raises ValueError for a start outside its range.
    """
    for name, (low, high, start) in sliders.items():
        if not low <= start <= high:
            raise ValueError(f"{name} must start within [{low:.3g}, {high:.3g}], got {start:.3g}")
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
