"""Quantities of several models, with their standard errors."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from vae_lessons.evaluation.metrics import Estimate
from vae_lessons.evaluation.plots.style import CLASS_COLOURS

MODEL_MARKERS = "osDv^"


def plot_estimates(estimates: Mapping[str, Mapping[str, Estimate]]) -> np.ndarray:
    """Plot several quantities of several models, a panel and a scale for each quantity. Returns the array of axes.

    A dot is a mean, and its bar two standard errors to each side. Models differ in marker and colour and keep their
    order from top to bottom. Raises ValueError for no quantity.
    """
    if not estimates:
        raise ValueError("estimates must hold at least one quantity, got none")
    names = list(next(iter(estimates.values())))
    n_columns = min(2, len(estimates))
    n_rows = -(-len(estimates) // n_columns)
    height = 0.45 + 0.12 * len(names)  # inches for each panel
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(7, 0.4 + n_rows * height), squeeze=False)
    for ax, (quantity, of_models) in zip(axes.flat, estimates.items(), strict=False):
        for row, name in enumerate(names):
            value, error = of_models[name].value, of_models[name].error
            style = {"fmt": MODEL_MARKERS[row % len(MODEL_MARKERS)], "color": CLASS_COLOURS[row % len(CLASS_COLOURS)]}
            ax.errorbar(value, row, xerr=2 * error, ms=6, label=name, **style)
        ax.set_title(quantity, loc="left", fontsize="medium")
        ax.set(yticks=[], ylim=(len(names) - 0.3, -0.7))
        ax.spines["left"].set_visible(False)
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.tick_params(labelsize="small")
    for ax in list(axes.flat)[len(estimates) :]:
        ax.set_axis_off()
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=len(names))
    return axes
