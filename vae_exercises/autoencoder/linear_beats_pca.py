"""The exercise "better than the best?"."""

from vae_exercises.engine.kinds import Choice

LINEAR_BEATS_PCA = Choice(
    name="linear-beats-pca",
    points=1,
    right="b",
    wrong={
        "a": "Read again what the minimum is taken over, and which images the mean is over. Does the equation say "
        "anything about images that neither of the two has seen?",
        "c": "On the images that it was fitted to, PCA has the smallest error that any map of rank K can have. No "
        "training gets below a minimum.",
        "d": "Gradient descent has no advantage over eigenvectors here: on the training images PCA has the minimum. "
        "A lower error there is a bug.",
    },
)
