"""The exercise "the evidence, without an integral"."""

import math

import torch
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal, Normal

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.terms import Terms
from vae_exercises.latent_variable_models.shared import any_sigma, marginal


def _linear_models(generator: Generator, n_images: int, n_pixels: int) -> tuple[Tensor, Tensor, Tensor, float]:
    """Draw a model with more codes than pixels, so that there is a density even without the noise."""
    x, bias = 1.5 * torch.randn(n_images, n_pixels, generator=generator), torch.randn(n_pixels, generator=generator)
    weight = torch.randn(n_pixels, n_pixels + 3, generator=generator)
    return x, weight, bias, any_sigma(generator)


def _normal(x: Tensor, mean: Tensor, cov: Tensor) -> Tensor:
    return MultivariateNormal(mean.double(), cov.double()).log_prob(x.double())


def _evidence(x: Tensor, weight: Tensor, bias: Tensor, sigma: float) -> Tensor:
    return _normal(x, bias, marginal(weight, sigma))


def _squared(x: Tensor, weight: Tensor, bias: Tensor, sigma: float) -> Tensor:
    """Return the quadratic form in the exponent, without its half."""
    away = x.double() - bias
    return (torch.linalg.solve(marginal(weight, sigma), away.T).T * away).sum(dim=1)


def _terms(x: Tensor, weight: Tensor, bias: Tensor, sigma: float) -> tuple[Tensor | float, ...]:
    return (
        -0.5 * _squared(x, weight, bias, sigma),
        -0.5 * torch.logdet(marginal(weight, sigma)),
        -0.5 * len(bias) * math.log(2 * math.pi),
    )


EVIDENCE = Function(
    name="evidence",
    points=2,
    inputs=_linear_models,
    answer=_evidence,
    mistakes=(
        Mistake(
            lambda x, weight, bias, sigma: _normal(x, bias, weight @ weight.T + sigma * torch.eye(len(bias))),
            "σ stands where σ² belongs: what is added to the covariance is the noise's variance.",
        ),
        Mistake(
            lambda x, weight, bias, sigma: _normal(x, bias, marginal(weight, 0.0)),
            "The pixel noise is missing: this is the density of the mean image W z + b, before anything is added to "
            "it. Which of the two draws has been left out?",
        ),
        Mistake(
            lambda x, weight, bias, sigma: Normal(bias, sigma).log_prob(x).sum(dim=1),
            "This is log p(x | z) at z = 0, the prior's mean. The evidence asks for all codes, each with its own mean "
            "image: by how much does W z spread?",
        ),
        Mistake(
            lambda x, weight, bias, sigma: (
                Normal(bias, marginal(weight, sigma).diagonal().sqrt()).log_prob(x).sum(dim=1)
            ),
            "The variances of the pixels are right, but they are treated as independent. They are so only for a given "
            "z. When z is summed out, pixels that share a code vary together.",
        ),
        Mistake(
            lambda x, weight, bias, sigma: _evidence(x, weight, torch.zeros_like(bias), sigma),
            "The mean image b has been forgotten: this density is centred on 0.",
        ),
        Mistake(
            lambda x, weight, bias, sigma: _evidence(x, weight, bias, sigma) / len(bias),
            "This is a mean over pixels. The logarithm of a density of D pixels is one number for all of them.",
        ),
        Mistake(
            lambda x, weight, bias, sigma: _evidence(x, weight, bias, sigma) + 0.5 * len(bias) * math.log(2 * math.pi),
            "A constant is missing, the same for each image: is the density still one that integrates to 1?",
        ),
        Mistake(
            lambda x, weight, bias, sigma: (
                _evidence(x, weight, bias, sigma) + 0.5 * (len(bias) - weight.shape[1]) * math.log(2 * math.pi)
            ),
            "The constant counts the dimensions of the code. This is a density of x, so which dimensions count?",
        ),
        Mistake(
            lambda x, weight, bias, sigma: (
                _evidence(x, weight, bias, sigma) - 0.5 * torch.logdet(marginal(weight, sigma))
            ),
            "The log-determinant is counted twice as much as it should be. What is the square root for?",
        ),
        Mistake(
            lambda x, weight, bias, sigma: _evidence(x, weight, bias, sigma) - 0.5 * _squared(x, weight, bias, sigma),
            "The half before the quadratic form is missing.",
        ),
        Mistake(
            lambda x, weight, bias, sigma: _evidence(x, weight, bias, sigma).exp(),
            "This is the density itself. The task asks for its logarithm, since with 784 pixels the density would not "
            "fit into a floating-point number.",
        ),
        Mistake(
            lambda x, weight, bias, sigma: -_evidence(x, weight, bias, sigma),
            "The sign is flipped. The task asks for log p(x), which is to be made large, and not a loss.",
        ),
        Mistake(
            lambda x, weight, bias, sigma: _evidence(x, weight, bias, sigma).sum(),
            "This is one number for the whole batch. Each image has its own evidence.",
        ),
        Mistake(
            lambda x, weight, bias, sigma: _evidence(x, weight, bias, sigma).mean(),
            "This is averaged over the batch. Return one value for each image.",
        ),
    ),
    hint="Three things settle it: x is Gaussian, so find its mean, and then its covariance from that of W z and that "
    "of the noise. With W = 0 your result must be that of independent pixels with variance σ². If it differs from one "
    "call to the next, you have sampled; here nothing needs to be drawn.",
    terms=Terms(("the quadratic form", "the log-determinant", "the constant with 2π"), _terms),
    rtol=1e-4,
    atol=1e-3,
)
