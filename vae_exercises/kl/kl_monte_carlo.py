"""Exercise 6.6: without the formula."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.distributions import Normal, kl_divergence

from vae_exercises.engine.answers import MIXED, SEEDED, as_function, copies, fresh_generator, one_result, twice
from vae_exercises.engine.kinds import Task
from vae_exercises.engine.sandbox import call
from vae_exercises.kl.shared import kl

CODES = 2000


TOO_FAR = 5.0  # standard errors


def _judge_monte_carlo(answer: object) -> str | None:
    """Its mean and its spread over images that are all alike; then a batch of different ones."""
    estimate = as_function(answer)
    generator = fresh_generator()
    # Narrower than the prior and beside it, so that the two directions differ much.
    mu, logvar = 1 + torch.rand(1, 3, generator=generator), -1 - torch.rand(1, 3, generator=generator)
    many = tuple(part.expand(CODES, -1).clone() for part in (mu, logvar))
    one, again = map(one_result, twice(estimate, *many, 1))
    four = one_result(call(estimate, *copies(many), 4))
    for found in (one, four):
        if found.shape != (CODES,):
            return f"Your result has shape {tuple(found.shape)} for {CODES} images; it must have one value for each."
        if not found.isfinite().all():
            return "There is a NaN or an infinity in your result. Is the width that you draw with positive?"
    exact = float(kl(mu, logvar))
    if one.std() < 1e-6 * one.abs().mean():
        if math.isclose(float(one.mean()), exact, rel_tol=1e-3):
            return "That is the closed form: nothing is drawn. Here the point is to do without it."
        return "All images have the same value, though each should have noise of its own. Is there a draw for each?"
    if _mean_is(four, 4 * float(one.mean())):
        return "The result grows with the number of samples: they are added up, and not averaged."
    if _mean_is(one, exact):
        wrong = _about_average(mu, logvar, one, four) or (SEEDED if torch.equal(one, again) else None)
        return wrong or _about_different(estimate, generator)
    reverse = float(kl_divergence(Normal(0.0, 1.0), Normal(mu, torch.exp(0.5 * logvar))).sum())
    if _mean_is(one, -exact):
        return "The mean is minus the KL: the ratio is upside down."
    if _mean_is(one, -reverse):
        return "The codes are drawn from the prior. The average in KL(q || p) is one over q."
    if _mean_is(one, reverse):
        return "This estimates KL(p || q): the codes are drawn from the prior, and the ratio is turned round too."
    if _mean_is(one, exact / 3):
        return "This is a mean over the latent dimensions, where the logarithm of a density is a sum over them."
    return (
        "The mean over many images is off by more than chance explains. Draw from q with the width σ (and not σ²), and "
        "average log q - log p of these draws; `torch.distributions.Normal` has both densities."
    )


def _about_average(mu: Tensor, logvar: Tensor, one: Tensor, four: Tensor) -> str | None:
    """What is wrong with an estimate that is right for one sample."""
    if _mean_is(four, float(kl(mu, logvar))):
        if _spread_halves(one, four):
            return None
        return "The mean is right, but four samples spread as much as one. Is it an average over the samples?"
    of_averaged_codes = 0.5 * (mu.square() + (logvar.exp() - 1) / 4 - logvar).sum()
    if _mean_is(four, float(of_averaged_codes)):
        return (
            "Right for one sample. With more, the codes are averaged, and then the two densities are compared at their "
            "mean. The average is to be one of log-ratios."
        )
    return "Right for one sample, but not for four. What is done with the samples of one image?"


def _about_different(estimate: Callable, generator: Generator) -> str | None:
    mu, logvar = 2 * torch.randn(5, 3, generator=generator), -2 * torch.rand(5, 3, generator=generator)
    found = one_result(call(estimate, mu.clone(), logvar.clone(), CODES))
    eps = torch.randn(CODES, 5, 3, generator=generator)
    z = mu + torch.exp(0.5 * logvar) * eps
    spread = (0.5 * (z.square() - eps.square())).sum(dim=2).std(dim=0)
    near = TOO_FAR * 1.2 * spread / math.sqrt(CODES)
    return None if found.shape == (5,) and ((found - kl(mu, logvar)).abs() <= near).all() else MIXED


def _mean_is(found: Tensor, expected: float) -> bool:
    return abs(float(found.mean()) - expected) <= TOO_FAR * float(found.std()) / math.sqrt(len(found)) + 1e-6


def _spread_halves(one: Tensor, four: Tensor) -> bool:
    return 0.4 < float(four.std() / one.std()) < 0.6


MONTE_CARLO = Task(name="kl-monte-carlo", points=3, judgement=_judge_monte_carlo)
