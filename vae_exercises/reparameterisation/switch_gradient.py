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
        "d": "PyTorch may lack an `rsample` that exists: the von Mises family has one. A switch has none, yet the line "
        "in the question runs. So which gradient does it compute?",
    },
)
