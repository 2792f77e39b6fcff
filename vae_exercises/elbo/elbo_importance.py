"""The exercise "find the mistake"."""

import math

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.terms import Terms


def _losses(generator: Generator, n_samples: int, n_images: int) -> tuple[Tensor]:
    sizes = torch.cat([torch.tensor([1200.0, 105.0, -900.0]), 20 * torch.rand(n_images, generator=generator)])
    sizes = sizes[torch.randperm(len(sizes), generator=generator)]
    return (2 * torch.randn(2 + n_samples, len(sizes), generator=generator).double() + sizes,)


def _bound(losses: Tensor) -> Tensor:
    """Return the log of the mean weight, shifted by hand."""
    least = losses.amin(dim=0)
    return (least - losses).exp().mean(dim=0).log() - least


IMPORTANCE = Function(
    name="elbo-importance",
    points=3,
    inputs=_losses,
    answer=lambda losses: -_bound(losses),
    mistakes=(
        Mistake(
            lambda losses: (losses.softmax(dim=0) * losses).sum(dim=0),
            "This is still the function from the task: of each image's samples, the worst one counts most. Try it "
            "on two samples with losses 0 and 10.",
        ),
        Mistake(
            lambda losses: ((-losses).softmax(dim=0) * losses).sum(dim=0),
            "The best samples count most now. But a weighted mean of the losses is not a bound; with the weights held "
            "fixed it only has the right gradient. The task asks for minus the logarithm of an average.",
        ),
        Mistake(
            _bound,
            "The bound itself is right, and a loss is minus a bound: the optimiser would make this one small.",
        ),
        Mistake(
            lambda losses: losses.mean(dim=0),
            "This is the mean of the losses, minus the ELBO. It is the weights that are averaged, before the "
            "logarithm is taken.",
        ),
        Mistake(
            lambda losses: losses.amin(dim=0),
            "This is the loss of the best sample alone. It is too optimistic: the others are part of the average.",
        ),
        Mistake(
            lambda losses: -_bound(losses) - math.log(len(losses)),
            "The sum of the weights stands where their average belongs: the loss falls with every sample, even if "
            "all are alike.",
        ),
        Mistake(
            lambda losses: -_bound(losses) - 2 * math.log(len(losses)),
            "The number of samples has entered with the wrong sign. If all losses of an image are alike, the "
            "result must be that loss.",
        ),
        Mistake(
            lambda losses: _bound(-losses),
            "This averages the inverse weights: the sign inside the exponential is wrong, so the worst sample has "
            "the largest weight.",
        ),
        Mistake(
            lambda losses: -_bound(-losses),
            "The sign inside the exponential is wrong, so the worst sample has the largest weight. The sign before "
            "it is wrong too.",
        ),
        Mistake(
            lambda losses: -(-losses).exp().mean(dim=0).log(),
            "For an image with a large loss every weight is exactly 0, and your result infinite. Take the average "
            "without leaving logarithms.",
        ),
        Mistake(
            lambda losses: -_bound(losses).mean(),
            "This is averaged over the images. Return one value for each.",
        ),
    ),
    hint="The weight of a sample is exp(-loss). Three cases: if all losses of an image are alike, the result is "
    "that loss; if one is far below the other L - 1, it is that one plus log L; and a thousand added to all "
    "of them must come out as a thousand more.",
    remark="The old one gave the largest weight to the sample with the largest loss, which is the worst.",
    terms=Terms(
        ("minus the logarithm of the sum", "log L"),
        lambda losses: (-(-losses).logsumexp(dim=0), math.log(len(losses))),
    ),
    rtol=1e-6,
    atol=5e-3,
    not_finite="There is a NaN or an infinity in your result: a weight exp(-loss) does not fit into a floating-point "
    "number for a loss of 1200, nor for one of -900. Take the average without leaving logarithms.",
)
