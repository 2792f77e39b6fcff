"""Images side by side, and decoded images at their codes."""

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from torch import Tensor
from torch.nn.functional import pad

from vae_lessons.evaluation.plots.style import name_latent_axes, new_axes
from vae_lessons.validation import check_finite, check_int, check_tensors

INK = {"cmap": "gray_r", "interpolation": "nearest", "vmin": 0, "vmax": 1}  # 0 is paper, 1 is ink
GAP = 1  # pixels between two images
ROUNDING = 1e-3  # nobody sees a pixel that leaves [0, 1] by less


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
    ax = ax or new_axes(7, 7 * sheet.shape[0] / sheet.shape[1])
    ax.imshow(sheet.numpy(), **INK)
    ax.set(xticks=[], yticks=[])
    if row_labels is not None:
        ax.set_yticks([row * (height + GAP) + (height - 1) / 2 for row in range(n_rows)], row_labels)
        ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


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
    ax = ax or new_axes(6.5, 6.5)
    ax.imshow(sheet.numpy(), **INK, extent=(left, right, bottom, top), aspect="auto")
    name_latent_axes(ax)
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
