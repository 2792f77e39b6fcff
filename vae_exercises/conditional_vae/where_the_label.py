"""The exercise "an encoder without the label"."""

from vae_exercises.engine.kinds import Choice

WHERE_THE_LABEL = Choice(
    name="where-the-label",
    points=1,
    right="b",
    wrong={
        "a": "The derivation of the ELBO holds for every q: one that ignores the label, or even the image, still gives "
        "a lower bound. What does a worse q change?",
        "c": "The decoder has the label, and it is the decoder that draws. No draw from the prior passes through the "
        "encoder.",
        "d": "The decoder already gets the class from the label. What z says about the class a second time has to be "
        "paid for in the KL term, and buys nothing.",
    },
    remark="The gap is the KL from q(z | x) to the posterior p(z | x, c), which depends on c. How large it is depends "
    "on how much of c the image does not show.",
)
