"""The exercise "a bound from either side"."""

import math

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.tighter_bounds.shared import log_weights


def _weights(generator: Generator, n_samples: int, n_images: int) -> tuple[Tensor, Tensor]:
    """Draw log-weights (L, B) and (B,), of which two images have such large ones that no exponential fits."""
    sizes = torch.cat([torch.tensor([-1500.0, 1500.0]), 300 * torch.randn(n_images, generator=generator)])
    (of_q,) = log_weights(generator, n_samples, len(sizes))
    return of_q.double() + sizes, torch.randn(len(sizes), generator=generator).double() + sizes


def _log_mean(log_weights: Tensor) -> Tensor:
    return log_weights.logsumexp(dim=0) - math.log(len(log_weights))


def _swapped(log_weights: Tensor, of_posterior: Tensor) -> Tensor:
    return torch.cat([of_posterior.unsqueeze(0), log_weights[1:]])


def _added(log_weights: Tensor, of_posterior: Tensor) -> Tensor:
    return torch.cat([of_posterior.unsqueeze(0), log_weights])


SWAP = Function(
    name="swap-one",
    points=4,
    inputs=_weights,
    answer=lambda log_weights, of_posterior: (_log_mean(log_weights), _log_mean(_swapped(log_weights, of_posterior))),
    mistakes=(
        Mistake(
            lambda log_weights, of_posterior: (_log_mean(_swapped(log_weights, of_posterior)), _log_mean(log_weights)),
            "Both are right, but in the wrong order: the lower bound comes first, and it knows nothing of the "
            "posterior.",
        ),
        Mistake(
            lambda log_weights, of_posterior: (_log_mean(log_weights), of_posterior),
            "The lower bound is right. The second is an upper bound too, that of a single sample, and the loosest one: "
            "the L - 1 other draws from q can tighten it.",
        ),
        Mistake(
            lambda log_weights, of_posterior: (_log_mean(log_weights), _log_mean(_added(log_weights, of_posterior))),
            "The lower bound is right. In the upper one the posterior's code has been added, and L + 1 weights are "
            "averaged. The task wants it in the place of one draw.",
        ),
        Mistake(
            lambda log_weights, of_posterior: (
                _log_mean(log_weights),
                _added(log_weights, of_posterior).logsumexp(dim=0) - math.log(len(log_weights)),
            ),
            "The lower bound is right. In the upper one L + 1 weights are added up and divided by L. Which one is to "
            "go?",
        ),
        Mistake(
            lambda log_weights, of_posterior: (
                _log_mean(log_weights),
                math.log(len(log_weights)) - _swapped(-log_weights, -of_posterior).logsumexp(dim=0),
            ),
            "The lower bound is right. In the upper one the inverse weights are averaged: the worst of the codes "
            "decides. It is the same average of weights as below, with one of them swapped.",
        ),
        Mistake(
            lambda log_weights, of_posterior: (
                log_weights.mean(dim=0),
                _swapped(log_weights, of_posterior).mean(dim=0),
            ),
            "Logarithms are averaged here, where weights should be. The first is the ELBO then, and the second is "
            "below log p(x) as easily as above.",
        ),
        Mistake(
            lambda log_weights, of_posterior: (
                log_weights.logsumexp(dim=0),
                _swapped(log_weights, of_posterior).logsumexp(dim=0),
            ),
            "Both are logarithms of a sum, where they should be those of a mean.",
        ),
        Mistake(
            lambda log_weights, of_posterior: (log_weights.amax(dim=0), of_posterior),
            "The first takes only the best draw, which may be above log p(x). Average the weights.",
        ),
    ),
    hint="If all weights of an image, and that of the posterior's code, are equal, both results must be that one "
    "log-weight. If the posterior's code weighs far more than all others, the upper bound must be its log-weight less "
    "log L. Try both.",
    not_finite="For an image whose log-weights are of the size of ±1500 the result is infinite: exponentials of them "
    "do not fit. PyTorch has a function that takes the largest out first.",
    rtol=1e-6,
    atol=1e-4,
    remark="The upper bound tightens with L too, so the two close in on log p(x).",
)
