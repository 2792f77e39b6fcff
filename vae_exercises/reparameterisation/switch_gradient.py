"""The exercise "a code that is a switch"."""

from vae_exercises.engine.kinds import Choice

SWITCH = Choice(
    name="switch-gradient",
    points=1,
    right="b",
    wrong={
        "a": "That is the right gradient. But which gradient does backpropagation find at a draw that is 0, and "
        "stays 0 if π changes by a tiny amount?",
        "c": "Noise is not the problem: an average over many draws would reduce it, and here it does not help. Work "
        "out the gradient of one draw.",
        "d": "“No `rsample`” need not mean that there is none: there is one for the von Mises family, which PyTorch "
        "lacks. Here none can be written. The line in the question runs, so what is it that it computes?",
    },
)
