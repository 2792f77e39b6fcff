"""What the exercises on tighter bounds share: log-weights, also as large as those of images."""

import torch
from torch import Generator, Tensor


def log_weights(generator: Generator, n_samples: int, n_images: int) -> tuple[Tensor]:
    """Draw log-weights (L, B) whose exponentials are far from equal."""
    return (1.5 * torch.randn(n_samples, n_images, generator=generator) - 3,)


def large(log_weights: Tensor, generator: Generator) -> Tensor:
    """Add to the log-weights (..., B) of each image a number of the size of ±1500; two images more have these two."""
    sizes = torch.cat([torch.tensor([-1500.0, 1500.0]), 300 * torch.randn(log_weights.shape[-1], generator=generator)])
    extended = torch.cat([log_weights[..., :1], log_weights[..., :1], log_weights], dim=-1)
    return extended + sizes


NOT_FINITE = (
    "Right for small logarithms. Those of images are of the size of ±1500, and their exponentials are 0 or infinite "
    "for a computer. What can be taken out of all of them without a change of the result?"
)
