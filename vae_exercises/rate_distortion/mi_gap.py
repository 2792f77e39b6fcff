"""The exercise "one unit for each factor?"."""

import math

import torch
from torch import Generator, Tensor
from torch.distributions import Categorical

from vae_exercises.engine.kinds import Function, Mistake


def _table(generator: Generator, n_units: int, n_factors: int, n_images: int) -> tuple[Tensor, Tensor]:
    """Draw factors whose values are not equally frequent, and what each unit knows of each factor."""
    n_values = torch.randint(2, 8, (n_factors,), generator=generator).tolist()
    n_images = 60 + 10 * n_images
    columns = [(n * torch.rand(n_images, generator=generator).pow(1.6)).long().clamp(max=n - 1) for n in n_values]
    factors = torch.stack(columns, dim=1)
    information = torch.rand(n_units, n_factors, generator=generator) * _entropies(factors)
    return information, factors


def _entropies(factors: Tensor) -> Tensor:
    return torch.stack([Categorical(column.bincount().double()).entropy() for column in factors.T])


def _sorted(information: Tensor) -> Tensor:
    return information.double().sort(dim=0, descending=True).values


def _lead(information: Tensor) -> Tensor:
    return _sorted(information)[0] - _sorted(information)[1]


def _gap(information: Tensor, factors: Tensor) -> Tensor:
    return _lead(information) / _entropies(factors)


MI_GAP = Function(
    name="mi-gap",
    points=3,
    inputs=_table,
    answer=_gap,
    mistakes=(
        Mistake(
            lambda information, factors: _lead(information),
            "These are differences in nats. A factor with many values can be known by many nats more than one with "
            "two: what must each difference be a share of?",
        ),
        Mistake(
            lambda information, factors: _lead(information) / (factors.amax(dim=0) + 1).double().log(),
            "You divide by the logarithm of the number of values. That is the entropy only if all values are equally "
            "frequent, and here they are not.",
        ),
        Mistake(
            lambda information, factors: _lead(information) / (factors.amax(dim=0) + 1).double(),
            "You divide by the number of values. The gap is a share of what there is to know, in nats.",
        ),
        Mistake(
            lambda information, factors: _gap(information, factors) * math.log(2),
            "The mutual information is in nats and the entropy in bits. Which logarithm belongs to nats?",
        ),
        Mistake(
            lambda information, factors: _lead(information) / math.log(len(factors)),
            "You divide by the logarithm of the number of images. Which quantity is the largest that a unit could know "
            "about this factor?",
        ),
        Mistake(
            lambda information, factors: _lead(information) / _sorted(information)[0],
            "You divide by what the best unit knows. Then a factor that no unit knows much about can have a gap of 1.",
        ),
        Mistake(
            lambda information, factors: _lead(information) / information.double().sum(dim=0),
            "You divide by the sum over units. The gap is a share of the factor's entropy, whatever the units know.",
        ),
        Mistake(
            lambda information, factors: _gap(information, factors).mean(),
            "This is the mean over factors, the MIG itself. The task asks for the gap of each factor.",
        ),
        Mistake(
            lambda information, factors: _gap(information, factors).sum(),
            "This is one number for all factors. The task asks for the gap of each.",
        ),
        Mistake(
            lambda information, factors: _sorted(information)[0] / _entropies(factors),
            "This is how much the best unit knows. If a second unit knows as much, the gap must be 0.",
        ),
        Mistake(
            lambda information, factors: -_gap(information, factors),
            "The sign is flipped: the second-best unit's knowledge is subtracted from the best one's.",
        ),
        Mistake(
            lambda information, factors: (information[0] - information[1]).double() / _entropies(factors),
            "You compare units 0 and 1. The best two units can be any, and other ones for each factor.",
        ),
        Mistake(
            lambda information, factors: (
                (_sorted(information)[0] - information.double().mean(dim=0)) / _entropies(factors)
            ),
            "You compare the best unit with the average of all. With whom does the gap compare it?",
        ),
        Mistake(
            lambda information, factors: (_sorted(information)[0] - _sorted(information)[-1]) / _entropies(factors),
            "You compare the best unit with the worst one. If two units know a factor equally well, the gap must be 0, "
            "however little a third one knows.",
        ),
        Mistake(
            lambda information, factors: (_sorted(information)[-2] - _sorted(information)[-1]) / _entropies(factors),
            "You compare the two units that know least. In which order does your sort return its results?",
        ),
        Mistake(
            lambda information, factors: _lead(information.T),
            "The best two are taken among factors, for each unit. The gap asks, for each factor, about the best two "
            "units.",
        ),
    ),
    hint="Take one factor at a time: a column of `information`, and the column of `factors` with the same index. How "
    "often does each value occur, and what is the entropy of these shares? If one unit equals the factor and all "
    "others are noise, your result must be 1.",
    remark="Dividing by the entropy makes factors with few and with many values count alike. The mean over factors is "
    "the mutual-information gap, the MIG.",
)
