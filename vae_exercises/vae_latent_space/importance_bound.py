"""The exercise "find the mistake"."""

import math

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import Stage
from vae_exercises.engine.terms import Terms


def _log_weights(generator: Generator, n_samples: int, n_images: int) -> tuple[Tensor, Tensor]:
    log_joint, log_q = 2 * torch.randn(2, n_samples, n_images, generator=generator)
    return log_joint - 3, log_q


def _large_log_weights(generator: Generator, n_samples: int, n_images: int) -> tuple[Tensor, Tensor]:
    sizes = torch.cat([torch.tensor([-1500.0, 1500.0]), 300 * torch.randn(n_images, generator=generator)])
    log_joint, log_q = _log_weights(generator, n_samples, len(sizes))
    return log_joint + sizes[torch.randperm(len(sizes), generator=generator)], log_q


def _bound(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return (log_joint.double() - log_q.double()).logsumexp(dim=0) - math.log(len(log_q))


IMPORTANCE = Function(
    name="importance-bound",
    points=3,
    inputs=_log_weights,
    answer=_bound,
    mistakes=(
        Mistake(
            lambda log_joint, log_q: (torch.softmax(log_q - log_joint, dim=0) * (log_joint - log_q)).sum(dim=0),
            "The softmax is still over minus the log-weights, so the codes that explain the image worst count most. "
            "And is an average of logarithms what the formula says?",
        ),
        Mistake(
            lambda log_joint, log_q: (torch.softmax(log_joint - log_q, dim=0) * (log_joint - log_q)).sum(dim=0),
            "The weights are the right way up now. But this is a weighted average of log-weights, which can be "
            "above the evidence; in the bound the logarithm comes last.",
        ),
        Mistake(
            lambda log_joint, log_q: (log_joint - log_q).mean(dim=0),
            "This is the mean of the logarithms: the ELBO, with more samples. The bound has the logarithm of the mean.",
        ),
        Mistake(
            lambda log_joint, log_q: (log_joint - log_q).logsumexp(dim=0),
            "This is the logarithm of a sum, where it should be that of a mean. Yours grows with L even if "
            "all weights are alike.",
        ),
        Mistake(
            lambda log_joint, log_q: (log_q - log_joint).logsumexp(dim=0) - math.log(len(log_q)),
            "The weights are upside down: q stands over p. A code that the model finds likely should count more.",
        ),
        Mistake(
            lambda log_joint, log_q: math.log(len(log_q)) - (log_q - log_joint).logsumexp(dim=0),
            "The weights are upside down inside the mean and put right outside it. That is a harmonic mean: its "
            "worst code decides, and it is not a bound from this side.",
        ),
        Mistake(
            lambda log_joint, log_q: (log_joint - log_q).exp().mean(dim=0),
            "This is the mean of the weights, an estimate of p(x) and not of its logarithm.",
        ),
        Mistake(
            lambda log_joint, log_q: -_bound(log_joint, log_q),
            "The sign is flipped: this is the loss. The task asks for the bound, which goes up.",
        ),
        Mistake(
            lambda log_joint, log_q: log_joint.logsumexp(dim=0) - math.log(len(log_q)),
            "q plays no part. The codes were drawn from q and not from the prior, and each must be weighted for that.",
        ),
        Mistake(
            lambda log_joint, log_q: (log_joint - log_q).amax(dim=0),
            "Only the best code counts. It often dominates, but the others belong to the average too.",
        ),
        Mistake(
            lambda log_joint, log_q: (log_joint - log_q).logsumexp(dim=1) - math.log(log_q.shape[1]),
            "The mean is taken over the images. Samples come first here: shape (L, B).",
        ),
        Mistake(
            lambda log_joint, log_q: ((log_joint - log_q).flatten().logsumexp(dim=0) - math.log(log_q.numel())).expand(
                log_q.shape[1]
            ),
            "All weights of the batch are averaged together before the logarithm. Each image has its own bound, from "
            "its own weights.",
        ),
        Mistake(
            lambda log_joint, log_q: (log_joint - log_q).flatten().logsumexp(dim=0) - math.log(log_q.numel()),
            "This is one number, from the weights of all images together. Each image has its own bound, from its own "
            "weights.",
        ),
        Mistake(
            lambda log_joint, log_q: _bound(log_joint, log_q).mean(),
            "This is averaged over the batch. Return one value for each image.",
        ),
    ),
    hint="If all L weights of an image are alike, the result must be that one log-weight, for any L. If one weight is "
    "far larger than the others, the result must be its logarithm less log L. Try both.",
    terms=Terms(
        ("the logarithm of the sum", "log L"),
        lambda log_joint, log_q: ((log_joint - log_q).logsumexp(dim=0), -math.log(len(log_q))),
    ),
    stages=(
        Stage(
            _large_log_weights,
            "Right for small logarithms, but off where they are of the size of ±1500, as those of images are. Is "
            "something clamped, or a small number added before a logarithm?",
            not_finite="Right for small logarithms. An image's are of the size of ±1500, and their exponentials are 0 "
            "or infinite for a computer. How can the largest be taken out first? PyTorch has a function for it.",
            rtol=1e-4,
            atol=1e-2,
        ),
    ),
)
