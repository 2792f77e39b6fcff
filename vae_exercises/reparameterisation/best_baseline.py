"""The exercise "the best baseline"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _baseline_inputs(generator: Generator, n: int) -> tuple[Tensor, Tensor]:
    beside, sigma = 0.5 + torch.rand((), generator=generator), 1 + 0.3 * torch.rand((), generator=generator)
    eps = torch.randn(40_000 + n, generator=generator)
    return 6 - 0.5 * (beside + sigma * eps).square(), eps / sigma


def _best_baseline(values: Tensor, scores: Tensor) -> Tensor:
    """Return the lowest point of the parabola through three baselines' variances."""
    values, scores = values.double(), scores.double()
    low, middle, high = (((values - b) * scores).var() for b in (-1, 0, 1))
    return 0.5 * (low - high) / (low - 2 * middle + high)


BEST_BASELINE = Function(
    name="best-baseline",
    points=3,
    inputs=(_baseline_inputs,) * 3,
    answer=_best_baseline,
    mistakes=(
        Mistake(
            lambda values, scores: values.mean(),
            "This is the average of f, the lesson's baseline. It is good but not the best: another baseline gives a "
            "smaller variance. Where is the lowest point of the parabola?",
        ),
        Mistake(
            lambda values, scores: values.median(),
            "This is the median of f, in which the scores play no part. What counts is the variance of the product.",
        ),
        Mistake(
            lambda values, scores: (values * scores).mean() / scores.square().mean(),
            "One factor of the score is lost. When ((f - b) s)² is written out, which power of s stands with f b?",
        ),
        Mistake(
            lambda values, scores: (values * scores).mean() / scores.mean(),
            "You divide by the average of the scores, which is 0 but for noise. The best b is that of the smallest "
            "variance, which has squares in it.",
        ),
        Mistake(
            lambda values, scores: (values * scores.abs()).mean() / scores.abs().mean(),
            "The weights are the sizes of the scores; the variance has their squares.",
        ),
        Mistake(
            lambda values, scores: 2 * _best_baseline(values, scores),
            "Twice too large. Both terms of the parabola that depend on b have been differentiated, but a factor 2 is "
            "in one of them only.",
        ),
        Mistake(
            lambda values, scores: -_best_baseline(values, scores),
            "The sign is wrong: the baseline is subtracted from f.",
        ),
        Mistake(
            lambda values, scores: (values * scores.square()).mean(),
            "The numerator is right. What is it to be divided by, where the derivative of the parabola is 0?",
        ),
        Mistake(
            lambda values, scores: values.max(),
            "This is the largest value of f. Then every f - b has one sign, and the noise is large.",
        ),
    ),
    hint="With this b the variance of (f - b) s is not the smallest. Write it as a parabola in b; its linear and its "
    "quadratic coefficient are averages that you can compute. Or try many b, and see where the lowest is.",
    atol=0.12,  # with 40,000 draws, more than five standard errors between any two good estimates
    remark="In the example one pathwise sample is worth 3.75 without a baseline, 2.5 with the average, and 1.5 "
    "with yours.",
)
