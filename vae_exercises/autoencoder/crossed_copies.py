"""The exercise "find the mistake"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _with_channel(generator: Generator, n_images: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    x, x_hat = torch.rand(2, n_images, height, width, generator=generator)
    return x.unsqueeze(1), x_hat


def _crossed(x: Tensor, x_hat: Tensor) -> Tensor:
    """Return the error of each image against each copy, (B, B)."""
    return (x - x_hat).square().sum(dim=(2, 3))


CROSSED = Function(
    name="crossed-copies",
    points=2,
    inputs=_with_channel,
    answer=lambda x, x_hat: (x.flatten(1) - x_hat.flatten(1)).square().sum(dim=1),
    mistakes=(
        Mistake(
            lambda x, x_hat: _crossed(x, x_hat).mean(dim=1),
            "Each image is still compared with the copies of all images in the batch. Print the shape of "
            "the difference: what have (B, 1, H, W) and (B, H, W) been stretched to?",
        ),
        Mistake(
            lambda x, x_hat: _crossed(x, x_hat).mean(dim=0),
            "Now each copy is compared with all images. Print the shape of the difference: it has one axis too many, "
            "before any mean is taken.",
        ),
        Mistake(
            lambda x, x_hat: _crossed(x, x_hat).sum(dim=1),
            "The mean has become a sum, but each image is still compared with the copies of all. Print the shape of "
            "the difference.",
        ),
        Mistake(
            lambda x, x_hat: _crossed(x, x_hat)[:, 0],
            "Every image is compared with the copy of the first one. Print the shape of the difference.",
        ),
        Mistake(
            lambda x, x_hat: (x.flatten(1) - x_hat.flatten(1)).square().mean(dim=1),
            "The images meet their own copies now. But this is a mean over pixels, where the book has a sum.",
        ),
        Mistake(
            lambda x, x_hat: (x.flatten(1) - x_hat.flatten(1)).square().sum(dim=1).mean(),
            "The images meet their own copies now. But keep one value for each, and leave the mean to the training "
            "loop.",
        ),
        Mistake(
            lambda x, x_hat: (x.flatten(1) - x_hat.flatten(1)).square().sum(),
            "The images meet their own copies now. But this is one number for the batch: keep one value for each.",
        ),
        Mistake(
            lambda x, x_hat: (x.flatten(1) - x_hat.flatten(1)).norm(dim=1),
            "The images meet their own copies now. But there is a root too many: this is the distance itself.",
        ),
    ),
    hint="If the copies are perfect, the loss of every image must be 0. Exchange two copies, and the loss of those two "
    "images must change, and no other.",
    remark="The old one compared every image with every copy. With perfect copies the result is the average squared "
    "distance of two images, which is twice their variance. With the mean image it is their variance.",
)
