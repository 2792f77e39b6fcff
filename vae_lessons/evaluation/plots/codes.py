"""Codes in the latent plane, with their classes."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from vae_lessons.evaluation.plots.style import CLASS_COLOURS, name_latent_axes, new_axes
from vae_lessons.validation import check_finite, check_tensors


def plot_codes(codes: Tensor, labels: Tensor, ax: Axes | None = None) -> Axes:
    """Plot two-dimensional codes (M, 2), each as the numeral of its label (M,) in its class's colour.

    Raises ValueError for codes that are not (M, 2) or not finite, and for a different number of labels; TypeError for
    what is not a tensor.
    """
    codes, labels = _plane(codes, labels)
    ax = ax or new_axes(6.5, 6)
    for label in labels.unique().tolist():
        z = codes[labels == label]
        ax.scatter(z[:, 0], z[:, 1], s=26, marker=f"${label}$", color=CLASS_COLOURS[label % 10], lw=0, rasterized=True)
    name_latent_axes(ax)
    return ax


def plot_codes_by_class(codes: Tensor, labels: Tensor) -> np.ndarray:
    """Plot codes (M, 2) in one panel per class, at least ten: that class in colour, others in grey. Returns the axes.

    Raises as `plot_codes`.
    """
    codes, labels = _plane(codes, labels)
    n_rows = -(-max(10, *(labels + 1).tolist()) // 5)
    _, axes = plt.subplots(n_rows, 5, figsize=(7, 1.7 * n_rows), sharex=True, sharey=True)
    for label, ax in enumerate(axes.flat):
        z = codes[labels == label]
        ax.scatter(*codes.T, s=1, color="#d5d5d5", lw=0, rasterized=True)
        ax.scatter(*z.T, s=2.5, color=CLASS_COLOURS[label % 10], lw=0, rasterized=True)
        ax.text(0.04, 0.96, str(label), transform=ax.transAxes, va="top", weight="bold")
        ax.set(xticks=[], yticks=[])
    return axes


def _plane(codes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Detach codes (M, 2) and labels (M,), on the CPU; TypeError or ValueError for what is not in the plane."""
    check_tensors(codes=codes, labels=labels)
    if codes.dim() != 2 or codes.shape[1] != 2:
        raise ValueError(f"codes must have shape (M, 2) to be plotted in the plane, got {tuple(codes.shape)}")
    if labels.shape != codes.shape[:1]:
        raise ValueError(f"labels must be one for each of {len(codes)} codes, got shape {tuple(labels.shape)}")
    check_finite("codes", codes, "code")
    return codes.detach().cpu(), labels.cpu()
