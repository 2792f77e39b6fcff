"""The exercise "one nat more"."""

from vae_exercises.engine.kinds import Choice

SLOPE = Choice(
    name="rd-slope",
    points=1,
    right="b",
    wrong={
        "a": "The rate rises by one nat. But the distortion does not stand still: that is what the nat was spent for.",
        "c": "That is so where a nat of rate buys one nat of distortion. At which β does training stop at that place?",
        "d": "The distortion falls by about that much. But −ELBO is distortion plus rate: what does the rate do?",
    },
    remark="Below β = 1 the same nat of rate costs more than it saves, so −ELBO rises again.",
)
