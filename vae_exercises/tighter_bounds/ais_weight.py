"""The exercise "the weight of an annealed chain"."""

import math

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import Stage
from vae_exercises.tighter_bounds.shared import NOT_FINITE, large


def _chains(generator: Generator, n_steps: int, n_chains: int, n_images: int) -> tuple[Tensor, Tensor]:
    inner = torch.rand(n_steps - 1, generator=generator).sort().values
    taus = torch.cat([torch.zeros(1), inner, torch.ones(1)])
    return 2 * torch.randn(n_steps, n_chains, n_images, generator=generator) - 1, taus


def _large_chains(generator: Generator, n_steps: int, n_chains: int, n_images: int) -> tuple[Tensor, Tensor]:
    log_ratios, taus = _chains(generator, n_steps, n_chains, n_images)
    return large(log_ratios, generator), taus


def _along(log_ratios: Tensor, steps: Tensor) -> Tensor:
    """Add up the log-ratios with a weight for each step: the log-weight of each chain, (C, B)."""
    return torch.einsum("tcb,t->cb", log_ratios.double(), steps.double())


def _log_mean(log_weights: Tensor) -> Tensor:
    return log_weights.logsumexp(dim=0) - math.log(len(log_weights))


def _estimate(log_ratios: Tensor, taus: Tensor) -> Tensor:
    return _log_mean(_along(log_ratios, taus.double().diff()))


ANNEALED = Function(
    name="ais-weight",
    points=3,
    inputs=_chains,
    answer=_estimate,
    mistakes=(
        Mistake(
            lambda log_ratios, taus: _along(log_ratios, taus.diff()).mean(dim=0),
            "The log-weight of each chain is right. But the chains' log-weights are averaged here, where their weights "
            "must be, before the logarithm is taken. Yours is a bound too, and a looser one.",
        ),
        Mistake(
            lambda log_ratios, taus: _along(log_ratios, taus.diff()).logsumexp(dim=0),
            "The log-weight of each chain is right. The chains' weights are added up, where they should be averaged: "
            "the result grows with the number of chains.",
        ),
        Mistake(
            lambda log_ratios, taus: _log_mean(log_ratios.double().mean(dim=0)),
            "Every step counts 1/T here. The temperatures are not evenly spaced: look at `taus`.",
        ),
        Mistake(
            lambda log_ratios, taus: _log_mean(log_ratios.double().sum(dim=0)),
            "Every step counts as one here. A step from β to β' multiplies the weight by the ratio of two densities "
            "that differ little: how little?",
        ),
        Mistake(
            lambda log_ratios, taus: _log_mean(_along(log_ratios, taus[1:])),
            "The ratios are multiplied by the temperatures themselves. It is the step from one to the next that "
            "counts.",
        ),
        Mistake(
            lambda log_ratios, taus: _log_mean(_along(log_ratios, taus[:-1])),
            "The ratios are multiplied by the temperatures themselves, and the first not at all. It is the step from "
            "one to the next that counts.",
        ),
        Mistake(
            lambda log_ratios, taus: _log_mean(_along(log_ratios, taus.diff().flip(0))),
            "The steps are in the wrong order: the first log-ratio, of the draw from q, belongs to the step that "
            "leaves β = 0.",
        ),
        Mistake(
            lambda log_ratios, taus: _log_mean(_along(log_ratios, -taus.diff())),
            "The sign inside is flipped: p(x, z) stands over q, and β grows.",
        ),
        Mistake(
            lambda log_ratios, taus: _along(
                (log_ratios.logsumexp(dim=1) - math.log(log_ratios.shape[1])).unsqueeze(1), taus.diff()
            )[0],
            "The chains are averaged at each temperature, before their steps are added up. A chain's weight is the "
            "product over its own steps; only finished weights are averaged.",
        ),
        Mistake(
            lambda log_ratios, taus: _log_mean(log_ratios[-1].double()),
            "Only the last code of each chain is used, as if it had been drawn from q. The weight collects the steps "
            "on the way.",
        ),
        Mistake(
            lambda log_ratios, taus: _log_mean(log_ratios[0].double()),
            "Only the first code of each chain is used: that is importance sampling from q, without annealing.",
        ),
        Mistake(
            lambda log_ratios, taus: _estimate(log_ratios, taus).exp(),
            "This estimates p(x). The task asks for its logarithm.",
        ),
        Mistake(
            lambda log_ratios, taus: _estimate(log_ratios, taus).mean(),
            "This is averaged over the images. Return one value for each.",
        ),
    ),
    hint="If all log-ratios of an image are equal, the result must be that number, for any temperatures and any number "
    "of chains. And with `taus` = [0, 1] it must be the importance-weighted bound. Try both.",
    not_finite=NOT_FINITE,
    stages=(
        Stage(
            _large_chains,
            "Right for small logarithms, but off where they are of the size of ±1500, as those of images are.",
            not_finite=NOT_FINITE,
            rtol=1e-4,
            atol=1e-2,
        ),
    ),
)
