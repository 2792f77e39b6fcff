"""The exercise "whose model is better?"."""

from vae_exercises.engine.kinds import Choice

COMPARE = Choice(
    name="bce-compare",
    points=1,
    right="c",
    wrong={
        "a": "The numbers are of different images. Thresholded ones have no uncertain pixels, so their floor is lower, "
        "whichever model looks at them.",
        "b": "Ann's number is not a log-density of the grey images, however much there is in them: her formula does "
        "not integrate to 1 over the greys. So it proves nothing about describing more.",
        "d": "Less her floor, Ann's number says how far she is above the best that any decoder could do on *her* "
        "images. Ben's are other images, with strokes cut at a threshold; how hard those are, hers does not say.",
    },
)
