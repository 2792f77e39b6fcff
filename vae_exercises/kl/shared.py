"""What several exercises on the KL term share."""

import torch
from torch import Generator, Tensor
from torch.distributions import Normal, kl_divergence


def codes(generator: Generator, n_images: int, latent_dim: int) -> tuple[Tensor, Tensor]:
    """Draw mu and logvar of some images, (B, K) each."""
    mu, logvar = 1.5 * torch.randn(2, n_images, latent_dim, generator=generator)
    return mu, logvar


def narrow_codes(generator: Generator, n_images: int, latent_dim: int) -> tuple[Tensor, Tensor]:
    """Draw mu and logvar of images some of whose σ² are 0 in floating point, (B, K) each."""
    mu, logvar = codes(generator, n_images, latent_dim)
    logvar[:, 0] = -110 - 50 * torch.rand(n_images, generator=generator)  # σ itself is not 0
    return mu, logvar


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return the KL of each image, (B,)."""
    mu, logvar = mu.double(), logvar.double()
    return kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)).sum(dim=1)
