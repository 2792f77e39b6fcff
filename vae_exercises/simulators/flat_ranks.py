"""The exercise "flat histograms"."""

from vae_exercises.engine.kinds import Choice

FLAT = Choice(
    name="flat-ranks",
    points=1,
    right="c",
    wrong={
        "a": "The exact posterior has flat ranks, but not it alone. The prior, whatever x is, has them too: of draws "
        "from the prior and a θ from the prior, none is special.",
        "b": "The ranks are an average over all data that the prior and the simulator give. What is right on average "
        "may be too wide for some data and too narrow for others.",
        "d": "Intervals that are too narrow for most x show as a histogram that is high at both ends, and a flat one "
        "speaks against it. Only if q is too wide for other x can the two cancel.",
    },
    remark="So ranks are held beside a number that falls with sharpness, such as the mean of -log q(θ | x) on pairs "
    "that were not trained on.",
)
