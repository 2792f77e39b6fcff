"""The exercise "a density, in bits, with its noise"."""

import math

import torch
from torch import Generator, Tensor
from torch.distributions import Normal

from vae_exercises.engine.kinds import Function, Mistake


def _images(
    generator: Generator, n_draws: int, n_images: int, height: int, width: int
) -> tuple[Tensor, Tensor, Tensor, float, int]:
    """Draw images of a few grey levels, the noise of each draw, and the density's mean and σ."""
    levels = int(torch.randint(4, 12, (), generator=generator))
    x = torch.randint(0, levels, (n_images, height, width), generator=generator) / (levels - 1)
    noise = torch.rand(n_draws, n_images, height, width, generator=generator)
    mean = torch.rand(n_images, height, width, generator=generator)
    return x, noise, mean, 0.1 + 0.2 * float(torch.rand((), generator=generator)), levels


def _log_density(pixels: Tensor, mean: Tensor, sigma: float) -> Tensor:
    return Normal(mean.double(), sigma).log_prob(pixels.double()).sum(dim=(-1, -2))


def _to_bits(log_density: Tensor, mean: Tensor, levels: float) -> Tensor:
    return math.log2(levels) - log_density / (mean[0].numel() * math.log(2))


def _noisy(x: Tensor, noise: Tensor, levels: int) -> Tensor:
    return (x * (levels - 1) + noise) / levels


def _bits(x: Tensor, noise: Tensor, mean: Tensor, sigma: float, levels: int) -> Tensor:
    return _to_bits(_log_density(_noisy(x, noise, levels), mean, sigma).mean(dim=0), mean, levels)


DEQUANTISED_BITS = Function(
    name="dequantised-bits",
    points=3,
    inputs=_images,
    answer=_bits,
    mistakes=(
        Mistake(
            lambda x, noise, mean, sigma, levels: _to_bits(_log_density(x, mean, sigma), mean, levels),
            "The noise is not used. The density at a single point says nothing about its average over the cell.",
        ),
        Mistake(
            lambda x, noise, mean, sigma, levels: _to_bits(
                _log_density(x + noise, mean, sigma).mean(dim=0), mean, levels
            ),
            "The noise is as wide as the whole range from paper to ink. It should be as wide as one grey level.",
        ),
        Mistake(
            lambda x, noise, mean, sigma, levels: _to_bits(
                _log_density(x + noise / levels, mean, sigma).mean(dim=0), mean, levels
            ),
            "The noise is added to pixels that fill the interval from 0 to 1 already, so ink ends above 1. All cells "
            "together have to fill the interval: where does the cell of level k begin?",
        ),
        Mistake(
            lambda x, noise, mean, sigma, levels: _to_bits(
                _log_density(x + (noise - 0.5) / (levels - 1), mean, sigma).mean(dim=0), mean, levels
            ),
            "The noise is centred on each level, so paper may lie below 0. The task asks for pixels that fill the "
            "interval from 0 to 1.",
        ),
        Mistake(
            lambda x, noise, mean, sigma, levels: (
                -_log_density(_noisy(x, noise, levels), mean, sigma).mean(dim=0) / (mean[0].numel() * math.log(2))
            ),
            "These are not bits of grey levels yet: how wide is a cell, and what does that do to its probability?",
        ),
        Mistake(
            lambda x, noise, mean, sigma, levels: 2 * math.log2(levels) - _bits(x, noise, mean, sigma, levels),
            "The log-density has the wrong sign: with yours a better model needs more bits.",
        ),
        Mistake(
            lambda x, noise, mean, sigma, levels: _bits(x, noise, mean, sigma, levels) - 2 * math.log2(levels),
            "The number of levels has the wrong sign. Does it take more bits or fewer to name one of many levels?",
        ),
        Mistake(
            lambda x, noise, mean, sigma, levels: _bits(x, noise, mean, sigma, levels) * math.log(2),
            "These are nats per dimension. The task asks for bits.",
        ),
        Mistake(
            lambda x, noise, mean, sigma, levels: _bits(x, noise, mean, sigma, levels) * mean[0].numel(),
            "These are bits for the whole image. The task asks for bits per dimension.",
        ),
        Mistake(
            lambda x, noise, mean, sigma, levels: _to_bits(
                _log_density(_noisy(x, noise, levels), mean, sigma).logsumexp(dim=0) - math.log(len(noise)),
                mean,
                levels,
            ),
            "The densities of the draws are averaged, and then comes the logarithm. That estimates the probability "
            "itself, with a bias; the task asks for the average of the logarithms.",
        ),
        Mistake(
            lambda x, noise, mean, sigma, levels: _to_bits(
                _log_density(_noisy(x, noise, levels).mean(dim=0), mean, sigma), mean, levels
            ),
            "The noise is averaged before the density is computed, which leaves almost none of it.",
        ),
        Mistake(
            lambda x, noise, mean, sigma, levels: _to_bits(
                _log_density(_noisy(x, noise, levels), mean, sigma)[0], mean, levels
            ),
            "Only the first draw is used.",
        ),
        Mistake(
            lambda x, noise, mean, sigma, levels: _to_bits(
                _log_density(_noisy(x, noise, levels), mean, sigma), mean, levels
            ),
            "There is still one number for each draw. Average over the draws.",
        ),
    ),
    hint="With a density of 1 everywhere it must be log2(levels): naming a level costs that much if nothing is known.",
)
