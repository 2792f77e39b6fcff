"""The exercise "the ELBO has risen"."""

from vae_exercises.engine.kinds import Choice

RISE = Choice(
    name="elbo-rise",
    points=1,
    right="c",
    wrong={
        "a": "The ELBO is evidence minus gap, and both have moved. If the gap fell by 8 nats, the evidence fell by 3.",
        "b": "A rise of the bound may come from a smaller gap alone. In the lesson you saw the bound rise and the "
        "evidence fall.",
        "d": "Something does follow: a lower bound holds at each moment, however tight it is. What is a number that "
        "the evidence cannot be below?",
    },
)
