"""The exercise "noise or mistake?"."""

import math

from vae_exercises.engine.kinds import Mistake, Number

NOISE = Number(
    name="elbo-noise",
    points=1,
    value=lambda: 0.27 / (3.6 / math.sqrt(400)),
    mistakes=(
        Mistake(
            lambda: 0.27 / 3.6,
            "That is in units of the spread of single estimates. An average of 400 of them varies less.",
        ),
        Mistake(
            lambda: 0.27 / (3.6 / 400),
            "The spread of an average does not fall in proportion to the number of estimates. Which power is it?",
        ),
        Mistake(
            lambda: -0.27 / (3.6 / math.sqrt(400)),
            "The size is right. The average lies above the exact value, so the sign is the other one.",
        ),
        Mistake(lambda: 0.27, "That is the difference in nats. In how many standard errors is it?"),
        Mistake(lambda: 3.6 / math.sqrt(400), "That is the standard error. How many of them is the average off?"),
        Mistake(lambda: (3.6 / math.sqrt(400)) / 0.27, "That fraction is upside down."),
        Mistake(
            lambda: 0.27 / (3.6**2 / math.sqrt(400)),
            "The spread is squared: 3.6 is a standard deviation already, not a variance.",
        ),
    ),
    hint="The standard error of an average is the standard deviation of its terms over the square root of their "
    "number. How often does it fit into the difference?",
    remark="Correct code is this far off, in one direction or the other, once in seven or eight times. Tell your "
    "friend that this may be noise, and that more draws would decide.",
)
