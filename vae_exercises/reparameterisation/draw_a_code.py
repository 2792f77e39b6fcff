"""Exercise 5.1: the draw."""

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from vae_exercises.engine.answers import as_function, as_results, fresh_generator, twice, unlike
from vae_exercises.engine.kinds import Task
from vae_exercises.engine.sandbox import NoAnswerError
from vae_exercises.reparameterisation.shared import IMAGES, TOO_FAR, wrong_path


def _judge_draw(answer: object) -> str | None:
    """Its noise, its width, and the path that it leaves."""
    draw = as_function(answer)
    generator = fresh_generator()
    # Widths well away from 1, on both sides of it, so that σ and σ² are told apart.
    sign = torch.tensor([[-1.0, 1.0, -1.0]])
    mu = (1 + 2 * torch.rand(IMAGES, 3, generator=generator)).requires_grad_()
    logvar = (sign * (1.0 + 0.6 * torch.rand(1, 3, generator=generator))).repeat(IMAGES, 1).requires_grad_()
    with torch.enable_grad():
        z, again = twice(draw, mu, logvar)
    values, others = (_values(found, mu) for found in (z, again))
    away = values - mu.detach()
    wrong = _wrong_noise(away, values, others) or _wrong_mean(away, mu.detach(), logvar.detach()[0].double())
    wrong = wrong or _wrong_width(away, logvar.detach()[0].double())
    return wrong or wrong_path(z, {"mu": (mu, torch.ones_like(away)), "logvar": (logvar, 0.5 * away)})


def _values(found: object, like: Tensor) -> Tensor:
    results = as_results(found)
    if len(results) == 1 and results[0].isnan().any():
        raise NoAnswerError(
            "There is a NaN in your draw. `logvar` is a logarithm, so it may be negative: what is it that must be "
            "positive, and how do you get there from a logarithm?"
        )
    wrong = unlike(results, (like.detach(),))
    if wrong:
        raise NoAnswerError(wrong)
    return results[0]


def _wrong_noise(away: Tensor, values: Tensor, others: Tensor) -> str | None:
    if away.abs().max() < 1e-6:
        return "Every code is mu itself: nothing has been drawn. Where is the noise?"
    if torch.equal(values, others):
        return (
            "Two calls give the same codes. Fresh noise belongs to each call: is there a seed, or noise that was "
            "drawn once and for all?"
        )
    # 1e-4 is far below the spread of any draw, and far above rounding.
    if away.std(dim=0).max() < 1e-4 * away.abs().max():
        return (
            "All images share the same ε: they are all moved in one direction, and their errors no longer average "
            "out over the batch. How many numbers must be drawn?"
        )
    if torch.corrcoef(away.T)[0, 1].abs() > 0.99:
        return (
            "All dimensions of a code share one number of noise, so codes lie on a line. The covariance is to be "
            "diagonal: each dimension needs an ε of its own."
        )
    return None


def _wrong_mean(away: Tensor, mu: Tensor, logvar: Tensor) -> str | None:
    width, off = away.std(dim=0), away.mean(dim=0)
    sigma = torch.exp(0.5 * logvar)
    if ((off / sigma - 0.5).abs() < 0.05).all():
        return "Your noise is never negative, and half on average. Is it uniform, where it should be Gaussian?"
    if (off.abs() > TOO_FAR * width / math.sqrt(IMAGES) + 1e-4).any():
        return "The mean over many draws is not mu. What must be the mean of the noise, and what is added to what?"
    along = torch.corrcoef(torch.cat([away, mu.double()], dim=1).T)[:3, 3:].diagonal()
    if (along.abs() > TOO_FAR / math.sqrt(IMAGES)).any():
        return "The mean is right for the batch, but not for each image, which has a `mu` of its own. Is it averaged?"
    return None


def _wrong_width(away: Tensor, logvar: Tensor) -> str | None:
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
    for says, other in known.items():
        if torch.allclose(width, other.to(width), rtol=0.03):
            return says
    if not torch.allclose(width, sigma, rtol=0.03):  # the standard error is half a hundredth
        return "The mean is right; the width is not. Take log σ² = 0, and then log σ² = log 4: σ must be 1 and 2."
    if ((away / sigma).pow(4).mean() - 3).abs() > 0.4:
        return "Mean and width are right, but the draws are not Gaussian. Which distribution does the noise have?"
    return None


DRAW = Task(name="draw-a-code", points=3, judgement=_judge_draw)
