"""The exercise "the log-likelihood, from logits"."""

import math

import torch
from torch import Generator, Tensor
from torch.nn.functional import softplus

from vae_exercises.bernoulli_decoder.shared import log_likelihood, pixels, sure_images
from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import GradientStage, Stage
from vae_exercises.engine.terms import Terms

CHANGED_PLACES = "The images and the logits have changed places: the function takes the logits first."
CUT_OFF = (
    "Right for logits of the usual size. With logits of ±200 your values are not bad enough: something cuts them off, "
    "a clamp or a small number added before the logarithm. The pixels that are most wrong are then the ones that are "
    "never corrected."
)
ROUNDED = "Right for logits of the usual size, but off where they are ±100 and more. Is something rounded there?"
MEAN_OF_ALL = (
    "This is one number for the whole batch. The default of PyTorch's function is a mean over everything: what does "
    '`reduction="none"` leave you to do?'
)


def _misplaced(x: Tensor, logits: Tensor) -> Tensor:
    return logits * x - softplus(x)


def _ink(x: Tensor, logits: Tensor) -> Tensor:
    return x * -softplus(-logits)


def _paper(x: Tensor, logits: Tensor) -> Tensor:
    return (1 - x) * -softplus(logits)


def _binary_images(generator: Generator, n_images: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    shape = n_images, height, width
    x = torch.bernoulli(torch.full(shape, 0.4), generator=generator)
    return x, 3 * torch.randn(shape, generator=generator)


def _terms(x: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    return (x * logits).sum(dim=(1, 2)), -softplus(logits).sum(dim=(1, 2))


LOGITS = Function(
    name="bernoulli-logits",
    points=3,
    inputs=_binary_images,
    answer=log_likelihood,
    mistakes=(
        Mistake(
            lambda x, logits: -log_likelihood(x, logits),
            "The sign is flipped. This is the binary cross-entropy, which is a loss; the logarithm of a probability is "
            "never above 0.",
        ),
        Mistake(
            lambda x, logits: pixels(x, logits).mean(dim=(1, 2)),
            "This is a mean over the pixels. Independent pixels multiply their probabilities, so their logarithms do "
            "what?",
        ),
        Mistake(
            lambda x, logits: pixels(x, logits).sum(),
            "This is one number for the whole batch. Sum over the pixels of each image, and leave the batch alone.",
        ),
        Mistake(
            lambda x, logits: log_likelihood(x, logits).mean(),
            "This is averaged over the batch. Leave that to the caller, and return one value for each image.",
        ),
        Mistake(pixels, "These are the values of the single pixels. They must still be added up for each image."),
        Mistake(
            lambda x, logits: log_likelihood(x, torch.sigmoid(logits)),
            "The sigmoid is taken twice: once by you, and once more inside a function that expects logits. Which of "
            "the two do you want to keep?",
        ),
        Mistake(
            lambda x, logits: _ink(x, logits).sum(dim=(1, 2)),
            "Only the pixels that are ink count. What does a pixel that is paper have to say about its logit?",
        ),
        Mistake(
            lambda x, logits: _paper(x, logits).sum(dim=(1, 2)),
            "Only the pixels that are paper count. What does a pixel that is ink have to say about its logit?",
        ),
        Mistake(
            lambda x, logits: log_likelihood(1 - x, logits),
            "Ink and paper have changed places: a large logit should make ink likely, and in yours it makes paper so.",
        ),
        Mistake(
            lambda x, logits: (x * logits - softplus(-logits)).sum(dim=(1, 2)),
            "The logit in the last term has the wrong sign. Put x = 0 and a large negative logit: the model is right, "
            "and the result should be near 0.",
        ),
        Mistake(
            lambda x, logits: (x * logits).sum(dim=(1, 2)),
            "Half of it is there: the term that does not depend on x is missing, and without it the two probabilities "
            "of a pixel do not add up to 1.",
        ),
        Mistake(
            lambda x, logits: -(x - torch.sigmoid(logits)).square().sum(dim=(1, 2)),
            "This is minus the squared error, which belongs to a Gaussian decoder. How likely is the pixel that is "
            "there, if π is the probability of ink?",
        ),
        Mistake(
            lambda x, logits: log_likelihood(x, logits).exp(),
            "This is the likelihood itself. With 784 pixels it would vanish; the task asks for its logarithm.",
        ),
        Mistake(
            lambda x, logits: log_likelihood(x, logits) / math.log(2),
            "These are bits: the logarithm is that to base 2. The task asks for nats.",
        ),
        Mistake(lambda x, logits: pixels(x, logits).mean(), MEAN_OF_ALL),
        Mistake(lambda x, logits: -pixels(x, logits).mean(), MEAN_OF_ALL),
        Mistake(lambda x, logits: _misplaced(x, logits).sum(dim=(1, 2)), CHANGED_PLACES),
        Mistake(lambda x, logits: -_misplaced(x, logits).sum(dim=(1, 2)), CHANGED_PLACES),
        Mistake(lambda x, logits: _misplaced(x, logits).mean(), CHANGED_PLACES),
        Mistake(lambda x, logits: -_misplaced(x, logits).mean(), CHANGED_PLACES),
    ),
    hint="Try one pixel by hand. Its logit is 0: then ink and paper are equally likely, and either must give "
    "-log 2, about -0.69. Its logit is 5: then ink must give nearly 0, and paper about -5.",
    terms=Terms(("the term x · a", "the term without x"), _terms),
    stages=(
        Stage(
            sure_images,
            lambda result, expected: CUT_OFF if result[0] > 0.99 * expected[0] else ROUNDED,
            not_finite="Right for logits of the usual size. With logits of ±200 there is a NaN or an infinity in it: "
            "an exponential overflows, or a probability has been rounded to 0 or 1. The formula is right on paper: "
            "which PyTorch function computes log(1 + e^a), or log sigmoid(-a), without the large exponential?",
            atol=1e-3,
        ),
        GradientStage(
            sure_images,
            1,
            "The values are right, but the gradients in the logits are not: something is clamped or detached on the "
            "way.",
            not_finite="The values are right, also for logits of ±200, but a gradient there is NaN or infinite. A "
            "branch that is not chosen still takes part in the gradient: give it a logit that it survives.",
        ),
    ),
)
