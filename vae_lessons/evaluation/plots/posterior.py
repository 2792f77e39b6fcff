"""A posterior over the latent plane, and the Gaussian that approximates it."""

import math

import torch
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse
from torch import Tensor

from vae_lessons.evaluation.plots.style import COLOURS, name_latent_axes, new_axes
from vae_lessons.validation import check_tensors


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
    ax = ax or new_axes(4.5, 4)
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
    name_latent_axes(ax)
    return ax
