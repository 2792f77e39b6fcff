"""The exercise "the draw"."""

import math

import torch
from torch import Generator, Tensor
from torch.nn.functional import softplus

from vae_exercises.engine.answers import as_function, as_results, call_twice, fresh_generator, require_like
from vae_exercises.engine.inputs import draw_trials
from vae_exercises.engine.kinds import Task
from vae_exercises.engine.monte_carlo import (
    N_ERRORS_OF_PAIRS,
    is_standardised,
    mean_is,
    require_independent_gaussians,
    width_is_one,
)
from vae_exercises.engine.verdict import WrongAnswerError
from vae_exercises.reparameterisation.shared import IMAGES, require_path


def _codes(generator: Generator, size: int) -> tuple[Tensor, Tensor]:
    """Draw mu and logvar, (IMAGES, K), with widths well away from 1, on both sides of it, so that σ and σ² differ."""
    sign = torch.tensor([[-1.0, 1.0, -1.0]]).repeat(1, 2)[:, : 3 + size % 3]
    share = torch.rand(2, IMAGES, sign.shape[1], generator=generator)
    return 1 + 2 * share[0], sign * (0.6 + 1.4 * share[1])


def _examine_draw(answer: object) -> None:
    """Look at the noise, the mean, the width, and the path that a gradient takes."""
    draw = as_function(answer)
    generator = fresh_generator()
    mu, logvar = (part.requires_grad_() for part in draw_trials([_codes], generator)[0])
    with torch.enable_grad():
        z, again = call_twice(draw, mu, logvar)
    values, others = (_values(codes, mu) for codes in (z, again))
    away = values - mu.detach()
    sigma = torch.exp(0.5 * logvar.detach().double())
    _examine_noise(away, away / sigma, values, others)
    _examine_mean(away / sigma, mu.detach())
    _examine_width(away, logvar.detach().double())
    require_independent_gaussians(away / sigma)
    require_path(z, {"mu": (mu, torch.ones_like(away)), "logvar": (logvar, 0.5 * away)})


def _values(codes: object, like: Tensor) -> Tensor:
    results = as_results(codes)
    if len(results) == 1 and results[0].isnan().any():
        raise WrongAnswerError(
            "There is a NaN in your draw. `logvar` is a logarithm, so it may be negative: what is it that must be "
            "positive, and how do you get there from a logarithm?"
        )
    require_like(results, (like.detach(),))
    return results[0]


def _examine_noise(away: Tensor, eps: Tensor, values: Tensor, others: Tensor) -> None:
    if away.abs().max() < 1e-6:
        raise WrongAnswerError("Every code is mu itself: nothing has been drawn. Where is the noise?")
    if torch.equal(values, others):
        raise WrongAnswerError(
            "Two calls give the same codes. Fresh noise belongs to each call: is there a seed, or noise that was "
            "drawn once and for all?"
        )
    # 1e-3 is far below the spread of any draw, and far above rounding.
    if eps.std(dim=0).max() < 1e-3 * eps.abs().max():
        raise WrongAnswerError(
            "All images share the same ε: they are all moved in one direction, and their errors no longer average "
            "out over the batch. How many numbers must be drawn?"
        )
    if (torch.corrcoef(eps.T) - torch.eye(eps.shape[1])).abs().max() > 0.99:
        raise WrongAnswerError(
            "Dimensions of a code share one number of noise, so codes lie on a line or in a plane. The covariance is "
            "to be diagonal: each dimension needs its own ε."
        )


def _examine_mean(eps: Tensor, mu: Tensor) -> None:
    if ((eps.mean(dim=0) - 0.5).abs() < 0.05).all():
        raise WrongAnswerError(
            "Your noise is never negative, and half on average. Is it uniform, where it should be Gaussian?"
        )
    if not mean_is(eps, 0.0, N_ERRORS_OF_PAIRS, atol=1e-4):
        raise WrongAnswerError(
            "The mean over many draws is not mu. What must be the mean of the noise, and what is added to what?"
        )
    along = torch.corrcoef(torch.cat([eps, mu.double()], dim=1).T)[: eps.shape[1], eps.shape[1] :].diagonal()
    if (along.abs() > N_ERRORS_OF_PAIRS / math.sqrt(IMAGES)).any():
        raise WrongAnswerError(
            "The mean is right for the batch, but not for each image, which has its own `mu`. Is it averaged?"
        )


def _examine_width(away: Tensor, logvar: Tensor) -> None:
    """Look at what ε would be for the right width, and for usual other ones."""
    sigma = torch.exp(0.5 * logvar)
    batch = "The width is an average over the batch. Each image has its own σ."
    known = (
        (
            "The width of the draws is σ², where it should be σ. `logvar` holds log σ²; how do you get σ from it?",
            logvar.exp(),
        ),
        (
            "The width is the number in `logvar` itself. It is a logarithm, and of σ²; a network may make it negative.",
            logvar.abs(),
        ),
        ("The width is half of `logvar`, and still a logarithm: log σ. One step is missing.", 0.5 * logvar.abs()),
        ("The width is 1 whatever `logvar` says: the noise is not scaled.", torch.ones_like(sigma)),
        ("The width is 1/σ: it is small where it should be large. Look at the sign in the exponent.", 1 / sigma),
        ("The width is the square root of σ: one root too many.", sigma.sqrt()),
        (
            "The width is a softplus of `logvar`. That makes a positive number of any other, but here the number "
            "has a meaning already.",
            softplus(logvar),
        ),
        (batch, torch.exp(0.5 * logvar.mean(dim=0))),
        (batch, sigma.mean(dim=0)),
    )
    if is_standardised(away / sigma) and _spreads_alike(away / sigma, logvar):
        return
    for message, width in known:
        if width_is_one(away / width) and _spreads_alike(away / width, logvar):
            raise WrongAnswerError(message)
    raise WrongAnswerError(
        "The mean is right; the width is not. Take log σ² = 0, and then log σ² = log 4: σ must be 1 and 2."
    )


def _spreads_alike(eps: Tensor, logvar: Tensor) -> bool:
    """Whether noise of width 1 spreads as much for images with a large as for those with a small `logvar`."""
    tilt = (logvar - logvar.mean(dim=0)) / logvar.std(dim=0)
    off = (tilt * (eps.square() - 1)).mean(dim=0)
    return bool((off.abs() < N_ERRORS_OF_PAIRS * math.sqrt(2 / len(eps))).all())


DRAW = Task(name="draw-a-code", points=3, examination=_examine_draw)
