"""What several exercises on the Bernoulli decoder share."""

import torch
from torch import Generator, Tensor
from torch.distributions import Bernoulli

SIZES = (20.0, 60.0, 90.0, 120.0, 150.0, 200.0)


def pixels(x: Tensor, logits: Tensor) -> Tensor:
    """Return the log-likelihood of each pixel, (B, H, W)."""
    return Bernoulli(logits=logits).log_prob(x)


def log_likelihood(x: Tensor, logits: Tensor) -> Tensor:
    """Return the log-likelihood of each image, (B,)."""
    return pixels(x, logits).sum(dim=(1, 2))


def sure_images(generator: Generator) -> tuple[Tensor, Tensor]:
    """Draw two images and huge logits, (2, 2, 6) each: all wrong for the first image, all right for the second."""
    size = huge(generator)
    logits = torch.stack([torch.stack([size, -size])] * 2)
    return torch.stack([(logits[0] < 0).float(), (logits[1] > 0).float()]), logits


def huge(generator: Generator) -> Tensor:
    """Draw sizes of huge logits, (6,)."""
    return torch.tensor(SIZES) + 10 * torch.rand(len(SIZES), generator=generator)
