"""The exercise "the best of ten"."""

from vae_exercises.engine.kinds import Choice

BEST = Choice(
    name="best-of-ten",
    points=1,
    right="c",
    wrong={
        "a": "Each of the ten is below log p(x) on average, but each scatters, and the largest of ten is chosen for "
        "its luck. With wide scatter it is above log p(x) nearly always.",
        "b": "That is a lower bound on average. But it is one of 50 samples still, with less noise: ten runs have not "
        "made it tighter. There is a way that does.",
        "d": "The median has no law of this kind: it is near IWAE_50 itself if the scatter is symmetric, and nothing "
        "is gained in tightness.",
    },
    remark="All ten runs have equally many samples, so the mean of their mean weights is the mean of all 500 weights.",
)
