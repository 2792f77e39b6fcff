"""The exercise "a density, in bits"."""

import math

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.terms import Terms


def _densities(generator: Generator, n_images: int) -> tuple[Tensor, int, int]:
    n_pixels, levels = (int(torch.randint(low, high, (), generator=generator)) for low, high in ((20, 90), (4, 40)))
    return 40 + 30 * torch.randn(n_images, generator=generator), n_pixels, levels


def _bits(log_density: Tensor, n_pixels: int, levels: int) -> Tensor:
    return torch.log2(torch.tensor(levels).double()) - log_density.double() / (n_pixels * math.log(2))


BITS = Function(
    name="bits-per-pixel",
    points=2,
    inputs=_densities,
    answer=_bits,
    mistakes=(
        Mistake(
            lambda log_density, n_pixels, levels: -log_density / (n_pixels * math.log(2)),
            "The levels play no part. A density of cells that are narrow may be large, and then yours gives negative "
            "bits; what is the probability of a cell, if the density is known in it?",
        ),
        Mistake(
            lambda log_density, n_pixels, levels: -_bits(log_density, n_pixels, levels),
            "The sign is flipped. These are logarithms of probabilities, and bits are minus those.",
        ),
        Mistake(
            lambda log_density, n_pixels, levels: math.log2(levels) + log_density / (n_pixels * math.log(2)),
            "The log-density has the wrong sign: with yours a better model needs more bits.",
        ),
        Mistake(
            lambda log_density, n_pixels, levels: -math.log2(levels) - log_density / (n_pixels * math.log(2)),
            "The levels have the wrong sign. More and narrower cells: does it take more bits or fewer to say which?",
        ),
        Mistake(
            lambda log_density, n_pixels, levels: math.log2(levels - 1) - log_density / (n_pixels * math.log(2)),
            "The cells are slightly too wide. How many cells are there, and how wide is one, if all of them fill the "
            "interval from 0 to 1?",
        ),
        Mistake(
            lambda log_density, n_pixels, levels: math.log(2) * _bits(log_density, n_pixels, levels),
            "These are nats per pixel. The task asks for bits.",
        ),
        Mistake(
            lambda log_density, n_pixels, levels: math.log(2) ** 2 * _bits(log_density, n_pixels, levels),
            "Multiplied where it should be divided: a bit is less than a nat, so there are more of them.",
        ),
        Mistake(
            lambda log_density, n_pixels, levels: n_pixels * _bits(log_density, n_pixels, levels),
            "These are bits for the whole image. The task asks for the average of its pixels.",
        ),
        Mistake(
            lambda log_density, n_pixels, levels: (math.log2(levels) - log_density.double() / math.log(2)) / n_pixels,
            "The width of a cell is counted once for each image. An image's cell has a width in each of its D pixels.",
        ),
        Mistake(
            lambda log_density, n_pixels, levels: math.log2(levels) - log_density.double() / n_pixels,
            "The levels are in bits, and the log-density is still in nats.",
        ),
        Mistake(
            lambda log_density, n_pixels, levels: math.log2(levels) - log_density.double() / n_pixels * math.log(2),
            "The levels are in bits. The log-density has been multiplied by log 2 on its way to bits, but a bit is "
            "less than a nat, so there are more of them.",
        ),
        Mistake(
            lambda log_density, n_pixels, levels: math.log2(levels) - log_density.double() / math.log(2),
            "The log-density is of the whole image; the task asks for its share per pixel.",
        ),
        Mistake(
            lambda log_density, n_pixels, levels: math.log(levels) - log_density.double() / (n_pixels * math.log(2)),
            "The log-density is in bits, and the levels are still in nats.",
        ),
        Mistake(
            lambda log_density, n_pixels, levels: _bits(log_density, n_pixels, levels).mean(),
            "This is averaged over the batch. Return one value for each image.",
        ),
    ),
    hint="A model that knows nothing has density 1 everywhere, so its log-density is 0. With 16 levels it must need 4 "
    "bits for each pixel, and with 256 levels 8. If the log-density of an image is larger by n_pixels · log 2, it must "
    "need exactly one bit per pixel less.",
    terms=Terms(
        ("the number of levels", "the log-density"),
        lambda log_density, n_pixels, levels: (math.log2(levels), -log_density / (n_pixels * math.log(2))),
    ),
    rtol=1e-4,
    remark="Those with a log-density below 0 on pixels in [0, 1]: worse than the uniform density.",
)
