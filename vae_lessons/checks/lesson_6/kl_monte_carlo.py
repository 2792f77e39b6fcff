"""Exercise 6.6: without the formula."""

import math

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from vae_lessons.checks.answers import as_function, as_results, fresh_generator
from vae_lessons.checks.calls import call
from vae_lessons.checks.exercises import Task
from vae_lessons.checks.lesson_6.shared import kl

CODES = 20_000


TOO_FAR = 5.0  # standard errors


def _judge_monte_carlo(answer: object) -> str | None:
    """Its mean, and its spread over images that are all alike."""
    estimate = as_function(answer)
    generator = fresh_generator()
    # Narrower than the prior and beside it, so that the two directions differ much.
    mu, logvar = 1 + torch.rand(1, 3, generator=generator), -1 - torch.rand(1, 3, generator=generator)
    many = [part.expand(CODES, -1).clone() for part in (mu, logvar)]
    (one,) = as_results(call(estimate, *many, 1))
    (four,) = as_results(call(estimate, *many, 4))
    for found in (one, four):
        if found.shape != (CODES,):
            return f"Your result has shape {tuple(found.shape)} for {CODES} images; it must have one value for each."
        if not found.isfinite().all():
            return "There is a NaN or an infinity in your result. Is the width that you draw with positive?"
    if one.std() < 1e-6 * one.abs().mean():
        (exact,) = as_results(kl(mu, logvar))
        if torch.allclose(one.mean(), exact, rtol=1e-3):
            return "That is the closed form: nothing is drawn. Here the point is to do without it."
        return "All images have the same value, though each should have noise of its own. Is there a draw for each?"
    q, p = Normal(mu[0], torch.exp(0.5 * logvar[0])), Normal(torch.zeros(3), torch.ones(3))
    exact = float(kl_divergence(q, p).sum())
    if _mean_is(four, 4 * float(one.mean())):
        return "The result grows with the number of samples: they are added up, and not averaged."
    if _mean_is(one, exact):
        return (
            None
            if _spread_halves(one, four)
            else ("The mean is right, but four samples spread as much as one. Is it an average over the samples?")
        )
    if _mean_is(one, -exact):
        return "The mean is minus the KL: the ratio is upside down."
    if _mean_is(one, -float(kl_divergence(p, q).sum())):
        return "The codes are drawn from the prior. The average in KL(q || p) is one over q."
    if _mean_is(one, float(kl_divergence(p, q).sum())):
        return "This estimates KL(p || q): the codes are drawn from the prior, and the ratio is turned round too."
    if _mean_is(one, exact / 3):
        return "This is a mean over the latent dimensions, where the logarithm of a density is a sum over them."
    return (
        "The mean over many images is off by more than chance explains. Draw from q with the width σ (and not σ²), and "
        "average log q - log p of these draws; `torch.distributions.Normal` has both densities."
    )


def _mean_is(found: Tensor, expected: float) -> bool:
    return abs(float(found.mean()) - expected) <= TOO_FAR * float(found.std()) / math.sqrt(len(found)) + 1e-6


def _spread_halves(one: Tensor, four: Tensor) -> bool:
    return 0.4 < float(four.std() / one.std()) < 0.6


MONTE_CARLO = Task(name="kl-monte-carlo", points=3, judgement=_judge_monte_carlo)
