"""The exercise "one good draw in a thousand"."""

import math

from vae_exercises.engine.kinds import Mistake, Number

RARE = Number(
    name="rare-good-draws",
    points=1,
    value=lambda: math.log(1000),
    mistakes=(
        Mistake(lambda: math.log2(1000), "These are bits. A nat is the unit of the natural logarithm."),
        Mistake(
            lambda: -math.log(0.999),
            "This is what a share of 0.999 costs. How much of the good model's density is left, though?",
        ),
        Mistake(
            lambda: -math.log(1000),
            "The task asks how much is lost, which is a positive number.",
        ),
        Mistake(
            lambda: 999.0,
            "So many draws are bad for each good one. A bound is in logarithms: what has p(x) been multiplied by?",
        ),
        Mistake(
            lambda: 0.999 * 100,
            "The bound has not been averaged over good and bad draws. It is computed at the codes of the data, where "
            "the mixture's density is at least a thousandth of the old one.",
        ),
        Mistake(lambda: 0.001 * 100, "That would be a thousandth of the bound. What happens to its logarithm?"),
        Mistake(
            lambda: math.log10(1000),
            "This is the logarithm to base 10. A nat is the unit of the natural logarithm.",
        ),
    ),
    hint="Write down the density of the new prior at a code z, and leave out the part that belongs to the bad draws. "
    "What is left is a fraction of the old density. What does that do to log p(z), for every z?",
    rtol=0.005,
    remark="Seven nats of a hundred: by the bound alone you would hardly see that 999 of 1,000 draws are useless.",
)
