"""The aggregate posterior q(z) of some images, and the two parts into which it splits their average KL term."""

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from vae_lessons.inference.model import LatentVariableModel, check_model_and_images, posterior, prior
from vae_lessons.probability.distributions import DiagonalGaussian, GaussianMixture
from vae_lessons.validation import check_int


class KlSplit(NamedTuple):
    """The two parts of the average KL term, (N,) each, nats: one value for each image, to be averaged over images."""

    mutual_information: Tensor
    marginal_kl: Tensor


@torch.no_grad()
def aggregate_posterior(vae: LatentVariableModel, x: Tensor) -> GaussianMixture:
    """Mix the posteriors of N images: q(z) = 1/N sum_n q(z | x_n), one row with N components of equal weight.

    Parameters
    ----------
    vae : LatentVariableModel
    x : Tensor, (N, ...)

    Raises
    ------
    ValueError
        For no images.
    TypeError
        For an encoder whose q is not a diagonal Gaussian, an `x` that is not a tensor, a `vae` that is not a model.
    """
    q = _diagonal_posterior(vae, x)
    return GaussianMixture(q.mu.new_zeros(1, len(x)), q.mu.unsqueeze(0), q.logvar.unsqueeze(0))


@torch.no_grad()
def split_kl(vae: LatentVariableModel, x: Tensor, n_samples: int = 1, generator: Generator | None = None) -> KlSplit:
    """Split the average KL term of N images: mean KL( q(z | x_n) || p(z) ) = I(n; z) + KL( q(z) || p(z) ).

    `mutual_information` is E[log q(z | x_n) - log q(z)] and `marginal_kl` is E[log q(z) - log p(z)], for each image
    over codes z drawn from its q. q(z) is exact over the N images: each code is scored under all N posteriors. The mean
    of the first over images, I(n; z), is how many nats a code says about which of the N images it came from: from 0 to
    log N, which no draw exceeds. The mean of the second is never negative, apart from the noise of the draws.

    Source: Hoffman and Johnson (2016).

    Parameters
    ----------
    vae : LatentVariableModel
    x : Tensor, (N, ...)
    n_samples : int
        L, codes drawn for each image.
    generator : Generator, optional
        Source of the noise; PyTorch's own by default.

    Raises
    ------
    ValueError, TypeError
        As `aggregate_posterior`; ValueError also for fewer than one sample.
    """
    q = _diagonal_posterior(vae, x)
    z = q.sample((check_int("n_samples", n_samples),), generator)  # (L, N, K)
    marginal = GaussianMixture(q.mu.new_zeros(1, len(x)), q.mu.unsqueeze(0), q.logvar.unsqueeze(0)).log_prob(z)
    information, excess = q.log_prob(z) - marginal, marginal - prior(vae, z).log_prob(z)  # (L, N) each
    return KlSplit(information.mean(dim=0), excess.mean(dim=0))


def _diagonal_posterior(vae: LatentVariableModel, x: Tensor) -> DiagonalGaussian:
    check_model_and_images(vae, x, None)
    q = posterior(vae, x, None)
    if not isinstance(q, DiagonalGaussian):
        raise TypeError(f"vae must encode images as diagonal Gaussians, to be mixed, got {type(q).__name__}")
    return q
