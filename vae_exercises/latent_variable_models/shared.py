"""What several exercises on latent-variable models share."""

import torch
from torch import Generator, Tensor


def any_sigma(generator: Generator) -> float:
    """Draw a σ well away from 1, where σ and σ² are the same."""
    return 0.4 + 0.3 * float(torch.rand(1, generator=generator))


def marginal(weight: Tensor, sigma: float) -> Tensor:
    """Return the covariance of an image, (D, D)."""
    return weight.double() @ weight.double().T + sigma**2 * torch.eye(len(weight)).double()
