"""The exercise "who is active?"."""

import torch
from torch import Generator, Tensor
from torch.distributions import Normal, kl_divergence

from vae_exercises.engine.kinds import Function, Mistake


def _encoded(generator: Generator, n: int) -> tuple[Tensor, Tensor]:
    """Draw codes of each kind: means that scatter more or less, about 0 or not, with a narrow or a wide q."""
    spread = torch.tensor([1.0, 0.7, 0.115, 0.085, 0.085, 0.05, 0.0, 0.0, 0.0])
    centre = torch.tensor([0.0, 0.4, 0.0, 0.0, 0.0, 0.0, 0.6, 0.0, 0.0])
    logvar = torch.tensor([-3.0, -1.0, 0.0, 0.0, -3.0, 0.0, 0.0, -3.0, 0.0])
    noise = torch.randn(100 + 20 * n, 9, generator=generator)
    noise = (noise - noise.mean(dim=0)) / noise.std(dim=0)
    order = torch.randperm(9, generator=generator)
    return (centre + spread * noise)[:, order], logvar.expand(len(noise), -1)[:, order]


ACTIVE = 0.01
TOO_LOW = (
    "A dimension whose means hardly vary is called active. Is the limit lower than 0.01, or is a deviation or a range "
    "compared with it, where the definition has the variance?"
)


def _active(mu: Tensor, _logvar: Tensor) -> Tensor:
    return ((mu - mu.mean(dim=0)).square().mean(dim=0) > ACTIVE).double()


def _kl_parts(mu: Tensor, logvar: Tensor) -> Tensor:
    return kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)).mean(dim=0)


ACTIVE_UNITS = Function(
    name="active-units",
    points=2,
    inputs=_encoded,
    answer=_active,
    mistakes=(
        Mistake(
            lambda mu, logvar: (mu.var(dim=0) + logvar.exp().mean(dim=0) > ACTIVE).double(),
            "You have called all of them active. That is what the variance of drawn codes would say. A dimension that "
            "is off is drawn from the prior, and varies a great deal; but not with the image.",
        ),
        Mistake(lambda mu, logvar: (mu.std(dim=0) > ACTIVE).double(), TOO_LOW),
        Mistake(lambda mu, logvar: (mu.var(dim=0) > ACTIVE / 2).double(), TOO_LOW),
        Mistake(
            lambda mu, logvar: (mu.var(dim=0) > 5 * ACTIVE).double(),
            "A dimension whose means have a variance of 0.013 is called inactive. Is the limit higher than 0.01?",
        ),
        Mistake(
            lambda mu, logvar: (mu.var(dim=0) / logvar.exp().mean(dim=0) > ACTIVE).double(),
            "The variance of the means is divided by that of q, which the definition does not look at.",
        ),
        Mistake(
            lambda mu, logvar: (mu.mean(dim=0).abs() > ACTIVE).double(),
            "The average of the means is compared with 0.01. A dimension whose mean is 0.6 for all images "
            "distinguishes no image from another.",
        ),
        Mistake(
            lambda mu, logvar: (mu.square().mean(dim=0) > ACTIVE).double(),
            "This is the mean square, and not the variance: a mean that is the same for all images counts in it too.",
        ),
        Mistake(
            lambda mu, logvar: (_kl_parts(mu, logvar) > ACTIVE).double(),
            "This uses the KL of a dimension. A dimension whose q is the same narrow Gaussian for all images has a "
            "large KL, but does not distinguish images. The definition uses the means.",
        ),
        Mistake(
            lambda mu, logvar: (logvar.exp().mean(dim=0) < 1 - ACTIVE).double(),
            "This asks whether q is narrower than the prior. What does that say of how codes differ between images?",
        ),
        Mistake(
            lambda mu, logvar: 1 - _active(mu, logvar),
            "The other way round: you have named the inactive ones.",
        ),
        Mistake(
            lambda mu, logvar: _active(mu, logvar).sum(),
            "This is how many there are. Say of each dimension whether it is active.",
        ),
        Mistake(
            lambda mu, logvar: mu.var(dim=0),
            "These are the variances themselves. Which of them are large enough?",
        ),
        Mistake(
            lambda mu, logvar: (mu.var(dim=1) > ACTIVE).double(),
            "The variance is taken over the dimensions of each image. It should be taken over images, for each "
            "dimension.",
        ),
    ),
    hint="Take one dimension at a time: a column of `mu`, one number for each image. How much does it vary from image "
    "to image? `logvar` need not come into it.",
    remark="A collapsed encoder answers N(0, I) to every image. Codes that are drawn from that have variance 1, "
    "and every dimension would pass for active. So logvar is of no use here.",
)
