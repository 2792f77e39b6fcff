"""The exercise "with the constant"."""

import math

import torch
from torch import Generator, Tensor
from torch.distributions import Normal

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.terms import Terms
from vae_exercises.gaussian_decoder.shared import any_sigma, constant_of, gaussian_log_likelihood


def _pixels(generator: Generator, n_images: int, height: int, width: int) -> tuple[Tensor, Tensor, float]:
    x, mean = torch.rand(2, n_images, height, width, generator=generator)
    return x, mean, any_sigma(generator)


def _error(x: Tensor, mean: Tensor) -> Tensor:
    return (x - mean).square().sum(dim=(1, 2))


def _terms(x: Tensor, mean: Tensor, sigma: float) -> tuple[Tensor | float, ...]:
    half = 0.5 * x[0].numel()
    return -_error(x, mean) / (2 * sigma**2), -half * math.log(sigma**2), -half * math.log(2 * math.pi)


LOG_LIKELIHOOD = Function(
    name="gaussian-log-likelihood",
    points=3,
    inputs=_pixels,
    answer=gaussian_log_likelihood,
    mistakes=(
        Mistake(
            lambda *args: -gaussian_log_likelihood(*args),
            "The sign is flipped: this is what one adds to a loss. The log-likelihood is highest where the error is 0.",
        ),
        Mistake(
            lambda x, mean, sigma: -_error(x, mean),
            "This is minus the squared error: σ plays no part in it, and the constant is missing.",
        ),
        Mistake(
            lambda x, mean, sigma: -0.5 * _error(x, mean),
            "This is minus half the squared error, which belongs to σ = 1, and the constant is missing.",
        ),
        Mistake(
            lambda x, mean, sigma: -_error(x, mean) - constant_of(x, sigma**2),
            "The constant is right. The squared error is not divided by anything: in which units is it?",
        ),
        Mistake(
            lambda x, mean, sigma: -_error(x, mean) / (2 * sigma**2),
            "The squared error has the right factor, but this is not a log-density: the constant is missing, which "
            "makes the density integrate to 1. It depends on σ, so two values of σ could not be compared without it.",
        ),
        Mistake(
            lambda x, mean, sigma: gaussian_log_likelihood(x, mean, sigma) + 2 * constant_of(x, sigma**2),
            "The constant has the wrong sign. Make σ large: the density of any image must fall, and yours rises.",
        ),
        Mistake(
            lambda x, mean, sigma: gaussian_log_likelihood(x, mean, sigma**2),
            "The width of a pixel's Gaussian is σ² in yours, both before the error and in the constant. `sigma` is the "
            "standard deviation; and `torch.distributions.Normal` wants one too.",
        ),
        Mistake(
            lambda x, mean, sigma: gaussian_log_likelihood(x, mean, math.exp(0.5 * sigma)),
            "σ is taken for a log-variance. `sigma` is the standard deviation itself, not a logarithm.",
        ),
        Mistake(
            lambda x, mean, sigma: gaussian_log_likelihood(x, mean, math.sqrt(sigma)),
            "σ is taken for the variance, both before the error and in the constant. `sigma` is the "
            "standard deviation.",
        ),
        Mistake(
            lambda x, mean, sigma: -_error(x, mean) / (2 * sigma) - constant_of(x, sigma**2),
            "The error is divided by 2σ. In which units is a squared error, and so what must it be divided by?",
        ),
        Mistake(
            lambda x, mean, sigma: -_error(x, mean) / (2 * sigma**2) - constant_of(x, sigma),
            "The constant has log σ where it should have log σ². The error's part is right.",
        ),
        Mistake(
            lambda x, mean, sigma: -_error(x, mean) / (2 * sigma**2) - constant_of(x, 1.0),
            "The constant is that of σ = 1. It depends on σ too.",
        ),
        Mistake(
            lambda x, mean, sigma: -_error(x, mean) / (2 * sigma**2) - constant_of(x, sigma**2 / (2 * math.pi)),
            "The constant has lost its 2π. That changes no gradient, but the result is not a log-density.",
        ),
        Mistake(
            lambda x, mean, sigma: -_error(x, mean) / (2 * sigma**2) - constant_of(x, sigma**2) / x[0].numel(),
            "The constant is that of a single pixel. How many Gaussians are multiplied to make an image's density?",
        ),
        Mistake(
            lambda x, mean, sigma: -_error(x, mean) / (2 * sigma**2) - 2 * constant_of(x, sigma**2),
            "The constant is twice too large: where is its half?",
        ),
        Mistake(
            lambda x, mean, sigma: -_error(x, mean) / sigma**2 - constant_of(x, sigma**2),
            "The error's part is twice too large: a half is lost there. The constant is right.",
        ),
        Mistake(
            lambda x, mean, sigma: -_error(x, mean).sqrt() / (2 * sigma**2) - constant_of(x, sigma**2),
            "This has the distance of the two images, where the exponent of a Gaussian has its square.",
        ),
        Mistake(
            lambda x, mean, sigma: gaussian_log_likelihood(x, mean, sigma) / x[0].numel(),
            "This is a mean over the pixels. The density of an image is a product over its pixels, so what is its "
            "logarithm?",
        ),
        Mistake(
            lambda x, mean, sigma: -_error(x, mean) / x[0].numel() / (2 * sigma**2) - constant_of(x, sigma**2),
            "The error is a mean over pixels, the constant a sum. Only one of them fits a log-density of an image.",
        ),
        Mistake(
            lambda x, mean, sigma: Normal(mean, sigma).log_prob(x),
            "These are the logarithms for single pixels. They must still be added up for each image.",
        ),
        Mistake(
            lambda *args: gaussian_log_likelihood(*args).sum(),
            "This is one number for the whole batch, all images added up. Return one value for each.",
        ),
        Mistake(
            lambda *args: gaussian_log_likelihood(*args).mean(),
            "This is averaged over the batch. Return one value for each image.",
        ),
        Mistake(
            lambda *args: gaussian_log_likelihood(*args).exp(),
            "This is the density itself. With 784 pixels it would overflow, or vanish; the task asks for its "
            "logarithm.",
        ),
    ),
    hint="Two cases to try by hand, with a single pixel: at x = mean the log-density is -½ log(2πσ²), and one σ away "
    "it is lower by a half. An image has the sum of its pixels.",
    terms=Terms(("the squared error", "the constant's log σ²", "the constant's log 2π"), _terms),
)
