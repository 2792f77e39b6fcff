"""The figures of the lessons, in one style. Each function draws on `ax`, new axes by default, and returns it.

A colour means the same thing throughout the book: see `COLOURS`. Ink is dark on a transparent background, which the
book's style sheet inverts in dark mode. Classes are drawn as numerals as well as in colour, for readers who cannot
distinguish the colours.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse
from matplotlib.ticker import MaxNLocator
from torch import Tensor
from torch.nn.functional import pad

from vae_lessons.evaluation.metrics import Estimate
from vae_lessons.validation import check_finite, check_int, check_tensors

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
MODEL_MARKERS = "osDv"
INK = {"cmap": "gray_r", "interpolation": "nearest", "vmin": 0, "vmax": 1}  # 0 is paper, 1 is ink
GAP = 1  # pixels between two images
ROUNDING = 1e-3  # nobody sees a pixel that leaves [0, 1] by less


def use_style() -> None:
    """Draw all figures from now on in the book's style, at double resolution in notebooks."""
    plt.style.use(STYLE)
    in_notebook = "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None
    if in_notebook:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina")


def show_images(
    images: Tensor, n_columns: int = 10, row_labels: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Show images side by side, all on one scale: 0 is paper, 1 is ink.

    Parameters
    ----------
    images : Tensor, (M, H, W)
        Pixels in [0, 1].
    n_columns : int
        Images in a row.
    row_labels : sequence of str, optional
        One label for each row.
    ax : Axes, optional

    Raises
    ------
    ValueError
        For pixels that are not finite or not in [0, 1], for a number of labels other than that of rows, and for shapes
        that do not fit.
    TypeError
        For what is not a tensor.
    """
    _check_images(images, "(M, H, W)")
    n_columns = check_int("n_columns", n_columns)
    count, height, width = images.shape
    n_rows = -(-count // n_columns)
    if row_labels is not None and len(row_labels) != n_rows:
        raise ValueError(f"row_labels must be {n_rows}, one for each row of {n_columns}, got {len(row_labels)}")
    sheet = torch.full((n_rows * (height + GAP) - GAP, n_columns * (width + GAP) - GAP), torch.nan)
    for i, image in enumerate(images.detach().cpu()):
        row, column = divmod(i, n_columns)
        top, left = row * (height + GAP), column * (width + GAP)
        sheet[top : top + height, left : left + width] = image
    ax = ax or _axes(7, 7 * sheet.shape[0] / sheet.shape[1])
    ax.imshow(sheet.numpy(), **INK)
    ax.set(xticks=[], yticks=[])
    if row_labels is not None:
        ax.set_yticks([row * (height + GAP) + (height - 1) / 2 for row in range(n_rows)], row_labels)
        ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def plot_codes(codes: Tensor, labels: Tensor, ax: Axes | None = None) -> Axes:
    """Plot two-dimensional codes (M, 2), each as the numeral of its label (M,) in its class's colour.

    Raises ValueError for codes that are not (M, 2) or not finite, and for a different number of labels; TypeError for
    what is not a tensor.
    """
    codes, labels = _plane(codes, labels)
    ax = ax or _axes(6.5, 6)
    for label in labels.unique().tolist():
        z = codes[labels == label]
        ax.scatter(z[:, 0], z[:, 1], s=26, marker=f"${label}$", color=CLASS_COLOURS[label % 10], lw=0, rasterized=True)
    _name_latent_axes(ax)
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


def show_grid(images: Tensor, corner: Tensor, opposite: Tensor, ax: Axes | None = None) -> Axes:
    """Show a grid of decoded images, each where its code is: rows go up in z₂, columns right in z₁.

    Parameters
    ----------
    images : Tensor, (N, N, H, W)
        Pixels in [0, 1].
    corner, opposite : Tensor, (2,)
        Codes of images[0, 0] and images[-1, -1].
    ax : Axes, optional

    Raises
    ------
    ValueError
        For pixels that are not finite or not in [0, 1], and for what is not a square grid of at least 2 by 2.
    TypeError
        For what is not a tensor.
    """
    _check_images(images, "(N, N, H, W)")
    n, n_columns, height, width = images.shape
    if n < 2 or n != n_columns:
        raise ValueError(f"images must be a grid of at least 2 by 2, got shape {tuple(images.shape)}")
    spaced = pad(images.detach().cpu(), (GAP, GAP, GAP, GAP))
    sheet = spaced.flip(0).transpose(1, 2).reshape(n * (height + 2 * GAP), n * (width + 2 * GAP))
    margin = (opposite - corner) / (n - 1) / 2  # codes are at the centres of their images
    (left, bottom), (right, top) = (corner - margin).tolist(), (opposite + margin).tolist()
    ax = ax or _axes(6.5, 6.5)
    ax.imshow(sheet.numpy(), **INK, extent=(left, right, bottom, top), aspect="auto")
    _name_latent_axes(ax)
    return ax


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


def plot_posterior(points: Tensor, log_density: Tensor, mu: Tensor, logvar: Tensor, ax: Axes | None = None) -> Axes:
    """Plot a density over the plane, filled, and the Gaussian N(mu, diag σ²) as ellipses.

    Both are drawn as the smallest regions that hold 39 % and 86 % of the probability: one and two standard deviations
    of a Gaussian in two dimensions.

    Parameters
    ----------
    points : Tensor, (G, 2)
        A square grid, the first coordinate varying slowest, as in a `GridDensity`.
    log_density : Tensor, (G,)
    mu, logvar : Tensor, (2,)
    ax : Axes, optional

    Raises
    ------
    ValueError
        For other shapes, such as those for several images.
    TypeError
        For what is not a tensor.
    """
    tensors = {"points": points, "log_density": log_density, "mu": mu, "logvar": logvar}
    check_tensors(**tensors)
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    if list(shapes.values()) != [(len(points), 2), (len(points),), (2,), (2,)]:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"points must be (G, 2), log_density (G,), mu and logvar (2,), of one image, got {found}")
    points, log_density, mu, logvar = (value.detach().cpu() for value in tensors.values())
    ax = ax or _axes(4.5, 4)
    n = math.isqrt(len(points))
    density = log_density.exp()
    falling = density.sort(descending=True).values
    mass = falling.cumsum(dim=0) / falling.sum()
    levels = [float(falling[(mass < 1 - math.exp(-(radius**2) / 2)).sum()]) for radius in (2, 1)]
    z1, z2 = points.view(n, n, 2)[:, 0, 0], points.view(n, n, 2)[0, :, 1]
    height = density.view(n, n).T
    ax.contourf(z1, z2, height, [*levels, float(falling[0])], colors=COLOURS["posterior"], alpha=0.3)
    ax.contour(z1, z2, height, levels, colors=COLOURS["posterior"], linewidths=1)
    deviation = torch.exp(0.5 * logvar)
    for radius in (1, 2):
        diameters = (2 * radius * deviation).tolist()
        ax.add_patch(Ellipse(mu.tolist(), *diameters, fill=False, color=COLOURS["encoder"], lw=1.5))
    ax.plot(*mu.tolist(), "+", color=COLOURS["encoder"])
    shown = torch.cat([points[density >= levels[0]], torch.stack([mu - 2 * deviation, mu + 2 * deviation])])
    cell = points.view(n, n, 2)[1, 1] - points[0]  # outlines reach up to a cell beyond the points inside
    margin = torch.maximum(0.08 * (shown.amax(dim=0) - shown.amin(dim=0)), cell)
    (left, bottom), (right, top) = (shown.amin(dim=0) - margin).tolist(), (shown.amax(dim=0) + margin).tolist()
    ax.set(xlim=(left, right), ylim=(bottom, top))
    _name_latent_axes(ax)
    return ax


def _check_images(images: Tensor, shape: str) -> None:
    check_tensors(images=images)
    if images.dim() != len(shape.split()) or not images.numel():
        hint = ": images[None] is a batch of one" if images.dim() == 2 else ""
        raise ValueError(f"images must have shape {shape}, got {tuple(images.shape)}{hint}")
    check_finite("images", images, "image")
    low, high = (float(end) for end in images.detach().aminmax())
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise ValueError(
            f"images must lie in [0, 1], 0 paper and 1 ink, got pixels from {low:.3g} to {high:.3g}: divide bytes by "
            "255, and clamp(0, 1) what may leave the range"
        )


def _plane(codes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Detach codes (M, 2) and labels (M,), on the CPU; TypeError or ValueError for what is not in the plane."""
    check_tensors(codes=codes, labels=labels)
    if codes.dim() != 2 or codes.shape[1] != 2:
        raise ValueError(f"codes must have shape (M, 2) to be plotted in the plane, got {tuple(codes.shape)}")
    if labels.shape != codes.shape[:1]:
        raise ValueError(f"labels must be one for each of {len(codes)} codes, got shape {tuple(labels.shape)}")
    check_finite("codes", codes, "code")
    return codes.detach().cpu(), labels.cpu()


def _axes(width: float = 7, height: float = 3.2) -> Axes:
    return plt.subplots(figsize=(width, height))[1]


def _name_latent_axes(ax: Axes) -> None:
    ax.set(xlabel="$z_1$", ylabel="$z_2$")
