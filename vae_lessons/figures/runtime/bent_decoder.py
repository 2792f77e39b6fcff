"""A model with one latent dimension whose evidence and posterior are known by quadrature."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_lessons.probability import gaussian

NOISE = 0.7  # standard deviation of x around the decoder's mean
TOLERANCE = 1e-9  # nats, of the quadrature


@dataclass(frozen=True)
class BentDecoder:
    """x | z ~ N(g(z), noise²) with g(z) = z + bend z²/2, one pixel and one latent dimension."""

    bend: float
    noise: float = NOISE
    latent_dim: int = 1

    def decode(self, z: Tensor) -> Tensor:
        """Compute g(z): (B, 1) to (B, 1)."""
        return z + self.bend * z.square() / 2

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Compute log p(x | z) of each pair in nats: (B, 1) and (B, 1) to (B,)."""
        return gaussian.log_prob(x, self.decode(z), torch.full_like(z, 2 * math.log(self.noise)))

    def log_joint(self, x: float, z: Tensor) -> Tensor:
        """Compute log p(x, z) of one datum at z (N, 1): (N,)."""
        return self.log_likelihood(torch.full_like(z, x), z) + log_normal(z, 0, 0)


def log_normal(z: Tensor, mu: float, logvar: float) -> Tensor:
    """Compute log N(z; mu, exp(logvar)) at z (N, 1): (N,)."""
    return gaussian.log_prob(z, torch.full_like(z, mu), torch.full_like(z, logvar))
