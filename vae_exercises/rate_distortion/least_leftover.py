"""The exercise "what the prior must answer for"."""

import math

from vae_exercises.engine.kinds import Mistake, Number

RATE, N_IMAGES = 25.0, 1000

LEFTOVER = Number(
    name="least-leftover",
    points=1,
    value=lambda: RATE - math.log(N_IMAGES),
    mistakes=(
        Mistake(
            lambda: math.log(N_IMAGES),
            "That is the most that can be information about the image. What is left of the 25 nats?",
        ),
        Mistake(
            lambda: RATE - math.log2(N_IMAGES),
            "Here bits are subtracted from nats. The KL term is in nats: take the natural logarithm.",
        ),
        Mistake(
            lambda: RATE - math.log10(N_IMAGES),
            "That is the logarithm to base 10. The KL term is in nats.",
        ),
        Mistake(
            lambda: 0.0,
            "For a leftover of 0 the codes would have to hold 25 nats of information about which image they came "
            "from. Among how many images must they choose?",
        ),
        Mistake(
            lambda: RATE,
            "That is the most that the leftover can be, where all posteriors are alike. The task asks for the least.",
        ),
    ),
    hint="The two parts add up to 25 nats, and the first is at most the information that tells 1,000 images apart.",
    remark="It says little against the prior: with more images the information may grow, and the leftover shrink.",
)
