"""The exact posterior of the two-moons simulator, as nodes and weights of quadrature.

The simulator is x = (shift + r cos a, r sin a) + (-|s|, d), where s = (θ1 + θ2) / √2 and d = (θ2 - θ1) / √2 are the
parameters turned by 45°. So the posterior is two moons, with half of it on each: s = ±(shift + r cos a - x1), d = x2 -
r sin a, for r ~ N(radius, width²) and a uniform on (-π/2, π/2). For x within X_RANGE both lie in the prior's square.
"""

import math

import numpy as np
import torch
from torch import Tensor

from vae_lessons.data.simulators import TwoMoons

SHIFT, RADIUS, WIDTH = TwoMoons.shift, TwoMoons.radius, TwoMoons.width
X_RANGE = (-0.2, 0.25), (-0.3, 0.3)
BAND = 1.959964  # standard deviations of r to each side of RADIUS, between which it lies with probability 0.95
N_ANGLES, N_RADII, N_BAND = 32, 5, 4


def radii() -> list[list[float]]:
    """Return nodes of r and their weights under N(RADIUS, WIDTH²), [r, weight] each."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(N_RADII)
    return np.stack([RADIUS + WIDTH * nodes, weights / weights.sum()], axis=1).tolist()


def band() -> list[list[float]]:
    """Return nodes of r within the band that holds 95 % of it, [r, r dr] each."""
    nodes, weights = np.polynomial.legendre.leggauss(N_BAND)
    r = RADIUS + BAND * WIDTH * nodes
    return np.stack([r, r * weights * BAND * WIDTH], axis=1).tolist()


def moons(x: Tensor, r: Tensor) -> Tensor:
    """Return θ of both moons for an observation x (2,), at radii r (R,) and N_ANGLES angles: (2, R, N_ANGLES, 2)."""
    a = math.pi * ((torch.arange(N_ANGLES, dtype=torch.float64) + 0.5) / N_ANGLES - 0.5)
    s, d = SHIFT + r[:, None] * a.cos() - x[0], x[1] - r[:, None] * a.sin()
    return torch.stack([_turned_back(side * s, d) for side in (1, -1)])


def expected_log_density() -> float:
    """Compute the mean of log p(θ | x) under p(θ | x), nats, which is the same for all x.

    On each moon p(θ | x) = 1/2 N(r; RADIUS, WIDTH²) / (π r), for dθ = r dr da.
    """
    log_r = sum(weight * math.log(r) for r, weight in radii())
    return -math.log(2 * math.pi) - log_r - 0.5 * math.log(2 * math.pi * math.e * WIDTH**2)


def _turned_back(s: Tensor, d: Tensor) -> Tensor:
    return torch.stack([(s - d) / math.sqrt(2), (s + d) / math.sqrt(2)], dim=-1)


def outline(x: Tensor) -> list[Tensor]:
    """Return the outline of the band that holds 95 % of each moon, for x (2,): (2 N_ANGLES, 2) each."""
    ends = RADIUS + BAND * WIDTH * torch.tensor([-1.0, 1.0], dtype=torch.float64)
    return [torch.cat([inner, outer.flip(0)]) for inner, outer in moons(x, ends)]
