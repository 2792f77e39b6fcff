"""The exercise "find the mistakes"."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.distributions import Normal, kl_divergence

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.gaussian_decoder.shared import any_sigma, constant_of, gaussian_log_likelihood


def _batch(generator: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor, float, int]:
    x, x_hat = torch.rand(2, 4, 5, 3, generator=generator)
    mu, logvar = 1.5 * torch.randn(2, 4, 2, generator=generator)
    return x, x_hat, mu, logvar, any_sigma(generator), 50


def _loss(error: float = 1.0, kl: float = 1.0, constant: float = 1.0) -> Callable[..., Tensor]:
    """Return a function that computes minus the ELBO with weights on its parts."""

    def loss(x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, _n_data: int) -> Tensor:
        of_z = kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)).sum(dim=1)
        of_x = -gaussian_log_likelihood(x, x_hat, sigma) - constant_of(x, sigma**2)
        return (error * of_x + kl * of_z).mean() + constant * constant_of(x, sigma**2)

    return loss


BATCH, N_PIXELS, N_LATENT, SHARE = 4, 15, 2, 4 / 50


SCALING = Function(
    name="scaling-mistakes",
    points=3,
    inputs=_batch,
    answer=_loss(),
    mistakes=(
        Mistake(
            _loss(1 / N_PIXELS, SHARE, 0),
            "This computes what the wrong version computes. Over what does each of its two terms average, and what is "
            "the weight?",
        ),
        Mistake(
            _loss(1 / N_PIXELS, 1, 0),
            "The weight is gone, and rightly. But the squared error is still a mean over pixels; and the constant is "
            "not there.",
        ),
        Mistake(
            _loss(1, SHARE, 0),
            "The error is summed over pixels, and rightly. But the KL still has a weight other than 1; and the "
            "constant is not there. Both terms are per image: is there anything to correct?",
        ),
        Mistake(
            _loss(1, 1, 0),
            "The two terms are in balance: you could train with this. But minus the ELBO it is not yet, and two values "
            "of σ could not be compared by it. What has been left out, because it moves no weight?",
        ),
        Mistake(
            _loss(1 / N_PIXELS, 1, 1),
            "Nearly: the squared error is still a mean over pixels, where the KL is a sum over latent dimensions.",
        ),
        Mistake(
            _loss(1 / N_PIXELS, 1, 1 / N_PIXELS),
            "The log-likelihood, constant and all, is still a mean over pixels, where the KL is a sum over latent "
            "dimensions.",
        ),
        Mistake(
            _loss(1, SHARE, 1),
            "Nearly: the KL is still weighted by the batch's share of the data. Both terms are averaged over the batch "
            "alike, so what would the weight correct?",
        ),
        Mistake(
            _loss(1 / N_PIXELS, 1 / N_PIXELS, 1 / N_PIXELS),
            "All is divided by the number of pixels. That trains just as well, since the ratio is right; but it is not "
            "in nats per image.",
        ),
        Mistake(
            _loss(1 / N_PIXELS, 1 / N_PIXELS, 0),
            "Both terms are divided by the number of pixels, so the ratio is right and it would train. But it is not "
            "in nats per image, and has no constant.",
        ),
        Mistake(
            _loss(1 / N_PIXELS, 1 / N_LATENT, 0),
            "Now both are means, but over different numbers of things: pixels here, latent dimensions there. The ratio "
            "is still not that of the ELBO.",
        ),
        Mistake(
            _loss(1, 1 / N_LATENT, 1),
            "The KL is a mean over the latent dimensions, where it should be a sum.",
        ),
        Mistake(
            _loss(BATCH, 1, 0),
            "`sum` adds up over the batch too, and the KL is averaged over it: now the error weighs too much, as many "
            "times as there are images in the batch.",
        ),
        Mistake(
            _loss(BATCH, 1, 1),
            "The error is summed over the batch, the other parts are averages over it. Each image must count alike in "
            "all of them.",
        ),
        Mistake(
            _loss(BATCH, BATCH, BATCH),
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
            _loss(1, 1, 1 / N_PIXELS),
            "The two terms are in balance. But the constant is that of one pixel, and an image has more.",
        ),
        Mistake(
            _loss(1, 1, -1),
            "The two terms are in balance. But the constant has the wrong sign: it belongs to minus the log-density.",
        ),
        Mistake(
            _loss(2, 1, 1),
            "The error has lost its half: this is the balance of another σ.",
        ),
    ),
    hint="Compute the two terms for one image: minus the log-likelihood summed over its pixels, constant "
    "and all, and the KL summed over its latent dimensions. Add them, and only then average over the batch.",
)
