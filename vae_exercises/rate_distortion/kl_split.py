"""The exercise "the average KL, split"."""

import math

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _log_densities(generator: Generator, n_images: int) -> tuple[Tensor, Tensor]:
    """Draw a matrix in which a code's own posterior is likely, and one code is far out, as in many dimensions."""
    log_q = 2 * torch.randn(n_images, n_images, generator=generator).double()
    log_q += torch.diag(1 + 2 * torch.rand(n_images, generator=generator))
    log_p = torch.randn(n_images, generator=generator).double() - 4
    far = torch.where(torch.randperm(n_images, generator=generator) == 0, -1200.0, 0.0)
    return log_q + far[:, None], log_p + far


def _log_marginal(log_q: Tensor) -> Tensor:
    return log_q.logsumexp(dim=1) - math.log(len(log_q))


def _split(log_q: Tensor, log_p: Tensor, log_marginal: Tensor | None = None) -> tuple[Tensor, Tensor]:
    marginal = _log_marginal(log_q) if log_marginal is None else log_marginal
    return (log_q.diagonal() - marginal).mean(), (marginal - log_p).mean()


def _without_own(log_q: Tensor) -> Tensor:
    others = log_q.masked_fill(torch.eye(len(log_q), dtype=torch.bool), -math.inf)
    return others.logsumexp(dim=1) - math.log(len(log_q) - 1)


SPLIT = Function(
    name="kl-split",
    points=4,
    inputs=_log_densities,
    answer=_split,
    mistakes=(
        Mistake(
            lambda log_q, log_p: _split(log_q, log_p, log_q.mean(dim=1)),
            "Your log q(z) is a mean of logarithms. q(z) is the mean of the densities, and the logarithm comes last.",
        ),
        Mistake(
            lambda log_q, log_p: _split(log_q, log_p, log_q.logsumexp(dim=0) - math.log(len(log_q))),
            "Your sum runs over codes. q(z_n) is one code, scored under the posteriors of all images: which axis of "
            "the matrix is that?",
        ),
        Mistake(
            lambda log_q, log_p: _split(log_q, log_p, log_q.logsumexp(dim=1)),
            "The densities are added up, and q(z) is their mean. Your information can never be positive.",
        ),
        Mistake(
            lambda log_q, log_p: _split(log_q, log_p, _without_own(log_q)),
            "The posterior that the code was drawn from is left out. q(z) is the mixture of all N, that one included.",
        ),
        Mistake(
            lambda log_q, log_p: _split(log_q, log_p)[::-1],
            "Both numbers are right, but in the other order: first the information, then the leftover.",
        ),
        Mistake(
            lambda log_q, log_p: tuple(-part for part in _split(log_q, log_p)),
            "Both signs are flipped. Neither part is negative on average over many draws.",
        ),
        Mistake(
            lambda log_q, log_p: (_split(log_q, log_p)[0], (log_q.diagonal() - log_p).mean()),
            "The information is right. The second number is the whole KL term, not what is left of it.",
        ),
        Mistake(
            lambda log_q, log_p: ((log_q.diagonal() - log_p).mean(), _split(log_q, log_p)[1]),
            "The leftover is right. The first number is the whole KL term, of which the information is one part.",
        ),
        Mistake(
            lambda log_q, log_p: ((log_q - _log_marginal(log_q)[:, None]).mean(), _split(log_q, log_p)[1]),
            "The information is averaged over all pairs of a code and an image. Code n was drawn for image n: which "
            "entries of the matrix are these?",
        ),
        Mistake(
            lambda log_q, log_p: tuple(part / math.log(2) for part in _split(log_q, log_p)),
            "These are bits. The task asks for nats.",
        ),
        Mistake(
            lambda log_q, log_p: (log_q.diagonal() - _log_marginal(log_q), _log_marginal(log_q) - log_p),
            "This is right for each code. The task asks for the two means over the N codes.",
        ),
        Mistake(
            lambda log_q, log_p: tuple(len(log_p) * part for part in _split(log_q, log_p)),
            "These are sums over the codes. The task asks for means.",
        ),
    ),
    hint="Try three matrices by hand. All entries alike: the information is 0. Large on the diagonal and -10⁹ "
    "elsewhere: it is log N. And always the two parts must add up to the mean of log q(z_n | x_n) - log p(z_n).",
    not_finite="There is a NaN or an infinity in your result. In many dimensions a log-density may be -1200, whose "
    "exponential is 0 for a computer. Take the mean of densities without leaving logarithms.",
    remark="You have never used x: the split needs densities of codes only.",
)
