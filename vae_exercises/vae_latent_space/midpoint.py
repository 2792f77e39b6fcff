"""The exercise "halfway between two draws"."""

import math

from vae_exercises.engine.kinds import Mistake, Number

MIDPOINT = Number(
    name="midpoint",
    points=1,
    value=lambda: 20 / 2,
    mistakes=(
        Mistake(
            lambda: 20.0,
            "That is the squared length at the two ends. Half way, each coordinate is the mean of two independent "
            "numbers: what does that do to its variance?",
        ),
        Mistake(lambda: math.sqrt(10), "That is the length. The task asks for its square, which is easier to add up."),
        Mistake(
            lambda: 20 / math.sqrt(2),
            "Each coordinate's *deviation* shrinks by that factor. A squared length adds up variances.",
        ),
        Mistake(
            lambda: 5.0,
            "A quarter of K is what one of the two codes contributes. There are two, and each has its share.",
        ),
        Mistake(
            lambda: 0.0,
            "The midpoint is the origin on average. But a squared length cannot average to 0 unless it always is.",
        ),
        Mistake(
            lambda: 40.0, "That is the squared length of the sum of the two codes. Half way there is a half as well."
        ),
        Mistake(lambda: 0.5, "That is one coordinate's share. A squared length adds up all K of them."),
    ),
    hint="Write the midpoint's j-th coordinate as a half of the sum of two independent N(0, 1) numbers. Its variance, "
    "times K, is the answer. Or draw ten thousand pairs and measure.",
    rtol=0.03,
    remark="The ends have 20 on average; the prior draws 10 or less about three times in a hundred.",
)
