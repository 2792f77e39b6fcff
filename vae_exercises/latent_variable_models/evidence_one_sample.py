"""The exercise "predict, then measure"."""

import math

from vae_exercises.engine.kinds import Mistake, Number

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


ONE_SAMPLE = Number(
    name="evidence-one-sample",
    points=2,
    value=lambda: -HALF_LOG_TWO_PI - 0.5 * (1 + 4),
    mistakes=(
        Mistake(
            lambda: -HALF_LOG_TWO_PI - 0.5 * math.log(5) - 0.1,
            "That is log p(x) itself, in closed form. The average of p(x | z) is p(x); but is the average of its "
            "logarithm the logarithm of that average?",
        ),
        Mistake(
            lambda: math.exp(-HALF_LOG_TWO_PI - 0.5 * math.log(5) - 0.1),
            "That is p(x), of which each estimate is right on average. Each repeat takes the logarithm of its estimate "
            "first, and then the results are averaged.",
        ),
        Mistake(
            lambda: -HALF_LOG_TWO_PI - 0.5,
            "That is log p(x | z) at z = 0, the average code. The average of a square is more than the square of "
            "the average.",
        ),
        Mistake(
            lambda: -HALF_LOG_TWO_PI - 0.5 * (1 + 2),
            "The spread of 2z is counted as 2. If z has variance 1, which variance has 2z?",
        ),
        Mistake(lambda: -0.5 * (1 + 4), "The constant of the Gaussian density, the part with 2π, is missing."),
        Mistake(lambda: -HALF_LOG_TWO_PI - 5, "The half in the exponent is missing."),
        Mistake(lambda: HALF_LOG_TWO_PI + 0.5 * (1 + 4), "The sign is flipped: this would be a loss."),
        Mistake(
            lambda: -0.5 * 5 + 0.5 * math.log(5) + 0.1,
            "That is by how much the average estimate is off. The task asks for the average estimate itself.",
        ),
    ),
    hint="Write log p(x | z) out at x = 1: a constant, and a square with z in it. Open the square, and average over z, "
    "which has mean 0, and a mean square of 1. If you have sampled instead, take a hundred thousand repeats or more, "
    "and the mean of the logarithms.",
    rtol=0.0,
    atol=0.06,  # five standard errors of 100,000 repeats
    remark="It is too low: log p(x), that of N(0, 5), is larger. The average of a logarithm is below the "
    "logarithm of the average.",
)
