"""The exercise "an approximation gap, by hand"."""

import torch
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.terms import Terms


def _precision(generator: Generator, latent_dim: int) -> tuple[Tensor]:
    root = torch.randn(latent_dim, latent_dim, generator=generator)
    return (root @ root.T + torch.diag(0.3 + torch.rand(latent_dim, generator=generator)),)


def _gaussian(cov: Tensor) -> MultivariateNormal:
    return MultivariateNormal(torch.zeros(len(cov)).to(cov), cov)


def _gap(precision: Tensor) -> Tensor:
    precision = precision.double()
    return kl_divergence(_gaussian(torch.diag(1 / precision.diagonal())), _gaussian(torch.linalg.inv(precision)))


def _marginals(precision: Tensor) -> Tensor:
    return torch.diag(torch.linalg.inv(precision).diagonal())


APPROXIMATION = Function(
    name="approximation-gap",
    points=3,
    inputs=_precision,
    answer=_gap,
    mistakes=(
        Mistake(
            lambda precision: 2 * _gap(precision),
            "Yours is twice too large. Which factor stands before the bracket of a KL between Gaussians?",
        ),
        Mistake(
            lambda precision: -_gap(precision),
            "The sign is flipped. A gap is a KL, and never negative.",
        ),
        Mistake(
            lambda precision: kl_divergence(_gaussian(_marginals(precision)), _gaussian(torch.linalg.inv(precision))),
            "Your q has the posterior's own variances, the diagonal of S. They are not the ones with the least "
            "KL(q || p): set the derivative in σ_j² to 0 once more, and see which diagonal comes out.",
        ),
        Mistake(
            lambda precision: kl_divergence(_gaussian(torch.linalg.inv(precision)), _gaussian(_marginals(precision))),
            "These are the logarithms of the diagonal of S. Either Λ has been read as the covariance; or you have made "
            "KL(p || q) small, where the ELBO's gap is KL(q || p).",
        ),
        Mistake(
            lambda precision: kl_divergence(
                _gaussian(torch.linalg.inv(precision)), _gaussian(torch.diag(1 / precision.diagonal()))
            ),
            "The variances of q* are right, but then this is KL(p || q*). Over which of the two does the ELBO average?",
        ),
        Mistake(
            lambda precision: 0.5 * precision.diagonal().log().sum(),
            "The determinant of the posterior is missing. If Λ is diagonal, the posterior is in the family, and the "
            "gap must be 0: put in diag(2, 3).",
        ),
        Mistake(
            lambda precision: -0.5 * torch.logdet(precision),
            "Only the posterior's determinant is there; that of q* is missing. If Λ is diagonal, the gap must be 0.",
        ),
        Mistake(
            lambda precision: _gap(precision) + 0.5 * len(precision),
            "Yours is half the number of dimensions too large: the -K of the KL has been lost. If Λ is diagonal, "
            "the gap must be 0.",
        ),
        Mistake(
            lambda precision: _gap(precision) + torch.logdet(precision),
            "The posterior's determinant has the wrong sign: S is the inverse of Λ, so log det S is minus log det Λ.",
        ),
    ),
    hint="If Λ is diagonal, the posterior is in the family and the gap must be 0. If it is [[1, r], [r, 1]], the gap "
    "must depend on r² alone, and grow without end as r goes to 1. Try both.",
    terms=Terms(
        ("the logarithm of the product of the diagonal", "the posterior's log-determinant"),
        lambda precision: (0.5 * precision.diagonal().log().sum(), -0.5 * torch.logdet(precision)),
    ),
    atol=1e-4,
    remark="It is 0 when the precision matrix is diagonal, and only then.",
)
