"""The exercise "the rate in bits"."""

import math

import torch

from vae_exercises.engine.kinds import Function, Mistake

BITS = Function(
    name="kl-bits",
    points=1,
    inputs=lambda generator, n_images: (30 * torch.rand(n_images, generator=generator),),
    answer=lambda nats: nats / math.log(2),
    mistakes=(
        Mistake(
            lambda nats: nats * math.log(2),
            "Multiplied where it should be divided. A bit is less than a nat, so the number of bits is the larger one.",
        ),
        Mistake(
            lambda nats: nats / math.log(10),
            "That is the logarithm to base 10, which counts decimal digits. A bit is one choice among two.",
        ),
        Mistake(lambda nats: nats, "Nothing has been converted: nats go in, and the same numbers come out."),
        Mistake(lambda nats: nats / 8, "That would be a conversion of bits to bytes. What is a nat in bits?"),
        Mistake(lambda nats: torch.log2(nats), "The KL is a logarithm already: change its base, and take none of it."),
    ),
    hint="A fair choice among two is log 2 nats, and 1 bit. So 2 log 2 nats must come out as 2.",
)
