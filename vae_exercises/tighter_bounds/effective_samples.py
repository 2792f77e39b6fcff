"""The exercise "how many samples count"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import Stage
from vae_exercises.tighter_bounds.shared import NOT_FINITE, large, log_weights


def _large(generator: Generator, n_samples: int, n_images: int) -> tuple[Tensor]:
    return (large(*log_weights(generator, n_samples, n_images), generator),)


def _effective(log_weights: Tensor) -> Tensor:
    return 1 / log_weights.double().softmax(dim=0).square().sum(dim=0)


def _entropy(log_weights: Tensor) -> Tensor:
    return torch.special.entr(log_weights.double().softmax(dim=0)).sum(dim=0)


EFFECTIVE = Function(
    name="effective-samples",
    points=2,
    inputs=log_weights,
    answer=_effective,
    mistakes=(
        Mistake(
            lambda log_weights: 1 / _effective(log_weights),
            "This is upside down: a share, between 1/L and 1. If all weights are equal, the result must be L.",
        ),
        Mistake(
            lambda log_weights: _effective(log_weights) / len(log_weights),
            "This is the effective share of the samples, between 1/L and 1. The task asks for their number.",
        ),
        Mistake(
            lambda log_weights: log_weights.sum(dim=0).square() / log_weights.square().sum(dim=0),
            "These are the log-weights in the place of the weights. Two samples with log-weights 0 and -100: which of "
            "the two counts?",
        ),
        Mistake(
            lambda log_weights: _effective(-log_weights),
            "The weights are upside down: codes that explain the image badly count most.",
        ),
        Mistake(
            lambda log_weights: log_weights.exp().sum(dim=0) / log_weights.exp().square().sum(dim=0),
            "The sum in the numerator has lost its square. As it is, the result changes if all weights are "
            "multiplied by ten.",
        ),
        Mistake(
            lambda log_weights: len(log_weights) * _effective(log_weights),
            "Yours is L times too large: is one of the two sums a mean?",
        ),
        Mistake(
            lambda log_weights: log_weights.softmax(dim=0).sum(dim=0),
            "The normalised weights add up to 1, always. Where is the square?",
        ),
        Mistake(
            lambda log_weights: 1 / log_weights.softmax(dim=0).amax(dim=0),
            "This asks only about the largest weight. It is L if all are equal and 1 if one is everything, but in "
            "between the others count too.",
        ),
        Mistake(
            lambda log_weights: _entropy(log_weights).exp(),
            "That is another count of the same kind, by the entropy of the normalised weights. The task asks for the "
            "one with squares.",
        ),
        Mistake(_entropy, "That is the entropy of the normalised weights. The task asks for the count with squares."),
        Mistake(
            lambda log_weights: 1 / log_weights.softmax(dim=1).square().sum(dim=1),
            "The weights are normalised over the images. Samples come first here: shape (L, B).",
        ),
        Mistake(
            lambda log_weights: _effective(log_weights).mean(),
            "This is averaged over the images. Return one value for each.",
        ),
    ),
    hint="If all L weights of an image are equal, the result must be L. If one of them is far larger than the others, "
    "it must be 1. And a number added to all log-weights of an image must change nothing. Try the three.",
    not_finite=NOT_FINITE,
    stages=(
        Stage(
            _large,
            "Right for small logarithms, but off where they are of the size of ±1500, as those of images are. Is "
            "something clamped, or a small number added before a division?",
            not_finite=NOT_FINITE,
            rtol=2e-3,
        ),
    ),
    remark="With one dominating weight the bound rests on one code, however many were drawn.",
)
