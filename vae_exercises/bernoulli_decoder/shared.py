"""What several exercises of lesson 8 need."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Bernoulli

from vae_exercises.engine.answers import packed
from vae_exercises.engine.sandbox import NoAnswerError, call

SIZES = (20.0, 60.0, 90.0, 120.0, 150.0, 200.0)
SHAPE = (5, 4, 3)
NO_SLOPES = "The values are right. But no gradient passes through them, and a network is to be trained on them."


def slopes_in_logits(function: Callable, logits: Tensor, *before: Tensor) -> Tensor | None:
    """Of the sum of what `function` returns, in its last argument; None if no gradient passes through it."""
    leaf = logits.clone().requires_grad_()
    with torch.enable_grad():
        handed = leaf * 1.0  # may be written into, as a leaf may not
    try:
        found = call(function, *(part.clone() for part in before), handed)
    except NoAnswerError:  # NumPy, for one, takes no tensor that gradients pass through
        return None
    if packed(found):
        raise NoAnswerError(packed(found))
    if not (isinstance(found, Tensor) and found.requires_grad):
        return None
    try:
        (slopes,) = torch.autograd.grad(found.sum(), leaf, allow_unused=True)
    except RuntimeError:  # something was written into that the gradient needs
        return None
    return slopes


def pixels(x: Tensor, logits: Tensor) -> Tensor:
    return Bernoulli(logits=logits).log_prob(x)


def log_likelihood(x: Tensor, logits: Tensor) -> Tensor:
    return pixels(x, logits).sum(dim=(1, 2))


def sure_images() -> tuple[Tensor, Tensor]:
    """Two images with huge logits, (2, 2, 6): of the first all are wrong, of the second all are right."""
    size = torch.tensor(SIZES)
    logits = torch.stack([torch.stack([size, -size])] * 2)
    return torch.stack([(logits[0] < 0).float(), (logits[1] > 0).float()]), logits
