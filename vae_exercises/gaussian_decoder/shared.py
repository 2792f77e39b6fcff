"""What several exercises on the Gaussian decoder share."""

import math

import torch
from torch import Generator, Tensor
from torch.distributions import Normal


def any_sigma(generator: Generator) -> float:
    """Draw a σ well away from 1, where σ and σ² are the same, and below it, as on images."""
    return 0.3 + 0.3 * float(torch.rand((), generator=generator))


def gaussian_log_likelihood(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """Return the log-likelihood of each image, (B,)."""
    return Normal(mean, sigma).log_prob(x).sum(dim=(1, 2))


def constant_of(x: Tensor, variance: float) -> float:
    """Return the constant of minus the log-likelihood of an image."""
    return 0.5 * x[0].numel() * math.log(2 * math.pi * variance)
