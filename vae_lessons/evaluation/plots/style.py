"""The book's colours, its style of figures, and what figures of the latent plane share."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

STYLE = Path(__file__).with_name("lessons.mplstyle")
COLOURS = {
    "data": "#5b6478",
    "encoder": "#3f90da",
    "decoder": "#e76300",
    "prior": "#1b9097",
    "baseline": "#8a8030",
    "posterior": "#832db6",
}
# After Petroff (2021), with the light colours darkened: each has a contrast of at least 3 with the page, in light mode
# and, inverted, in dark mode.
CLASS_COLOURS = (
    "#3f90da", "#c07a00", "#bd1f01", "#5c8a6b", "#832db6",
    "#a0604e", "#e76300", "#8a8030", "#5b6478", "#1b9097",
)  # fmt: skip


def use_style() -> None:
    """Draw all figures from now on in the book's style, at double resolution in notebooks."""
    plt.style.use(STYLE)
    in_notebook = "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None
    if in_notebook:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina")


def new_axes(width: float = 7, height: float = 3.2) -> Axes:
    """Make axes of their own figure, `width` by `height` inches."""
    return plt.subplots(figsize=(width, height))[1]


def name_latent_axes(ax: Axes) -> None:
    """Label the axes of the latent plane."""
    ax.set(xlabel="$z_1$", ylabel="$z_2$")
