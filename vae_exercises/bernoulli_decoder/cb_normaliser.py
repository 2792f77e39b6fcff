"""The exercise "a normaliser that can be trained"."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from vae_exercises.engine.answers import as_function
from vae_exercises.engine.kinds import Function, Mistake, Task
from vae_exercises.engine.stages import GradientStage, Stage
from vae_exercises.engine.verdict import WrongAnswerError


def _log_normaliser(logits: Tensor) -> Tensor:
    """Return minus the logarithm of ∫ π^x (1 - π)^(1 - x) dx, by Gauss-Legendre quadrature."""
    nodes, weights = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(300))
    x, a = (nodes + 1) / 2, logits.double().unsqueeze(-1)
    exponent = x * a - softplus(a, threshold=500)
    return -torch.log((torch.exp(exponent) * weights / 2).sum(dim=-1))


def _stage(logits: list[float], message: str, not_finite: str = "", atol: float = 1e-4) -> Stage:
    return Stage(lambda _generator: (torch.tensor(logits),), message, not_finite, rtol=1e-5, atol=atol)


POSITIVE = Function(
    name="cb-normaliser",
    points=3,
    inputs=lambda generator, n: (0.5 + 5 * torch.rand(n, generator=generator),),
    answer=_log_normaliser,
    mistakes=(
        Mistake(
            lambda logits: -_log_normaliser(logits),
            "The sign is flipped: this is the logarithm of the integral, and C is what makes the integral 1.",
        ),
        Mistake(
            lambda logits: torch.exp(_log_normaliser(logits)),
            "This is C itself. Its logarithm is what is added to a log-likelihood.",
        ),
        Mistake(
            lambda logits: torch.exp(-_log_normaliser(logits)),
            "This is the integral itself: neither turned upside down nor in logarithms.",
        ),
        Mistake(
            lambda logits: torch.log(logits / torch.tanh(logits)),
            "The argument of the tanh is twice too large.",
        ),
        Mistake(
            lambda logits: _log_normaliser(logits) - math.log(2),
            "Yours is log 2 too small everywhere: a factor of 2 has been lost. At a = 0 the integral is ½.",
        ),
        Mistake(
            lambda logits: torch.log(logits * torch.tanh(logits / 2)),
            "The tanh is on the wrong side of the fraction. As a goes to 0 yours goes to minus infinity.",
        ),
    ),
    hint="Take a large logit, say 40. There the tanh is 1, and C(a) = a. Does yours give log 40? And "
    "at 0.1, does it give just a little more than log 2?",
    stages=(
        _stage(
            [-0.5, -0.7, -1.0, -1.5, -2.0, -4.0, -6.0],
            "Right for positive logits. For negative ones it is not, though C is even: is one that is far below 0 "
            "taken for one near 0?",
            not_finite="Right for positive logits. For negative ones it is not, though C is even: which of your "
            "logarithms is given a negative number?",
        ),
        _stage(
            [0.0, 1.0],
            "Right away from 0. At a = 0 the form is 0 / 0. The task gives what to use near 0: when must your function "
            "switch to it?",
        ),
        _stage(
            [1e-6, -1e-6, 1e-4, -1e-4, 1e-3, 0.01, 0.04, 0.09, 0.1, 0.2, 0.3],
            "Right away from 0 and at 0, but off in between, where logits are small: two nearly equal numbers are "
            "subtracted, or an approximation is not the one in the task, or used farther out than it is good.",
        ),
        _stage(
            [200.0, -200.0, 90.0, -90.0, 30.0, -30.0],
            "Right for logits of the usual size, but not at ±200: is there an exponential that overflows, or a "
            "probability that is rounded to 0 or 1?",
        ),
        GradientStage(
            lambda _generator: (torch.tensor([0.0, 0.02, 0.05, -0.09, 0.5, -1.0, 3.0, -5.0]),),
            0,
            "All values are right, but not the gradients in the logits. Near 0 they must be near 0 too; a tiny number "
            "that is added to a logit fixes the value there, and not the gradient.",
            not_finite="All values are right, at 0 too. But the gradient there is NaN: `torch.where` chooses among "
            "values, and its gradient takes both branches along, the bad one times 0. What must the branch that is not "
            "chosen be given?",
            atol=2e-3,
        ),
    ),
)


def _is_right(function: Callable, logits: list[float], atol: float) -> bool:
    try:
        _stage(logits, "", atol=atol).examine(function, _log_normaliser)
    except WrongAnswerError:
        return False
    return True


def _examine_normaliser(answer: object) -> None:
    """Look for a series that is used too far out; then at positive logits; then stage by stage.

    log 2 + a² / 12 may be used up to |a| = 1/2, where it is off by 3e-4. That is tested first, at fixed logits, so
    that no verdict depends on the ones that are drawn.
    """
    function = as_function(answer)
    if _is_right(function, [6.0, 8.0], 1e-3) and not _is_right(function, [0.5, 0.7, 1.0, 1.5, 2.0], 1e-4):
        raise WrongAnswerError(
            "Right for large logits and near 0, but off for logits around 1: the series is used farther out than it is "
            "good. Below about 0.1 is enough."
        )
    POSITIVE.examine(answer)


NORMALISER = Task(name="cb-normaliser", points=3, examination=_examine_normaliser, function=POSITIVE)
