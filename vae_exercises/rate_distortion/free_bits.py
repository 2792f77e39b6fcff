"""The exercise "free bits"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _terms(generator: Generator, n_images: int, latent_dim: int, largest: float) -> tuple[Tensor, Tensor, float]:
    """Draw KL terms of units whose means lie on both sides of λ, as do the images of each."""
    free_bits = 0.2 + 0.3 * float(torch.rand((), generator=generator))
    means = free_bits * torch.linspace(0.4, largest, latent_dim)
    kl = means * (0.1 + 1.8 * torch.rand(n_images, latent_dim, generator=generator))
    order = torch.randperm(latent_dim, generator=generator)
    return -20 - 5 * torch.rand(n_images, generator=generator), kl[:, order], free_bits


def _mostly_below(generator: Generator, n_images: int, latent_dim: int) -> tuple[Tensor, Tensor, float]:
    return _terms(generator, n_images, latent_dim, 1.4)


def _mostly_above(generator: Generator, n_images: int, latent_dim: int) -> tuple[Tensor, Tensor, float]:
    return _terms(generator, n_images, latent_dim, 4.0)


def _loss(reconstruction: Tensor, kl: Tensor, free_bits: float) -> Tensor:
    return torch.relu(kl.mean(dim=0) - free_bits).sum() + free_bits * kl.shape[1] - reconstruction.mean()


FREE_BITS = Function(
    name="free-bits",
    points=3,
    inputs=(_mostly_above, _mostly_below) * 4,
    answer=_loss,
    mistakes=(
        Mistake(
            lambda reconstruction, kl, free_bits: kl.clamp(min=free_bits).sum(dim=1).mean() - reconstruction.mean(),
            "Here every image must spend λ on every unit. Only a unit's *average* over the batch is held against λ, "
            "so that it may say much about some images and nothing about others.",
        ),
        Mistake(
            lambda reconstruction, kl, free_bits: (
                torch.clamp(kl.sum(dim=1).mean(), min=free_bits * kl.shape[1]) - reconstruction.mean()
            ),
            "Here all units have one allowance of K λ together, and one unit can use it up. Each unit has its own.",
        ),
        Mistake(
            lambda reconstruction, kl, free_bits: (
                torch.clamp(kl.sum(dim=1), min=free_bits * kl.shape[1]).mean() - reconstruction.mean()
            ),
            "Here each image has an allowance of K λ for all units together. Free bits belong to a unit, whose KL is "
            "averaged over the batch first.",
        ),
        Mistake(
            lambda reconstruction, kl, free_bits: kl.mean(dim=0).clamp(max=free_bits).sum() - reconstruction.mean(),
            "The smaller of the two is taken, so a unit pays nothing *beyond* λ, and its rate can grow for ever.",
        ),
        Mistake(
            lambda reconstruction, kl, free_bits: torch.relu(kl.mean(dim=0) - free_bits).sum() - reconstruction.mean(),
            "The gradient of this is right, but the value is not: a unit below λ is charged 0 here, and λ in the task.",
        ),
        Mistake(
            lambda reconstruction, kl, free_bits: kl.mean(dim=0).clamp(min=free_bits).mean() - reconstruction.mean(),
            "The units are averaged. The KL term is a sum over latent dimensions.",
        ),
        Mistake(
            lambda reconstruction, kl, free_bits: kl.sum(dim=1).mean() - reconstruction.mean(),
            "λ plays no part: this is minus the ELBO.",
        ),
        Mistake(
            lambda reconstruction, kl, free_bits: kl.mean(dim=0).clamp(min=free_bits).sum() + reconstruction.mean(),
            "The reconstruction term has the wrong sign: this loss would make the images as unlikely as it can.",
        ),
        Mistake(
            lambda reconstruction, kl, free_bits: reconstruction.mean() - kl.mean(dim=0).clamp(min=free_bits).sum(),
            "Both signs are flipped: this goes up when the model gets better. A loss goes down.",
        ),
        Mistake(
            lambda reconstruction, kl, free_bits: kl.mean(dim=0).clamp(min=free_bits).sum() - reconstruction,
            "There is one value for each image. The task asks for their mean, one number.",
        ),
        Mistake(
            lambda reconstruction, kl, free_bits: kl.mean(dim=0).clamp(min=free_bits) - reconstruction.mean(),
            "There is one value for each unit. The KL term adds them up.",
        ),
        Mistake(
            lambda reconstruction, kl, free_bits: kl.sum(dim=0).clamp(min=free_bits).sum() - reconstruction.sum(),
            "These are sums over the batch, and λ is held against a sum over images. The loss is a mean over the "
            "images.",
        ),
    ),
    gradients=("reconstruction", "kl"),
    hint="Take two images and two units. One costs 0.1 and 0.3 nats, the other 2 and 4, and λ = 0.5. The first "
    "unit must count 0.5 and the second 3.",
    remark="While a unit's average is below λ, its KL has no gradient: nothing pushes it towards the prior.",
)
