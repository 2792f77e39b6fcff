"""The figures of the lessons, in one style. Each function draws on `ax`, new axes by default, and returns it.

A colour means the same thing throughout the book: see `COLOURS`. Ink is dark on a transparent background, which the
book's style sheet inverts in dark mode. Classes are drawn as numerals as well as in colour, for readers who cannot
distinguish the colours.
"""

from vae_lessons.evaluation.plots.codes import plot_codes, plot_codes_by_class
from vae_lessons.evaluation.plots.estimates import plot_estimates
from vae_lessons.evaluation.plots.images import GAP, INK, show_grid, show_images
from vae_lessons.evaluation.plots.posterior import plot_posterior
from vae_lessons.evaluation.plots.style import CLASS_COLOURS, COLOURS, STYLE, use_style

__all__ = [
    "CLASS_COLOURS",
    "COLOURS",
    "GAP",
    "INK",
    "STYLE",
    "plot_codes",
    "plot_codes_by_class",
    "plot_estimates",
    "plot_posterior",
    "show_grid",
    "show_images",
    "use_style",
]
