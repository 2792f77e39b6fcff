"""The exercise "what the label of an image saves"."""

import math

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import Stage

NOT_FINITE = (
    "Right for small logarithms. Those of images are of the size of ±1500, and their exponentials are 0 or infinite "
    "for a computer. PyTorch has a function that takes the largest out first."
)


def _scores(generator: Generator, n_images: int, n_classes: int) -> tuple[Tensor, Tensor]:
    scores = 2 * torch.randn(n_images, n_classes, generator=generator) - 3
    return scores, torch.randint(0, n_classes, (n_images,), generator=generator)


def _large(generator: Generator, n_images: int, n_classes: int) -> tuple[Tensor, Tensor]:
    scores, labels = _scores(generator, n_images, n_classes)
    sizes = 300 * torch.randn(n_images, 1, generator=generator)
    sizes[0], sizes[-1] = -1500, 1500
    return scores + sizes, labels


def _own(scores: Tensor, labels: Tensor) -> Tensor:
    return scores.double()[torch.arange(len(labels)), labels]


def _log_mean(scores: Tensor) -> Tensor:
    return scores.double().logsumexp(dim=1) - math.log(scores.shape[1])


LABEL_SAVING = Function(
    name="label-saving",
    points=3,
    inputs=_scores,
    answer=lambda scores, labels: _own(scores, labels) - _log_mean(scores),
    mistakes=(
        Mistake(
            lambda scores, labels: _own(scores, labels) - scores.double().logsumexp(dim=1),
            "This is log p(c | x), at most 0: the classes are added up in the place of p(x), where each has the prior "
            "probability 1/C.",
        ),
        Mistake(
            lambda scores, labels: _own(scores, labels) - scores.double().mean(dim=1),
            "Logarithms are averaged here, where probabilities must be. So p(x) comes out too small, and the label "
            "seems to save more than log C.",
        ),
        Mistake(
            lambda scores, labels: _log_mean(scores) - _own(scores, labels),
            "The sign is flipped: it should be positive where the image is more probable once its label is known.",
        ),
        Mistake(
            lambda scores, labels: scores.double().amax(dim=1) - _log_mean(scores),
            "This takes the class with the highest bound. The label of the image may be another one.",
        ),
        Mistake(
            lambda scores, labels: _own(scores, labels) - scores.double().amax(dim=1),
            "This compares the label with the best class. p(x) is the average over all classes.",
        ),
        Mistake(
            lambda scores, labels: (
                _own(scores, labels) - scores.double().logsumexp(dim=0)[labels] + math.log(scores.shape[0])
            ),
            "The average runs over the images. It is the classes that are the columns: shape (B, C).",
        ),
        Mistake(
            lambda scores, labels: (_own(scores, labels) - _log_mean(scores)) / math.log(2),
            "This is in bits. The task asks for nats.",
        ),
        Mistake(
            lambda scores, labels: (_own(scores, labels) - _log_mean(scores)).exp(),
            "This is the ratio of the two probabilities. The nats are its logarithm.",
        ),
        Mistake(
            lambda scores, labels: (_own(scores, labels) - _log_mean(scores)).mean(),
            "This is averaged over the images. Return one value for each.",
        ),
    ),
    hint="If all classes score the same, the label saves nothing. If the image's own class scores far above all "
    "others, it saves log C. Try both.",
    not_finite=NOT_FINITE,
    stages=(
        Stage(
            _large,
            "Right for small logarithms, but off where they are of the size of ±1500, as those of images are.",
            not_finite=NOT_FINITE,
            rtol=1e-3,
            atol=1e-2,
        ),
    ),
    remark="It is log C minus the cross-entropy of Bayes' rule, so never above log C. It may be negative: a label can "
    "mislead.",
)
