"""The exercise "the ELBO with a learned prior"."""

import torch
from torch import Generator, Tensor
from torch.distributions import Normal, kl_divergence

from vae_exercises.engine.kinds import Function, Mistake


def _terms(generator: Generator, n_images: int, latent_dim: int) -> tuple[Tensor, ...]:
    reconstruction = -5 * torch.rand(n_images, generator=generator) - 1
    q, p = torch.randn(2, 2, n_images, latent_dim, generator=generator)
    return reconstruction, q[0], q[1], p[0], p[1]


def _gaussian(mu: Tensor, logvar: Tensor) -> Normal:
    return Normal(mu.double(), torch.exp(0.5 * logvar.double()))


def _kl(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    return kl_divergence(_gaussian(mu_q, logvar_q), _gaussian(mu_p, logvar_p)).sum(dim=1)


def _elbo(reconstruction: Tensor, mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    return reconstruction - _kl(mu_q, logvar_q, mu_p, logvar_p)


CONDITIONAL_ELBO = Function(
    name="conditional-elbo",
    points=3,
    inputs=_terms,
    answer=_elbo,
    mistakes=(
        Mistake(
            lambda r, mu_q, logvar_q, mu_p, logvar_p: r - _kl(mu_q, logvar_q, 0 * mu_p, 0 * logvar_p),
            "This is the KL from N(0, I). The prior of this model is another one for each image: `mu_p`, `logvar_p`.",
        ),
        Mistake(
            lambda r, mu_q, logvar_q, mu_p, logvar_p: r - _kl(mu_p, logvar_p, mu_q, logvar_q),
            "The two Gaussians have changed places. The KL of the ELBO is an average over q.",
        ),
        Mistake(
            lambda r, mu_q, logvar_q, mu_p, logvar_p: r - _kl(mu_q - mu_p, logvar_q - logvar_p, 0 * mu_p, 0 * logvar_p),
            "The means are subtracted, but a distance between means counts in standard deviations of the prior.",
        ),
        Mistake(
            lambda r, mu_q, logvar_q, mu_p, logvar_p: r - _kl(mu_q, 2 * logvar_q, mu_p, 2 * logvar_p),
            "The log-variances are taken for log σ: is there a half missing, or a square too many?",
        ),
        Mistake(
            lambda r, mu_q, logvar_q, mu_p, logvar_p: r + _kl(mu_q, logvar_q, mu_p, logvar_p),
            "The KL term is right, and its sign is not: the ELBO is the reconstruction term minus the KL.",
        ),
        Mistake(lambda *args: -_elbo(*args), "This is the loss, minus the ELBO. The task asks for the bound."),
        Mistake(
            lambda r, mu_q, logvar_q, mu_p, logvar_p: r - 2 * _kl(mu_q, logvar_q, mu_p, logvar_p),
            "The KL term is twice what it should be: every term of it has a factor of a half.",
        ),
        Mistake(
            lambda r, mu_q, logvar_q, mu_p, logvar_p: r - _kl(mu_q, logvar_q, mu_p, logvar_p) / mu_q.shape[1],
            "The KL is averaged over the latent dimensions. It must be summed, as the reconstruction term is summed "
            "over pixels.",
        ),
        Mistake(
            lambda r, mu_q, logvar_q, mu_p, logvar_p: r - _kl(mu_q, logvar_q, mu_p, logvar_p) - mu_q.shape[1] / 2,
            "A constant is missing from the KL: half a nat for each dimension. If q and the prior are the same, the KL "
            "must be 0.",
        ),
        Mistake(
            lambda r, mu_q, logvar_q, mu_p, logvar_p: _elbo(r, mu_q, logvar_q, mu_p, logvar_p).mean(),
            "This is averaged over the images. Return one value for each.",
        ),
        Mistake(
            lambda r, mu_q, logvar_q, mu_p, logvar_p: _kl(mu_q, logvar_q, mu_p, logvar_p),
            "This is the KL term alone.",
        ),
    ),
    hint="If q and the prior are the same Gaussian, the result must be the reconstruction term. If both have variance "
    "1 and their means differ by 1 in one dimension, it must be half a nat less. Try both.",
    gradients=("mu_q", "logvar_q", "mu_p", "logvar_p"),
    rtol=1e-3,
    atol=1e-3,
    remark="Only the difference of the two counts, so q and the prior may move together at no cost.",
)
