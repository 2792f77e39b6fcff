"""The evidence lower bound, estimated with reparameterised samples."""

from dataclasses import dataclass

from torch import Generator, Tensor

from vae_lessons.inference.model import (
    LatentVariableModel,
    check_model_and_images,
    given,
    kl_to_prior,
    log_likelihood,
    posterior,
)
from vae_lessons.validation import check_int


@dataclass(frozen=True)
class Elbo:
    """The evidence lower bound in its two terms, (B,) each, nats per image, summed over pixels and latent dimensions.

    `reconstruction` is E_q[log p(x | z)], how well codes drawn from q explain the image; `kl` is
    KL( q(z | x) || p(z) ), the rate: what the code costs.
    """

    reconstruction: Tensor
    kl: Tensor

    @property
    def value(self) -> Tensor:
        """ELBO = reconstruction - kl, (B,), to be maximised."""
        return self.reconstruction - self.kl


def elbo(
    vae: LatentVariableModel,
    x: Tensor,
    n_samples: int = 1,
    generator: Generator | None = None,
    *,
    condition: Tensor | None = None,
) -> Elbo:
    """Estimate ELBO = E_q[log p(x | z)] - KL( q(z | x) || p(z) ) without bias; gradients pass through.

    Source: Kingma and Welling (2013), equation 10.

    Parameters
    ----------
    vae : LatentVariableModel
    x : Tensor, (B, ...)
        Images. A NaN that goes in comes out.
    n_samples : int
        L, the reparameterised codes over which the reconstruction term is a mean. The KL is exact where prior and
        posterior are Gaussian; elsewhere it is the mean of log q(z | x) - log p(z) over the same codes, and may come
        out negative.
    generator : Generator, optional
        Source of the noise; PyTorch's own by default.
    condition : Tensor, (B, ...), optional
        For a conditional model, a row for each image.

    Raises
    ------
    ValueError
        For fewer than one sample, for no images, and for a condition with other rows.
    TypeError
        For an `x` that is not a tensor and a `vae` that is not a model.
    """
    check_model_and_images(vae, x, condition)
    n_samples = check_int("n_samples", n_samples)
    q = posterior(vae, x, condition)
    if n_samples == 1:  # as in training, where the copies and their mean would take 7 % of a small step
        z = q.sample(generator=generator)  # (B, K)
        reconstruction = vae.log_likelihood(x, z, **given(condition))
    else:
        z = q.sample((n_samples,), generator)  # (L, B, K)
        reconstruction = log_likelihood(vae, x, z, condition).mean(dim=0)
    return Elbo(reconstruction, kl_to_prior(vae, q, z, condition))
