"""The exercise "a better encoder"."""

from vae_exercises.engine.kinds import Choice

GAP = Choice(
    name="which-gap",
    points=1,
    right="c",
    wrong={
        "a": "The evidence depends on the decoder and the prior only, and the decoder is frozen. No encoder occurs in "
        "log p(x).",
        "b": "The approximation gap is what the best Gaussian with a diagonal covariance leaves. It has been looked "
        "for without the encoder; so how could an encoder move it?",
        "d": "One of the two is measured at the best q of its family, however it is found. Which of the two numbers in "
        "it does the encoder change?",
    },
)
