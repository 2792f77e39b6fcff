"""The exercise "a posterior to test with"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _measurements(generator: Generator, n_data: int, n_measurements: int) -> tuple[Tensor, Tensor, Tensor]:
    prior_variance, noise_variance = (0.2 + 2 * torch.rand(2, generator=generator)).unbind()
    return 0.5 + torch.randn(n_data, n_measurements, generator=generator), prior_variance, noise_variance


def _posterior(x: Tensor, prior: Tensor, noise: Tensor, n: float | None = None) -> tuple[Tensor, Tensor]:
    """Compute mean and variance for the sums of the rows of x, as if they were of n measurements."""
    x, prior, noise = x.double(), prior.double(), noise.double()
    variance = 1 / (1 / prior + (x.shape[1] if n is None else n) / noise)
    return variance * x.sum(dim=1) / noise, variance


def _of_one(x: Tensor, prior: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Take the mean of the measurements for one measurement."""
    return _posterior(x.mean(dim=1, keepdim=True), prior, noise)


def _mistake_of_variances(x: Tensor, prior: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    return _posterior(x, prior.square(), noise.square())


POSTERIOR = Function(
    name="linear-posterior",
    points=2,
    inputs=_measurements,
    answer=_posterior,
    mistakes=(
        Mistake(
            _of_one,
            "This is right for a single measurement. The mean of N measurements has a smaller variance than each.",
        ),
        Mistake(
            lambda x, prior, noise: (x.double().mean(dim=1), noise.double() / x.shape[1]),
            "The prior has no effect here: this is the average of the measurements and its variance.",
        ),
        Mistake(
            lambda x, prior, noise: (x.double().mean(dim=1), _posterior(x, prior, noise)[1]),
            "The variance is right. The mean is the plain average of the measurements: the prior must draw it towards "
            "0.",
        ),
        Mistake(
            lambda x, prior, noise: (_posterior(x, prior, noise)[0], _posterior(x, prior, noise)[1].sqrt()),
            "The mean is right. The second result is the standard deviation, where the task asks for the variance.",
        ),
        Mistake(
            lambda x, prior, noise: (_posterior(x, prior, noise)[0], 1 / _posterior(x, prior, noise)[1]),
            "The mean is right. The second result is the precision, one over the variance.",
        ),
        Mistake(
            lambda x, prior, noise: _posterior(x, noise, prior),
            "The two variances have changed places: a wide prior must leave the mean near the data.",
        ),
        Mistake(
            _mistake_of_variances,
            "`prior_variance` and `noise_variance` are variances already, and have been squared.",
        ),
        Mistake(
            lambda x, prior, noise: tuple(reversed(_posterior(x, prior, noise))),
            "The two results are in the wrong order: the mean comes first.",
        ),
        Mistake(
            lambda x, prior, noise: (_posterior(x, prior, noise)[0], prior.double() + noise.double() / x.shape[1]),
            "The mean is right. The second result is a sum of variances, as the average of the measurements has before "
            "θ is known. For a product of two densities something else adds up.",
        ),
        Mistake(
            lambda x, prior, noise: tuple(part.mean() for part in _posterior(x, prior, noise)),
            "The means are averaged over the data. Return one for each row of `x`.",
        ),
    ),
    hint="The logarithms of prior and likelihood add up, and both are quadratic in θ. If the noise is tiny, the mean "
    "must be the average of the measurements; if it is huge, 0, with the variance of the prior. Try both.",
    remark="A simulator with a known posterior, however plain, tests all that stands between a simulation and a "
    "number in a paper.",
)
