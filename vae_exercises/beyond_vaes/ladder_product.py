"""The exercise "two sources for one code"."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _inputs(generator: Generator, n_images: int, latent_dim: int) -> tuple[Tensor, ...]:
    """Draw mean and log-variance of q and of p, (B, K) each."""
    return tuple(torch.randn(4, n_images, latent_dim, generator=generator))


def _answer(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> tuple[Tensor, Tensor]:
    weight = torch.sigmoid(logvar_p.double() - logvar_q)
    return weight * mu_q + (1 - weight) * mu_p, logvar_q + weight.log()


def _of_precisions(mu_q: Tensor, mu_p: Tensor, of_q: Tensor, of_p: Tensor) -> tuple[Tensor, Tensor]:
    return (of_q * mu_q + of_p * mu_p) / (of_q + of_p), -(of_q + of_p).log()


def _variance(v_q: Tensor, v_p: Tensor) -> Tensor:
    return 1 / (1 / v_q + 1 / v_p)


def _with(
    mean: Callable[..., Tensor] | None = None, variance: Callable[..., Tensor] | None = None
) -> Callable[..., tuple[Tensor, Tensor]]:
    """Replace the mean, or the log of the variance, by what is computed from means and variances, (B, K) each."""

    def result(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = _answer(mu_q, logvar_q, mu_p, logvar_p)
        args = mu_q.double(), logvar_q.double().exp(), mu_p.double(), logvar_p.double().exp()
        return mean(*args) if mean else mu, variance(*args).log() if variance else logvar

    return result


PRODUCT = Function(
    name="ladder-product",
    points=3,
    inputs=_inputs,
    answer=_answer,
    mistakes=(
        Mistake(
            _with(lambda m_q, v_q, m_p, v_p: (v_q * m_q + v_p * m_p) / (v_q + v_p)),
            "The log-variance is right. The means are weighted by the variances, so that the vaguer of the two counts "
            "more.",
        ),
        Mistake(
            _with(lambda m_q, v_q, m_p, v_p: (m_q + m_p) / 2),
            "The log-variance is right. The means count alike. The more certain of the two must count more.",
        ),
        Mistake(
            _with(lambda m_q, v_q, m_p, v_p: m_q / v_q + m_p / v_p),
            "The log-variance is right. The means are weighted, and their weights do not add up to 1. Two equal means "
            "must give this mean.",
        ),
        Mistake(
            lambda mu_q, logvar_q, mu_p, logvar_p: (
                _answer(mu_q, logvar_q, mu_p, logvar_p)[0],
                _answer(mu_q, logvar_q, mu_p, logvar_p)[1].exp(),
            ),
            "The mean is right, and the second result is the variance. The task asks for its logarithm.",
        ),
        Mistake(
            lambda mu_q, logvar_q, mu_p, logvar_p: (
                _answer(mu_q, logvar_q, mu_p, logvar_p)[0],
                -_answer(mu_q, logvar_q, mu_p, logvar_p)[1],
            ),
            "The mean is right. The second result is the log of the precision, which has the other sign.",
        ),
        Mistake(
            _with(None, lambda m_q, v_q, m_p, v_p: v_q + v_p),
            "The mean is right. The variances are added up: that is for a sum of two independent numbers. Here two "
            "sources agree on one number, and it is known better than from either.",
        ),
        Mistake(
            _with(None, lambda m_q, v_q, m_p, v_p: (v_q + v_p) / 2),
            "The mean is right. The variances are averaged. The result must be narrower than either of the two.",
        ),
        Mistake(
            _with(None, lambda m_q, v_q, m_p, v_p: (v_q * v_p).sqrt()),
            "The mean is right. The log-variances are averaged. The result must be narrower than either of the two.",
        ),
        Mistake(
            _with(None, lambda m_q, v_q, m_p, v_p: v_q * v_p),
            "The mean is right. The log-variances are added up, so the variances are multiplied. What has the unit of "
            "a variance, and is smaller than both?",
        ),
        Mistake(
            _with(None, lambda m_q, v_q, m_p, v_p: 2 * _variance(v_q, v_p)),
            "The mean is right. The variance is twice too large, as if the precisions had been averaged. They add up.",
        ),
        Mistake(
            lambda mu_q, logvar_q, mu_p, logvar_p: _of_precisions(
                mu_q, mu_p, (-0.5 * logvar_q.double()).exp(), (-0.5 * logvar_p.double()).exp()
            ),
            "Standard deviations have been taken for variances: the precision is 1/σ², and e to the power `logvar` is "
            "σ².",
        ),
        Mistake(
            lambda mu_q, logvar_q, mu_p, logvar_p: (mu_q, logvar_q),
            'That is q alone, with nothing said by p: the order "bottom-up".',
        ),
    ),
    hint="Two equal Gaussians of variance 1 must give the same mean and a variance of 1/2. If the variance of p is "
    "huge, the result must be q. Try both.",
    not_finite="There is a NaN or an infinity in a result. Is it the logarithm of a negative number? `logvar` may be "
    "negative; a variance or a precision may not.",
    remark="Where the image says nothing, the variance from the encoder is large, and the result is p: the KL of the "
    "bottom layer is 0 there.",
)
