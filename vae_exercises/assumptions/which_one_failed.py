"""The exercise "which one has failed?"."""

from vae_exercises.engine.kinds import Choice

FAILED = Choice(
    name="which-one-failed",
    points=1,
    right="c",
    wrong={
        "a": "A prior that does not fit would show in the second row: a mixture would gain nats. It gains almost none.",
        "b": "Copies of training images in the test set make the test score *better* than it should be, and close to "
        "the training score. Here it is far worse.",
        "d": "Samples are few in both columns. Noise averages out, and favours no kind of image.",
    },
)
