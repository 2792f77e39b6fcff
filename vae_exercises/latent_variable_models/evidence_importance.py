"""The exercise "codes from a better distribution"."""

import math

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.terms import Terms


def _weights(generator: Generator, n_samples: int, n_images: int) -> tuple[Tensor, Tensor, Tensor]:
    log_likelihood, log_prior, log_q = torch.randn(3, 8 + n_samples, 3 + n_images, generator=generator).double()
    sizes = torch.cat([torch.tensor([-1500.0, -40.0, 1200.0]), -100 * torch.rand(n_images, generator=generator)])
    log_likelihood = 2 * log_likelihood + sizes[torch.randperm(len(sizes), generator=generator)]
    return log_likelihood, 1.5 * log_prior - 6, log_q - 2


def _log_mean_exp(log_weights: Tensor) -> Tensor:
    return log_weights.logsumexp(dim=0) - math.log(len(log_weights))


IMPORTANCE = Function(
    name="evidence-importance",
    points=3,
    inputs=_weights,
    answer=lambda likelihood, prior, q: _log_mean_exp(likelihood + prior - q),
    mistakes=(
        Mistake(
            lambda likelihood, prior, q: (likelihood + prior - q).mean(dim=0),
            "This is the mean of the logarithms. What is right on average is the mean of the weights themselves, "
            "and its logarithm comes last. (Yours is too low; the lesson on the ELBO has a name for it.)",
        ),
        Mistake(
            lambda likelihood, prior, q: (likelihood + prior - q).logsumexp(dim=0),
            "This is the logarithm of the sum of the weights, so that it grows with the number of samples. An "
            "average is what the task asks for.",
        ),
        Mistake(
            lambda likelihood, prior, q: (likelihood + prior - q).logsumexp(dim=0) + math.log(len(q)),
            "The number of samples has the wrong sign: an average is the sum divided by L.",
        ),
        Mistake(
            lambda likelihood, prior, q: (likelihood + prior - q).logsumexp(dim=0) / len(q),
            "The logarithm has been divided by L, and not the sum inside it.",
        ),
        Mistake(
            lambda likelihood, prior, q: _log_mean_exp(q - likelihood - prior),
            "The weights are upside down. Which density has been multiplied by, and which divided by, to get an "
            "average over q?",
        ),
        Mistake(
            lambda likelihood, prior, q: -_log_mean_exp(q - likelihood - prior),
            "This is the inverse of the average inverse weight. The reciprocal of an average is not the average "
            "of the reciprocals; the weights themselves are what has to be averaged.",
        ),
        Mistake(
            lambda likelihood, prior, q: _log_mean_exp(likelihood + prior),
            "The joint density is averaged over codes from q, without the correction for having drawn them there.",
        ),
        Mistake(
            lambda likelihood, prior, q: _log_mean_exp(likelihood),
            "This is the estimate for codes drawn from the prior. These were drawn from q.",
        ),
        Mistake(
            lambda likelihood, prior, q: _log_mean_exp(likelihood - q),
            "The weight has the likelihood and q in it, but the joint density is a product of two. The prior is "
            "missing.",
        ),
        Mistake(
            lambda likelihood, prior, q: _log_mean_exp(likelihood - prior + q),
            "The prior and q have changed places: in the weight it is q that is divided by.",
        ),
        Mistake(
            lambda likelihood, prior, q: _log_mean_exp(likelihood + prior + q),
            "Multiplied by q, where the weight divides by it. Each code counts as often as q draws it already.",
        ),
        Mistake(
            lambda likelihood, prior, q: (likelihood + prior - q).amax(dim=0),
            "This is the largest weight alone. It often makes up most of the sum, but not all, and there is L.",
        ),
        Mistake(
            lambda likelihood, prior, q: (likelihood + prior - q).exp().mean(dim=0).log(),
            "For images with a very small or a very large density your result is infinite: the exponential does "
            "not fit into a floating-point number. Stay in logarithms.",
        ),
    ),
    hint="Two cases to try: if all weights of an image are alike, the result is the logarithm of any one of them. "
    "And if you add 1000 to each log p(x | z) of an image, its result must rise by 1000: it will not if somewhere "
    "a value is clamped, or a small number added.",
    terms=Terms(
        ("the logarithm of the sum", "log L"),
        lambda likelihood, prior, q: ((likelihood + prior - q).logsumexp(dim=0), -math.log(len(q))),
    ),
    rtol=1e-6,
    atol=5e-3,
    not_finite="For some images your result is infinite or NaN: an exponential, or all of them, did not fit into a "
    "floating-point number. Stay in logarithms. If you subtract a maximum first: is it each image's own?",
)
