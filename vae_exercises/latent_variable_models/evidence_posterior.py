"""The exercise "find the mistakes"."""

import math

import torch
from torch import Generator, Tensor
from torch.distributions import Normal

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.latent_variable_models.shared import any_sigma


def _grids(generator: Generator, n_images: int, n: int) -> tuple[Tensor, Tensor, float]:
    """Return images' posteriors on a grid; two have densities that overflow or vanish in floating point."""
    ticks = torch.linspace(-4, 4, 25 + 2 * n)
    grid = torch.cartesian_prod(ticks, ticks)
    centres = torch.randn(1 + n_images, 2, generator=generator)
    bent = grid + 0.2 * grid.square().flip(1)
    log_likelihood = -0.5 * torch.cdist(bent, centres).square() / any_sigma(generator)
    log_prior = Normal(0.0, 1.0).log_prob(grid).sum(dim=1)
    sizes = torch.cat([torch.tensor([-1200.0, 900.0]), torch.zeros(n_images - 1)])
    cell = float(ticks[1] - ticks[0]) ** 2
    return log_likelihood + sizes[torch.randperm(len(sizes), generator=generator)], log_prior, cell


def _log_joint(log_likelihood: Tensor, log_prior: Tensor) -> Tensor:
    return log_likelihood.double() + log_prior.double()[:, None]


def _cells(log_likelihood: Tensor, log_prior: Tensor) -> Tensor:
    """Return the probability of each cell."""
    return _log_joint(log_likelihood, log_prior).softmax(dim=0)


def _all_together(log_likelihood: Tensor, log_prior: Tensor) -> Tensor:
    return _log_joint(log_likelihood, log_prior).flatten().softmax(dim=0).view_as(log_likelihood)


ONE_SUM = "The sum in the denominator runs over all images together. Each image has its own evidence."


POSTERIOR = Function(
    name="evidence-posterior",
    points=3,
    inputs=_grids,
    answer=lambda log_likelihood, log_prior, cell: _cells(log_likelihood, log_prior) / cell,
    mistakes=(
        Mistake(
            lambda log_likelihood, log_prior, cell: _cells(log_likelihood, log_prior),
            "These numbers add up to 1: they are the probabilities of the cells. A density has to integrate to 1. "
            "If you made the grid twice as fine, your values would shrink; should they?",
        ),
        Mistake(
            lambda log_likelihood, log_prior, cell: _cells(log_likelihood, log_prior) * cell,
            "The size of a cell is in it, but on the wrong side of the fraction. The integral in the denominator "
            "is a sum times what?",
        ),
        Mistake(
            lambda log_likelihood, log_prior, cell: _cells(log_likelihood, 0 * log_prior) / cell,
            "The prior has been left out: this is the likelihood, normalised. Far from the origin it is too large.",
        ),
        Mistake(
            lambda log_likelihood, log_prior, cell: _cells(log_likelihood, 0 * log_prior),
            "The prior has been left out, and so has the size of a cell.",
        ),
        Mistake(lambda log_likelihood, log_prior, cell: _all_together(log_likelihood, log_prior) / cell, ONE_SUM),
        Mistake(
            lambda log_likelihood, log_prior, cell: _all_together(log_likelihood, log_prior),
            f"{ONE_SUM} And the size of a cell is still nowhere.",
        ),
        Mistake(
            lambda log_likelihood, log_prior, cell: _log_joint(log_likelihood, log_prior).softmax(dim=1) / cell,
            "The sum in the denominator runs over the images. The integral runs over codes: which axis is that?",
        ),
        Mistake(
            lambda log_likelihood, log_prior, cell: (
                _log_joint(log_likelihood, log_prior)
                - _log_joint(log_likelihood, log_prior).logsumexp(dim=0)
                - math.log(cell)
            ),
            "These are the logarithms of the right values. The task asks for the density.",
        ),
        Mistake(
            lambda log_likelihood, log_prior, cell: (
                _cells(log_likelihood, log_prior) / _cells(log_likelihood, log_prior).amax(dim=0)
            ),
            "Divided by the largest value, so that the peak is 1. A picture would look the same, but it is the "
            "integral that must be 1.",
        ),
        Mistake(
            lambda log_likelihood, log_prior, cell: (log_likelihood + log_prior[:, None]).exp(),
            "This is the joint density p(x, z), not divided by the evidence, and for two of the images it does "
            "not fit into a floating-point number.",
        ),
    ),
    hint="For each image, your values times the size of a cell must add up to 1 over the grid, and their ratio at "
    "two codes must be that of the joint density there. Which of the two fails?",
    rtol=2e-3,
    atol=1e-7,
    not_finite="There is a NaN or an infinity in your result. For an image whose log p(x | z) is -1200 everywhere, "
    "the exponential is exactly 0, and 0 / 0 is not a density; at +900 it is infinite. What can be done before the "
    "exponential is taken?",
)
