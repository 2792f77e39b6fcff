"""The exercise "a strict yardstick"."""

from vae_exercises.engine.kinds import Choice

STRICT_YARDSTICK = Choice(
    name="strict-yardstick",
    points=1,
    right="c",
    wrong={
        "a": "The grid and the training images are the same, but what counts as far is not. Which pictures set "
        "the limit, and how near to a training image are hers?",
        "b": "You have the direction of the limit right, perhaps, but not what follows. Suppose that the limit moves "
        "towards 0: which pictures of the grid lie beyond it?",
        "d": "That would be so if the limit came from the pictures of the grid themselves. Hers are the copies of "
        "training images.",
    },
)
