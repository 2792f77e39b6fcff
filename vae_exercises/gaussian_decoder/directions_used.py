"""The exercise "predict what training will do"."""

import math

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _varying_images(generator: Generator, height: int, width: int) -> Tensor:
    """Draw images that vary in all directions, in six of them much, and are not centred."""
    shape = height + 2, width + 1
    d = math.prod(shape)
    lambdas = torch.tensor([3.0, 1.4, 0.43, 0.18, 0.1, 0.06] + [0.02] * (d - 6))
    lambdas = lambdas * (1 + 0.1 * torch.rand(d, generator=generator))
    axes = torch.linalg.qr(torch.randn(d, d, generator=generator)).Q
    codes = torch.randn(1500 + 10 * height, d, generator=generator)
    mean = 2 * torch.rand(d, generator=generator)
    x = (codes * lambdas.sqrt()) @ axes.T + mean
    return x.unflatten(1, shape)


def _some_above(generator: Generator, height: int, width: int, n: int) -> tuple[Tensor, float, int]:
    """Draw a case in which three of the largest eigenvalues are above the border."""
    sigma = math.sqrt(0.3 + 0.02 * float(torch.rand((), generator=generator)))
    return _varying_images(generator, height, width), sigma, 2 + n


def _all_above(generator: Generator, height: int, width: int, n: int) -> tuple[Tensor, float, int]:
    """Draw a case in which also those beyond the largest are above the border."""
    sigma = math.sqrt(0.01 + 0.001 * float(torch.rand((), generator=generator)))
    return _varying_images(generator, height, width), sigma, 2 + n


def _eigenvalues(x: Tensor, latent_dim: int) -> Tensor:
    """Return the largest eigenvalues, from the singular values of the centred images."""
    flat = x.double().flatten(1)
    return torch.linalg.svdvals(flat - flat.mean(dim=0))[:latent_dim].square() / len(flat)


def _weights(x: Tensor, sigma: float, latent_dim: int) -> Tensor:
    return (_eigenvalues(x, latent_dim) - sigma**2).clamp(min=0)


def _uncentred(x: Tensor, latent_dim: int) -> Tensor:
    return torch.linalg.svdvals(x.double().flatten(1))[:latent_dim].square() / len(x)


def _all_eigenvalues(x: Tensor) -> Tensor:
    return _eigenvalues(x, x[0].numel())


NOT_SQUARED = (
    "Singular values, or deviations, stand where variances belong. How are the singular values of the centred images "
    "related to the eigenvalues of their covariance?"
)


DIRECTIONS = Function(
    name="directions-used",
    points=3,
    inputs=(_some_above, _some_above, _all_above, _all_above),
    answer=_weights,
    mistakes=(
        Mistake(
            lambda x, sigma, dims: torch.zeros(dims),
            "All weights are 0: nothing varies by more than the noise does. Print your eigenvalues beside σ²: is a "
            "square forgotten, or are they divided by the number of images twice?",
        ),
        Mistake(
            lambda x, sigma, dims: (_eigenvalues(x, dims).div(len(x)).sqrt() - sigma**2).clamp(min=0),
            NOT_SQUARED,
        ),
        Mistake(
            lambda x, sigma, dims: (_eigenvalues(x, dims).mul(len(x)).sqrt() - sigma**2).clamp(min=0),
            NOT_SQUARED,
        ),
        Mistake(
            lambda x, sigma, dims: (_eigenvalues(x, dims).sqrt() - sigma**2).clamp(min=0),
            NOT_SQUARED,
        ),
        Mistake(
            lambda x, sigma, dims: _eigenvalues(x, dims) - sigma**2,
            "A squared weight is negative in yours. What is the best weight of a direction that varies less than the "
            "noise does?",
        ),
        Mistake(
            lambda x, sigma, dims: (_eigenvalues(x, dims) - sigma).clamp(min=0),
            "The border is σ in yours. An eigenvalue of the covariance is a variance: what must it be compared with?",
        ),
        Mistake(
            lambda x, sigma, dims: (_eigenvalues(x, dims).sqrt() - sigma).clamp(min=0),
            "Deviations are subtracted here. It is variances that add up: that of w z, and that of the noise.",
        ),
        Mistake(
            lambda x, sigma, dims: _weights(x, sigma, dims).sqrt(),
            "These are the weights; the task asks for their squares.",
        ),
        Mistake(
            lambda x, sigma, dims: torch.where(_eigenvalues(x, dims) > sigma**2, _eigenvalues(x, dims), 0.0),
            "Which directions are used is right. But the noise makes a part of the variance in them already, "
            "and the weight has only the rest to make.",
        ),
        Mistake(
            lambda x, sigma, dims: (_eigenvalues(x, dims) > sigma**2).double(),
            "These say which directions are used, and rightly. The task asks how much: the squared weight.",
        ),
        Mistake(
            lambda x, sigma, dims: _weights(x, sigma, dims).flip(0),
            "The numbers are right, but the smallest comes first.",
        ),
        Mistake(
            lambda x, sigma, dims: (_all_eigenvalues(x).flip(0)[:dims] - sigma**2).clamp(min=0),
            "These are the directions in which the data vary least. In which order does `eigvalsh` return its results?",
        ),
        Mistake(
            lambda x, sigma, dims: (_uncentred(x, dims) - sigma**2).clamp(min=0),
            "The mean image has not been subtracted. Where the images are on average is up to the bias, and needs no "
            "code.",
        ),
        Mistake(
            lambda x, sigma, dims: (_eigenvalues(x, dims) * len(x) - sigma**2).clamp(min=0),
            "The covariance is a sum over images here, where it should be an average.",
        ),
        Mistake(
            lambda x, sigma, dims: (
                x.flatten(1).var(dim=0).sort(descending=True).values[:dims].double() - sigma**2
            ).clamp(min=0),
            "These are the variances of single pixels. Pixels vary together, so the directions that count are not "
            "those of the axes.",
        ),
        Mistake(
            lambda x, sigma, dims: (_all_eigenvalues(x) - sigma**2).clamp(min=0),
            "There is a weight for each direction of pixel space. The code has only `latent_dim` coordinates; which "
            "directions will they take?",
        ),
    ),
    hint="Take the covariance of the flattened images, and its eigenvalues, largest first. Each of the first "
    "`latent_dim` says by itself whether its direction is used, and how much: look at the border in the lesson.",
    rtol=3e-3,  # dividing by one image less must pass
    atol=1e-3,
)
