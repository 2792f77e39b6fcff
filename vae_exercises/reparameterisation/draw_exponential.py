"""Exercise 5.5: beyond the Gaussian."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vae_exercises.engine.answers import as_function, as_results, fresh_generator, twice, unlike
from vae_exercises.engine.kinds import Task
from vae_exercises.reparameterisation.shared import IMAGES, wrong_path


def _judge_exponential(answer: object) -> str | None:
    """Its distribution, and the path that it leaves."""
    draw = as_function(answer)
    rate = 2 + 2 * torch.rand(1, generator=fresh_generator())
    leaf = rate.repeat(IMAGES).requires_grad_()
    with torch.enable_grad():
        z, again = twice(draw, leaf)
    values, others = as_results(z), as_results(again)
    wrong = unlike(tuple(v.nan_to_num(0.0, 0.0, 0.0) for v in values), (leaf.detach(),))
    if wrong:
        return wrong
    (values,), (others,) = values, others
    if values.isnan().float().mean() > 0.3:
        return "Many draws are not numbers at all. Is the logarithm taken of noise that may be negative?"
    fine = values.isfinite()  # a uniform number may be 0 exactly, once in a blue moon
    if fine.float().mean() < 0.999:
        return (
            "Some draws are not finite, and more than chance explains. For which numbers is the logarithm defined, "
            "and how large can u be?"
        )
    if torch.equal(values, others):
        return "Two calls give the same numbers. Each call must draw its own noise."
    if values[fine].std() < 1e-6:
        return "All entries have the same draw: one noise for all of them, where each needs its own."
    wrong = _wrong_exponential(values[fine], float(rate))
    return wrong or wrong_path(z, {"rate": (leaf, -values / leaf.detach())})


def _wrong_exponential(values: Tensor, rate: float) -> str | None:
    known: dict[str, Callable[[Tensor], Tensor]] = {
        "All draws are negative: an exponential variable is never. What sign has the logarithm of a number below 1?": (
            lambda z: torch.exp(rate * z.clamp(max=0))
        ),
        "The mean of your draws is the rate, where it should be one over it: a higher rate means shorter waits.": (
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
        "The noise is Gaussian. Which noise does the inverse of a distribution function take?": (
            lambda z: torch.special.ndtr(rate * z)
        ),
    }
    if _follows(values, lambda z: -torch.expm1(-rate * z.clamp(min=0))):
        return None
    for says, distribution in known.items():
        if _follows(values, distribution):
            return says
    return (
        "Your draws are not exponential with this rate. Their mean must be 1/rate, and a share of exp(-1) of them must "
        "be above their mean. Solve u = 1 - exp(-rate z) for z."
    )


def _follows(values: Tensor, distribution: Callable[[Tensor], Tensor]) -> bool:
    """Kolmogorov's test, with a chance of a few in ten million that what is right fails."""
    ranks = distribution(values.sort().values)
    steps = torch.arange(len(values)).to(ranks) / len(values)
    return bool((ranks - steps).abs().max() < 2.8 / math.sqrt(len(values)))


EXPONENTIAL = Task(
    name="draw-exponential",
    points=2,
    judgement=_judge_exponential,
    remark="On average the slope is that of the mean, -1 / λ².",
)
