"""Exercise 9.1: a better encoder."""

from vae_exercises.engine.kinds import Choice

GAP = Choice(
    name="which-gap",
    points=1,
    right="c",
    wrong={
        "a": "The evidence is the decoder's and the prior's affair, and the decoder is frozen. No encoder occurs in "
        "log p(x).",
        "b": "The approximation gap is what the best Gaussian with a diagonal covariance leaves. It has been looked "
        "for without the encoder; so how could an encoder move it?",
        "d": "One of the two is measured at the best q of its family, whoever finds it. Which of the two numbers in "
        "it does the encoder change?",
    },
)
