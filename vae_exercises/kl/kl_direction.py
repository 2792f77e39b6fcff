"""The exercise "which way round?"."""

from vae_exercises.engine.kinds import Choice

DIRECTION = Choice(
    name="kl-direction",
    points=1,
    right="b",
    wrong={
        "a": "KL(p || q) averages over the prior. It would demand that q be wide wherever the prior is, for each "
        "single image; and it does not come out of log p(x).",
        "c": "A divergence is not a distance: the two directions differ, as the numbers in the lesson show.",
        "d": "The KL is in the ELBO because of an identity, not because codes ought to look like the prior. "
        "Go back to the lesson on the ELBO: which expectation is log p(x) split into, over which distribution?",
    },
)
