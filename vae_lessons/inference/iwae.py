"""The importance-weighted bound, which tightens as samples are added."""

import math

from torch import Generator, Tensor

from vae_lessons.inference.model import LatentVariableModel, check_model_and_images, log_joint, posterior
from vae_lessons.validation import check_int


def iwae_bound(
    vae: LatentVariableModel,
    x: Tensor,
    n_samples: int,
    generator: Generator | None = None,
    *,
    condition: Tensor | None = None,
) -> Tensor:
    """Estimate E[ log 1/L sum_l p(x, z_l) / q(z_l | x) ] with z_l ~ q(z | x): (B,), nats per image.

    The expectation is the ELBO at L = 1, rises with L, and tends to log p(x); a single value may lie above log p(x).
    Source: Burda, Grosse and Salakhutdinov (2016), equation 8.

    Parameters
    ----------
    vae, x, generator, condition
        As for `elbo`.
    n_samples : int
        L, importance samples per image.

    Raises
    ------
    ValueError, TypeError
        As `elbo`.
    """
    check_model_and_images(vae, x, condition)
    n_samples = check_int("n_samples", n_samples)
    q = posterior(vae, x, condition)
    z = q.sample((n_samples,), generator)  # (L, B, K)
    log_weights = log_joint(vae, x, z, condition) - q.log_prob(z)  # (L, B)
    return log_weights.logsumexp(dim=0) - math.log(n_samples)
