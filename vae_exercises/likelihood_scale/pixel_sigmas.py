"""The exercise "a σ for each pixel"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import Stage


def _reconstructions(generator: Generator, n_images: int, height: int, width: int) -> tuple[Tensor, Tensor, float]:
    """Draw images whose error differs from pixel to pixel, is biased, and is below the floor in some of them."""
    n, shape = n_images + 20, (height + 2, width + 2)
    x = torch.rand(n, *shape, generator=generator)
    scale = 0.02 + 0.4 * torch.rand(shape, generator=generator)
    x_hat = x + scale * (0.5 + torch.randn(n, *shape, generator=generator))
    return x, x_hat, 0.15 + 0.1 * float(torch.rand((), generator=generator))


def _errors(x: Tensor, x_hat: Tensor) -> Tensor:
    return (x - x_hat).square().mean(dim=0)


def _sigmas(x: Tensor, x_hat: Tensor, floor: float) -> Tensor:
    return _errors(x, x_hat).sqrt().clamp(min=floor)


def _exact_pixel(generator: Generator, n_images: int, height: int, width: int) -> tuple[Tensor, Tensor, float]:
    x, x_hat, floor = _reconstructions(generator, n_images, height, width)
    x[:, 0], x_hat[:, 0] = 0, 0
    return x, x_hat, floor


PIXEL_SIGMAS = Function(
    name="pixel-sigmas",
    points=2,
    inputs=_reconstructions,
    answer=_sigmas,
    mistakes=(
        Mistake(
            lambda x, x_hat, floor: _errors(x, x_hat).sqrt(),
            "The floor is not used. What is yours for a pixel that is paper in every image, and what is the "
            "log-density then?",
        ),
        Mistake(
            lambda x, x_hat, floor: _errors(x, x_hat).clamp(min=floor).sqrt(),
            "The floor is one for σ, and it has been applied to σ².",
        ),
        Mistake(
            lambda x, x_hat, floor: _errors(x, x_hat).clamp(min=floor**2),
            "These are variances. The task asks for σ.",
        ),
        Mistake(
            lambda x, x_hat, floor: _errors(x, x_hat).sqrt() + floor,
            "The floor is added to every σ. It should change only those that would be smaller.",
        ),
        Mistake(
            lambda x, x_hat, floor: (_errors(x, x_hat) + floor**2).sqrt(),
            "Each σ is above the floor, but those that were above it are changed too. Which σ_n is best, if it may not "
            "be smaller than the floor?",
        ),
        Mistake(
            lambda x, x_hat, floor: (x - x_hat).std(dim=0, correction=0).clamp(min=floor),
            "The average error of each pixel is subtracted first, as `std` and `var` do. A reconstruction that is "
            "always too bright is wrong, and σ must pay for that.",
        ),
        Mistake(
            lambda x, x_hat, floor: (x - x_hat).std(dim=0).clamp(min=floor),
            "The average error of each pixel is subtracted first, as `std` and `var` do. A reconstruction that is "
            "always too bright is wrong, and σ must pay for that.",
        ),
        Mistake(
            lambda x, x_hat, floor: (x - x_hat).abs().mean(dim=0).clamp(min=floor),
            "This is the mean absolute error. A Gaussian's log-density has squares.",
        ),
        Mistake(
            lambda x, x_hat, floor: x.std(dim=0).clamp(min=floor),
            "This is how much the pixel varies, whatever the decoder does. How far off is the reconstruction?",
        ),
        Mistake(
            lambda x, x_hat, floor: _errors(x, x_hat).mean().sqrt().clamp(min=floor),
            "This is one σ for all pixels. The task asks for one for each.",
        ),
        Mistake(
            lambda x, x_hat, floor: (x - x_hat).square().mean(dim=(1, 2)).sqrt().clamp(min=floor),
            "This is a σ for each image. Over which dimension do the errors of one pixel lie?",
        ),
        Mistake(
            lambda x, x_hat, floor: _errors(x, x_hat).sqrt().clamp(max=floor),
            "The floor is a lower limit, and it is an upper one here.",
        ),
    ),
    hint="The bound is a sum over pixels, and σ_n stands in one of its terms only: -log σ_n - e_n / (2σ_n²), with the "
    "mean squared error e_n of that pixel. It rises up to its peak and falls beyond.",
    stages=(
        Stage(
            _exact_pixel,
            "It is right, except for pixels that are reconstructed exactly.",
            not_finite="It is right, except for pixels that are reconstructed exactly.",
        ),
    ),
)
