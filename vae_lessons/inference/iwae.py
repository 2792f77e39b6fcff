"""Importance weights of codes drawn from the encoder, and the bound that they give, which more codes tighten."""

import math

from torch import Generator, Tensor

from vae_lessons.inference.model import LatentVariableModel, check_model_and_images, log_joint, posterior
from vae_lessons.probability.distributions import Distribution
from vae_lessons.validation import check_floating, check_int


def log_importance_weights(
    vae: LatentVariableModel,
    x: Tensor,
    n_samples: int,
    generator: Generator | None = None,
    *,
    condition: Tensor | None = None,
) -> Tensor:
    """Compute log w_l = log p(x, z_l) - log q(z_l | x) of L codes z_l ~ q(z | x): (L, B), nats; gradients pass through.

    Their mean over l estimates the ELBO, and the log of the mean of w_l is the importance-weighted bound.

    Parameters
    ----------
    vae, x, generator, condition
        As for `elbo`.
    n_samples : int
        L, codes for each image.

    Raises
    ------
    ValueError, TypeError
        As `elbo`.
    """
    q, z = _codes(vae, x, n_samples, generator, condition)
    return log_joint(vae, x, z, condition) - q.log_prob(z)  # (L, B)


def iwae_bound(
    vae: LatentVariableModel,
    x: Tensor,
    n_samples: int,
    generator: Generator | None = None,
    *,
    condition: Tensor | None = None,
    doubly_reparameterised: bool = False,
) -> Tensor:
    """Estimate E[ log 1/L sum_l p(x, z_l) / q(z_l | x) ] with z_l ~ q(z | x): (B,), nats per image.

    The expectation is the ELBO at L = 1, rises with L, and tends to log p(x); a single value may lie above log p(x).
    Source: Burda, Grosse and Salakhutdinov (2016), equation 8; Tucker et al. (2019), equation 8.

    Parameters
    ----------
    vae, x, generator, condition
        As for `elbo`.
    n_samples : int
        L, importance samples per image.
    doubly_reparameterised : bool
        Give the encoder the gradient sum_l v_l² (d log w_l / dz_l) (dz_l / dφ), with v the normalised weights. It has
        the same expectation as the gradient of the bound, and its noise does not drown it as L grows. The value and the
        decoder's gradient stay the same. The codes must be a differentiable function of the encoder's outputs, as those
        of a Gaussian are.

    Raises
    ------
    ValueError, TypeError
        As `elbo`.
    """
    if not doubly_reparameterised:
        log_weights = log_importance_weights(vae, x, n_samples, generator, condition=condition)
        return log_weights.logsumexp(dim=0) - math.log(n_samples)
    q, z = _codes(vae, x, n_samples, generator, condition)
    log_q, at_fixed_z = q.log_prob(z), q.log_prob(z.detach())
    log_q = log_q - at_fixed_z + at_fixed_z.detach()  # the same value, with a gradient in z only
    log_weights = log_joint(vae, x, z, condition) - log_q
    if z.requires_grad:
        normalised = log_weights.detach().softmax(dim=0).unsqueeze(2)  # v, (L, B, 1)
        z.register_hook(lambda gradient: normalised * gradient)  # the bound's own derivative in log w_l has the other v
    return log_weights.logsumexp(dim=0) - math.log(n_samples)


def effective_sample_size(log_weights: Tensor) -> Tensor:
    """Compute 1 / sum_l v_l², with v the normalised weights, from log-weights (L, B): (B,), between 1 and L.

    It is L where all weights are equal, and 1 where one of them is all that counts. Source: Kong (1992).

    Raises ValueError for another shape than (L, B), TypeError for what is not a tensor.
    """
    check_floating(log_weights=log_weights)
    if log_weights.dim() != 2 or not len(log_weights):
        raise ValueError(f"log_weights must be (L, B), L weights for each image, got {tuple(log_weights.shape)}")
    return 1 / log_weights.softmax(dim=0).square().sum(dim=0)


def _codes(
    vae: LatentVariableModel, x: Tensor, n_samples: int, generator: Generator | None, condition: Tensor | None
) -> tuple[Distribution, Tensor]:
    """Encode images as q(z | x), and draw codes (L, B, K) from it."""
    check_model_and_images(vae, x, condition)
    q = posterior(vae, x, condition)
    return q, q.sample((check_int("n_samples", n_samples),), generator)
