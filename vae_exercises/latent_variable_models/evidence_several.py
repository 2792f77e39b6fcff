"""The exercise "several photographs of one thing"."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.latent_variable_models.shared import any_sigma, marginal


def _several(generator: Generator, n: int, n_pixels: int, latent_dim: int) -> tuple[Tensor, Tensor, Tensor, float]:
    n_pixels += latent_dim  # so that there is a fit without the prior
    weight, bias = torch.randn(n_pixels, latent_dim, generator=generator), torch.randn(n_pixels, generator=generator)
    sigma = 1 + any_sigma(generator)  # so much that the prior counts
    z = 1 + torch.randn(latent_dim, generator=generator)
    return weight @ z + bias + sigma * torch.randn(n, n_pixels, generator=generator), weight, bias, sigma


def _conditioned(x: Tensor, weight: Tensor, bias: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Condition the joint Gaussian of the code and of all pixels of all images."""
    all_weights = weight.double().repeat(len(x), 1)
    gain = torch.linalg.solve(marginal(all_weights, sigma), all_weights).T
    return gain @ (x.double() - bias).flatten(), torch.eye(weight.shape[1]).double() - gain @ all_weights


def _by_parts(precision: Tensor, pull: Tensor) -> tuple[Tensor, Tensor]:
    cov = torch.linalg.inv(precision)
    return cov @ pull, cov


Parts = Callable[[int, Tensor, Tensor, Tensor, Tensor, float], tuple[Tensor, Tensor]]


def _mistake(parts: Parts, message: str) -> Mistake:
    """Return a mistake: `parts` maps (n, I, WᵀW, Wᵀ Σx, Wᵀb, σ) to the precision and the precision times the mean."""

    def result(x: Tensor, weight: Tensor, bias: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        eye = torch.eye(weight.shape[1])
        return _by_parts(*parts(len(x), eye, weight.T @ weight, weight.T @ x.sum(dim=0), weight.T @ bias, sigma))

    return Mistake(result, message)


SEVERAL = Function(
    name="evidence-several",
    points=3,
    inputs=_several,
    answer=_conditioned,
    mistakes=(
        _mistake(
            lambda n, eye, square, x, b, sigma: (eye + square / sigma**2, (x / n - b) / sigma**2),
            "The average image is treated as one image, or the posteriors' means were averaged: n images leave you as "
            "unsure of z as a single one. How much noise has an average of n?",
        ),
        _mistake(
            lambda n, eye, square, x, b, sigma: (n * (eye + square / sigma**2), (x - n * b) / sigma**2),
            "The posteriors of the single images have been multiplied, and each of them has the prior in it. How often "
            "was z drawn?",
        ),
        _mistake(
            lambda n, eye, square, x, b, sigma: (eye + square / sigma**2, (x - n * b) / sigma**2),
            "The mean has the contributions of all images, but the precision is that of a single image.",
        ),
        _mistake(
            lambda n, eye, square, x, b, sigma: (eye + n * square / sigma**2, (x / n - b) / sigma**2),
            "The covariance is right. In the mean, the images are averaged where the sum of their log-likelihoods adds "
            "them up.",
        ),
        _mistake(
            lambda n, eye, square, x, b, sigma: (n * square / sigma**2, (x - n * b) / sigma**2),
            "The prior has been left out: this is the least-squares fit. With W = 0 there would be nothing to invert, "
            "where the posterior ought to be the prior.",
        ),
        _mistake(
            lambda n, eye, square, x, b, sigma: (eye + n * square / sigma, (x - n * b) / sigma),
            "σ stands where σ² belongs: it is the variance of the noise that log p(x | z) divides by.",
        ),
        _mistake(
            lambda n, eye, square, x, b, sigma: (eye + n * square / sigma**2, x / sigma**2),
            "The mean image b is not subtracted.",
        ),
        _mistake(
            lambda n, eye, square, x, b, sigma: (eye + n * square / sigma**2, (x - b) / sigma**2),
            "The mean image b is subtracted once, and not from each image.",
        ),
        _mistake(
            lambda n, eye, square, x, b, sigma: (eye + n * square / sigma**2, x - n * b),
            "The covariance is right. In the mean, the noise is missing.",
        ),
        Mistake(
            lambda x, weight, bias, sigma: (
                _conditioned(x, weight, bias, sigma)[0],
                torch.linalg.inv(_conditioned(x, weight, bias, sigma)[1]),
            ),
            "The mean is right. The second result is the inverse of what the task asks for: it grows with each image.",
        ),
    ),
    hint="Write down log p(z) plus the log p(x | z) of each image, all for one z, and complete the square. With one "
    "image it must be the lesson's posterior; with very many, the covariance goes to zero and the prior no "
    "longer matters.",
    rtol=1e-3,
    atol=1e-4,
    remark="The product of the n posteriors would not do: it counts the prior n times.",
)
