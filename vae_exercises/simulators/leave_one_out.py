"""The exercise "each draw against the others"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _draws(generator: Generator, n_samples: int, n_rows: int, n_params: int) -> tuple[Tensor, Tensor]:
    f = 2 * torch.randn(n_samples, n_rows, generator=generator) - 4
    return f, torch.randn(n_samples, n_rows, n_params, generator=generator)


def _far_draws(generator: Generator, n_samples: int, n_rows: int, n_params: int) -> tuple[Tensor, Tensor]:
    f, score = _draws(generator, n_samples, n_rows, n_params)
    return f - 3000 * torch.rand(n_rows, generator=generator), score


def _weighted(weights: Tensor, score: Tensor) -> Tensor:
    return (weights.double().unsqueeze(2) * score.double()).mean(dim=0)


def _others(f: Tensor) -> Tensor:
    """Compute the mean of the other values, for each."""
    return (f.double().sum(dim=0) - f) / (len(f) - 1)


LEAVE_ONE_OUT = Function(
    name="leave-one-out",
    points=3,
    inputs=_draws,
    answer=lambda f, score: _weighted(f - _others(f), score),
    mistakes=(
        Mistake(
            lambda f, score: _weighted(f, score),
            "This is the score function's estimate without any baseline.",
        ),
        Mistake(
            lambda f, score: _weighted(f - f.double().mean(dim=0), score),
            "The baseline is the mean of all values, the draw's own among them. That ties it to the draw, and the "
            "estimate is too small by a factor of (L - 1)/L.",
        ),
        Mistake(
            lambda f, score: _weighted(f - (f.double().sum(dim=0) - f) / len(f), score),
            "The sum of the others is divided by L here. How many others are there?",
        ),
        Mistake(
            lambda f, score: _weighted(f - _others(f), score) * len(f),
            "The contributions are added up over the draws. The estimate is their mean.",
        ),
        Mistake(
            lambda f, score: _weighted(_others(f) - f, score),
            "The sign is flipped: a draw that does better than the others should become more likely.",
        ),
        Mistake(
            lambda f, score: _weighted(_others(f), score),
            "This keeps the baseline and has lost the draw's own value.",
        ),
        Mistake(
            lambda f, score: _weighted(f - f.double().mean(), score),
            "The baseline is a mean over the rows as well. Each row is a problem of its own, with its own values.",
        ),
        Mistake(
            lambda f, score: _weighted((f - f.double().mean(dim=0)) / f.double().std(dim=0), score),
            "The values are standardised: divided by their deviation. That changes the length of the gradient, and it "
            "is no longer unbiased.",
        ),
        Mistake(
            lambda f, score: _weighted(f - _others(f), score).mean(dim=0),
            "This is averaged over the rows. Return one gradient for each, shape (B, P).",
        ),
    ),
    hint="A number added to all values of a row must change nothing. And with two draws the weights must be plus and "
    "minus the difference of the two values. Try both.",
    remark="The baseline of a draw does not depend on that draw, so that its product with the score has the mean 0.",
)
