"""The exercise "find the mistake"."""

import torch
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from vae_exercises.engine.kinds import Function, Mistake


def _pairs(generator: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    mu_q, mu_p = torch.randn(2, 3, generator=generator)
    root_q, root_p = torch.randn(2, 3, 3, generator=generator)
    eye = torch.eye(3)
    return mu_q, root_q @ root_q.T + eye, mu_p, root_p @ root_p.T + eye


def _general(mu_q: Tensor, cov_q: Tensor, mu_p: Tensor, cov_p: Tensor) -> Tensor:
    return kl_divergence(MultivariateNormal(mu_q, cov_q), MultivariateNormal(mu_p, cov_p))


def _log_det_ratio(cov_q: Tensor, cov_p: Tensor) -> Tensor:
    return torch.logdet(cov_p) - torch.logdet(cov_q)


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
            lambda mu_q, cov_q, mu_p, cov_p: _general(mu_p, cov_p, mu_q, cov_q),
            "This is KL(p || q): q and p have changed places.",
        ),
    ),
    hint="Put p = q, where the result must be 0, and read off which term is left over. Then move only the mean of p: "
    "the result must be half the squared distance in units of p's covariance.",
    remark="For two Gaussians that are the same it must be 0: traces and K cancel.",
)
