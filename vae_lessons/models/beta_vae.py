"""VAEs trained on the ELBO's two terms with other weights: β, its warm-up, and free bits."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from vae_lessons.inference import elbo
from vae_lessons.models.autoencoder import HIDDEN
from vae_lessons.models.vae import VAE
from vae_lessons.probability.gaussian import kl_per_dimension
from vae_lessons.probability.likelihoods import Likelihood
from vae_lessons.validation import check_int, check_positive


class BetaVAE(VAE):
    """A `VAE` that is trained on reconstruction - β KL. For β other than 1 that is not its ELBO, which `elbo` gives.

    Source: Higgins et al. (2017) for β; Bowman et al. (2016) for the warm-up; Kingma et al. (2016) for free bits.

    Parameters
    ----------
    image_shape, latent_dim, hidden, likelihood, generator
        As for `VAE`.
    beta : float
        The weight of the KL term, at least 0.
    warm_up : int
        Training steps in which the weight climbs in a straight line from 0 to `beta`.
    free_bits : float
        λ, nats for each dimension that are not worth saving: the KL term is sum_j max(λ, KL_j), with KL_j averaged over
        the batch.

    Raises
    ------
    ValueError, TypeError
        As for `VAE`; ValueError also for a negative number.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] = HIDDEN,
        *,
        likelihood: Likelihood,
        beta: float = 1.0,
        warm_up: int = 0,
        free_bits: float = 0.0,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(image_shape, latent_dim, hidden, likelihood=likelihood, generator=generator)
        self.beta = check_positive("beta", beta, or_zero=True)
        self.warm_up = check_int("warm_up", warm_up, minimum=0)
        self.free_bits = check_positive("free_bits", free_bits, or_zero=True)
        if self.warm_up:
            self.register_buffer("steps", torch.tensor(0.0))  # taken so far: with the weights, so that a run can go on

    def loss(self, x: Tensor) -> Tensor:
        """Compute β KL - reconstruction in nats, one sample of z per image: (B, H, W) to (B,)."""
        terms, weight = elbo(self, x), self.beta
        if self.warm_up and self.training:
            weight = weight * (self.steps / self.warm_up).clamp(max=1)
            self.steps += 1
        return weight * self._kl(x, terms.kl) - terms.reconstruction

    def _kl(self, x: Tensor, kl: Tensor) -> Tensor:
        if not self.free_bits:
            return kl
        of_units = kl_per_dimension(*self.encode(x)).mean(dim=0)  # (K,)
        return of_units.clamp(min=self.free_bits).sum()

    def extra_repr(self) -> str:
        """Show what decides training besides the weights, which the cache's key must have."""
        return f"beta={self.beta!r}, warm_up={self.warm_up}, free_bits={self.free_bits!r}"
