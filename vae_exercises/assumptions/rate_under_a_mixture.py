"""The exercise "the rate under another prior"."""

import math

import torch
from torch import Generator, Tensor

from vae_exercises.assumptions.shared import log_normal
from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import Stage

NAN = (
    "There is a NaN or an infinity in your result: the density of a code far from all components is too small for a "
    "floating-point number. Stay in logarithms."
)


def _inputs(generator: Generator, n_images: int, n_components: int, latent_dim: int) -> tuple[Tensor, ...]:
    mu, logvar = torch.randn(2, n_images, latent_dim, generator=generator)
    z = mu + (0.5 * logvar).exp() * torch.randn(n_images, latent_dim, generator=generator)
    means, logvars = torch.randn(2, n_components, latent_dim, generator=generator)
    shares = torch.randn(n_components, generator=generator).softmax(dim=0)
    return z, mu, logvar, shares, 1.5 * means, 0.5 * logvars


def _far(generator: Generator, n_images: int, n_components: int, latent_dim: int) -> tuple[Tensor, ...]:
    z, mu, logvar, shares, means, logvars = _inputs(generator, n_images, n_components, latent_dim)
    return z + 60, mu + 60, logvar, shares, means, logvars


def _components(z: Tensor, shares: Tensor, means: Tensor, logvars: Tensor) -> Tensor:
    return log_normal(z[:, None], means, logvars) + shares.double().log()  # (B, C)


def _rate(z: Tensor, mu: Tensor, logvar: Tensor, shares: Tensor, means: Tensor, logvars: Tensor) -> Tensor:
    return log_normal(z, mu, logvar) - _components(z, shares, means, logvars).logsumexp(dim=1)


def _of_equal_shares(z: Tensor, mu: Tensor, logvar: Tensor, shares: Tensor, means: Tensor, logvars: Tensor) -> Tensor:
    return _rate(z, mu, logvar, torch.full_like(shares, 1 / len(shares)), means, logvars)


RATE = Function(
    name="rate-under-a-mixture",
    points=3,
    inputs=_inputs,
    answer=_rate,
    mistakes=(
        Mistake(
            lambda *args: -_rate(*args),
            "The sign is flipped. A rate is log q minus log p: what the receiver pays under p, less what q gives back.",
        ),
        Mistake(
            lambda z, mu, logvar, *_: 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(dim=1),
            "This is the KL from N(0, I), in closed form. The prior here is the mixture, for which there is none: use "
            "the code z that was drawn.",
        ),
        Mistake(
            _of_equal_shares,
            "Every component has the same share in yours. Where do the shares come in?",
        ),
        Mistake(
            lambda z, mu, logvar, shares, means, logvars: (
                _of_equal_shares(z, mu, logvar, shares, means, logvars) - math.log(len(shares))
            ),
            "The densities of the components are added up without their shares, so yours does not integrate to 1.",
        ),
        Mistake(
            lambda z, mu, logvar, shares, means, logvars: (
                log_normal(z, mu, logvar) - (log_normal(z[:, None], means, logvars) * shares.double()).sum(dim=1)
            ),
            "You average the logarithms of the components. The density of a mixture is the average of the densities, "
            "and then comes the logarithm.",
        ),
        Mistake(
            lambda z, mu, logvar, shares, means, logvars: (
                log_normal(z, mu, logvar) - _components(z, shares, means, logvars).amax(dim=1)
            ),
            "Only the largest component counts in yours. All of them add up.",
        ),
        Mistake(
            lambda z, mu, logvar, shares, means, logvars: -_components(z, shares, means, logvars).logsumexp(dim=1),
            "The density of q is missing: this is the whole price of z under the prior, not the excess over q.",
        ),
        Mistake(
            lambda z, mu, logvar, shares, means, logvars: _rate(z, mu, 2 * logvar, shares, means, 2 * logvars),
            "Variances and deviations are mixed up: `logvar` is log σ², so σ is exp of half of it.",
        ),
        Mistake(
            lambda z, mu, logvar, shares, means, logvars: _rate(mu, mu, logvar, shares, means, logvars),
            "Both densities are taken at the mean of q. The rate is an average over draws: take them at z.",
        ),
    ),
    hint="With one component of share 1, whose mean and variance are those of q, the rate must be 0 for every z. With "
    "two equal components of share 1/2 it must be the same as with one.",
    stages=(Stage(_far, NAN, NAN, rtol=1e-3),),
    not_finite=NAN,
    rtol=1e-3,
    atol=1e-3,
    remark="A single draw may have a negative rate. The average over draws from q is a KL, and never negative.",
)
