"""Integrals over one or two dimensions on a grid, with an estimate of their error.

The integrand is given by its log, one for each of B rows, and is positive and smooth: an unnormalised density. A search
finds the box that holds it, and a trapezoid rule integrates over the box. For a smooth integrand that has died away at
the edges, halving the step squares the error, or better (Trefethen and Weideman, 2014); where it has kinks, as under a
network with ReLUs, halving the step quarters the error. So the difference between two steps is a generous estimate of
the error of the finer one. A finer grid evaluates the integrand only where it may matter for the tolerance, and
interpolates elsewhere.

The search is exact for a log-concave integrand. It misses peaks outside of the box in which it starts that are far
from the peak that it finds, and spikes much narrower than a cell of the first grid.

Grids are on the CPU, in float64, which not every device has; the integrand may take its points elsewhere.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate, max_pool1d, max_pool2d

from vae_lessons.validation import check_positive

LogDensity = Callable[[Tensor], Tensor]  # (G, B, K) to (G, B)

NEGLIGIBLE = 40.0  # nats below the peak: so low that even a wide box of such points does not matter
START = 8.0  # the search starts in [-8, 8] in each dimension, or so many standard deviations about a prior's mean
MAX_SEARCHES = 40
# Cells along each axis, by dimension.
FIRST_CELLS = {1: 1024, 2: 64}
MAX_CELLS = {1: 2**18, 2: 2**10}


class QuadratureError(ArithmeticError):
    """The integral cannot be computed to the tolerance asked for with the finest grid allowed."""


@dataclass(frozen=True)
class GridDensity:
    """B densities, each normalised on its own grid.

    Attributes
    ----------
    points : Tensor, (G, B, K)
        The grid, corners included; the last axis varies fastest.
    log_density : Tensor, (G, B)
        Log of the normalised density, nats; interpolated where it does not matter.
    cell_volume : Tensor, (B,)
    log_normaliser : Tensor, (B,)
        Log of the integral by which the density was normalised, nats.
    error : Tensor, (B,)
        Estimated error of `log_normaliser`, nats.
    """

    points: Tensor
    log_density: Tensor
    cell_volume: Tensor
    log_normaliser: Tensor
    error: Tensor

    def expectation(self, values: Tensor) -> Tensor:
        """Compute E[f] = sum_g p_g f_g Δ, (B, ...), from values (G, B, ...) of f at the points."""
        weights = self.log_density.exp() * self.cell_volume  # (G, B)
        return (weights.view(*weights.shape, *[1] * (values.dim() - 2)) * values).sum(dim=0)

    def mean(self) -> Tensor:
        """Compute the mean, (B, K)."""
        return self.expectation(self.points)

    def covariance(self) -> Tensor:
        """Compute the covariance, (B, K, K)."""
        centred = self.points - self.mean()
        return self.expectation(centred.unsqueeze(3) * centred.unsqueeze(2))


def check_dim(dim: int) -> None:
    """Raise ValueError for a dimension that a grid does not reach."""
    if dim not in (1, 2):
        raise ValueError(f"latent_dim must be 1 or 2 for quadrature, got {dim}")


def integrate(
    log_density: LogDensity, n_rows: int, dim: int, tolerance: float, start: tuple[Tensor, Tensor] | None = None
) -> GridDensity:
    """Normalise exp(log_density) over R^dim, for each of `n_rows` rows.

    Parameters
    ----------
    log_density : callable
        From points (G, B, K) to log-densities (G, B), nats.
    n_rows : int
        B.
    dim : int
        K, 1 or 2.
    tolerance : float
        The largest error of a log-integral, nats.
    start : (low, high), each (B, K) or (1, K), optional
        Opposite corners of the box in which the search starts; [-8, 8] in each dimension by default.

    Raises
    ------
    ValueError
        For another dimension, a tolerance that is not positive, or where log_density is not finite.
    QuadratureError
        If the finest grid allowed is not fine enough.
    """
    check_dim(dim)
    tolerance = check_positive("tolerance", tolerance)
    cells = FIRST_CELLS[dim]
    low, high = start or (torch.full((1, dim), -START), torch.full((1, dim), START))
    low, high = (corner.cpu().double().expand(n_rows, dim) for corner in (low, high))
    low, high, points, values = _find_box(log_density, low, high, cells)
    while True:
        density = _normalise(points, values, low, high, cells)
        worst = float(density.error.max())
        if worst <= tolerance:
            return density
        if 2 * cells > MAX_CELLS[dim]:
            row = int(density.error.argmax())
            raise QuadratureError(
                f"row {row} is known to {worst:.2g} nats only, with {cells} cells each way; tolerance is "
                f"{tolerance:g}. Allow a larger one, or look for peaks that are very narrow and far apart"
            )
        # Together, all points that lie this far below the peak contribute at most a twentieth of the tolerance.
        negligible = (high - low).log().sum(dim=1) + density.log_density.amax(dim=0) - math.log(tolerance / 20)
        coarse = values.view(*[cells + 1] * dim, n_rows)
        cells *= 2
        points = _grid(low, high, cells)
        values = _refined(log_density, points, coarse, negligible)


def _normalise(points: Tensor, values: Tensor, low: Tensor, high: Tensor, cells: int) -> GridDensity:
    batch, dim = low.shape
    volume = ((high - low) / cells).prod(dim=1)  # (B,)
    log_integral = values.logsumexp(dim=0) + volume.log()
    on_axes = values.view(*[cells + 1] * dim, batch)
    every_second, every_fourth = (
        on_axes[(slice(None, None, n),) * dim].reshape(-1, batch).logsumexp(dim=0) + (volume * n**dim).log()
        for n in (2, 4)
    )
    # Two steps may agree by chance, three seldom do: so look at the last two changes.
    error = torch.maximum((log_integral - every_second).abs(), (every_second - every_fourth).abs() / 4)
    return GridDensity(points, values - log_integral, volume, log_integral, error)


def _find_box(log_density: LogDensity, low: Tensor, high: Tensor, cells: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Find boxes that the integrand fills and outside of which it is negligible, from boxes low (B, K) to high (B, K).

    Returns opposite corners (B, K) and (B, K), a grid of points (G, B, K) in each box and the values (G, B) there.
    """
    n_rows, dim = low.shape
    for _ in range(MAX_SEARCHES):
        points = _grid(low, high, cells)
        values = _evaluate(log_density, points)
        first, last = _extent(_counts(values.view(*[cells + 1] * dim, n_rows)))  # (B, K), in cells
        # A box whose edge the integrand reaches grows there by half, and shrinks nowhere; any other shrinks to the
        # integrand, with a cell to spare on each side.
        cut = ((first == 0) | (last == cells)).any(dim=1, keepdim=True)
        below = torch.where(first == 0, -cells / 2, torch.where(cut, 0, first - 1))
        above = torch.where(last == cells, 1.5 * cells, torch.where(cut, cells, last + 1))
        if ((above - below > 0.6 * cells) & ~cut).all():
            return low, high, points, values
        step = (high - low) / cells
        low, high = low + below * step, low + above * step
    raise QuadratureError(f"no box was found that holds the integrand, after {MAX_SEARCHES} searches")


def _counts(values: Tensor) -> Tensor:
    """Select the points (n, ..., B) whose height is near that of the peak, or that are beside a cell where it may be.

    Inside a cell, a concave function lies below the straight lines that extend it from either side. Without this bound
    the search cuts off narrow and tilted peaks.
    """
    height = values.clone()
    for axis in range(values.dim() - 1):
        n = values.shape[axis] - 1  # cells
        steps = values.diff(dim=axis)
        unknown = torch.full_like(steps.narrow(axis, 0, 1), torch.inf)
        from_left = values.narrow(axis, 0, n) + torch.cat([unknown, steps.narrow(axis, 0, n - 1)], dim=axis)
        from_right = values.narrow(axis, 1, n) - torch.cat([steps.narrow(axis, 1, n - 1), -unknown], dim=axis)
        in_cell = torch.minimum(from_left, from_right)
        for side in (0, 1):
            part = height.narrow(axis, side, n)
            part.copy_(torch.maximum(part, in_cell))
    return height >= values.flatten(0, -2).amax(dim=0) - NEGLIGIBLE


def _extent(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Find the first and last index (B, K) on each axis at which some point of the mask (n, ..., B) is set."""
    first, last = [], []
    for axis in range(mask.dim() - 1):
        along = mask.movedim(axis, 0).reshape(len(mask), -1, mask.shape[-1]).any(dim=1).long()  # (n, B)
        first.append(along.argmax(dim=0))
        last.append(len(along) - 1 - along.flip(0).argmax(dim=0))
    return torch.stack(first, dim=1), torch.stack(last, dim=1)


def _refined(log_density: LogDensity, points: Tensor, coarse: Tensor, negligible: Tensor) -> Tensor:
    """Compute values (G, B) on a grid with half the step of `coarse`, (n, ..., B).

    They are interpolated where all neighbours are lower than `negligible` (B,) nats below the peak.
    """
    dim = coarse.dim() - 1
    mode, max_pool = {1: ("linear", max_pool1d), 2: ("bilinear", max_pool2d)}[dim]
    rows = coarse.movedim(-1, 0).unsqueeze(1)  # (B, 1, n, ...)
    floor = rows.flatten(1).amax(dim=1) - negligible
    counts = (rows >= floor.view(-1, *[1] * (dim + 1))).double()
    counts = max_pool(counts, kernel_size=3, stride=1, padding=1)
    size = [2 * n - 1 for n in coarse.shape[:-1]]
    fine, needed = (interpolate(part, size=size, mode=mode, align_corners=True).squeeze(1) for part in (rows, counts))
    needed = (needed > 0).any(dim=0)  # (n, ...), the same points for all rows
    needed[(slice(None, None, 2),) * dim] = False  # known already
    values, chosen = fine.flatten(1).T.contiguous(), needed.flatten()  # (G, B)
    values[chosen] = _evaluate(log_density, points[chosen])
    return values


def _grid(low: Tensor, high: Tensor, cells: int) -> Tensor:
    """Lay a grid (G, B, K) in each box, corners included; the last axis varies fastest."""
    ticks = torch.arange(cells + 1, dtype=torch.float64) / cells
    unit = torch.cartesian_prod(*[ticks] * low.shape[1]).view(-1, 1, low.shape[1])  # (G, 1, K)
    return low + unit * (high - low)


def _evaluate(log_density: LogDensity, points: Tensor) -> Tensor:
    """Compute the log-density (G, B) at points (G, B, K); ValueError where it is not finite."""
    values = log_density(points).cpu().double()
    if not values.isfinite().all():
        g, row = (~values.isfinite()).nonzero()[0].tolist()
        where = ", ".join(f"{z:.3g}" for z in points[g, row].tolist())
        raise ValueError(f"log-density must be finite everywhere, got {values[g, row]:g} in row {row} at z = ({where})")
    return values
