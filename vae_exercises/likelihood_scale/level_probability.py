"""The exercise "the probability of a grey level"."""

import torch
from torch import Generator, Tensor
from torch.nn.functional import logsigmoid

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import Stage

ENDS = (
    "Right, except at paper and ink. There the cell reaches out to infinity, or the probabilities of all levels do not "
    "add up to 1."
)


def _grey_images(generator: Generator, n_images: int, height: int, width: int) -> tuple[Tensor, Tensor, float, int]:
    """Draw images of grey levels, in which both ends occur."""
    levels = int(torch.randint(6, 20, (), generator=generator))
    x = torch.randint(0, levels, (n_images, height, width), generator=generator) / (levels - 1)
    x[:, 0, 0], x[:, -1, -1] = 0, 1
    location = torch.rand(n_images, height, width, generator=generator)
    return x, location, 0.05 + 0.1 * float(torch.rand((), generator=generator)), levels


def _improbable(generator: Generator, n_images: int, height: int, width: int) -> tuple[Tensor, Tensor, float, int]:
    x, _, _, levels = _grey_images(generator, n_images, height, width)
    return x, 1 - x, 0.002, levels


def _log_levels(x: Tensor, location: Tensor, scale: float, levels: int, open_ends: bool = True) -> Tensor:
    """Return log P of each pixel, in a form in which nothing cancels."""
    x, location, half = x.double(), location.double(), 0.5 / (levels - 1)
    lowest, highest = (x < half) & open_ends, (x > 1 - half) & open_ends
    below = logsigmoid((x + half - location) / scale).masked_fill(highest, 0)
    above = logsigmoid((location - x + half) / scale).masked_fill(lowest, 0)
    width = torch.log(-torch.expm1(torch.tensor(-2 * half / scale).double()))
    return below + above + width * ~(lowest | highest)


def _log_probability(x: Tensor, location: Tensor, scale: float, levels: int) -> Tensor:
    return _log_levels(x, location, scale, levels).sum(dim=(1, 2))


def _log_density(x: Tensor, location: Tensor, scale: float) -> Tensor:
    t = (x - location).double() / scale
    return logsigmoid(t) + logsigmoid(-t) - torch.tensor(scale).double().log()


def _cells(x: Tensor, location: Tensor, scale: float, width: float) -> Tensor:
    """Return log P of cells of another width, whose ends are open."""
    t, low, high = (x - location).double(), x < 0.01, x > 0.99
    upper = torch.sigmoid((t + width / 2) / scale).masked_fill(high, 1)
    lower = torch.sigmoid((t - width / 2) / scale).masked_fill(low, 0)
    return (upper - lower).log().sum(dim=(1, 2))


LEVEL_PROBABILITY = Function(
    name="level-probability",
    points=4,
    inputs=_grey_images,
    answer=_log_probability,
    mistakes=(
        Mistake(lambda *args: _log_levels(*args, open_ends=False).sum(dim=(1, 2)), ENDS),
        Mistake(
            lambda x, location, scale, levels: _log_density(x, location, scale).sum(dim=(1, 2)),
            "This is the log-density of the logistic distribution. A probability is its integral over the level's "
            "cell, which the CDF gives.",
        ),
        Mistake(
            lambda x, location, scale, levels: (
                _log_density(x, location, scale) - torch.tensor(levels - 1.0).double().log()
            ).sum(dim=(1, 2)),
            "This is the density in the middle of the cell times the cell's width. It is close where the density is "
            "flat, and here it is not flat; and the ends have to be open.",
        ),
        Mistake(
            lambda x, location, scale, levels: _cells(x, location, scale, 1 / levels),
            "The cells are too narrow, and leave gaps. How far is it from one level to the next, if the first is 0 and "
            "the last is 1?",
        ),
        Mistake(
            lambda x, location, scale, levels: _cells(x, location, scale, 2 / (levels - 1)),
            "The cells are twice too wide, and overlap. A cell reaches half way to the next level.",
        ),
        Mistake(
            lambda *args: -_log_probability(*args),
            "The sign is flipped: this is what one adds to a loss.",
        ),
        Mistake(
            lambda *args: _log_levels(*args).exp().sum(dim=(1, 2)),
            "These are probabilities, added up. Those of independent pixels are multiplied; what does the logarithm "
            "make of that?",
        ),
        Mistake(
            lambda *args: _log_levels(*args).exp().sum(dim=(1, 2)).log(),
            "The probabilities of the pixels are added up, and then the logarithm is taken. Which comes first?",
        ),
        Mistake(lambda *args: _log_levels(*args), "These are logarithms for single pixels. Return one for each image."),
        Mistake(
            lambda *args: _log_levels(*args).mean(dim=(1, 2)),
            "This is a mean over the pixels. The logarithm of a product is a sum.",
        ),
        Mistake(
            lambda *args: _log_probability(*args) / torch.tensor(2.0).double().log(),
            "These are bits. The task asks for nats.",
        ),
    ),
    hint="Try one pixel with two levels, 0 and 1, a location of ½ and any scale: each level has probability ½. With "
    "three levels and a very small scale the middle one has all of it.",
    not_finite="A pixel has probability 0 in your numbers, or less. At paper and ink one of the two edges lies at "
    "infinity.",
    stages=(
        Stage(
            _improbable,
            "It is right where the probability is not small. For a decoder that is sure and wrong, it is not: two "
            "numbers that are almost 1 are subtracted, and rounded.",
            not_finite="It is right where the probability is not small. For a decoder that is sure and wrong, the "
            "difference of the two CDFs is rounded to 0. Find a form in which nothing cancels: with σ the sigmoid, "
            "σ(b) - σ(a) has the factors σ(b) and σ(-a).",
            rtol=1e-3,
        ),
    ),
    remark="For a decoder that is sure and wrong it is right as well.",
)
