"""The exercise "what a step costs"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _inputs(generator: Generator, n_images: int, n_pixels: int) -> tuple[Tensor, Tensor, float, float]:
    """Draw images and guesses (B, D), and α_{t-1} > α_t, which are tensors of no dimension."""
    image, guess = torch.rand(2, n_images, n_pixels, generator=generator)
    now, before = (0.2 + 0.7 * torch.rand(2, generator=generator)).sort().values.tolist()
    return image, guess, before + 0.05, now


def _snr(alpha: float) -> float:
    return alpha**2 / (1 - alpha**2)


def _error(image: Tensor, guess: Tensor) -> Tensor:
    return (image.double() - guess).square().sum(dim=1)


def _kl(image: Tensor, guess: Tensor, before: float, now: float) -> Tensor:
    return 0.5 * (_snr(before) - _snr(now)) * _error(image, guess)


STEP = Function(
    name="diffusion-step",
    points=4,
    inputs=_inputs,
    answer=_kl,
    mistakes=(
        Mistake(
            lambda image, guess, before, now: 2 * _kl(image, guess, before, now),
            "Yours is twice too large. Two Gaussians with one variance v, whose means differ by d: their KL is not "
            "|d|²/v.",
        ),
        Mistake(
            lambda image, guess, before, now: -_kl(image, guess, before, now),
            "A KL is never negative. Which of the two steps has less noise?",
        ),
        Mistake(
            lambda image, guess, before, now: 0.5 * (before**2 - now**2) * _error(image, guess),
            "The difference is that of the α². The noise counts as well: how large is it beside the signal?",
        ),
        Mistake(
            lambda image, guess, before, now: (
                0.5 * (before / (1 - before**2) ** 0.5 - now / (1 - now**2) ** 0.5) * _error(image, guess)
            ),
            "The ratio of signal to noise is that of variances, α²/σ². Yours has no squares.",
        ),
        Mistake(
            lambda image, guess, before, now: (
                0.5 * (before**2 / (1 - before) - now**2 / (1 - now)) * _error(image, guess)
            ),
            "σ² is 1 - α², and 1 - α is something else.",
        ),
        Mistake(
            lambda image, guess, before, now: 0.5 * _snr(now) * _error(image, guess),
            "Every step is weighted by its own ratio of signal to noise here. That is the simple loss, up to a factor, "
            "and no bound: work out the two Gaussians.",
        ),
        Mistake(
            lambda image, guess, before, now: 0.5 * _snr(before) * _error(image, guess),
            "That is the whole ratio at t - 1. Much of the image was known at step t already: what does one step add?",
        ),
        Mistake(
            lambda image, guess, before, now: 0.5 * (1 - _snr(now) / _snr(before)) * _error(image, guess),
            "The factor is that of the means, with 1/2. Multiply it by α² at t - 1, square it where it belongs, and "
            "divide by the variance, which has the factor as well.",
        ),
        Mistake(
            lambda image, guess, before, now: _kl(image, guess, before, now) / image.shape[1],
            "This is averaged over the pixels. The KL of a Gaussian with D dimensions is a sum over them.",
        ),
        Mistake(
            lambda image, guess, before, now: 0.5 * (_snr(before) - _snr(now)) * _error(image, guess).sqrt(),
            "The distance must be squared.",
        ),
        Mistake(
            lambda image, guess, before, now: 0.5 * (_snr(before) - _snr(now)) * (image - guess).abs().sum(dim=1),
            "These are absolute differences. A Gaussian has squares.",
        ),
        Mistake(
            lambda image, guess, before, now: _kl(image, guess, before, now).mean(),
            "This is averaged over the images. Return one value for each.",
        ),
    ),
    hint="Take one pixel, s = 1 with the guess 0, α² = 1/2 at step t and 4/5 at step t - 1. The ratios of signal to "
    "noise are 1 and 4, and the step costs 1.5 nats.",
    rtol=1e-3,
    remark="With the same error at each step, the costs of all steps add up to half the error times the largest ratio "
    "less the smallest, however many steps there are. More steps help because the guess gets better as noise is taken "
    "away.",
)
