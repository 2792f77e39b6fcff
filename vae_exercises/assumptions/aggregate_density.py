"""The exercise "where the codes are"."""

import math

import torch
from torch import Generator, Tensor

from vae_exercises.assumptions.shared import log_normal
from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import Stage

NAN = (
    "There is an infinity in your result: in a hole, far from every code, the densities are too small for a "
    "floating-point number. Stay in logarithms."
)


def _inputs(generator: Generator, n_codes: int, n_images: int, latent_dim: int) -> tuple[Tensor, Tensor, Tensor]:
    z, mu = (
        torch.randn(n_codes, latent_dim, generator=generator),
        torch.randn(n_images, latent_dim, generator=generator),
    )
    return z, mu, torch.randn(n_images, latent_dim, generator=generator) - 1


def _in_a_hole(generator: Generator, n_codes: int, n_images: int, latent_dim: int) -> tuple[Tensor, Tensor, Tensor]:
    z, mu, logvar = _inputs(generator, n_codes, n_images, latent_dim)
    return z + 60, mu, logvar


def _of_all(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return log_normal(z[:, None], mu, logvar)  # (S, N)


def _density(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return _of_all(z, mu, logvar).logsumexp(dim=1) - math.log(len(mu))


def _matched(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    variance = logvar.double().exp().mean(dim=0) + mu.double().var(dim=0, correction=0)
    return log_normal(z, mu.double().mean(dim=0), variance.log())


AGGREGATE = Function(
    name="aggregate-density",
    points=2,
    inputs=_inputs,
    answer=_density,
    mistakes=(
        Mistake(
            lambda z, mu, logvar: _of_all(z, mu, logvar).logsumexp(dim=1),
            "Yours integrates to the number of images, not to 1: the posteriors are added up where they should be "
            "averaged.",
        ),
        Mistake(
            lambda z, mu, logvar: _of_all(z, mu, logvar).mean(dim=1),
            "This is the average of the logarithms. The aggregate posterior is the average of the densities, and then "
            "comes the logarithm.",
        ),
        Mistake(
            _matched,
            "This is one Gaussian with the mean and variance of all codes together. It fills the holes between the "
            "clusters, which is what the aggregate posterior must not do.",
        ),
        Mistake(
            lambda z, mu, logvar: log_normal(z, mu.mean(dim=0), logvar.mean(dim=0)),
            "The parameters of the posteriors are averaged, which gives one Gaussian. Average their densities at z.",
        ),
        Mistake(
            lambda z, mu, logvar: _of_all(z, mu, logvar).logsumexp(dim=0),
            "The sum runs over the codes, where it should run over the images: print the shape before you sum.",
        ),
        Mistake(
            lambda z, mu, logvar: _density(z, mu, 2 * logvar),
            "Variances and deviations are mixed up: `logvar` is log σ², so σ is exp of half of it.",
        ),
        Mistake(
            lambda z, mu, logvar: _of_all(z, mu, logvar).amax(dim=1) - math.log(len(mu)),
            "Only the nearest posterior counts in yours. All of them add up.",
        ),
        Mistake(
            lambda z, mu, logvar: _density(z, mu, torch.zeros_like(logvar)),
            "Every posterior has the width 1 in yours. Each has its own.",
        ),
    ),
    hint="With a single image, log q(z) must be the log-density of its posterior. If every image is there twice, "
    "nothing may change.",
    stages=(Stage(_in_a_hole, NAN, NAN, rtol=1e-3),),
    not_finite=NAN,
    rtol=1e-3,
    atol=1e-3,
    remark="No prior has a larger bound on these images with this encoder and decoder.",
)
