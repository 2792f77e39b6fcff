"""The exercise "the loss without σ"."""

import math

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.terms import Terms


def _batch(generator: Generator, n_images: int, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Draw images, reconstructions whose error differs from image to image, and KL terms."""
    x = torch.rand(n_images, height, width, generator=generator)
    scale = 0.05 + 0.5 * torch.rand(n_images, 1, 1, generator=generator)
    x_hat = x + 0.05 + scale * torch.randn(n_images, height, width, generator=generator)
    return x, x_hat, 8 * torch.rand(n_images, generator=generator)


def _loss(x: Tensor, x_hat: Tensor, kl: Tensor) -> Tensor:
    error = (x - x_hat).square().mean()
    return 0.5 * x[0].numel() * (1 + torch.log(2 * math.pi * error)) + kl.mean()


def _terms(x: Tensor, x_hat: Tensor, kl: Tensor) -> tuple[Tensor | float, ...]:
    half = 0.5 * x[0].numel()
    return half * (x - x_hat).square().mean().log(), half * math.log(2 * math.pi), half, kl.mean()


SIGMA_FREE_LOSS = Function(
    name="sigma-free-loss",
    points=3,
    inputs=_batch,
    answer=_loss,
    mistakes=(
        Mistake(
            lambda x, x_hat, kl: _loss(x, x_hat, kl) - 0.5 * x[0].numel(),
            "The squared error itself has gone. Divided by 2σ² at the best σ it is not 0: which number is it, whatever "
            "the images?",
        ),
        Mistake(
            lambda x, x_hat, kl: 0.5 * x[0].numel() * (x - x_hat).square().mean().log() + kl.mean(),
            "The gradients are right, and the number is not −ELBO: the constants are missing, so it cannot be compared "
            "with that of another likelihood.",
        ),
        Mistake(
            lambda x, x_hat, kl: (
                0.5 * x[0].numel() * (1 + torch.log(2 * math.pi * (x - x_hat).square().mean(dim=(1, 2)))) + kl
            ).mean(),
            "Each image has a σ of its own here. There is one for the batch: average the errors first, and take the "
            "logarithm of that.",
        ),
        Mistake(
            lambda x, x_hat, kl: (
                0.5 * (1 + torch.log(2 * math.pi * (x - x_hat).square().mean(dim=0))).sum() + kl.mean()
            ),
            "Each pixel has a σ of its own here. There is one for all: average the errors over the pixels too, before "
            "the logarithm.",
        ),
        Mistake(
            lambda x, x_hat, kl: (
                0.5 * x[0].numel() * (1 + torch.log(2 * math.pi * (x - x_hat).square().sum(dim=(1, 2)).mean()))
                + kl.mean()
            ),
            "The error in the logarithm is that of a whole image. σ² is that of a single pixel.",
        ),
        Mistake(
            lambda x, x_hat, kl: 0.5 * (1 + torch.log(2 * math.pi * (x - x_hat).square().mean())) + kl.mean(),
            "The reconstruction term is that of one pixel, and the KL term that of a whole image.",
        ),
        Mistake(
            lambda x, x_hat, kl: (
                0.5 * x[0].numel() * (1 + torch.log(2 * math.pi * (x - x_hat).square().mean().sqrt())) + kl.mean()
            ),
            "The logarithm has σ where σ² belongs.",
        ),
        Mistake(
            lambda x, x_hat, kl: x[0].numel() * (1 + torch.log(2 * math.pi * (x - x_hat).square().mean())) + kl.mean(),
            "The reconstruction term is twice what it should be.",
        ),
        Mistake(
            lambda x, x_hat, kl: -_loss(x, x_hat, kl),
            "This is the ELBO. A loss goes down.",
        ),
        Mistake(
            lambda x, x_hat, kl: _loss(x, x_hat, kl) - kl.mean() + kl.sum(),
            "The KL term is summed over the batch; the rest is an average per image.",
        ),
        Mistake(
            lambda x, x_hat, kl: _loss(x, x_hat, kl) - kl.mean() + kl,
            "The task asks for one number, the mean over the batch. The KL term is still one for each image.",
        ),
    ),
    hint="With one image of one pixel, an error of 1 and no KL term it must be minus the log-density of a standard "
    "Gaussian at 1. With twice the error in every pixel it must rise by D log 2.",
    terms=Terms(
        ("the logarithm of the error", "the constant with 2π", "the half for each pixel", "the KL term"), _terms
    ),
    gradients=("x_hat", "kl"),
    remark="The gradient is that of a fixed σ which happens to be the best one at present.",
)
