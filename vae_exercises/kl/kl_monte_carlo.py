"""The exercise "without the formula"."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.distributions import Normal, kl_divergence

from vae_exercises.engine.answers import as_function, fresh_generator, one_result
from vae_exercises.engine.kinds import Task
from vae_exercises.engine.monte_carlo import Estimates, mean_is, repeated_estimates, require_right_for_each
from vae_exercises.engine.sandbox import call
from vae_exercises.engine.verdict import WrongAnswerError
from vae_exercises.kl.shared import kl

CODES = 2000


def _examine_monte_carlo(answer: object) -> None:
    """Look at the mean and the spread over copies of one image; then at a batch of different images."""
    estimate = as_function(answer)
    generator = fresh_generator()
    # Narrower than the prior and beside it, so that the two directions differ much.
    mu, logvar = 1 + torch.rand(1, 3, generator=generator), -1 - torch.rand(1, 3, generator=generator)
    copies = (part.expand(CODES, -1).clone() for part in (mu, logvar))
    estimates = repeated_estimates(estimate, *copies, n_images=CODES)
    exact = float(kl(mu, logvar))
    _require_noise(estimates.one, exact)
    if mean_is(estimates.four, 4 * float(estimates.one.mean())):
        raise WrongAnswerError("The result grows with the number of samples: they are added up, and not averaged.")
    if not mean_is(estimates.one, exact):
        _diagnose_mean(estimates.one, exact, mu, logvar)
    _examine_average(estimates, exact, mu, logvar)
    estimates.require_fresh_noise()
    _examine_different(estimate, generator)


def _require_noise(one: Tensor, exact: float) -> None:
    if one.std() >= 1e-6 * one.abs().mean():
        return
    if math.isclose(float(one.mean()), exact, rel_tol=1e-3):
        raise WrongAnswerError("That is the closed form: nothing is drawn. Here the point is to do without it.")
    raise WrongAnswerError(
        "All images have the same value, though each should have its own noise. Is there a draw for each?"
    )


def _diagnose_mean(one: Tensor, exact: float, mu: Tensor, logvar: Tensor) -> None:
    reverse = float(kl_divergence(Normal(0.0, 1.0), Normal(mu, torch.exp(0.5 * logvar))).sum())
    mistakes = {
        "The mean is minus the KL: the ratio is upside down.": -exact,
        "The codes are drawn from the prior. The average in KL(q || p) runs over q.": -reverse,
        "This estimates KL(p || q): the codes are drawn from the prior, and the ratio is turned round too.": reverse,
        "This is a mean over the latent dimensions, where the logarithm of a density is a sum over them.": exact / 3,
    }
    for message, mean in mistakes.items():
        if mean_is(one, mean):
            raise WrongAnswerError(message)
    raise WrongAnswerError(
        "The mean over many images is off by more than chance explains. Draw from q with the width σ (and not σ²), and "
        "average log q - log p of these draws; `torch.distributions.Normal` has both densities."
    )


def _examine_average(estimates: Estimates, exact: float, mu: Tensor, logvar: Tensor) -> None:
    """Look at four samples of an estimate that is right for one sample."""
    if mean_is(estimates.four, exact):
        estimates.require_average()
        return
    of_averaged_codes = 0.5 * (mu.square() + (logvar.exp() - 1) / 4 - logvar).sum()
    if mean_is(estimates.four, float(of_averaged_codes)):
        raise WrongAnswerError(
            "Right for one sample. With more, the codes are averaged, and then the two densities are compared at their "
            "mean. It is the log-ratios that must be averaged."
        )
    raise WrongAnswerError("Right for one sample, but not for four. What is done with the samples of one image?")


def _examine_different(estimate: Callable, generator: Generator) -> None:
    mu, logvar = 2 * torch.randn(5, 3, generator=generator), -2 * torch.rand(5, 3, generator=generator)
    result = one_result(call(estimate, mu.clone(), logvar.clone(), CODES))
    eps = torch.randn(CODES, 5, 3, generator=generator)
    z = mu + torch.exp(0.5 * logvar) * eps
    spread = (0.5 * (z.square() - eps.square())).sum(dim=2).std(dim=0)
    require_right_for_each(result, kl(mu, logvar), spread, CODES)


MONTE_CARLO = Task(name="kl-monte-carlo", points=3, examination=_examine_monte_carlo)
