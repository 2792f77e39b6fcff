"""The exercise "warm-up"."""

from torch import Generator, rand, randint

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import Stage


def _beta(generator: Generator) -> float:
    return 1.5 + 2 * float(rand((), generator=generator))


def _below_one(generator: Generator) -> float:
    return 0.2 + 0.5 * float(rand((), generator=generator))


def _steps(generator: Generator) -> int:
    return int(randint(200, 900, (), generator=generator))


def _early(generator: Generator) -> tuple[int, int, float]:
    n_steps = _steps(generator)
    return round(n_steps * (0.1 + 0.3 * float(rand((), generator=generator)))), n_steps, _beta(generator)


def _late(generator: Generator) -> tuple[int, int, float]:
    n_steps = _steps(generator)
    return round(n_steps * (0.8 + 0.15 * float(rand((), generator=generator)))), n_steps, _below_one(generator)


def _after(generator: Generator) -> tuple[int, int, float]:
    n_steps = _steps(generator)
    return round(n_steps * (1.2 + 2 * float(rand((), generator=generator)))), n_steps, _beta(generator)


def _weight(step: int, n_steps: int, beta: float) -> float:
    return beta if step >= n_steps else beta * step / n_steps


WARM_UP = Function(
    name="warm-up",
    points=2,
    inputs=(_early, _late, _after, _early, _late, _after),
    answer=_weight,
    mistakes=(
        Mistake(
            lambda step, n_steps, beta: beta * step / max(n_steps, 1),
            "The weight climbs for ever. Where must it stop?",
        ),
        Mistake(
            lambda step, n_steps, beta: min(step / max(n_steps, 1), beta),
            "This climbs to 1 in `n_steps` steps, and is cut off at β. It should climb to β, whatever β is.",
        ),
        Mistake(
            lambda step, n_steps, beta: min(1.0, beta * step / max(n_steps, 1)),
            "The weight is cut off at 1. It ends at β.",
        ),
        Mistake(lambda step, n_steps, beta: min(1.0, step / max(n_steps, 1)), "β plays no part: this ends at 1."),
        Mistake(
            lambda step, n_steps, beta: beta * max(0.0, 1 - step / max(n_steps, 1)),
            "This falls from β to 0. The reconstruction term should have a start without the KL term, not the other "
            "way round.",
        ),
        Mistake(lambda step, n_steps, beta: beta, "The weight is β from the first step: there is no warm-up."),
        Mistake(
            lambda step, n_steps, beta: beta if step >= n_steps else 0.0,
            "The weight jumps from 0 to β. It should climb in a straight line.",
        ),
        Mistake(
            lambda step, n_steps, beta: min(beta, beta * (step + 1) / max(n_steps, 1)),
            "The first step, number 0, has a weight already, and β is reached a step early.",
        ),
    ),
    hint="At step 0 the weight is 0, half way through `n_steps` it is β/2, and from step `n_steps` on it is β.",
    stages=(
        Stage(
            lambda generator: (int(randint(0, 50, (), generator=generator)), 0, _beta(generator)),
            "With `n_steps` = 0 there is no warm-up: the weight is β from the start.",
            not_finite="With `n_steps` = 0 there is no warm-up: the weight is β from the start.",
        ),
    ),
    rtol=1e-6,
    remark="A loss recorded during warm-up is not −ELBO, and rises as the weight does.",
)
