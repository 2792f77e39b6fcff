"""The exercise "which of the thirteen?"."""

from vae_exercises.engine.kinds import Choice

ASSUMPTION = Choice(
    name="evidence-assumption",
    points=1,
    right="b",
    wrong={
        "a": "A prior that does not fit shows in draws from it, and in a lower evidence at home too. It does not make "
        "scans from the same machine look better than others.",
        "c": "Pixels that are not independent given the code cost evidence on every scan, at home and elsewhere alike. "
        "What is different about the test scans at home?",
        "d": "One encoder for all images does make q worse on images that are unlike those that it was trained on. But "
        "the evidence does not depend on q at all, and it was the evidence that was compared.",
    },
)
