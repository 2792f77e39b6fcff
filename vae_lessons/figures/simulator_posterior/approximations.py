"""Amortised posteriors q(θ | x) as mixtures of Gaussians, which Python and the page compute alike.

A conditional VAE is one too: p(θ | z, x) at nodes of p(z | x), each with the same weight.
"""

import copy
import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from vae_lessons.figures.runtime.pack import PackedNetwork, pack_network
from vae_lessons.models import ConditionalVAE, MixtureDensityNetwork
from vae_lessons.probability import RealGaussian
from vae_lessons.probability.distributions import FullGaussianMixture

N_NODES = 256
SIZE = 2  # of θ, and of x
FARTHEST = 1e-6  # of the probability, which lies beyond the outermost nodes


class Approximation(ABC):
    """A model's q(θ | x), and its networks for the page."""

    networks: dict[str, PackedNetwork]

    @abstractmethod
    def at(self, x: Tensor) -> FullGaussianMixture:
        """Compute q(θ | x) for x (1, 2): one mixture, float64."""

    def describe(self) -> dict[str, Any]:
        """Describe it for JSON."""
        return {name: network.description for name, network in self.networks.items()}


class Mixture(Approximation):
    """The q(θ | x) of a mixture density network."""

    def __init__(self, model: MixtureDensityNetwork, name: str) -> None:
        _check_sizes(name, n_params=model.n_params, n_outputs=model.n_outputs)
        if model.encoder is not None:
            raise ValueError(f"{name} must take x itself, got a model with n_summaries")
        self.model = copy.deepcopy(model).cpu().float()  # as it is now, like the networks that travel
        parts = {"network": model.network, "linear": model.linear}
        self.networks = {part: pack_network(network, f"{name}.{part}") for part, network in parts.items()}

    @torch.no_grad()
    def at(self, x: Tensor) -> FullGaussianMixture:
        """Compute q(θ | x)."""
        q = self.model.encode(x.float())
        return FullGaussianMixture(*(part.double() for part in (q.logits, q.mu, q.log_scale, q.mixing)))


class Latent(Approximation):
    """The q(θ | x) = ∫ p(θ | z, x) p(z | x) dz of a conditional VAE of θ given x, at N_NODES nodes of z."""

    def __init__(self, model: ConditionalVAE, name: str) -> None:
        _check_sizes(name, image_shape=math.prod(model.image_shape), condition_dim=model.condition_dim)
        if not isinstance(model.likelihood, RealGaussian):
            raise TypeError(f"{name} must have the likelihood RealGaussian, got {type(model.likelihood).__name__}")
        self.model = copy.deepcopy(model).cpu().float()
        self.networks = {"decoder": pack_network(model.decoder, f"{name}.decoder")}
        if model.prior_network is not None:
            self.networks["prior"] = pack_network(model.prior_network, f"{name}.prior_network")

    def describe(self) -> dict[str, Any]:
        """Describe it for JSON, with log σ of θ given z, and K."""
        return super().describe() | {"log_scale": self._log_scale, "latent_dim": self.model.latent_dim}

    @torch.no_grad()
    def at(self, x: Tensor) -> FullGaussianMixture:
        """Compute p(θ | z, x) at each node."""
        x = x.float()
        p = self.model.prior(x)
        z = p.mu + (p.logvar / 2).exp() * nodes(self.model.latent_dim)
        mu = self.model.decode(z, x.expand(N_NODES, SIZE)).reshape(1, N_NODES, SIZE).double()
        logits, mixing = mu.new_zeros(1, N_NODES), mu.new_zeros(1, N_NODES, SIZE, SIZE)
        return FullGaussianMixture(logits, mu, torch.full_like(mu, self._log_scale), mixing)

    @property
    def _log_scale(self) -> float:
        return math.log(self.model.likelihood.sigma)


def approximate(model: ConditionalVAE | MixtureDensityNetwork, name: str) -> Approximation:
    """Make an approximation of a model. Raises TypeError and ValueError, which call the model `name`."""
    for kind, approximation in ((ConditionalVAE, Latent), (MixtureDensityNetwork, Mixture)):
        if isinstance(model, kind):
            return approximation(model, name)
    raise TypeError(f"{name} must be a ConditionalVAE or a MixtureDensityNetwork, got {type(model).__name__}")


def nodes(latent_dim: int) -> Tensor:
    """Return N_NODES nodes of N(0, I) that fill it evenly: (N_NODES, K), float32."""
    uniform = torch.quasirandom.SobolEngine(latent_dim, scramble=True, seed=0).draw(N_NODES, dtype=torch.float64)
    return torch.special.ndtri(uniform.clamp(FARTHEST, 1 - FARTHEST)).float()


def draws_of(q: FullGaussianMixture, eps: Tensor) -> Tensor:
    """Return a draw from q, one mixture, for each row of noise: (M, 2).

    Draw i is from the component in which the share (i + 1/2) / M of the weight falls, so that draws move with q.
    """
    ends = q.logits[0].softmax(dim=0).cumsum(dim=0)
    shares = (torch.arange(len(eps), dtype=torch.float64) + 0.5) / len(eps)
    drawn = torch.searchsorted(ends, shares).clamp(max=len(ends) - 1)
    mu, log_scale, mixing = (part[0, drawn] for part in (q.mu, q.log_scale, q.mixing))
    scaled = log_scale.exp() * eps
    second = scaled[:, 1] - mixing[:, 1, 0] * scaled[:, 0]  # (I + N) (θ - mu) = s ε
    return mu + torch.stack([scaled[:, 0], second], dim=1)


def _check_sizes(name: str, **sizes: int) -> None:
    for attribute, size in sizes.items():
        if size != SIZE:
            raise ValueError(f"{name} must be for {SIZE} parameters and {SIZE} numbers in x, got {attribute} of {size}")
