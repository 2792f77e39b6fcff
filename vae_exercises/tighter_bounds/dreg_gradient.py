"""The exercise "the doubly reparameterised gradient"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import Stage
from vae_exercises.tighter_bounds.shared import NOT_FINITE, large, log_weights


def _samples(generator: Generator, n_samples: int, n_images: int, latent_dim: int) -> tuple[Tensor, Tensor]:
    (weights,) = log_weights(generator, n_samples, n_images)
    return weights, torch.randn(n_samples, n_images, latent_dim, generator=generator)


def _large_samples(generator: Generator, n_samples: int, n_images: int, latent_dim: int) -> tuple[Tensor, Tensor]:
    weights, _ = _samples(generator, n_samples, n_images, latent_dim)
    weights = large(weights, generator)
    return weights, torch.randn(*weights.shape, latent_dim, generator=generator)


def _weighted(weights: Tensor, pathwise: Tensor) -> Tensor:
    return (weights.unsqueeze(2) * pathwise.double()).sum(dim=0)


def _normalised(log_weights: Tensor) -> Tensor:
    return log_weights.double().softmax(dim=0)


DREG = Function(
    name="dreg-gradient",
    points=3,
    inputs=_samples,
    answer=lambda log_weights, pathwise: _weighted(_normalised(log_weights).square(), pathwise),
    mistakes=(
        Mistake(
            lambda log_weights, pathwise: _weighted(_normalised(log_weights), pathwise),
            "The weights are normalised, but not squared. These are the ones that the decoder's gradient has; for the "
            "encoder the score term has been turned into a pathwise one, and that changes the weights.",
        ),
        Mistake(
            lambda log_weights, pathwise: pathwise.mean(dim=0),
            "All samples count alike here. That is the gradient of the ELBO, with several samples.",
        ),
        Mistake(
            lambda log_weights, pathwise: _weighted((2 * log_weights.double()).softmax(dim=0), pathwise),
            "The squared weights have been normalised again. They do not add up to 1, and should not: their sum is 1 "
            "over the effective sample size, and it makes the gradient small where the bound is tight.",
        ),
        Mistake(
            lambda log_weights, pathwise: _weighted((2 * log_weights.double()).exp(), pathwise),
            "These are the squares of the weights as they are. They must be normalised over the samples of an image "
            "before they are squared.",
        ),
        Mistake(
            lambda log_weights, pathwise: _weighted(_normalised(log_weights).square(), pathwise) / len(log_weights),
            "Yours is L times too small: this is a mean over the samples. The normalised weights are an average "
            "already.",
        ),
        Mistake(
            lambda log_weights, pathwise: _weighted(
                _normalised(log_weights) - _normalised(log_weights).square(), pathwise
            ),
            "This is v - v²: what the score term becomes when it is turned into a pathwise one. It is still to be "
            "subtracted from the weights of the other term.",
        ),
        Mistake(
            lambda log_weights, pathwise: -_weighted(_normalised(log_weights).square(), pathwise),
            "The sign is flipped: this is the gradient of the loss. The task asks for that of the bound.",
        ),
        Mistake(
            lambda log_weights, pathwise: _weighted(_normalised(-log_weights).square(), pathwise),
            "The weights are upside down: codes that explain the image badly count most.",
        ),
        Mistake(
            lambda log_weights, pathwise: _weighted(log_weights.double().softmax(dim=1).square(), pathwise),
            "The weights are normalised over the images. Samples come first here: shape (L, B).",
        ),
        Mistake(
            lambda log_weights, pathwise: _weighted(_normalised(log_weights).square(), pathwise).mean(dim=0),
            "This is averaged over the images. Return one gradient for each, shape (B, K).",
        ),
    ),
    hint="With one sample the result must be its pathwise gradient. With L samples whose weights are all equal, it "
    "must be the mean of the pathwise gradients divided by L. Try both.",
    not_finite=NOT_FINITE,
    stages=(
        Stage(
            _large_samples,
            "Right for small log-weights, but off where they are of the size of ±1500, as those of images are.",
            not_finite=NOT_FINITE,
            rtol=2e-3,
            atol=2e-3,
        ),
    ),
    remark="As L grows the weights v shrink as 1/L, their squares as 1/L², and the sum of them as 1/L: as fast as the "
    "gap that is left, with noise that falls faster.",
)
