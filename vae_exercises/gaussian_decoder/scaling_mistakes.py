"""The exercise "find the mistakes"."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.distributions import Normal, kl_divergence

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.terms import Terms
from vae_exercises.gaussian_decoder.shared import any_sigma, constant_of, gaussian_log_likelihood


@dataclass(frozen=True)
class _Sizes:
    """What a term may be summed over, averaged over or weighted by."""

    batch: int
    pixels: int
    latent: int
    share: float
    variance: float


def _batch(
    generator: Generator, n_images: int, height: int, width: int, latent_dim: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, float, int]:
    x, x_hat = torch.rand(2, n_images, height, width, generator=generator)
    mu, logvar = 1.5 * torch.randn(2, n_images, latent_dim, generator=generator)
    n_data = int(torch.randint(30, 90, (), generator=generator))
    return x, x_hat, mu, logvar, any_sigma(generator), n_data


def _terms(
    x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, _n_data: int
) -> tuple[Tensor, Tensor, float]:
    kl = kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)).sum(dim=1)
    constant = constant_of(x, sigma**2)
    return (-gaussian_log_likelihood(x, x_hat, sigma)).mean() - constant, kl.mean(), constant


Weight = float | Callable[[_Sizes], float]


def _loss(error: Weight = 1.0, kl: Weight = 1.0, constant: Weight = 1.0) -> Callable[..., Tensor]:
    """Return a function that computes minus the ELBO with weights on its parts."""

    def loss(x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, n_data: int) -> Tensor:
        sizes = _Sizes(len(x), x[0].numel(), mu.shape[1], len(x) / n_data, sigma**2)
        weights = (weight(sizes) if callable(weight) else weight for weight in (error, kl, constant))
        terms = _terms(x, x_hat, mu, logvar, sigma, n_data)
        return sum((weight * term for weight, term in zip(weights, terms, strict=True)), start=torch.zeros(()))

    return loss


def _negative_elbo(x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, n_data: int) -> Tensor:
    return _loss()(x, x_hat, mu, logvar, sigma, n_data)


def _batch_size(sizes: _Sizes) -> float:
    return sizes.batch


def _share(sizes: _Sizes) -> float:
    return sizes.share


def _per_pixel(sizes: _Sizes) -> float:
    return 1 / sizes.pixels


def _per_dimension(sizes: _Sizes) -> float:
    return 1 / sizes.latent


SCALING = Function(
    name="scaling-mistakes",
    points=3,
    inputs=_batch,
    answer=_negative_elbo,
    mistakes=(
        Mistake(
            _loss(_per_pixel, _share, 0),
            "This computes what the wrong version computes. Over what does each of its two terms average, and what is "
            "the weight?",
        ),
        Mistake(
            _loss(_per_pixel, 1, 0),
            "The weight is gone, and rightly. But the squared error is still a mean over pixels; and the constant is "
            "not there.",
        ),
        Mistake(
            _loss(1, _share, 0),
            "The error is summed over pixels, and rightly. But the KL still has a weight other than 1; and the "
            "constant is not there. Both terms are per image: is there anything to correct?",
        ),
        Mistake(
            _loss(1, 1, 0),
            "The two terms are in balance: you could train with this. But minus the ELBO it is not yet, and two values "
            "of σ could not be compared by it. What has been left out, because it moves no weight?",
        ),
        Mistake(
            _loss(_per_pixel, 1, 1),
            "Nearly: the squared error is still a mean over pixels, where the KL is a sum over latent dimensions.",
        ),
        Mistake(
            _loss(_per_pixel, 1, _per_pixel),
            "The log-likelihood, constant and all, is still a mean over pixels, where the KL is a sum over latent "
            "dimensions.",
        ),
        Mistake(
            _loss(1, _share, 1),
            "Nearly: the KL is still weighted by the batch's share of the data. Both terms are averaged over the batch "
            "alike, so what would the weight correct?",
        ),
        Mistake(
            _loss(_per_pixel, _per_pixel, _per_pixel),
            "All is divided by the number of pixels. That trains just as well, since the ratio is right; but it is not "
            "in nats per image.",
        ),
        Mistake(
            _loss(_per_pixel, _per_pixel, 0),
            "Both terms are divided by the number of pixels, so the ratio is right and it would train. But it is not "
            "in nats per image, and has no constant.",
        ),
        Mistake(
            _loss(_per_pixel, _per_dimension, 0),
            "Now both are means, but over different numbers of things: pixels here, latent dimensions there. The ratio "
            "is still not that of the ELBO.",
        ),
        Mistake(
            _loss(1, _per_dimension, 1),
            "The KL is a mean over the latent dimensions, where it should be a sum.",
        ),
        Mistake(
            _loss(_batch_size, 1, 0),
            "`sum` adds up over the batch too, and the KL is averaged over it: now the error weighs too much, as many "
            "times as there are images in the batch.",
        ),
        Mistake(
            _loss(_batch_size, 1, 1),
            "The error is summed over the batch, the other parts are averages over it. Each image must count alike in "
            "all of them.",
        ),
        Mistake(
            _loss(_batch_size, _batch_size, _batch_size),
            "This is a sum over the batch. The ratio is right, but the task asks for the average of its images.",
        ),
        Mistake(
            _loss(-1, -1, -1),
            "This is the ELBO itself, which goes up. A loss goes down.",
        ),
        Mistake(
            _loss(1, -1, 1),
            "The KL has the wrong sign: this loss rewards codes that are far from the prior.",
        ),
        Mistake(
            _loss(1, 1, _per_pixel),
            "The two terms are in balance. But the constant is that of one pixel, and an image has more.",
        ),
        Mistake(
            _loss(1, 1, -1),
            "The two terms are in balance. But the constant has the wrong sign: it belongs to minus the log-density.",
        ),
        Mistake(
            _loss(lambda sizes: 2 * sizes.variance, 1, 0),
            "This is the squared error plus the KL, as if σ² were ½, and without the constant. What is an error "
            "divided by in minus the log-likelihood?",
        ),
        Mistake(
            _loss(lambda sizes: -2 * sizes.variance, 1, 0),
            "Three things: the squared error has the wrong sign, it is divided by nothing, as if σ² were ½, and the "
            "constant is missing.",
        ),
        Mistake(
            _loss(lambda sizes: 2 * sizes.variance, 1, 1),
            "The squared error is divided by nothing, as if σ² were ½.",
        ),
        Mistake(
            _loss(lambda sizes: sizes.variance, 1, 0),
            "The squared error is halved, as if σ were 1, and the constant is missing.",
        ),
        Mistake(
            _loss(lambda sizes: sizes.variance, 1, 1),
            "The squared error is halved, as if σ were 1.",
        ),
        Mistake(
            _loss(lambda sizes: sizes.variance**0.5, 1, 1),
            "The error is divided by 2σ. In which units is a squared error, and so what must it be divided by?",
        ),
        Mistake(
            _loss(2, 1, 1),
            "The error has lost its half: this is the balance of another σ.",
        ),
    ),
    hint="Compute the two terms for one image: minus the log-likelihood summed over its pixels, constant "
    "and all, and the KL summed over its latent dimensions. Add them, and only then average over the batch.",
    terms=Terms(("the squared error", "the KL term", "the constant"), _terms),
    gradients=("x_hat", "mu", "logvar"),
)
