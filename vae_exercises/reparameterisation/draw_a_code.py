"""The exercise "the draw"."""

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from vae_exercises.engine.answers import as_function, as_results, call_twice, fresh_generator, require_like
from vae_exercises.engine.kinds import Task
from vae_exercises.engine.monte_carlo import N_ERRORS, mean_is
from vae_exercises.engine.verdict import WrongAnswerError
from vae_exercises.reparameterisation.shared import IMAGES, require_path


def _examine_draw(answer: object) -> None:
    """Look at the noise, the mean, the width, and the path that a gradient takes."""
    draw = as_function(answer)
    generator = fresh_generator()
    # Widths well away from 1, on both sides of it, so that σ and σ² differ.
    sign = torch.tensor([[-1.0, 1.0, -1.0]])
    mu = (1 + 2 * torch.rand(IMAGES, 3, generator=generator)).requires_grad_()
    logvar = (sign * (1.0 + 0.6 * torch.rand(1, 3, generator=generator))).repeat(IMAGES, 1).requires_grad_()
    with torch.enable_grad():
        z, again = call_twice(draw, mu, logvar)
    values, others = (_values(codes, mu) for codes in (z, again))
    away = values - mu.detach()
    _examine_noise(away, values, others)
    _examine_mean(away, mu.detach(), logvar.detach()[0].double())
    _examine_width(away, logvar.detach()[0].double())
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


def _examine_noise(away: Tensor, values: Tensor, others: Tensor) -> None:
    if away.abs().max() < 1e-6:
        raise WrongAnswerError("Every code is mu itself: nothing has been drawn. Where is the noise?")
    if torch.equal(values, others):
        raise WrongAnswerError(
            "Two calls give the same codes. Fresh noise belongs to each call: is there a seed, or noise that was "
            "drawn once and for all?"
        )
    # 1e-4 is far below the spread of any draw, and far above rounding.
    if away.std(dim=0).max() < 1e-4 * away.abs().max():
        raise WrongAnswerError(
            "All images share the same ε: they are all moved in one direction, and their errors no longer average "
            "out over the batch. How many numbers must be drawn?"
        )
    if torch.corrcoef(away.T)[0, 1].abs() > 0.99:
        raise WrongAnswerError(
            "All dimensions of a code share one number of noise, so codes lie on a line. The covariance is to be "
            "diagonal: each dimension needs its own ε."
        )


def _examine_mean(away: Tensor, mu: Tensor, logvar: Tensor) -> None:
    sigma = torch.exp(0.5 * logvar)
    if ((away.mean(dim=0) / sigma - 0.5).abs() < 0.05).all():
        raise WrongAnswerError(
            "Your noise is never negative, and half on average. Is it uniform, where it should be Gaussian?"
        )
    if not mean_is(away, 0.0, atol=1e-4):
        raise WrongAnswerError(
            "The mean over many draws is not mu. What must be the mean of the noise, and what is added to what?"
        )
    along = torch.corrcoef(torch.cat([away, mu.double()], dim=1).T)[:3, 3:].diagonal()
    if (along.abs() > N_ERRORS / math.sqrt(IMAGES)).any():
        raise WrongAnswerError(
            "The mean is right for the batch, but not for each image, which has its own `mu`. Is it averaged?"
        )


def _examine_width(away: Tensor, logvar: Tensor) -> None:
    width, sigma = away.std(dim=0), torch.exp(0.5 * logvar)
    known = {
        "The width of the draws is σ², where it should be σ. `logvar` holds log σ²; how do you get σ from it?": (
            logvar.exp()
        ),
        "The width is the number in `logvar` itself. It is a logarithm, and of σ²; a network may make it negative.": (
            logvar.abs()
        ),
        "The width is half of `logvar`, and still a logarithm: log σ. One step is missing.": 0.5 * logvar.abs(),
        "The width is 1 whatever `logvar` says: the noise is not scaled.": torch.ones(3),
        "The width is 1/σ: it is small where it should be large. Look at the sign in the exponent.": 1 / sigma,
        "The width is the square root of σ: one root too many.": sigma.sqrt(),
        "The width is a softplus of `logvar`. That makes a positive number of any other, but here the number "
        "has a meaning already.": softplus(logvar),
    }
    for message, other in known.items():
        if torch.allclose(width, other.to(width), rtol=0.03):
            raise WrongAnswerError(message)
    if not torch.allclose(width, sigma, rtol=0.03):  # the standard error is half a hundredth
        raise WrongAnswerError(
            "The mean is right; the width is not. Take log σ² = 0, and then log σ² = log 4: σ must be 1 and 2."
        )
    if ((away / sigma).pow(4).mean() - 3).abs() > 0.4:
        raise WrongAnswerError(
            "Mean and width are right, but the draws are not Gaussian. Which distribution does the noise have?"
        )


DRAW = Task(name="draw-a-code", points=3, examination=_examine_draw)
