"""Answers that draw random numbers: whether their averages are right, as far as chance allows.

A check of an estimate is a test. Each of its limits is so wide that a right answer is refused less than once in 10,000
times, also if its draws come in antithetic pairs, which can double the variance of an average, or are stratified, which
lowers it. And there are so many draws, of images on which a mistake shows, that each catalogued mistake is caught at
least 999 times in 1,000. `python -m benchmarks.exercises` measures both rates.
"""

import math

import torch
from torch import Tensor

from vae_exercises.engine.verdict import WrongAnswerError

N_ERRORS = 5.0  # standard errors; a right answer is farther off about once in two million times
N_ERRORS_OF_PAIRS = 7.0  # as many for antithetic pairs, whose standard error may be larger by a factor of root 2
SEEDED = (
    "Two calls give the same numbers. Fresh noise belongs to each call: is there a seed, or noise that was drawn once "
    "and for all?"
)
MIXED = (
    "Right where all images are alike, but not in a batch of different ones: numbers of one image get mixed with those "
    "of others. Follow one image through each `repeat`, `view` and mean."
)


def mean_is(draws: Tensor, expected: Tensor | float, n_errors: float = N_ERRORS, atol: float = 1e-6) -> bool:
    """Whether the mean of independent draws along the first axis is the expected one, within its standard error."""
    return average_is(draws.mean(dim=0), expected, draws.std(dim=0), len(draws), n_errors, atol)


def average_is(
    average: Tensor | float,
    expected: Tensor | float,
    spread: Tensor | float,
    n_draws: int,
    n_errors: float = N_ERRORS,
    atol: float = 0.0,
) -> bool:
    """Whether averages over `n_draws` draws are the expected ones, within `n_errors` standard errors.

    Parameters
    ----------
    spread
        The standard deviation of a single draw.
    """
    off = torch.as_tensor(average - expected).abs()
    return bool((off <= n_errors * torch.as_tensor(spread) / math.sqrt(n_draws) + atol).all())


def require_one_for_each(result: Tensor, n_images: int) -> None:
    """Raise WrongAnswerError unless a result is one finite value for each image."""
    if result.shape != (n_images,):
        raise WrongAnswerError(
            f"Your result has shape {tuple(result.shape)} for {n_images} images; it must have one value for each."
        )
    if not result.isfinite().all():
        raise WrongAnswerError(
            "There is a NaN or an infinity in your result. Is the width that you draw with positive?"
        )


def average_is_zero(values: Tensor, along: tuple[Tensor, ...]) -> bool:
    """Whether values (B,) are zero on average, whatever numbers of the images, (B,) each, they are looked at along."""
    weights = [torch.ones_like(values), *(numbers - numbers.mean() for numbers in along)]
    return all(mean_is(weight * values, 0.0, N_ERRORS_OF_PAIRS) for weight in weights)


def is_standardised(eps: Tensor) -> bool:
    """Whether noise (N, K) has mean 0 and width 1 in each dimension."""
    return mean_is_zero(eps) and width_is_one(eps)


def mean_is_zero(eps: Tensor) -> bool:
    """Whether noise (N, K) of width 1 has mean 0 in each dimension."""
    return average_is(eps.mean(dim=0), 0.0, 1.0, len(eps), N_ERRORS_OF_PAIRS)


def width_is_one(eps: Tensor) -> bool:
    """Whether Gaussian noise (N, K) about 0 has width 1 in each dimension."""
    return average_is(eps.square().mean(dim=0), 1.0, math.sqrt(2), len(eps), N_ERRORS_OF_PAIRS)


def fourth_moment_is_three(eps: Tensor) -> bool:
    """Whether noise (N, K) of width 1 has the fourth moment of a Gaussian."""
    return average_is(eps.pow(4).mean(), 3.0, math.sqrt(96), eps.numel(), N_ERRORS_OF_PAIRS)


def require_independent_gaussians(eps: Tensor) -> None:
    """Raise WrongAnswerError unless noise (N, K) of mean 0 and width 1 is Gaussian, and independent in each dimension.

    With N K > 7,000 numbers, one of those drawn from N(0, 1) is beyond 3 but for one time in 10⁸.
    """
    products = (eps.T @ eps / len(eps)).fill_diagonal_(0.0)
    if not average_is(products, 0.0, 1.0, len(eps), N_ERRORS_OF_PAIRS):
        raise WrongAnswerError(
            "Dimensions of a code share their noise, all of them or some. The covariance is to be diagonal: each "
            "dimension needs its own ε."
        )
    if not fourth_moment_is_three(eps):
        raise WrongAnswerError(
            "Mean and width are right, but the draws are not Gaussian. Which distribution does the noise have?"
        )
    if eps.abs().max() < 3 + 1e-3:
        raise WrongAnswerError("No ε is ever beyond 3, though one in 370 must be. Is the noise clamped, or truncated?")
