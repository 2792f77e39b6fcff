"""The exercise "find the mistake"."""

import torch
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.terms import Terms


def _pairs(generator: Generator, latent_dim: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    mu_q, mu_p = torch.randn(2, latent_dim, generator=generator)
    root_q, root_p = torch.randn(2, latent_dim, latent_dim, generator=generator)
    eye = torch.eye(latent_dim)
    return mu_q, root_q @ root_q.T + eye, mu_p, root_p @ root_p.T + eye


def _general(mu_q: Tensor, cov_q: Tensor, mu_p: Tensor, cov_p: Tensor) -> Tensor:
    return kl_divergence(MultivariateNormal(mu_q, cov_q), MultivariateNormal(mu_p, cov_p))


def _log_det_ratio(cov_q: Tensor, cov_p: Tensor) -> Tensor:
    return torch.logdet(cov_p) - torch.logdet(cov_q)


def _terms(mu_q: Tensor, cov_q: Tensor, mu_p: Tensor, cov_p: Tensor) -> tuple[Tensor | float, ...]:
    mu_q, cov_q, mu_p, cov_p = (part.double() for part in (mu_q, cov_q, mu_p, cov_p))
    away = mu_p - mu_q
    return (
        0.5 * torch.linalg.solve(cov_p, cov_q).trace(),
        0.5 * away @ torch.linalg.solve(cov_p, away),
        -0.5 * len(mu_q),
        0.5 * _log_det_ratio(cov_q, cov_p),
    )


GENERAL = Function(
    name="kl-general",
    points=2,
    inputs=_pairs,
    answer=_general,
    mistakes=(
        Mistake(
            lambda mu_q, cov_q, mu_p, cov_p: _general(mu_q, cov_q, mu_p, cov_p) + len(mu_q),
            "The number of dimensions is still added, where its minus sign has been lost. Put p = q: the "
            "result must be 0.",
        ),
        Mistake(
            lambda mu_q, cov_q, mu_p, cov_p: _general(mu_q, cov_q, mu_p, cov_p) + 0.5 * len(mu_q),
            "Now the number of dimensions is missing altogether. Put p = q: the trace alone gives K.",
        ),
        Mistake(
            lambda mu_q, cov_q, mu_p, cov_p: (
                _general(mu_q, cov_q, mu_p, cov_p) + len(mu_q) - _log_det_ratio(cov_q, cov_p)
            ),
            "There is more than one thing wrong: the logarithms of the determinants are the wrong way round, and the "
            "number of dimensions has the wrong sign.",
        ),
        Mistake(
            lambda mu_q, cov_q, mu_p, cov_p: _general(mu_q, cov_q, mu_p, cov_p) - _log_det_ratio(cov_q, cov_p),
            "The logarithms of the determinants are the wrong way round. Make q very narrow: the KL must grow.",
        ),
        Mistake(
            lambda mu_q, cov_q, mu_p, cov_p: 2 * _general(mu_q, cov_q, mu_p, cov_p),
            "Every value is twice too large: the factor before the bracket is lost.",
        ),
        Mistake(
            lambda mu_q, cov_q, mu_p, cov_p: _general(mu_q, cov_q, mu_q, cov_p),
            "The two means play no part. How far apart are they, in units of p's covariance?",
        ),
        Mistake(
            lambda mu_q, cov_q, mu_p, cov_p: (
                _general(mu_q, cov_q, mu_q, cov_p) + 0.5 * (mu_p - mu_q) @ torch.linalg.solve(cov_q, mu_p - mu_q)
            ),
            "The distance of the means is measured in units of q's covariance, where the formula has p's.",
        ),
        Mistake(
            lambda mu_q, cov_q, mu_p, cov_p: _general(mu_q, cov_q, mu_q, cov_p) + 0.5 * (mu_p - mu_q).square().sum(),
            "The distance of the means is measured without a covariance. Which one has the formula between them?",
        ),
        Mistake(
            lambda mu_q, cov_q, mu_p, cov_p: _general(mu_p, cov_p, mu_q, cov_q),
            "This is KL(p || q): q and p have changed places.",
        ),
    ),
    hint="Put p = q, where the result must be 0, and read off which term is left over. Then move only the mean of p: "
    "the result must be half the squared distance in units of p's covariance.",
    terms=Terms(("the trace", "the distance of the means", "the number of dimensions", "the log-determinants"), _terms),
    remark="For two Gaussians that are the same it must be 0: traces and K cancel.",
)
