"""Exercises of lesson 8: a Bernoulli decoder."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Generator, Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from vae_lessons.checks.calls import NoAnswerError, call
from vae_lessons.checks.exercises import (
    Choice,
    Exercise,
    Function,
    Slip,
    Task,
    as_function,
    as_results,
    fresh_generator,
)

SIZES = (20.0, 60.0, 90.0, 120.0, 150.0, 200.0)
SHAPE = (5, 4, 3)
CHANGED_PLACES = "The images and the logits have changed places: the function takes the logits first."
MEAN_OF_ALL = (
    "This is one number for the whole batch. The default of PyTorch's function is a mean over everything: what does "
    '`reduction="none"` leave you to do?'
)
FLOOR_OF_ITS_OWN = "The floor that you take away is that of the whole batch. Each image has a floor of its own."


def _slopes(function: Callable, logits: Tensor, *before: Tensor) -> Tensor | None:
    """Of the sum of what `function` returns, in its last argument; None if no gradient passes through it."""
    leaf = logits.clone().requires_grad_()
    with torch.enable_grad():
        handed = leaf * 1.0  # may be written into, as a leaf may not
    try:
        found = call(function, *(part.clone() for part in before), handed)
        if not (isinstance(found, Tensor) and found.requires_grad):
            return None
        (slopes,) = torch.autograd.grad(found.sum(), leaf, allow_unused=True)
    except (NoAnswerError, RuntimeError):  # NumPy, for one, takes no tensor that gradients pass through
        return None
    return slopes


# The log-likelihood, from logits


def _pixels(x: Tensor, logits: Tensor) -> Tensor:
    return Bernoulli(logits=logits).log_prob(x)


def _log_likelihood(x: Tensor, logits: Tensor) -> Tensor:
    return _pixels(x, logits).sum(dim=(1, 2))


def _misplaced(x: Tensor, logits: Tensor) -> Tensor:
    return logits * x - softplus(x)


def _ink(x: Tensor, logits: Tensor) -> Tensor:
    return x * -softplus(-logits)


def _paper(x: Tensor, logits: Tensor) -> Tensor:
    return (1 - x) * -softplus(logits)


def _binary_images(generator: Generator) -> tuple[Tensor, Tensor]:
    x = torch.bernoulli(torch.full(SHAPE, 0.4), generator=generator)
    return x, 3 * torch.randn(SHAPE, generator=generator)


MODERATE = Function(
    name="bernoulli-logits",
    points=3,
    inputs=_binary_images,
    answer=_log_likelihood,
    slips=(
        Slip(
            lambda x, logits: -_log_likelihood(x, logits),
            "The sign is flipped. This is the binary cross-entropy, which is a loss; the logarithm of a probability is "
            "never above 0.",
        ),
        Slip(
            lambda x, logits: _pixels(x, logits).mean(dim=(1, 2)),
            "This is a mean over the pixels. Independent pixels multiply their probabilities, so their logarithms do "
            "what?",
        ),
        Slip(
            lambda x, logits: _pixels(x, logits).sum(),
            "This is one number for the whole batch. Sum over the pixels of each image, and leave the batch alone.",
        ),
        Slip(
            lambda x, logits: _log_likelihood(x, logits).mean(),
            "This is averaged over the batch. Leave that to whoever needs it, and return one value for each image.",
        ),
        Slip(_pixels, "These are the values of the single pixels. What belongs to one image has still to be added up."),
        Slip(
            lambda x, logits: _log_likelihood(x, torch.sigmoid(logits)),
            "The sigmoid is taken twice: once by you, and once more inside a function that expects logits. Which of "
            "the two do you want to keep?",
        ),
        Slip(
            lambda x, logits: _ink(x, logits).sum(dim=(1, 2)),
            "Only the pixels that are ink count. What does a pixel that is paper have to say about its logit?",
        ),
        Slip(
            lambda x, logits: _paper(x, logits).sum(dim=(1, 2)),
            "Only the pixels that are paper count. What does a pixel that is ink have to say about its logit?",
        ),
        Slip(
            lambda x, logits: _log_likelihood(1 - x, logits),
            "Ink and paper have changed places: a large logit should make ink likely, and in yours it makes paper so.",
        ),
        Slip(
            lambda x, logits: (x * logits - softplus(-logits)).sum(dim=(1, 2)),
            "The logit in the last term has the wrong sign. Put x = 0 and a large negative logit: the model is right, "
            "and the result should be near 0.",
        ),
        Slip(
            lambda x, logits: (x * logits).sum(dim=(1, 2)),
            "Half of it is there: the term that does not depend on x is missing, and without it the two probabilities "
            "of a pixel do not add up to 1.",
        ),
        Slip(lambda x, logits: _pixels(x, logits).mean(), MEAN_OF_ALL),
        Slip(lambda x, logits: -_pixels(x, logits).mean(), MEAN_OF_ALL),
        Slip(lambda x, logits: _misplaced(x, logits).sum(dim=(1, 2)), CHANGED_PLACES),
        Slip(lambda x, logits: -_misplaced(x, logits).sum(dim=(1, 2)), CHANGED_PLACES),
        Slip(lambda x, logits: _misplaced(x, logits).mean(), CHANGED_PLACES),
        Slip(lambda x, logits: -_misplaced(x, logits).mean(), CHANGED_PLACES),
    ),
    hint="Try one pixel by hand. Its logit is 0: then ink and paper are equally likely, and either must give "
    "-log 2, about -0.69. Its logit is 5: then ink must give nearly 0, and paper about -5.",
)


def _sure_images() -> tuple[Tensor, Tensor]:
    """Two images with huge logits, (2, 2, 6): of the first all are wrong, of the second all are right."""
    size = torch.tensor(SIZES)
    logits = torch.stack([torch.stack([size, -size])] * 2)
    return torch.stack([(logits[0] < 0).float(), (logits[1] > 0).float()]), logits


def _judge_logits(answer: object) -> str | None:
    """Logits of the usual size; huge ones; and the slopes at both."""
    wrong = MODERATE.judge(answer)
    if wrong:
        return wrong
    function = as_function(answer)
    x, logits = _sure_images()
    (found,) = as_results(call(function, x.clone(), logits.clone()))
    if found.shape != (2,):
        return f"Your result has shape {tuple(found.shape)} for 2 images; it must have one value for each."
    if not found.isfinite().all():
        return (
            "Right for logits of the usual size. With logits of ±200 there is a NaN or an infinity in it: an "
            "exponential overflows, or a probability has been rounded to 0 or 1. The formula is right on paper: which "
            "PyTorch function computes log(1 + e^a), or log sigmoid(-a), without the large exponential?"
        )
    expected = _log_likelihood(x, logits).double()
    if found[0] > 0.99 * expected[0]:
        return (
            "Right for logits of the usual size. With logits of ±200 your values are not bad enough: something cuts "
            "them off, a clamp or a small number added before the logarithm. The pixels that are most wrong are then "
            "the ones that nobody corrects."
        )
    if not torch.allclose(found, expected, rtol=1e-3, atol=1e-3):
        return "Right for logits of the usual size, but off where they are ±100 and more. Is something rounded there?"
    slopes = _slopes(function, logits, x)
    if slopes is None:
        return None
    if not slopes.isfinite().all():
        return (
            "The values are right, also for logits of ±200, but a slope there is NaN or infinite. A branch that is not "
            "chosen still takes part in the slope: give it a logit that it survives."
        )
    if not torch.allclose(slopes, x - torch.sigmoid(logits), atol=1e-3):
        return (
            "The values are right, but the slopes in the logits are not: something is clamped or detached on the way."
        )
    return None


LOGITS = Task(name="bernoulli-logits", points=3, judgement=_judge_logits)


# The whole loss


def _batch(generator: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    mu, logvar = 1.5 * torch.randn(2, 6, 3, generator=generator)
    x = torch.bernoulli(torch.full((6, 4, 5), 0.4), generator=generator)
    return mu, logvar, 2 * torch.randn(6, 4, 5, generator=generator), x


def _kl_parts(mu: Tensor, logvar: Tensor) -> Tensor:
    return kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0))


def _kl(mu: Tensor, logvar: Tensor) -> Tensor:
    return _kl_parts(mu, logvar).sum(dim=1)


def _loss(mu: Tensor, logvar: Tensor, logits: Tensor, x: Tensor) -> Tensor:
    return (_kl(mu, logvar) - _log_likelihood(x, logits)).mean()


MODERATE_LOSS = Function(
    name="bce-loss",
    points=3,
    inputs=_batch,
    answer=_loss,
    slips=(
        Slip(
            lambda mu, logvar, logits, x: (
                binary_cross_entropy_with_logits(torch.sigmoid(logits), x) + _kl(mu, logvar).mean()
            ),
            "Both mistakes are still there. Count what each term is summed over and averaged over; then follow one "
            "logit from the decoder to the loss.",
        ),
        Slip(
            lambda mu, logvar, logits, x: (_kl(mu, logvar) - _log_likelihood(x, torch.sigmoid(logits))).mean(),
            "One mistake is mended. The sigmoid is still taken twice: this cross-entropy takes it itself, and survives "
            "large logits. What does it want to be given?",
        ),
        Slip(
            lambda mu, logvar, logits, x: binary_cross_entropy_with_logits(logits, x) + _kl(mu, logvar).mean(),
            "One mistake is mended. The misfit is still averaged over the pixels while the rate is summed over the "
            "latent dimensions: the rate weighs D times too much, and the code is switched off.",
        ),
        Slip(
            lambda mu, logvar, logits, x: _kl(mu, logvar).mean() - _log_likelihood(x, logits).sum(),
            "The misfit is now summed over the batch too, while the rate is averaged over it. Their balance would "
            "depend on the batch size.",
        ),
        Slip(
            lambda mu, logvar, logits, x: _kl(mu, logvar).sum() - _log_likelihood(x, logits).mean(),
            "The rate is summed over the batch, while the misfit is averaged over it. Their balance would depend on "
            "the batch size.",
        ),
        Slip(
            lambda mu, logvar, logits, x: (_kl(mu, logvar) - _log_likelihood(x, logits)).sum(),
            "The balance of the two terms is right, but both are summed over the batch. Nats *per image* are asked "
            "for: would yours stay the same in a batch of twice as many?",
        ),
        Slip(
            lambda mu, logvar, logits, x: _kl(mu, logvar) - _log_likelihood(x, logits),
            "Right for each image; the task asks for their average over the batch, one number.",
        ),
        Slip(
            lambda *batch: -_loss(*batch),
            "This is the ELBO, which goes up. A loss goes down, and an optimiser given yours would make the model "
            "worse and worse.",
        ),
        Slip(
            lambda mu, logvar, logits, x: -(_kl(mu, logvar) + _log_likelihood(x, logits)).mean(),
            "The rate is subtracted from the misfit: a code that says more would cost less. The sum of the two terms "
            "is minus the ELBO; check the sign of each.",
        ),
        Slip(
            lambda mu, logvar, logits, x: (_kl_parts(mu, logvar).mean(dim=1) - _log_likelihood(x, logits)).mean(),
            "The rate is a mean over the latent dimensions now. It was right as it stood: a sum over them.",
        ),
        Slip(
            lambda mu, logvar, logits, x: (_kl(mu, logvar) - _log_likelihood(x, logits)).mean() / x[0].numel(),
            "Both terms are divided by the number of pixels. Their ratio is right, so it would train well; but these "
            "are nats per pixel, and asked for are nats per image.",
        ),
        Slip(
            lambda mu, logvar, logits, x: _kl_parts(mu, logvar).mean() - _pixels(x, logits).mean(),
            "Each term is now averaged over numbers of its own, one over D pixels and the other over K dimensions. "
            "Average over images, and over nothing else.",
        ),
        Slip(
            lambda mu, logvar, logits, x: -_log_likelihood(x, logits).mean(),
            "The rate is missing altogether: this is the loss of an autoencoder with noise in its code.",
        ),
    ),
    hint="For one image of one pixel, with logit 0, and a code with mu = 0 and σ = 1, the loss is log 2 and nothing "
    "else. A second pixel of the same kind must add as much again, and a second image must change nothing.",
)


def _judge_loss(answer: object) -> str | None:
    """Logits of the usual size; huge ones; and the slopes at those."""
    wrong = MODERATE_LOSS.judge(answer)
    if wrong:
        return wrong
    function = as_function(answer)
    mu, logvar = torch.randn(2, 2, 3, generator=fresh_generator())
    x, logits = _sure_images()
    (found,) = as_results(call(function, *(part.clone() for part in (mu, logvar, logits, x))))
    if not found.isfinite().all():
        return (
            "Right for logits of the usual size. With logits of ±200 it is a NaN or an infinity: a probability has "
            "been rounded to 0 or 1 before its logarithm was taken, or an exponential overflows. Which form "
            "of the cross-entropy is given the logits themselves?"
        )
    if not torch.allclose(found, _loss(mu, logvar, logits, x).double(), rtol=1e-3):
        return (
            "Right for logits of the usual size, but not at ±200: the logarithm of a probability is cut off there, as "
            "`binary_cross_entropy` does at -100, and the slope is then 0. The pixels that are most wrong would be the "
            "ones that nobody corrects."
        )
    slopes = _slopes(lambda mu, logvar, x, logits: function(mu, logvar, logits, x), logits, mu, logvar, x)
    if slopes is None:
        return None
    if not torch.allclose(slopes, (torch.sigmoid(logits) - x) / len(x), atol=1e-3):
        return (
            "The values are right, also for logits of ±200, but the slopes in the logits there are not: something is "
            "clamped or detached on the way, or a branch that is not chosen overflows."
        )
    return None


LOSS = Task(
    name="bce-loss",
    points=3,
    judgement=_judge_loss,
    remark="The mean over the pixels switches the code off; two sigmoids keep every pixel at one half or more.",
)


# Grey pixels


def _entropy(x: Tensor) -> Tensor:
    return Bernoulli(probs=x).entropy().sum(dim=(1, 2))


def _grey_bce(x: Tensor, logits: Tensor) -> Tensor:
    return binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=(1, 2))


def _excess_parts(x: Tensor, logits: Tensor) -> Tensor:
    return kl_divergence(Bernoulli(probs=x), Bernoulli(logits=logits))


def _excess(x: Tensor, logits: Tensor) -> Tensor:
    return _excess_parts(x, logits).sum(dim=(1, 2))


def _grey_images(generator: Generator) -> tuple[Tensor, Tensor]:
    return 0.05 + 0.9 * torch.rand(SHAPE, generator=generator), 2 * torch.randn(SHAPE, generator=generator)


GREY = Function(
    name="bce-excess",
    points=2,
    inputs=_grey_images,
    answer=_excess,
    slips=(
        Slip(
            _grey_bce,
            "This is the cross-entropy itself: a perfect copy still costs something. Its floor is not off yet.",
        ),
        Slip(
            lambda x, logits: _entropy(x),
            "This is the floor itself, and it does not depend on the logits. Asked for is how far above it the "
            "decoder is.",
        ),
        Slip(
            lambda x, logits: -_excess(x, logits),
            "The sign is flipped. Nothing is below the floor, so the excess is never negative.",
        ),
        Slip(
            lambda x, logits: _grey_bce(x, logits) + _entropy(x),
            "The floor is added, where it should be taken away. Entropy has a minus sign in its definition: has it "
            "been counted twice?",
        ),
        Slip(
            lambda x, logits: kl_divergence(Bernoulli(logits=logits), Bernoulli(probs=x)).sum(dim=(1, 2)),
            "The pixel and the decoder have changed places: yours averages with weights π and 1 - π. Which of the two "
            "weights the logarithms in a cross-entropy?",
        ),
        Slip(
            lambda x, logits: _excess(x, logits) / x[0].numel(),
            "This is a mean over the pixels. Nats per image are asked for: a sum over them.",
        ),
        Slip(
            lambda x, logits: _excess(x, logits).sum(),
            "This is one number for the whole batch. Each image has an excess of its own.",
        ),
        Slip(
            lambda x, logits: _excess(x, logits).mean(),
            "This is averaged over the batch. Return one value for each image.",
        ),
        Slip(
            lambda x, logits: _excess(x, torch.sigmoid(logits)),
            "The sigmoid is taken twice. With logits that say exactly what the pixels are, yours is not 0.",
        ),
        Slip(
            lambda x, logits: (x * torch.log(x / torch.sigmoid(logits))).sum(dim=(1, 2)),
            "Only half of each pixel is counted, its share of ink. The share of paper has a logarithm of its own.",
        ),
        Slip(
            lambda x, logits: (x - torch.sigmoid(logits)).square().sum(dim=(1, 2)),
            "That is the squared error. It too is 0 for a perfect copy, but it is not measured in nats.",
        ),
        Slip(
            _excess_parts,
            "These are the values of the single pixels. What belongs to one image has still to be added up.",
        ),
        Slip(lambda x, logits: _grey_bce(x, logits) - _entropy(x).mean(), FLOOR_OF_ITS_OWN),
        Slip(lambda x, logits: _grey_bce(x, logits) - _entropy(x).sum(), FLOOR_OF_ITS_OWN),
        Slip(
            lambda x, logits: _grey_bce(x, logits) - _entropy(torch.sigmoid(logits)),
            "What you take away changes with the decoder. The floor is the entropy of x, not of π.",
        ),
        Slip(lambda x, logits: _excess(x, logits) / math.log(2), "These are bits; nats are asked for."),
    ),
    hint="With logits that say exactly what the pixels are, the excess must be 0. And for one pixel of ½ whose "
    "logit is log 3 (so π = ¾) it must be ½ log(4/3), about 0.14. Try both.",
)


def _judge_excess(answer: object) -> str | None:
    """Grey pixels; then some that are exactly paper or ink; and huge logits."""
    wrong = GREY.judge(answer)
    if wrong:
        return wrong
    function = as_function(answer)
    x, logits = _grey_images(fresh_generator())
    x[:, 0], x[:, 1] = 0.0, 1.0
    (found,) = as_results(call(function, x.clone(), logits.clone()))
    if not found.isfinite().all():
        return (
            "Right as long as every pixel is grey. Where one is exactly 0 or 1 there is a NaN or an infinity: what is "
            "the limit of x log x as x goes to 0, and what does the computer make of 0 times minus infinity?"
        )
    if found.shape != (len(x),) or not torch.allclose(found, _excess(x, logits).double(), rtol=1e-3, atol=1e-2):
        return (
            "Right as long as every pixel is grey, but off where one is exactly 0 or 1. If you have moved such pixels "
            "away from 0 and 1, it was by too much, or only at one of the two ends."
        )
    size = torch.tensor(SIZES)
    logits = torch.stack([size, -size]).repeat(4, 1, 1)  # (4, 2, 6), of images that are all paper, grey or ink
    x = torch.tensor([0.0, 0.3, 0.8, 1.0])[:, None, None] * torch.ones_like(logits)
    (found,) = as_results(call(function, x.clone(), logits.clone()))
    if not found.isfinite().all():
        return (
            "Right for logits of the usual size. With logits of ±200 there is a NaN or an infinity: a probability has "
            "been rounded to 0 or 1 (PyTorch's `kl_divergence` of two Bernoullis looks at those too), or an "
            "exponential overflows. Which form of the cross-entropy is given the logits themselves?"
        )
    if not torch.allclose(found, (_grey_bce(x, logits) - _entropy(x)).double(), rtol=1e-3, atol=1e-2):
        return (
            "Right for logits of the usual size, but not at ±200: something cuts your values off there, a clamp or a "
            "small number added before a logarithm."
        )
    return None


EXCESS = Task(
    name="bce-excess",
    points=2,
    judgement=_judge_excess,
    remark="It is KL(Bernoulli(x) || Bernoulli(π)), summed over pixels.",
)

COMPARE = Choice(
    name="bce-compare",
    points=1,
    right="c",
    wrong={
        "a": "The numbers are of different images. Thresholded ones have no uncertain pixels, so their floor is lower, "
        "whichever model looks at them.",
        "b": "Ann's number is no log-density of the grey images, however much there is in them: her formula does not "
        "integrate to 1 over the greys. So it proves nothing about describing more.",
        "d": "With her floor off, Ann's number says how far she is above the best that any decoder could do on *her* "
        "images. Ben's are other images, with strokes cut at a threshold; how hard those are, hers does not tell.",
    },
)


# The normaliser of the continuous Bernoulli


def _log_normaliser(logits: Tensor) -> Tensor:
    """Minus the logarithm of ∫ π^x (1 - π)^(1 - x) dx, by Gauss-Legendre quadrature."""
    nodes, weights = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(300))
    x, a = (nodes + 1) / 2, logits.double().unsqueeze(-1)
    exponent = x * a - softplus(a, threshold=500)
    return -torch.log((torch.exp(exponent) * weights / 2).sum(dim=-1))


POSITIVE = Function(
    name="cb-normaliser",
    points=3,
    inputs=lambda generator: (0.5 + 5 * torch.rand(7, generator=generator),),
    answer=_log_normaliser,
    slips=(
        Slip(
            lambda logits: -_log_normaliser(logits),
            "The sign is flipped: this is the logarithm of the integral, and C is what makes the integral 1.",
        ),
        Slip(
            lambda logits: torch.exp(_log_normaliser(logits)),
            "This is C itself. Its logarithm is what is added to a log-likelihood.",
        ),
        Slip(
            lambda logits: torch.exp(-_log_normaliser(logits)),
            "This is the integral itself: neither turned upside down nor in logarithms.",
        ),
        Slip(
            lambda logits: torch.log(logits / torch.tanh(logits)),
            "The argument of the tanh is twice too large.",
        ),
        Slip(
            lambda logits: _log_normaliser(logits) - math.log(2),
            "Yours is log 2 too small everywhere: a factor of 2 has been lost. At a = 0 the integral is ½.",
        ),
        Slip(
            lambda logits: torch.log(logits * torch.tanh(logits / 2)),
            "The tanh is on the wrong side of the fraction. As a goes to 0 yours goes to minus infinity.",
        ),
    ),
    hint="Take a large logit, say 40. There the tanh is 1, and C(a) = a. Does yours give log 40? And "
    "at 0.1, does it give just a little more than log 2?",
)


def _off(function: Callable, logits: list[float], atol: float = 1e-3) -> bool:
    given = torch.tensor(logits)
    found = as_results(call(function, given.clone()))
    return not (
        len(found) == 1
        and found[0].shape == given.shape
        and torch.allclose(found[0], _log_normaliser(given), atol=atol)
    )


def _judge_normaliser(answer: object) -> str | None:
    """A series used too far out; positive logits; negative ones; zero; near it; huge ones; and the slopes.

    log 2 + a² / 12 may be used up to |a| = 1/2, where it is off by 3e-4. That is tested first, at fixed logits, so
    that no verdict depends on the ones that are drawn.
    """
    function = as_function(answer)
    if not _off(function, [6.0, 8.0]) and _off(function, [0.5, 0.7, 1.0, 1.5, 2.0], atol=1e-4):
        return (
            "Right for large logits and near 0, but off for logits around 1: the series is used farther out than it is "
            "good. Below about 0.1 is enough."
        )
    wrong = POSITIVE.judge(answer)
    if wrong:
        return wrong
    negative = torch.tensor([-0.5, -0.7, -1.0, -1.5, -2.0, -4.0, -6.0])
    (found,) = as_results(call(function, negative.clone()))
    if not found.isfinite().all():
        return (
            "Right for positive logits. For negative ones it is not, though C is even: which of your logarithms is "
            "given a negative number?"
        )
    cases = (
        (
            negative.tolist(),
            "Right for positive logits. For negative ones it is not, though C is even: is one that is far below 0 "
            "taken for one near 0?",
        ),
        (
            [0.0, 1.0],
            "Right away from 0. At a = 0 the form is 0 / 0. The task gives what to use near 0: when must your function "
            "switch to it?",
        ),
        (
            [1e-6, -1e-6, 1e-4, -1e-4, 1e-3, 0.01, 0.04, 0.1, 0.2, 0.3],
            "Right away from 0 and at 0, but off in between, where logits are small: two nearly equal numbers are "
            "subtracted, or an approximation is used farther out than it is good.",
        ),
        (
            [200.0, -200.0, 90.0, -90.0, 30.0, -30.0],
            "Right for logits of the usual size, but not at ±200: is there an exponential that overflows, or a "
            "probability that is rounded to 0 or 1?",
        ),
    )
    for logits, told in cases:
        if _off(function, logits):
            return told
    logits = torch.tensor([0.0, 0.05, -0.1, 0.5, -1.0, 3.0, -5.0])
    slopes = _slopes(function, logits)
    if slopes is None:
        return "The values are right. But no gradient passes through them, and a network is to be trained on them."
    if not slopes.isfinite().all():
        return (
            "All values are right, at 0 too. But the slope there is NaN: `torch.where` chooses among values, and its "
            "slope takes both branches along, the bad one times 0. What must the branch that is not chosen be given?"
        )
    with torch.enable_grad():
        leaf = logits.double().requires_grad_()
        (expected,) = torch.autograd.grad(_log_normaliser(leaf).sum(), leaf)
    if not torch.allclose(slopes.double(), expected, atol=0.02):
        return (
            "All values are right, but not the slopes in the logits. Near 0 they must be near 0 too; a tiny number "
            "that is added to a logit mends the value there, and not the slope."
        )
    return None


NORMALISER = Task(name="cb-normaliser", points=3, judgement=_judge_normaliser)


# Bits


def _densities(generator: Generator) -> tuple[Tensor, int, int]:
    n_pixels, levels = (int(torch.randint(low, high, (), generator=generator)) for low, high in ((20, 90), (4, 40)))
    return 40 + 30 * torch.randn(6, generator=generator), n_pixels, levels


def _bits(log_density: Tensor, n_pixels: int, levels: int) -> Tensor:
    return torch.log2(torch.tensor(levels).double()) - log_density.double() / (n_pixels * math.log(2))


BITS = Function(
    name="bits-per-pixel",
    points=2,
    inputs=_densities,
    answer=_bits,
    slips=(
        Slip(
            lambda log_density, n_pixels, levels: -log_density / (n_pixels * math.log(2)),
            "The levels play no part. A density of cells that are narrow may be large, and then yours gives negative "
            "bits; what is the probability of a cell, if the density is known in it?",
        ),
        Slip(
            lambda log_density, n_pixels, levels: -_bits(log_density, n_pixels, levels),
            "The sign is flipped. These are logarithms of probabilities, and bits are minus those.",
        ),
        Slip(
            lambda log_density, n_pixels, levels: math.log2(levels) + log_density / (n_pixels * math.log(2)),
            "The log-density has the wrong sign: with yours a better model needs more bits.",
        ),
        Slip(
            lambda log_density, n_pixels, levels: -math.log2(levels) - log_density / (n_pixels * math.log(2)),
            "The levels have the wrong sign. More and narrower cells: does it take more bits or fewer to say which?",
        ),
        Slip(
            lambda log_density, n_pixels, levels: math.log2(levels - 1) - log_density / (n_pixels * math.log(2)),
            "The cells are slightly too wide. How many cells are there, and how wide is one, if all of them fill the "
            "interval from 0 to 1?",
        ),
        Slip(
            lambda log_density, n_pixels, levels: math.log(2) * _bits(log_density, n_pixels, levels),
            "These are nats per pixel. Bits are asked for.",
        ),
        Slip(
            lambda log_density, n_pixels, levels: math.log(2) ** 2 * _bits(log_density, n_pixels, levels),
            "Multiplied where it should be divided: a bit is less than a nat, so there are more of them.",
        ),
        Slip(
            lambda log_density, n_pixels, levels: n_pixels * _bits(log_density, n_pixels, levels),
            "These are bits for the whole image. The average of its pixels is asked for.",
        ),
        Slip(
            lambda log_density, n_pixels, levels: (math.log2(levels) - log_density.double() / math.log(2)) / n_pixels,
            "The width of a cell is counted once for each image. An image's cell has a width in each of its D pixels.",
        ),
        Slip(
            lambda log_density, n_pixels, levels: math.log2(levels) - log_density.double() / n_pixels,
            "The levels are in bits, and the log-density is still in nats.",
        ),
        Slip(
            lambda log_density, n_pixels, levels: math.log2(levels) - log_density.double() / n_pixels * math.log(2),
            "The levels are in bits. The log-density has been multiplied by log 2 on its way to bits, but a bit is "
            "less than a nat, so there are more of them.",
        ),
        Slip(
            lambda log_density, n_pixels, levels: math.log2(levels) - log_density.double() / math.log(2),
            "The log-density is of the whole image; its share per pixel is asked for.",
        ),
        Slip(
            lambda log_density, n_pixels, levels: math.log(levels) - log_density.double() / (n_pixels * math.log(2)),
            "The log-density is in bits, and the levels are still in nats.",
        ),
        Slip(
            lambda log_density, n_pixels, levels: _bits(log_density, n_pixels, levels).mean(),
            "This is averaged over the batch. Return one value for each image.",
        ),
    ),
    hint="A model that knows nothing has density 1 everywhere, so its log-density is 0. With 16 levels it must need 4 "
    "bits for each pixel, and with 256 levels 8. If the log-density of an image is larger by n_pixels · log 2, it must "
    "need exactly one bit per pixel less.",
    rtol=1e-4,
    remark="Those with a log-density below 0 on pixels in [0, 1]: worse than the uniform density.",
)

EXERCISES: tuple[Exercise, ...] = (LOGITS, LOSS, EXCESS, COMPARE, NORMALISER, BITS)
