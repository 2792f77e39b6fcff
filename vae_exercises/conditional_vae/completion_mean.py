"""The exercise "complete an image with a plain VAE"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import Stage

NOT_FINITE = (
    "Right for small logarithms. Those of images are of the size of ±1500, and their exponentials are 0 or infinite "
    "for a computer. What can be added to all log-weights of an image without a change of the result?"
)


def _draws(generator: Generator, n_codes: int, n_images: int, n_pixels: int) -> tuple[Tensor, Tensor]:
    log_seen = 1.5 * torch.randn(n_codes, n_images, generator=generator) - 3
    return log_seen, torch.rand(n_codes, n_pixels, generator=generator)


def _large(generator: Generator, n_codes: int, n_images: int, n_pixels: int) -> tuple[Tensor, Tensor]:
    log_seen, hidden = _draws(generator, n_codes, n_images, n_pixels)
    sizes = 300 * torch.randn(n_images, generator=generator)
    sizes[0], sizes[-1] = -1500, 1500
    return log_seen + sizes, hidden


def _mean(weights: Tensor, hidden: Tensor) -> Tensor:
    return weights.double().T @ hidden.double()


COMPLETION = Function(
    name="completion-mean",
    points=3,
    inputs=_draws,
    answer=lambda log_seen, hidden: _mean(log_seen.double().softmax(dim=0), hidden),
    mistakes=(
        Mistake(
            lambda log_seen, hidden: hidden.mean(dim=0).expand(log_seen.shape[1], -1),
            "All codes count alike here, so every image gets the same completion. A code counts by how well it "
            "explains the pixels that are seen.",
        ),
        Mistake(
            lambda log_seen, hidden: _mean(log_seen.double().softmax(dim=1), hidden),
            "The weights are normalised over the images. Those of the codes of one image must add up to 1: shape "
            "(S, B).",
        ),
        Mistake(
            lambda log_seen, hidden: _mean(log_seen.double().exp(), hidden),
            "The weights are not normalised: a probability of ink must come out, and this is far smaller.",
        ),
        Mistake(
            lambda log_seen, hidden: _mean(log_seen.double().exp() / len(log_seen), hidden),
            "The weights are divided by their number, and not by their sum: a probability of ink must come out, and "
            "this is far smaller.",
        ),
        Mistake(
            lambda log_seen, hidden: hidden[log_seen.argmax(dim=0)],
            "Only the best code of each image is used. That is one completion; the task asks for the mean of all, with "
            "their weights.",
        ),
        Mistake(
            lambda log_seen, hidden: _mean((-log_seen.double()).softmax(dim=0), hidden),
            "The weights are upside down: codes that explain the visible pixels badly count most.",
        ),
        Mistake(
            lambda log_seen, hidden: _mean(log_seen.double() / log_seen.double().sum(dim=0), hidden),
            "These are the log-weights in the place of the weights.",
        ),
        Mistake(
            lambda log_seen, hidden: _mean(log_seen.double().softmax(dim=0), hidden).mean(dim=0),
            "This is averaged over the images. Return a completion for each, shape (B, D).",
        ),
    ),
    hint="If one code explains the visible part of an image far better than all others, its own pixels must come out. "
    "If all explain it equally well, the plain mean must. Try both.",
    not_finite=NOT_FINITE,
    stages=(
        Stage(
            _large,
            "Right for small logarithms, but off where they are of the size of ±1500, as those of images are.",
            not_finite=NOT_FINITE,
            rtol=1e-3,
            atol=1e-3,
        ),
    ),
    remark="This is importance sampling from the prior, so it needs very many codes where the visible part says much. "
    "The conditional prior of a CVAE is trained to propose better ones.",
)
