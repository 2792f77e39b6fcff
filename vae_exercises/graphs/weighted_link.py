"""The exercise "what a weighted model says"."""

from vae_exercises.engine.kinds import Mistake, Number

DENSITY, PROBABILITY = 0.04, 0.25
WEIGHT = (1 - DENSITY) / DENSITY

WEIGHTED = Number(
    name="weighted-link",
    points=2,
    value=lambda: WEIGHT * PROBABILITY / (WEIGHT * PROBABILITY + 1 - PROBABILITY),
    mistakes=(
        Mistake(
            lambda: PROBABILITY,
            "That is the true probability, which a model trained on the likelihood would say. Here each link counts w "
            "times.",
        ),
        Mistake(
            lambda: WEIGHT * PROBABILITY,
            "That is w p, no probability. It is the weight of the links among these pairs. How much weight do the "
            "others have?",
        ),
        Mistake(
            lambda: 0.5,
            "That is what it says of an average pair. These are linked more often.",
        ),
        Mistake(
            lambda: WEIGHT * PROBABILITY / (WEIGHT * PROBABILITY + 1),
            "Nearly. Of these pairs 1 - p are not linked, and each counts once.",
        ),
        Mistake(
            lambda: PROBABILITY / (PROBABILITY + WEIGHT * (1 - PROBABILITY)),
            "The weight is on the wrong side: it multiplies the links.",
        ),
    ),
    hint="Of 100 such pairs, 25 are linked, and each of them counts w times, with w the number of pairs without a link "
    "for each link of the whole graph. Which share of all that counts is links?",
    rtol=0.01,
    remark="One in four of these pairs is linked, and the model says nine in ten. The order is right, the number is "
    "not.",
)
