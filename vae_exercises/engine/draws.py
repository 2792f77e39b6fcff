"""Codes that should be draws from q: whether they are, and what they are instead."""

import torch
from torch import Tensor

from vae_exercises.engine.monte_carlo import (
    MIXED,
    fourth_moment_is_three,
    is_standardised,
    mean_is_zero,
    require_independent_gaussians,
)
from vae_exercises.engine.verdict import WrongAnswerError

BATCH = "The width of the draws is an average over the batch. Each image has its own σ."


def require_draws_from_q(codes: Tensor, mu: Tensor, logvar: Tensor) -> None:
    """Raise WrongAnswerError unless codes are independent draws from q, each of its own image; all are (N, K).

    Raises
    ------
    WrongAnswerError
        With the usual mistake, if there is one whose mean and width make the codes standard.
    """
    sigma = torch.exp(0.5 * logvar)
    if is_standardised((codes - mu) / sigma):
        require_independent_gaussians((codes - mu) / sigma)
        return
    for message, mean, width in _mistakes(mu, logvar, sigma):
        eps = (codes - mean) / width
        if is_standardised(eps) and fourth_moment_is_three(eps):  # or two mistakes may agree by chance
            raise WrongAnswerError(message)
    if not mean_is_zero((codes - mu) / (codes - mu).std(dim=0)):
        raise WrongAnswerError("The mean over many draws is not that of q. What must be the mean of the noise?")
    raise WrongAnswerError("The draws are about the mean of q, but their width is not σ. `logvar` holds log σ².")


def _mistakes(mu: Tensor, logvar: Tensor, sigma: Tensor) -> tuple[tuple[str, Tensor, Tensor], ...]:
    """Return what to say of each, and the mean and the width that it draws with."""
    zeros, ones = torch.zeros_like(mu), torch.ones_like(mu)
    return (
        ("The codes are drawn from the prior. The average runs over the image's own q.", zeros, ones),
        ("The draws are too narrow: σ² has been used as their width, where σ belongs.", mu, logvar.exp()),
        ("The draws are too wide: log σ² has been used as their width, as it is.", mu, logvar.abs()),
        ("The width of the draws is log σ, half of `logvar`. One step is missing.", mu, 0.5 * logvar.abs()),
        ("The width of the draws is 1/σ: look at the sign in the exponent.", mu, 1 / sigma),
        ("The width of the draws is the square root of σ: one root too many.", mu, sigma.sqrt()),
        ("The draws are about the right mean, but with the width 1 of the prior.", mu, ones),
        ("The draws have the right width, but lie about 0. Where is the mean of q?", zeros, sigma),
        (BATCH, mu, torch.exp(0.5 * logvar.mean(dim=0))),
        (BATCH, mu, sigma.mean(dim=0)),
        (BATCH, mu, logvar.exp().mean(dim=0).sqrt()),
        (MIXED, mu[0], sigma[0]),
    )
