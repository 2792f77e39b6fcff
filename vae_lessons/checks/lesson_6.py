"""Exercises of lesson 6: the KL term in closed form."""

import math

import torch
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from vae_lessons.checks.calls import call
from vae_lessons.checks.exercises import (
    Choice,
    Exercise,
    Function,
    Slip,
    Task,
    as_function,
    as_results,
    fresh_generator,
)

CODES = 20_000
TOO_FAR = 5.0  # standard errors


def _codes(generator: Generator) -> tuple[Tensor, Tensor]:
    mu, logvar = 1.5 * torch.randn(2, 6, 3, generator=generator)
    return mu, logvar


def _kl(mu: Tensor, logvar: Tensor) -> Tensor:
    return kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)).sum(dim=1)


KL = Function(
    name="kl",
    points=3,
    inputs=_codes,
    answer=_kl,
    slips=(
        Slip(
            lambda mu, logvar: -_kl(mu, logvar),
            "The sign is flipped: this is minus the divergence. A KL is never negative; try it on a code that differs "
            "from the prior.",
        ),
        Slip(
            lambda mu, logvar: 2 * _kl(mu, logvar),
            "Every value is twice too large. Which factor stands before the sum, and where does it come from?",
        ),
        Slip(
            lambda mu, logvar: _kl(mu, logvar) + 0.5 * mu.shape[1],
            "At mu = 0, log σ² = 0 the two Gaussians are the same, and yours gives more than 0 there: half a nat too "
            "much for each dimension. Which term of the bracket is missing?",
        ),
        Slip(
            lambda mu, logvar: 0.5 * (mu.square() + torch.exp(0.5 * logvar) - 1 - logvar).sum(dim=1),
            "σ stands where σ² belongs. What `logvar` holds is log σ², so which exponential is σ²?",
        ),
        Slip(
            lambda mu, logvar: 0.5 * (mu.square() + torch.exp(0.5 * logvar) - 1 - 0.5 * logvar).sum(dim=1),
            "Both the variance and its logarithm are those of σ, not of σ². What `logvar` holds is log σ² already.",
        ),
        Slip(
            lambda mu, logvar: 0.5 * (mu.square() + torch.exp(2 * logvar) - 1 - 2 * logvar).sum(dim=1),
            "`logvar` is read as log σ, and squared once more. It is log σ² already.",
        ),
        Slip(
            lambda mu, logvar: 0.5 * (mu.square() + logvar.exp() - 1 - 0.5 * logvar).sum(dim=1),
            "The logarithm is that of σ, where the formula has that of σ². By how much do they differ?",
        ),
        Slip(
            lambda mu, logvar: 0.5 * (mu.square() + logvar.exp() - 1 + logvar).sum(dim=1),
            "The last term has the wrong sign. Make σ very small: a code that says so much must cost more, and yours "
            "costs less and less.",
        ),
        Slip(
            lambda mu, logvar: 0.5 * (mu + logvar.exp() - 1 - logvar).sum(dim=1),
            "The mean is not squared: a code at -3 is as far from the prior as one at +3.",
        ),
        Slip(
            lambda mu, logvar: _kl(mu, logvar) / mu.shape[1],
            "This is a mean over the latent dimensions, where the KL is a sum over them. With a mean, a code of twenty "
            "dimensions would cost as much as one of them.",
        ),
        Slip(
            lambda mu, logvar: _kl(mu, logvar).sum(),
            "This is one number for the whole batch. Each image has a KL of its own: sum over the latent dimensions "
            "and leave the batch alone.",
        ),
        Slip(
            lambda mu, logvar: _kl(mu, logvar).mean(),
            "This is averaged over the batch. Leave that to whoever needs it, and return one value for each image.",
        ),
        Slip(
            lambda mu, logvar: kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)),
            "These are the parts of the single dimensions. What belongs to one image has still to be added up.",
        ),
        Slip(
            lambda mu, logvar: kl_divergence(Normal(0.0, 1.0), Normal(mu, torch.exp(0.5 * logvar))).sum(dim=1),
            "This is KL(p || q), the other direction. In the ELBO it is q that comes first, and that is averaged over.",
        ),
    ),
    hint="Some values are right by chance at best. Try three codes by hand: mu = 0 and σ = 1 costs 0 nats; mu = 1 and "
    "σ = 1 costs a half for each dimension; mu = 0 and a tiny σ costs a lot.",
)


def _slopes(mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
    mu, logvar = mu.clone().requires_grad_(), logvar.clone().requires_grad_()
    with torch.enable_grad():
        return torch.autograd.grad(_kl(mu, logvar).sum(), (mu, logvar))


SLOPES = Function(
    name="kl-slopes",
    points=2,
    inputs=_codes,
    answer=_slopes,
    slips=(
        Slip(
            lambda mu, logvar: tuple(-slope for slope in _slopes(mu, logvar)),
            "Both signs are flipped. These would be the slopes of minus the KL, along which a step makes it smaller.",
        ),
        Slip(
            lambda mu, logvar: (2 * mu, logvar.exp() - 1),
            "Both are twice too large: the half before the sum has been lost.",
        ),
        Slip(
            lambda mu, logvar: (mu, logvar.exp() - 1),
            "The slope in mu is right; the one in log σ² is twice too large. Where is the half?",
        ),
        Slip(
            lambda mu, logvar: (mu, 0.5 * logvar.exp()),
            "The slope in log σ² is not 0 at σ = 1, where the KL is lowest. What does the last term "
            "of the bracket add?",
        ),
        Slip(
            lambda mu, logvar: (mu, 0.5 * (1 - torch.exp(-logvar))),
            "The second one is the slope in σ² itself. Asked for is the slope in log σ², which is what a network puts "
            "out; the chain rule has one factor more.",
        ),
        Slip(
            lambda mu, logvar: (mu, torch.exp(0.5 * logvar) - torch.exp(-0.5 * logvar)),
            "The second one is the slope in σ. Asked for is the slope in log σ², which is what a network puts out.",
        ),
    ),
    hint="Where the KL is lowest, at mu = 0 and σ = 1, both slopes must be 0. And a step against them must make the KL "
    "smaller from wherever it starts: try it.",
)


def _pairs(generator: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    mu_q, mu_p = torch.randn(2, 3, generator=generator).double()
    root_q, root_p = torch.randn(2, 3, 3, generator=generator).double()
    eye = torch.eye(3).double()
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
    slips=(
        Slip(
            lambda mu_q, cov_q, mu_p, cov_p: _general(mu_q, cov_q, mu_p, cov_p) + len(mu_q),
            "The number of dimensions is still added, where its minus sign has been lost. Put p = q: the "
            "result must be 0.",
        ),
        Slip(
            lambda mu_q, cov_q, mu_p, cov_p: _general(mu_q, cov_q, mu_p, cov_p) + 0.5 * len(mu_q),
            "Now the number of dimensions is missing altogether. Put p = q: the trace alone gives K.",
        ),
        Slip(
            lambda mu_q, cov_q, mu_p, cov_p: (
                _general(mu_q, cov_q, mu_p, cov_p) + len(mu_q) - _log_det_ratio(cov_q, cov_p)
            ),
            "There is more than one thing wrong: the logarithms of the determinants are the wrong way round, and the "
            "number of dimensions has the wrong sign.",
        ),
        Slip(
            lambda mu_q, cov_q, mu_p, cov_p: _general(mu_q, cov_q, mu_p, cov_p) - _log_det_ratio(cov_q, cov_p),
            "The logarithms of the determinants are the wrong way round. Make q very narrow: the KL must grow.",
        ),
        Slip(
            lambda mu_q, cov_q, mu_p, cov_p: 2 * _general(mu_q, cov_q, mu_p, cov_p),
            "Every value is twice too large: the factor before the bracket is lost.",
        ),
        Slip(
            lambda mu_q, cov_q, mu_p, cov_p: _general(mu_p, cov_p, mu_q, cov_q),
            "This is KL(p || q): q and p have changed places.",
        ),
    ),
    hint="Put p = q, where the result must be 0, and read off which term is left over. Then move only the mean of p: "
    "the result must be half the squared distance in units of p's covariance.",
)

DIRECTION = Choice(
    name="kl-direction",
    points=1,
    right="b",
    wrong={
        "a": "KL(p || q) averages over the prior. It would demand that q be wide wherever the prior is, for each "
        "single image; and it does not come out of log p(x).",
        "c": "A divergence is no distance: the two directions differ, as the numbers in the lesson show.",
        "d": "The KL is in the ELBO because of an identity, not because somebody wanted codes to look like the prior. "
        "Go back to lesson 4: which expectation is log p(x) split into, over which distribution?",
    },
)

BITS = Function(
    name="kl-bits",
    points=1,
    inputs=lambda generator: (30 * torch.rand(5, generator=generator),),
    answer=lambda nats: nats / math.log(2),
    slips=(
        Slip(
            lambda nats: nats * math.log(2),
            "Multiplied where it should be divided. A bit is less than a nat, so the number of bits is the larger one.",
        ),
        Slip(
            lambda nats: nats / math.log(10),
            "That is the logarithm to base 10, which counts decimal digits. A bit is one choice among two.",
        ),
        Slip(lambda nats: nats, "Nothing has been converted: nats go in, and the same numbers come out."),
        Slip(lambda nats: nats / 8, "That would be a conversion of bits to bytes. What is a nat in bits?"),
        Slip(lambda nats: torch.log2(nats), "The KL is a logarithm already: change its base, and take none of it."),
    ),
    hint="A fair choice among two is log 2 nats, and 1 bit. So 2 log 2 nats must come out as 2.",
)


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
        (exact,) = as_results(_kl(mu, logvar))
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

EXERCISES: tuple[Exercise, ...] = (KL, SLOPES, GENERAL, DIRECTION, BITS, MONTE_CARLO)
