"""The exercise "beyond the Gaussian"."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vae_exercises.engine.answers import as_function, as_results, call_twice, fresh_generator, require_like
from vae_exercises.engine.kinds import Task
from vae_exercises.engine.sandbox import call
from vae_exercises.engine.verdict import WrongAnswerError
from vae_exercises.reparameterisation.shared import IMAGES, require_path


def _examine_exponential(answer: object) -> None:
    """Look at the distribution, and the path that a gradient takes."""
    draw = as_function(answer)
    rate = 2 + 2 * torch.rand(1, generator=fresh_generator())
    leaf = rate.repeat(IMAGES).requires_grad_()
    with torch.enable_grad():
        z, again = call_twice(draw, leaf)
    values, others = as_results(z), as_results(again)
    require_like(tuple(part.nan_to_num(0.0, 0.0, 0.0) for part in values), (leaf.detach(),))
    (values,), (others,) = values, others
    if values.isnan().float().mean() > 0.3:
        raise WrongAnswerError(
            "Many draws are not numbers at all. Is the logarithm taken of noise that may be negative?"
        )
    fine = values.isfinite()  # very rarely a uniform number is exactly 0
    if fine.float().mean() < 0.999:
        raise WrongAnswerError(
            "Some draws are not finite, and more than chance explains. For which numbers is the logarithm defined, "
            "and how large can u be?"
        )
    if torch.equal(values, others):
        raise WrongAnswerError("Two calls give the same numbers. Each call must draw its own noise.")
    if values[fine].std() < 1e-6:
        raise WrongAnswerError("All entries have the same draw: one noise for all of them, where each needs its own.")
    _examine_distribution(values[fine], float(rate))
    _examine_ends(float(rate) * values[fine])
    _examine_rates(draw)
    require_path(z, {"rate": (leaf, -values / leaf.detach())})


def _examine_rates(draw: Callable) -> None:
    """Look at draws that are right where all rates are alike."""
    rates = 0.5 + 4 * torch.rand(IMAGES, generator=fresh_generator())
    (values,) = as_results(call(draw, rates.clone()))
    for some in (rates > 2.5, rates <= 2.5):
        standard = (values * rates)[some]
        if not _follows(standard[standard.isfinite()], lambda z: -torch.expm1(-z.clamp(min=0))):
            raise WrongAnswerError(
                "Right where all rates are alike, but not where each draw has its own. Is the rate averaged over the "
                "batch, or that of one draw?"
            )


def _examine_distribution(values: Tensor, rate: float) -> None:
    known: dict[str, Callable[[Tensor], Tensor]] = {
        "All draws are negative: an exponential variable is never. What sign has the logarithm of a number below 1?": (
            lambda z: torch.exp(rate * z.clamp(max=0))
        ),
        "The mean of your draws is the rate, where it should be its inverse: a higher rate means shorter waits.": (
            lambda z: -torch.expm1(-z / rate)
        ),
        "The draws do not depend on the rate.": lambda z: -torch.expm1(-z),
        "A uniform number has been put into the density. It has to go into the inverse of the distribution function.": (
            lambda z: (torch.log(rate / z) / rate).clamp(0, 1).neg().add(1)
        ),
        "A uniform number has been put into the distribution function. It has to go into its inverse: solve "
        "u = F(z) for z.": lambda z: -torch.log1p(-z.clamp(0, 1 - math.exp(-rate) - 1e-9)) / rate,
        "A uniform number has been put into exp(-rate z), which is one minus the distribution function. It has to go "
        "into the inverse.": lambda z: 1 + torch.log(z.clamp(math.exp(-rate), 1)) / rate,
    }
    gaussian = "The noise is Gaussian. Which noise does the inverse of a distribution function take?"
    if _follows(values, lambda z: -torch.expm1(-rate * z.clamp(min=0))):
        return
    for message, distribution in known.items():
        if _follows(values, distribution):
            raise WrongAnswerError(message)
    for distribution in (
        lambda z: torch.special.ndtr(rate * z),
        lambda z: torch.erf(rate * z.clamp(min=0) / math.sqrt(2)),
        lambda z: torch.erf((rate * z.clamp(min=0) / 2).sqrt()),
    ):
        if _follows(values, distribution):
            raise WrongAnswerError(gaussian)
    mean = float(values.mean())
    if _follows(values, lambda z: -torch.expm1(-z.clamp(min=0) / mean)):
        raise WrongAnswerError(
            f"Your draws are exponential, but at a rate of {rate:.2f} their mean is {mean:.2f}, where it should be 1 / "
            f"{rate:.2f} = {1 / rate:.2f}. Is the rate squared, is a root taken, is there a factor, or a logarithm of "
            "another base?"
        )
    raise WrongAnswerError(
        "Your draws are not exponential with this rate. Their mean must be 1/rate, and a share of exp(-1) of them must "
        "be above their mean. Solve u = 1 - exp(-rate z) for z."
    )


def _examine_ends(standard: Tensor) -> None:
    """Look at the smallest and the largest of draws that are standard otherwise; right ones fail once in 10⁸ times."""
    if standard.min() < -1e-4:
        raise WrongAnswerError(
            "Nearly right, but the smallest draws are negative, which an exponential variable never is. What is added "
            "inside the logarithm?"
        )
    if standard.max() < -math.log(1e-3):
        raise WrongAnswerError(
            f"Nearly right, but none of {len(standard)} draws is longer than {float(standard.max()):.2g} / rate. One "
            "in a thousand should be longer than 6.9 / rate. Is something clamped, or added inside the logarithm?"
        )


def _follows(values: Tensor, distribution: Callable[[Tensor], Tensor]) -> bool:
    """Test by Kolmogorov's statistic; right draws fail a few times in ten million."""
    ranks = distribution(values.sort().values)
    steps = torch.arange(len(values)).to(ranks) / len(values)
    return bool((ranks - steps).abs().max() < 2.8 / math.sqrt(len(values)))


EXPONENTIAL = Task(
    name="draw-exponential",
    points=2,
    examination=_examine_exponential,
    remark="On average the gradient is that of the mean, -1 / λ².",
)
