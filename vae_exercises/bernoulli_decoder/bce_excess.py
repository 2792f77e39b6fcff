"""The exercise "above the floor"."""

import math

import torch
from torch import Generator, Tensor
from torch.distributions import Bernoulli, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits

from vae_exercises.bernoulli_decoder.shared import huge
from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import Stage
from vae_exercises.engine.terms import Terms

FLOOR_OF_ITS_OWN = "The floor that you subtract is that of the whole batch. Each image has its own floor."


def _entropy(x: Tensor) -> Tensor:
    return Bernoulli(probs=x).entropy().sum(dim=(1, 2))


def _grey_bce(x: Tensor, logits: Tensor) -> Tensor:
    return binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=(1, 2))


def _excess_parts(x: Tensor, logits: Tensor) -> Tensor:
    return kl_divergence(Bernoulli(probs=x), Bernoulli(logits=logits))


def _excess(x: Tensor, logits: Tensor) -> Tensor:
    return _grey_bce(x, logits) - _entropy(x)  # not through PyTorch's divergence, which rounds huge logits


def _grey_images(generator: Generator, n_images: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    shape = n_images, height, width
    return 0.05 + 0.9 * torch.rand(shape, generator=generator), 2 * torch.randn(shape, generator=generator)


def _images_with_paper_and_ink(generator: Generator, n_images: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    x, logits = _grey_images(generator, n_images, 1 + height, width)
    x[:, 0], x[:, 1] = 0.0, 1.0
    return x, logits


def _huge_logits(generator: Generator) -> tuple[Tensor, Tensor]:
    size = huge(generator)
    logits = torch.stack([size, -size]).repeat(4, 1, 1)  # (4, 2, 6), for images that are all paper, grey or ink
    return torch.tensor([0.0, 0.3, 0.8, 1.0])[:, None, None] * torch.ones_like(logits), logits


EXCESS = Function(
    name="bce-excess",
    points=2,
    inputs=_grey_images,
    answer=_excess,
    mistakes=(
        Mistake(
            _grey_bce,
            "This is the cross-entropy itself: a perfect copy still costs something. Its floor has not been "
            "subtracted yet.",
        ),
        Mistake(
            lambda x, logits: _entropy(x),
            "This is the floor itself, and it does not depend on the logits. The task asks how far above it the "
            "decoder is.",
        ),
        Mistake(
            lambda x, logits: -_excess(x, logits),
            "The sign is flipped. Nothing is below the floor, so the excess is never negative.",
        ),
        Mistake(
            lambda x, logits: _grey_bce(x, logits) + _entropy(x),
            "The floor is added, where it should be subtracted. Entropy has a minus sign in its definition: has it "
            "been counted twice?",
        ),
        Mistake(
            lambda x, logits: kl_divergence(Bernoulli(logits=logits), Bernoulli(probs=x)).sum(dim=(1, 2)),
            "The pixel and the decoder have changed places: yours averages with weights π and 1 - π. Which of the two "
            "weights the logarithms in a cross-entropy?",
        ),
        Mistake(
            lambda x, logits: _excess(x, logits) / x[0].numel(),
            "This is a mean over the pixels. The task asks for nats per image: a sum over them.",
        ),
        Mistake(
            lambda x, logits: _excess(x, logits).sum(),
            "This is one number for the whole batch. Each image has its own excess.",
        ),
        Mistake(
            lambda x, logits: _excess(x, logits).mean(),
            "This is averaged over the batch. Return one value for each image.",
        ),
        Mistake(
            lambda x, logits: _excess(x, torch.sigmoid(logits)),
            "The sigmoid is taken twice. With logits that say exactly what the pixels are, yours is not 0.",
        ),
        Mistake(
            lambda x, logits: (x * torch.log(x / torch.sigmoid(logits))).sum(dim=(1, 2)),
            "Only half of each pixel is counted, its share of ink. The share of paper has its own logarithm.",
        ),
        Mistake(
            lambda x, logits: (x - torch.sigmoid(logits)).square().sum(dim=(1, 2)),
            "That is the squared error. It too is 0 for a perfect copy, but it is not measured in nats.",
        ),
        Mistake(
            _excess_parts,
            "These are the values of the single pixels. They must still be added up for each image.",
        ),
        Mistake(lambda x, logits: _grey_bce(x, logits) - _entropy(x).mean(), FLOOR_OF_ITS_OWN),
        Mistake(lambda x, logits: _grey_bce(x, logits) - _entropy(x).sum(), FLOOR_OF_ITS_OWN),
        Mistake(
            lambda x, logits: _grey_bce(x, logits) - _entropy(torch.sigmoid(logits)),
            "What you subtract changes with the decoder. The floor is the entropy of x, not of π.",
        ),
        Mistake(lambda x, logits: _excess(x, logits) / math.log(2), "These are bits; the task asks for nats."),
    ),
    hint="With logits that say exactly what the pixels are, the excess must be 0. And for one pixel of ½ whose "
    "logit is log 3 (so π = ¾) it must be ½ log(4/3), about 0.14. Try both.",
    terms=Terms(("the cross-entropy", "the floor"), lambda x, logits: (_grey_bce(x, logits), -_entropy(x))),
    stages=(
        Stage(
            _images_with_paper_and_ink,
            "Right as long as every pixel is grey, but off where one is exactly 0 or 1. If you have moved such pixels "
            "away from 0 and 1, it was by too much, or only at one of the two ends.",
            not_finite="Right as long as every pixel is grey. Where one is exactly 0 or 1 there is a NaN or an "
            "infinity: what is the limit of x log x as x goes to 0, and what does the computer make of 0 times minus "
            "infinity?",
            atol=1e-2,
        ),
        Stage(
            _huge_logits,
            "Right for logits of the usual size, but not at ±200: something cuts your values off there, a clamp or a "
            "small number added before a logarithm.",
            not_finite="Right for logits of the usual size. With logits of ±200 there is a NaN or an infinity: a "
            "probability has been rounded to 0 or 1 (PyTorch's `kl_divergence` of two Bernoullis looks at those too), "
            "or an exponential overflows. Which form of the cross-entropy is given the logits themselves?",
            atol=1e-2,
        ),
    ),
    remark="It is KL(Bernoulli(x) || Bernoulli(π)), summed over pixels.",
)
