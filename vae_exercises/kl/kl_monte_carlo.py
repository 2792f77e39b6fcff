"""The exercise "without the formula"."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from vae_exercises.engine.answers import as_function, call_twice, fresh_generator, one_result
from vae_exercises.engine.inputs import draw_trials
from vae_exercises.engine.kinds import Task
from vae_exercises.engine.monte_carlo import MIXED, N_ERRORS_OF_PAIRS, SEEDED, mean_is, require_one_for_each
from vae_exercises.engine.sandbox import call
from vae_exercises.engine.verdict import WrongAnswerError
from vae_exercises.kl.shared import kl

COPIES = (1500, 500, 500)  # of each image; the first needs most, since its KL is small beside its noise
HUGE, FEW = 300.0, 100  # a mean whose square half precision cannot hold, and copies of it
MOST_SPREAD = 1.35  # times the variance; a right draw has 1 ± 0.05, one with two dimensions alike 1.67
LEAST_SHARE = 0.85  # of one sample's spread that four may have: ½, or √½ in antithetic pairs, and 1 if one counts


@dataclass(frozen=True)
class _Images:
    """Three images, (3, K), whose q differ, so that each mistake shows on one of them.

    The first q is nearly the prior: there half of the log-ratios are negative. The second is narrower than the prior
    and beside it, so that the two directions of the KL differ much. The third is far off: there log-ratios are large.
    """

    mu: Tensor
    logvar: Tensor
    order: Tensor

    @staticmethod
    def fresh(generator: Generator) -> "_Images":
        share = torch.rand(3, 2, 3, generator=generator)
        mu = torch.tensor([[0.1], [1.0], [5.5]]) + torch.tensor([[0.1], [1.0], [1.0]]) * share[:, 0]
        logvar = torch.tensor([[-0.2], [-2.0], [-3.4]]) + torch.tensor([[0.1], [1.0], [0.4]]) * share[:, 1]
        which = torch.arange(3).repeat_interleave(torch.tensor(COPIES))
        return _Images(mu, logvar, which[torch.randperm(len(which), generator=generator)])

    def batch(self) -> tuple[Tensor, Tensor]:
        return self.mu[self.order], self.logvar[self.order]

    def each(self, values: Tensor) -> list[Tensor]:
        """Return the values (B,) of the copies of each image."""
        return [values[self.order == i] for i in range(3)]

    def have_means(self, values: list[Tensor], expected: Tensor) -> bool:
        """Whether the values of each image have the expected mean, (3,), as far as chance allows."""
        return all(mean_is(some, mean, N_ERRORS_OF_PAIRS) for some, mean in zip(values, expected, strict=True))

    def average_for(self, mean: Tensor | float, width: Tensor | float) -> Tensor:
        """Return the average of log q - log p over codes drawn from N(mean, diag width²), (3,)."""
        squares, distance = (
            torch.as_tensor(about).square() + torch.as_tensor(width).square() for about in (mean, mean - self.mu)
        )
        return (0.5 * (squares - distance / self.logvar.exp() - self.logvar)).sum(dim=1)


def _examine_monte_carlo(answer: object) -> None:
    """Look at the mean and the spread over copies of three images; then at one whose KL is huge."""
    estimate, generator = as_function(answer), fresh_generator()
    images = _Images.fresh(generator)
    results = [*call_twice(estimate, *images.batch(), 1), call(estimate, *images.batch(), 4)]
    one, again, four = map(one_result, results)
    for result in (one, again, four):
        require_one_for_each(result, sum(COPIES))
    exact = kl(images.mu, images.logvar)
    values = [torch.cat(pair) for pair in zip(images.each(one), images.each(again), strict=True)]
    _require_noise(images.each(one), exact)
    if images.have_means(images.each(four), 4 * torch.stack([some.mean() for some in values])):
        raise WrongAnswerError("The result grows with the number of samples: they are added up, and not averaged.")
    if not images.have_means(values, exact):
        _diagnose_mean(images, values, exact)
    _examine_four(images, values, images.each(four), exact)
    if torch.equal(one, again):
        raise WrongAnswerError(SEEDED)
    _require_own_noise(images, values[2])
    _examine_huge(estimate)


def _require_noise(values: list[Tensor], exact: Tensor) -> None:
    if any(some.std() >= 1e-5 * some.abs().mean() for some in values):
        return
    means = torch.stack([some.mean() for some in values])
    if torch.allclose(means, exact.double(), rtol=1e-3):
        raise WrongAnswerError("That is the closed form: nothing is drawn. Here the point is to do without it.")
    raise WrongAnswerError(
        "Images that are alike have the same value, though each should have its own noise. Is there a draw for each?"
    )


def _diagnose_mean(images: _Images, values: list[Tensor], exact: Tensor) -> None:
    mu, logvar = images.mu, images.logvar
    from_prior = images.average_for(0.0, 1.0)
    mistakes = {
        "The mean is minus the KL: the ratio is upside down.": -exact,
        "The codes are drawn from the prior. The average in KL(q || p) runs over q.": from_prior,
        "This estimates KL(p || q): the codes are drawn from the prior, and the ratio is turned round too.": (
            -from_prior
        ),
        "This is a mean over the latent dimensions, where the logarithm of a density is a sum over them.": exact / 3,
        "Your result is half of the KL: log q - log p needs no half in front.": exact / 2,
        "Your result is twice the KL.": 2 * exact,
        "These are bits. The task asks for nats, by the natural logarithm.": exact / math.log(2),
        "The codes are drawn with the width σ², where it should be σ.": images.average_for(mu, logvar.exp()),
        "The codes are drawn with the width `logvar`, and that is a logarithm.": images.average_for(mu, logvar),
        "The codes are drawn with the width 1, that of the prior.": images.average_for(mu, 1.0),
        "The codes are drawn about 0. Where is the mean of q?": images.average_for(0.0, torch.exp(0.5 * logvar)),
        "q is not the one meant: it has the width σ², in its draws and its density, where `Normal` takes σ.": (
            kl(mu, 2 * logvar)
        ),
        MIXED: exact[images.order[0]].expand(3),
    }
    for message, expected in mistakes.items():
        if images.have_means(values, expected):
            raise WrongAnswerError(message)
    _diagnose_distribution(values)
    weight = float(values[2].mean() / exact[2])  # where the KL is largest beside its noise
    if images.have_means(values, weight * exact):
        raise WrongAnswerError(f"Your result is the KL multiplied by {weight:.2f}. Each log-ratio counts as one.")
    if _is_mixed(images, values, exact):
        raise WrongAnswerError(MIXED)
    raise WrongAnswerError(
        "The mean over many images is off by more than chance explains. Draw from q with the width σ (and not σ²), and "
        "average log q - log p of these draws; `torch.distributions.Normal` has both densities."
    )


def _is_mixed(images: _Images, values: list[Tensor], exact: Tensor) -> bool:
    """Whether values are right on average over the batch, where most of their spread is that between images."""
    return mean_is(torch.cat(values), exact[images.order].mean(), n_errors=1.0)


def _diagnose_distribution(values: list[Tensor]) -> None:
    """Say whether values are clamped, or negative ones made positive."""
    for some in values:
        for end in (some.min(), some.max()):
            if (some == end).double().mean() > 0.05:
                raise WrongAnswerError(
                    f"Many of your values are exactly {end:.4g}. A log-ratio may be negative, and as large as it "
                    "likes: clamped, its average is no longer the KL."
                )
    if values[0].min() >= 0:
        raise WrongAnswerError(
            "None of your values is negative. The KL never is, but the log-ratio of a single draw may be: take it as "
            "it comes, without `abs` or a square."
        )


def _examine_four(images: _Images, one: list[Tensor], four: list[Tensor], exact: Tensor) -> None:
    """Look at four samples of an estimate that is right for one sample."""
    if images.have_means(four, exact):
        shares = [float(some.var() / single.var()) for some, single in zip(four, one, strict=True)]
        if sum(shares) / len(shares) > LEAST_SHARE**2:
            raise WrongAnswerError(
                "The mean is right, but four samples spread as much as one. Is it an average over the samples?"
            )
        return
    mu, logvar = images.mu, images.logvar
    if images.have_means(four, 0.5 * (mu.square() + (logvar.exp() - 1) / 4 - logvar).sum(dim=1)):
        raise WrongAnswerError(
            "Right for one sample. With more, the codes are averaged, and then the two densities are compared at their "
            "mean. It is the log-ratios that must be averaged."
        )
    _diagnose_distribution(four)
    if _is_mixed(images, four, exact):
        raise WrongAnswerError(MIXED)
    raise WrongAnswerError("Right for one sample, but not for four. What is done with the samples of one image?")


def _require_own_noise(images: _Images, far: Tensor) -> None:
    """Look at the spread for the image far off: noise that dimensions share adds up there."""
    mu, variance = images.mu[2], images.logvar[2].exp()
    expected = (mu.square() * variance + 0.5 * (1 - variance).square()).sum()  # of log q - log p
    if far.var() > MOST_SPREAD * expected:
        raise WrongAnswerError(
            "The mean is right, but one draw spreads more than a draw from q does. Has each dimension its own noise?"
        )


def _of_huge_means(_: Generator, size: int) -> tuple[Tensor, Tensor]:
    latent_dim = 4 + size % 4  # another than before, so that a number written into an answer shows
    return torch.full((FEW, latent_dim), HUGE), torch.full((FEW, latent_dim), -4.0)


def _examine_huge(estimate: Callable) -> None:
    ((mu, logvar),) = draw_trials([_of_huge_means], fresh_generator())
    result = one_result(call(estimate, mu.clone(), logvar.clone(), 1))
    if not result.isfinite().all():
        raise WrongAnswerError(
            f"With a mean of {HUGE:g} there is a NaN or an infinity. Are numbers kept in half precision, or densities "
            "computed before their logarithms?"
        )
    require_one_for_each(result, FEW)
    if not mean_is(result, float(kl(mu, logvar)[0]), N_ERRORS_OF_PAIRS, atol=1.0):
        raise WrongAnswerError(f"Right for small KL, but not for a mean of {HUGE:g}. Is something clamped?")


MONTE_CARLO = Task(name="kl-monte-carlo", points=3, examination=_examine_monte_carlo)
