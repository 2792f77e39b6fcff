"""The exercise "how many samples would it take"."""

import math

from vae_exercises.engine.kinds import Mistake, Number

SPREAD, SHORTFALL = 2.5, 0.01  # standard deviation of log w, and the nats that may be missing
VARIANCE = math.expm1(SPREAD**2)  # of w / p(x)

NEEDED = Number(
    name="samples-needed",
    points=2,
    value=lambda: VARIANCE / (2 * SHORTFALL),
    mistakes=(
        Mistake(
            lambda: SPREAD**2 / (2 * SHORTFALL),
            "That is what it would take if the shortfall fell as 1/L from the ELBO on, or if 6.25 were the variance of "
            "w/p(x). It is the variance of log w. The weights themselves vary far more.",
        ),
        Mistake(
            lambda: VARIANCE / SHORTFALL,
            "Twice too many: in the formula for the shortfall a 2 stands beside L.",
        ),
        Mistake(
            lambda: (SPREAD**2 / 2 / SHORTFALL) ** 2,
            "That is for a shortfall that falls as the root of L, as a standard error does. This one is a bias, and "
            "its law is another.",
        ),
        Mistake(
            lambda: math.expm1(SPREAD) / (2 * SHORTFALL),
            "The variance of a log-normal variable has s² in its exponent, and not s.",
        ),
        Mistake(
            lambda: math.exp(SPREAD**2 / 2) / (2 * SHORTFALL),
            "The exponent is half of what it should be. E[(w/p)²] is the mean of exp(2a) for a normal a: work it out.",
        ),
        Mistake(
            lambda: VARIANCE,
            "That is the variance of w/p(x). It is to be compared with the shortfall that is allowed.",
        ),
    ),
    hint="Two steps. First the variance of w/p(x): its mean is 1, and the mean of its square is E[exp(2a)] with a "
    "normal of mean -s²/2 and variance s². Then the shortfall, which is about this variance over 2L.",
    rtol=0.01,
    remark="The ELBO is only 3.1 nats below, and yet it takes some 26,000 samples: the exponential of a spread "
    "decides.",
)
