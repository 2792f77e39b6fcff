"""Answers that draw random numbers: whether their averages are right, as far as chance allows."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vae_exercises.engine.answers import call_twice, copies, one_result
from vae_exercises.engine.sandbox import call
from vae_exercises.engine.verdict import WrongAnswerError

N_ERRORS = 5.0  # standard errors; a right answer is farther off about once in two million times
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


@dataclass(frozen=True)
class Estimates:
    """A student's estimates for many copies of one image, (B,) each.

    Attributes
    ----------
    one, again
        From two calls with one sample an image.
    four
        From a call with four samples an image.
    """

    one: Tensor
    again: Tensor
    four: Tensor

    def require_fresh_noise(self) -> None:
        """Raise WrongAnswerError if two calls gave the same numbers."""
        if torch.equal(self.one, self.again):
            raise WrongAnswerError(SEEDED)

    def require_average(self) -> None:
        """Raise WrongAnswerError if four samples spread as much as one, or in any other way than an average does."""
        if not 0.35 < float(self.four.std() / self.one.std()) < 0.65:
            raise WrongAnswerError(
                "The mean is right, but four samples spread as much as one. Is it an average over the samples?"
            )


def repeated_estimates(estimate: Callable, *args: Any, n_images: int) -> Estimates:
    """Call estimate(*args, n_samples) with one sample, once more with one, and with four.

    Raises
    ------
    WrongAnswerError
        If a result is not one finite value for each of the `n_images` images.
    """
    one, again = map(one_result, call_twice(estimate, *args, 1))
    four = one_result(call(estimate, *copies(args), 4))
    for result in (one, again, four):
        if result.shape != (n_images,):
            raise WrongAnswerError(
                f"Your result has shape {tuple(result.shape)} for {n_images} images; it must have one value for each."
            )
        if not result.isfinite().all():
            raise WrongAnswerError(
                "There is a NaN or an infinity in your result. Is the width that you draw with positive?"
            )
    return Estimates(one, again, four)


def require_right_for_each(result: Tensor, expected: Tensor, spread: Tensor, n_samples: int) -> None:
    """Raise WrongAnswerError unless averages over `n_samples` draws are right for each image of a mixed batch.

    Parameters
    ----------
    spread
        The standard deviation of a single draw for each image; it is an estimate, so some slack is added.
    """
    if result.shape != expected.shape or not average_is(result, expected, spread, n_samples, 1.2 * N_ERRORS):
        raise WrongAnswerError(MIXED)
