"""The exercise "what the network says"."""

import math

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import Stage

NOT_FINITE = (
    "Right near the components. Far from all of them each density is 0 for a computer, and its logarithm -inf: add up "
    "the components without leaving the logarithms."
)


def _mixtures(generator: Generator, n_data: int, n_components: int, n_params: int) -> tuple[Tensor, ...]:
    size = n_data, n_components, n_params
    logits = 1 + torch.randn(n_data, n_components, generator=generator)
    mu, logvar = torch.randn(size, generator=generator), torch.randn(size, generator=generator) - 0.5
    return logits, mu, logvar, torch.randn(n_data, n_params, generator=generator)


def _far_mixtures(generator: Generator, n_data: int, n_components: int, n_params: int) -> tuple[Tensor, ...]:
    logits, mu, logvar, theta = _mixtures(generator, n_data, n_components, n_params)
    return logits, mu, logvar, theta + 60


def _of_components(mu: Tensor, logvar: Tensor, theta: Tensor) -> Tensor:
    squared = (theta.double().unsqueeze(1) - mu).square() / logvar.double().exp()
    return -0.5 * (squared + logvar + math.log(2 * math.pi)).sum(dim=2)


def _log_density(logits: Tensor, mu: Tensor, logvar: Tensor, theta: Tensor) -> Tensor:
    return (logits.double().log_softmax(dim=1) + _of_components(mu, logvar, theta)).logsumexp(dim=1)


MIXTURE = Function(
    name="mixture-log-density",
    points=3,
    inputs=_mixtures,
    answer=_log_density,
    mistakes=(
        Mistake(
            lambda logits, mu, logvar, theta: (logits.double() + _of_components(mu, logvar, theta)).logsumexp(dim=1),
            "The logits are not normalised, so the shares do not add up to 1 and the density does not integrate to 1.",
        ),
        Mistake(
            lambda logits, mu, logvar, theta: (logits.double().softmax(dim=1) * _of_components(mu, logvar, theta)).sum(
                dim=1
            ),
            "The log-densities are averaged. It is the densities that a mixture averages, before the logarithm.",
        ),
        Mistake(
            lambda logits, mu, logvar, theta: (
                logits.double().softmax(dim=1) + _of_components(mu, logvar, theta)
            ).logsumexp(dim=1),
            "A share is added to a log-density. Both must be logarithms.",
        ),
        Mistake(
            lambda logits, mu, logvar, theta: _of_components(mu, logvar, theta).logsumexp(dim=1),
            "The components are added up without their shares.",
        ),
        Mistake(
            lambda logits, mu, logvar, theta: (
                _of_components(mu, logvar, theta).logsumexp(dim=1) - math.log(logits.shape[1])
            ),
            "All components have the same share here. The logits say which have more.",
        ),
        Mistake(
            lambda logits, mu, logvar, theta: _log_density(logits, mu, 2 * logvar, theta),
            "The variances are squared: `logvar` is log σ², and has been taken for log σ.",
        ),
        Mistake(
            lambda logits, mu, logvar, theta: _log_density(logits, mu, 0.5 * logvar, theta),
            "The variances are deviations: σ stands where σ² belongs.",
        ),
        Mistake(
            lambda logits, mu, logvar, theta: (
                _log_density(logits, mu, logvar, theta) + 0.5 * mu.shape[2] * math.log(2 * math.pi)
            ),
            "The constant with 2π is missing. Training does not notice, but a comparison with another density does.",
        ),
        Mistake(
            lambda logits, mu, logvar, theta: _log_density(logits, mu, logvar, theta).exp(),
            "This is the density. The task asks for its logarithm.",
        ),
        Mistake(
            lambda logits, mu, logvar, theta: -_log_density(logits, mu, logvar, theta),
            "The sign is flipped: this is the loss. The task asks for log q.",
        ),
        Mistake(
            lambda logits, mu, logvar, theta: (
                (logits.double().log_softmax(dim=1) + _of_components(mu, logvar, theta)).max(dim=1).values
            ),
            "Only the largest component counts here. The others add something too.",
        ),
        Mistake(
            lambda logits, mu, logvar, theta: _log_density(logits, mu, logvar, theta).mean(),
            "This is averaged over the data. Return one value for each.",
        ),
    ),
    hint="With one component it must be the log-density of a Gaussian. With all components alike, it must be the same, "
    "whatever the logits. Try both.",
    not_finite=NOT_FINITE,
    stages=(
        Stage(
            _far_mixtures,
            "Right near the components, but off far from all of them, where a network starts.",
            not_finite=NOT_FINITE,
            rtol=1e-4,
        ),
    ),
    remark="The mean of minus this, over simulations, is the whole loss.",
)
