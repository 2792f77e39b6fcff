"""The diagonal Gaussian closest to a density on a grid, by the KL divergence that the ELBO minimises."""

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from vae_lessons.inference.grid import GridDensity

MAX_CELLS = {1: 2048, 2: 128}  # along each axis, by dimension: enough for averages over a Gaussian, which is smooth


def closest_gaussian(density: GridDensity, starts: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Find mu and logvar, (K,) each, of the q = N(mu, diag σ²) with the least KL( q || p ), p the first density.

    Gradients are followed from each mu and logvar in `starts` in turn, and the best result is returned, in float64. The
    search stays on the grid: outside of it the density counts as its lowest value there.
    """
    import scipy.optimize  # takes a moment, and few need it

    points, log_density = (part[:, 0].numpy() for part in (density.points, density.log_density))
    dim = points.shape[1]
    n = round(len(points) ** (1 / dim))
    stride = max(1, (n - 1) // MAX_CELLS[dim])
    height = log_density.reshape([n] * dim)[(slice(None, None, stride),) * dim] - log_density.min()
    ticks = np.linspace(points[0], points[-1], len(height))  # (n, K)
    width = points[-1] - points[0]  # (K,)
    step = width / (len(height) - 1)

    def divergence(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Compute -E_q[height] - sum_j log σ_j, the KL up to a constant, and its gradient in mu and log σ."""
        mu, log_sigma = np.split(parameters, 2)
        sigma = np.exp(log_sigma)
        u = (ticks - mu) / sigma  # (n, K)
        weights = np.exp(-0.5 * u**2) * step / (math.sqrt(2 * math.pi) * sigma)  # (n, K)
        # Mean height along each axis, averaged over the other: (n, K).
        along = np.stack([height @ weights[:, 1], weights[:, 0] @ height], axis=1) if dim == 2 else height[:, None]
        weighted = weights * along
        by_mu, by_log_sigma = (weighted * u).sum(axis=0) / sigma, (weighted * (u**2 - 1)).sum(axis=0)
        value = weighted[:, 0].sum() + log_sigma.sum()
        return -value, -np.concatenate([by_mu, by_log_sigma + 1])

    low = np.concatenate([points[0], np.log(step)])
    high = np.concatenate([points[-1], np.log(width)])
    ends = []
    for start in starts:
        mu, logvar = (part.cpu().double().numpy() for part in start)
        first = np.concatenate([mu, 0.5 * logvar]).clip(low, high)
        box = scipy.optimize.Bounds(low, high)
        ends.append(scipy.optimize.minimize(divergence, first, jac=True, method="L-BFGS-B", bounds=box))
    mu, log_sigma = torch.from_numpy(min(ends, key=lambda end: end.fun).x).chunk(2)
    return mu, 2 * log_sigma
