"""Models with known or computable evidence, and brute-force references, for the tests of bounds."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from vae_lessons.inference import (
    LatentVariableModel,
)
from vae_lessons.models import LinearGaussian
from vae_lessons.probability.likelihoods import Bernoulli, ContinuousBernoulli, Gaussian

SEEDS = st.integers(0, 2**31)

LIKELIHOODS = [Gaussian(0.6), Bernoulli(), ContinuousBernoulli()]

SHAPE = (2, 3)  # of an image

PIXELS = 6


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def linear_gaussian(latent_dim: int, seed: int = 0, sigma: float = 0.7) -> tuple[LinearGaussian, Tensor]:
    """Make a model, and four images drawn from it."""
    model = LinearGaussian(randn(PIXELS, latent_dim, seed=seed), randn(*SHAPE, seed=seed + 1), sigma)
    return model, model.sample(4, seeded(seed + 2))


class TinyVAE(nn.Module):
    """A neural `LatentVariableModel` with random weights, in float64."""

    def __init__(self, latent_dim: int, likelihood, seed: int = 0, activation=nn.Tanh) -> None:
        super().__init__()
        self.latent_dim, self.likelihood = latent_dim, likelihood
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 5), nn.Tanh(), nn.Linear(5, 2 * latent_dim))
        self.decoder = nn.Sequential(nn.Linear(latent_dim, 7), activation(), nn.Linear(7, PIXELS))
        self.double()
        generator = seeded(seed)
        for parameter in self.encoder.parameters():
            nn.init.normal_(parameter, std=0.3, generator=generator)  # q is wide, so its samples reach all of p
        for parameter in self.decoder.parameters():
            nn.init.normal_(parameter, std=0.8, generator=generator)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder(x).chunk(2, dim=1)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return self.likelihood.log_prob(x, self.decoder(z).view(-1, *SHAPE))

    @torch.no_grad()
    def sample(self, n: int, seed: int) -> Tensor:
        return self.likelihood.sample(self.decoder(randn(n, self.latent_dim, seed=seed)).view(-1, *SHAPE), seeded(seed))


@dataclass
class WithCodes:
    """A model with a chosen q(z | x) for each row."""

    model: LatentVariableModel
    mu: Tensor
    logvar: Tensor

    @property
    def latent_dim(self) -> int:
        return self.model.latent_dim

    def encode(self, _x: Tensor) -> tuple[Tensor, Tensor]:
        return self.mu, self.logvar

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return self.model.log_likelihood(x, z)


def standard_normal(latent_dim: int) -> Independent:
    return Independent(Normal(torch.zeros(latent_dim, dtype=torch.float64), 1.0), 1)


def brute_force(latent_dim: int, half: float = 9.0, n: int = 240) -> tuple[Tensor, Tensor]:
    """Return points (G, K) and log-weights (G,) of a Gauss-Legendre rule over a square."""
    nodes, weights = (torch.from_numpy(a) * half for a in np.polynomial.legendre.leggauss(n))
    points = torch.cartesian_prod(*[nodes] * latent_dim).view(-1, latent_dim)
    return points, torch.cartesian_prod(*[weights.log()] * latent_dim).view(len(points), -1).sum(dim=1)


@torch.no_grad()
def brute_force_log_joint(vae: TinyVAE, x: Tensor, points: Tensor) -> Tensor:
    """Compute log p(x, z) for each image at each point: (B, G)."""
    log_prior = standard_normal(vae.latent_dim).log_prob(points)
    return torch.stack([vae.log_likelihood(image.expand(len(points), *SHAPE), points) for image in x]) + log_prior


neural = pytest.mark.parametrize(
    "vae",
    [TinyVAE(latent_dim, likelihood, seed=latent_dim) for latent_dim in (1, 2) for likelihood in LIKELIHOODS],
    ids=lambda vae: f"{vae.likelihood!r}, K={vae.latent_dim}",
)


def repeated(x: Tensor, n: int) -> Tensor:
    return x.repeat(n, *[1] * (x.dim() - 1))


def mean_and_error(estimates: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """Return mean and standard error, (B,) each, of estimates (N * B,) for N copies of B images."""
    runs = estimates.detach().view(-1, batch)
    return runs.mean(dim=0), runs.std(dim=0) / math.sqrt(len(runs))
