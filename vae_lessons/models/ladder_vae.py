"""A VAE with two layers of codes, and two orders in which its encoder may infer them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import logsigmoid

from vae_lessons.models.autoencoder import HIDDEN
from vae_lessons.models.layers import as_codes, as_images, mlp, positive_ints, run_network
from vae_lessons.models.vae import VAE
from vae_lessons.probability.distributions import DiagonalGaussian
from vae_lessons.probability.gaussian import kl_diagonal, kl_to_standard_normal
from vae_lessons.probability.likelihoods import Likelihood
from vae_lessons.validation import check_int

ORDERS = ("ladder", "bottom-up")


@dataclass(frozen=True)
class TwoLayers:
    """A distribution of z = (z_1, z_2) in which one layer is drawn first and the other given it.

    `first` is that of the first layer, (B, K); `second(z)` gives that of the other for codes (..., B, K).
    """

    first: DiagonalGaussian
    second: Callable[[Tensor], DiagonalGaussian]
    top_first: bool
    bottom_dim: int  # K_1

    def log_prob(self, z: Tensor) -> Tensor:
        """Compute the log-density of codes (..., B, K_1 + K_2): (..., B), nats."""
        first, second = self._in_order(z[..., : self.bottom_dim], z[..., self.bottom_dim :])
        return self.first.log_prob(first) + self.second(first).log_prob(second)

    def sample(self, shape: Sequence[int] = (), generator: Generator | None = None) -> Tensor:
        """Draw codes `(*shape, B, K_1 + K_2)` that gradients pass through."""
        first = self.first.sample(shape, generator)
        return torch.cat(self._in_order(first, self.second(first).sample(generator=generator)), dim=-1)

    def _in_order(self, bottom: Tensor, top: Tensor) -> tuple[Tensor, Tensor]:
        return (top, bottom) if self.top_first else (bottom, top)


class LayerTerms(NamedTuple):
    """The ELBO's terms, (B,) each, nats per image: the reconstruction, and the KL term of each layer."""

    reconstruction: Tensor
    bottom: Tensor
    top: Tensor

    @property
    def value(self) -> Tensor:
        """ELBO = reconstruction - bottom - top, (B,)."""
        return self.reconstruction - self.bottom - self.top


def product(q: DiagonalGaussian, p: DiagonalGaussian) -> DiagonalGaussian:
    """Multiply two densities and normalise: 1/σ² = 1/σ_q² + 1/σ_p², mu = σ² (mu_q / σ_q² + mu_p / σ_p²)."""
    log_weight = logsigmoid(p.logvar - q.logvar)  # log(σ² / σ_q²)
    return DiagonalGaussian(p.mu + log_weight.exp() * (q.mu - p.mu), q.logvar + log_weight)


class LadderVAE(VAE):
    """z_2 ~ N(0, I), z_1 | z_2 ~ N(mu(z_2), diag σ²(z_2)), x | z_1 ~ likelihood(decoder(z_1)).

    The encoder gives a mean m(x) and a variance s²(x) for z_1, and `top_encoder` maps (B, K_1) to those of z_2. In the
    order "bottom-up", q(z_1 | x) = N(m, diag s²) comes first, then q(z_2 | z_1). In the order "ladder", q(z_2 | m(x))
    comes first, then q(z_1 | x, z_2), the `product` of N(m, diag s²) and p(z_1 | z_2). Both orders have the same
    networks. A code is z = (z_1, z_2), of K_1 + K_2 dimensions, and all bounds take the model as any VAE.

    Source: Sønderby et al. (2016).

    Parameters
    ----------
    image_shape, hidden, likelihood, generator
        As for `VAE`; `hidden` is between the images and z_1.
    latent_dims : (K_1, K_2)
        Dimensions of the bottom layer, which the decoder sees, and of the top one.
    top_hidden : sequence of int
        Hidden widths from z_1 to z_2; back they are in reverse.
    order : {"ladder", "bottom-up"}
    warm_up : int
        Training steps in which the weight of both KL terms climbs in a straight line from 0 to 1. Without it a layer
        may be given up before it is of use.

    Raises
    ------
    ValueError, TypeError
        As for `VAE`; ValueError also for another order and a negative `warm_up`.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dims: Sequence[int],
        hidden: Sequence[int] = HIDDEN,
        *,
        likelihood: Likelihood,
        top_hidden: Sequence[int] = (64,),
        order: str = "ladder",
        warm_up: int = 0,
        generator: Generator | None = None,
    ) -> None:
        dims = positive_ints("latent_dims", latent_dims, length=2)
        super().__init__(image_shape, dims[0], hidden, likelihood=likelihood, generator=generator)
        if order not in ORDERS:
            raise ValueError(f"order must be one of {', '.join(ORDERS)}, got {order!r}")
        self.latent_dims, self.latent_dim, self.order = dims, sum(dims), order
        self.top_hidden = positive_ints("top_hidden", top_hidden)
        self.warm_up = check_int("warm_up", warm_up, minimum=0)
        if self.warm_up:
            self.register_buffer("steps", torch.tensor(0.0))  # taken so far, as in `BetaVAE`
        bottom, top = dims
        self.top_encoder = mlp([bottom, *self.top_hidden, 2 * top], generator)
        self.top_decoder = mlp([top, *reversed(self.top_hidden), 2 * bottom], generator)

    def encode(self, x: Tensor) -> TwoLayers:
        """Encode images (B, H, W) as q(z_1, z_2 | x)."""
        x = as_images(x, self.image_shape, self)
        bottom = _gaussian("encoder", self.encoder, x.flatten(1), self.latent_dims[0])
        if self.order == "bottom-up":
            return TwoLayers(bottom, self._top, top_first=False, bottom_dim=self.latent_dims[0])

        def bottom_given_top(z_2: Tensor) -> DiagonalGaussian:
            return product(bottom, self.bottom_given_top(z_2))

        return TwoLayers(self._top(bottom.mu), bottom_given_top, top_first=True, bottom_dim=self.latent_dims[0])

    def prior(self) -> TwoLayers:
        """Give p(z_1, z_2), one row for all images."""
        zeros = next(self.parameters()).new_zeros(1, self.latent_dims[1])
        first = DiagonalGaussian(zeros, zeros)
        return TwoLayers(first, self.bottom_given_top, top_first=True, bottom_dim=self.latent_dims[0])

    def bottom_given_top(self, z_2: Tensor) -> DiagonalGaussian:
        """Give p(z_1 | z_2) for top codes (..., K_2)."""
        return _gaussian("top_decoder", self.top_decoder, z_2, self.latent_dims[0])

    def code(self, x: Tensor) -> Tensor:
        """Give the one code (B, K_1 + K_2) that stands for each image (B, H, W): each layer at its mean."""
        q = self.encode(x)
        first, second = q.first.mu, q.second(q.first.mu).mu
        return torch.cat([second, first] if q.top_first else [first, second], dim=1)

    def likelihood_params(self, z: Tensor) -> Tensor:
        """Decode codes (B, K_1 + K_2), of which z_1 counts, to the parameters of the likelihood: (B, H, W)."""
        z = as_codes(z, self.latent_dim, self)[:, : self.latent_dims[0]]
        outputs = run_network("decoder", self.decoder, z, math.prod(self.image_shape))
        return self.likelihood.from_outputs(outputs).unflatten(1, self.image_shape)

    def terms(self, x: Tensor, generator: Generator | None = None) -> LayerTerms:
        """Estimate the ELBO's terms for images (B, H, W) from one code each, with closed-form KLs where there are such.

        top is E[KL( q(z_2 | .) || N(0, I) )]; bottom is E[KL( q(z_1 | x, z_2) || p(z_1 | z_2) )] for a ladder, and
        E[log q(z_1 | x) - log p(z_1 | z_2)] bottom-up, where a single value may be negative.
        """
        q = self.encode(x)
        first = q.first.sample(generator=generator)
        other = q.second(first)
        second = other.sample(generator=generator)
        if q.top_first:
            p = self.bottom_given_top(first)
            z, top, bottom = (second, first), q.first, kl_diagonal(other.mu, other.logvar, p.mu, p.logvar)
        else:
            p = self.bottom_given_top(second)
            z, top, bottom = (first, second), other, q.first.log_prob(first) - p.log_prob(first)
        reconstruction = self.log_likelihood(x, torch.cat(z, dim=1))
        return LayerTerms(reconstruction, bottom, kl_to_standard_normal(top.mu, top.logvar))

    def loss(self, x: Tensor) -> Tensor:
        """Compute -ELBO in nats, one code per image, from PyTorch's own generator: (B, H, W) to (B,)."""
        terms, weight = self.terms(x), 1.0
        if self.warm_up and self.training:
            weight = (self.steps / self.warm_up).clamp(max=1)
            self.steps += 1
        return weight * (terms.bottom + terms.top) - terms.reconstruction

    def _top(self, z_1: Tensor) -> DiagonalGaussian:
        return _gaussian("top_encoder", self.top_encoder, z_1, self.latent_dims[1])

    def extra_repr(self) -> str:
        """Show what decides training besides the weights, which the cache's key must have."""
        return f"latent_dims={self.latent_dims}, order={self.order!r}, warm_up={self.warm_up}"


def _gaussian(name: str, network: nn.Module, inputs: Tensor, dim: int) -> DiagonalGaussian:
    """Give N(mu, diag σ²), (..., dim), by a network of inputs (..., n)."""
    outputs = run_network(name, network, inputs.flatten(0, -2), 2 * dim)
    mu, logvar = outputs.unflatten(0, inputs.shape[:-1]).chunk(2, dim=-1)
    return DiagonalGaussian(mu, logvar)
