"""The exercise "the bound of a VQ-VAE"."""

import math

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _inputs(generator: Generator, n_images: int, n_places: int, n_rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Draw log-likelihoods (B,), codes (B, M), and shares (M, C) of which each place has its own."""
    shares = (1.5 * torch.randn(n_places, n_rows, generator=generator)).softmax(dim=1)
    codes = torch.randint(n_rows, (n_images, n_places), generator=generator)
    return -20 - 10 * torch.rand(n_images, generator=generator), codes, shares


def _picked(codes: Tensor, shares: Tensor) -> Tensor:
    """Pick the share of each code at its place: (B, M)."""
    return shares.double()[torch.arange(codes.shape[1]), codes]


def _price(codes: Tensor, shares: Tensor) -> Tensor:
    return -_picked(codes, shares).log().sum(dim=1)


def _entropies(shares: Tensor) -> Tensor:
    return torch.special.entr(shares.double()).sum(dim=1)


PRICE = Function(
    name="code-price",
    points=2,
    inputs=_inputs,
    answer=lambda log_likelihood, codes, shares: log_likelihood - _price(codes, shares),
    mistakes=(
        Mistake(
            lambda log_likelihood, codes, shares: log_likelihood - codes.shape[1] * math.log(shares.shape[1]),
            "That is the bound under the uniform prior, where every code costs log C. The task asks for the prior that "
            "has been fitted.",
        ),
        Mistake(
            lambda log_likelihood, codes, shares: log_likelihood + _price(codes, shares),
            "The sign of the KL term is flipped: rare codes raise this, where they must be expensive.",
        ),
        Mistake(
            lambda log_likelihood, codes, shares: log_likelihood - _price(codes, shares) / math.log(2),
            "The price is in bits and the log-likelihood in nats.",
        ),
        Mistake(
            lambda log_likelihood, codes, shares: log_likelihood - _price(codes, shares) / codes.shape[1],
            "This is the price of an average code. An image has M of them, and pays for each.",
        ),
        Mistake(
            lambda log_likelihood, codes, shares: log_likelihood - _entropies(shares).sum(),
            "This is the average price, the entropy of the shares, for every image. An image pays for the codes that "
            "it has.",
        ),
        Mistake(
            lambda log_likelihood, codes, shares: log_likelihood + shares.double().mean(dim=0)[codes].log().sum(dim=1),
            "The shares are averaged over the places. Each place has its own.",
        ),
        Mistake(
            lambda log_likelihood, codes, shares: log_likelihood + _picked(codes, shares).sum(dim=1),
            "The shares are added up, without a logarithm.",
        ),
        Mistake(
            lambda log_likelihood, codes, shares: log_likelihood + _picked(codes, shares).prod(dim=1),
            "This adds the prior's probability of the code to a logarithm.",
        ),
        Mistake(
            lambda log_likelihood, codes, shares: _price(codes, shares),
            "That is the KL term alone. The bound is the log-likelihood less this.",
        ),
        Mistake(
            lambda log_likelihood, codes, shares: -log_likelihood + _price(codes, shares),
            "This is minus the bound.",
        ),
        Mistake(
            lambda log_likelihood, codes, shares: (log_likelihood - _price(codes, shares)).mean(),
            "This is averaged over the images. Return one value for each.",
        ),
    ),
    hint="Take one image with two codes whose shares are 1/2 and 1/8, and a log-likelihood of -20. Its code costs "
    "log 2 + log 8 = 2.77 nats, so the bound is -22.77.",
    rtol=1e-5,
    remark="No code need be drawn, since q has one certain code. This ELBO has no noise.",
)
