"""What several exercises on the KL term share."""

import torch
from torch import Generator, Tensor
from torch.distributions import Normal, kl_divergence


def codes(generator: Generator) -> tuple[Tensor, Tensor]:
    """Draw mu and logvar of six images, (6, 3) each."""
    mu, logvar = 1.5 * torch.randn(2, 6, 3, generator=generator)
    return mu, logvar


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return the KL of each image, (B,)."""
    return kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)).sum(dim=1)
