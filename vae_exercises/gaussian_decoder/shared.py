"""What several exercises of lesson 7 need."""

import math

import torch
from torch import Generator, Tensor
from torch.distributions import Normal


def any_sigma(generator: Generator) -> float:
    """Well away from 1, where σ and σ² are the same, and below it, as on images."""
    return 0.3 + 0.3 * float(torch.rand((), generator=generator))


def gaussian_log_likelihood(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    return Normal(mean, sigma).log_prob(x).sum(dim=(1, 2))


def constant_of(x: Tensor, variance: float) -> float:
    return 0.5 * x[0].numel() * math.log(2 * math.pi * variance)
