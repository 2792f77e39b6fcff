"""VAEs trained with several codes for each image, on the importance-weighted bound or on the mean of ELBOs."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from vae_lessons.inference import elbo, iwae_bound
from vae_lessons.models.autoencoder import HIDDEN
from vae_lessons.models.vae import VAE
from vae_lessons.probability.likelihoods import Likelihood
from vae_lessons.validation import check_int

BOUNDS = ("iwae", "elbo")


class IWAE(VAE):
    """A `VAE` that is trained on minus the importance-weighted bound of L codes, an importance-weighted autoencoder.

    It is a VAE in all but its loss: `elbo`, `iwae_bound` and the other bounds take it as any VAE. Source: Burda, Grosse
    and Salakhutdinov (2016).

    Parameters
    ----------
    image_shape, latent_dim, hidden, likelihood, generator
        As for `VAE`.
    n_samples : int
        L, the codes that are drawn for each image.
    bound : {"iwae", "elbo"}
        "elbo" trains on the mean of L ELBOs of one code each, to compare: the same work, and no tighter bound.
    doubly_reparameterised : bool
        Give the encoder the gradient that keeps its signal as L grows; see `iwae_bound`.
    binarise : bool
        Take grey pixels as probabilities of ink, and draw pixels of 0 and 1 from them afresh in each step.

    Raises
    ------
    ValueError, TypeError
        As for `VAE`; ValueError also for a number of codes below one, for another bound, and for a doubly
        reparameterised ELBO.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] = HIDDEN,
        *,
        likelihood: Likelihood,
        n_samples: int = 5,
        bound: str = "iwae",
        doubly_reparameterised: bool = False,
        binarise: bool = False,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(image_shape, latent_dim, hidden, likelihood=likelihood, generator=generator)
        self.n_samples = check_int("n_samples", n_samples)
        if bound not in BOUNDS:
            raise ValueError(f"bound must be one of {', '.join(BOUNDS)}, got {bound!r}")
        if doubly_reparameterised and bound == "elbo":
            raise ValueError("doubly_reparameterised must be False for bound='elbo', which is reparameterised already")
        self.bound, self.doubly_reparameterised = bound, bool(doubly_reparameterised)
        self.binarise = bool(binarise)

    def loss(self, x: Tensor) -> Tensor:
        """Compute minus the bound in nats, with L codes per image: (B, H, W) to (B,)."""
        if self.binarise:
            x = torch.bernoulli(x)
        if self.bound == "elbo":
            return -elbo(self, x, self.n_samples).value
        return -iwae_bound(self, x, self.n_samples, doubly_reparameterised=self.doubly_reparameterised)

    def extra_repr(self) -> str:
        """Show what decides training besides the weights, which the cache's key must have."""
        return (
            f"n_samples={self.n_samples}, bound={self.bound!r}, "
            f"doubly_reparameterised={self.doubly_reparameterised}, binarise={self.binarise}"
        )
