"""What a bound needs of a model, and log p(x, z) of many codes at a time."""

from typing import Protocol

import torch
from torch import Generator, Tensor

from vae_lessons.probability import gaussian
from vae_lessons.validation import check_finite, check_tensors

CHUNK_SIZE = 2**12  # pairs of image and code that a model is given at a time


class LatentVariableModel(Protocol):
    """A model p(z) p(x | z) with prior N(0, I), and an encoder q(z | x); a VAE is one.

    Attributes
    ----------
    latent_dim : int
        K, how many dimensions z has.
    """

    latent_dim: int

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give mu and logvar, each (B, K), of q(z | x) = N(mu, diag σ²) for images (B, ...)."""
        ...

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Give log p(x | z), (B,), nats, of each pair of an image (B, ...) and a code (B, K)."""
        ...


def check_model_and_images(vae: LatentVariableModel, x: Tensor) -> None:
    """Raise TypeError for what is not a model or not a tensor, ValueError for no images."""
    if not callable(getattr(vae, "log_likelihood", None)):
        raise TypeError(f"vae must have log_likelihood(x, z), as a VAE has, {type(vae).__name__} has none")
    check_tensors(x=x)
    if not len(x):
        raise ValueError("x must hold at least one image, got none")


@torch.no_grad()
def check_accepts(vae: LatentVariableModel, x: Tensor) -> None:
    """Let the model refuse x itself, rather than the thousands of copies that it is given later."""
    check_model_and_images(vae, x)
    vae.log_likelihood(x, torch.zeros(len(x), vae.latent_dim).to(x))


def check_finite_images(vae: LatentVariableModel, x: Tensor) -> None:
    """Raise as `check_accepts`, and ValueError for images that are not finite."""
    check_model_and_images(vae, x)
    check_finite("x", x, "image")
    check_accepts(vae, x)


def sample_posterior(mu: Tensor, logvar: Tensor, n_samples: int, generator: Generator | None) -> Tensor:
    """Draw L codes from each q(z | x): (B, K) to (L, B, K)."""
    mus, logvars = (part.expand(n_samples, -1, -1).flatten(0, 1) for part in (mu, logvar))
    return gaussian.reparameterise(mus, logvars, generator).unflatten(0, (n_samples, len(mu)))


def log_joint(vae: LatentVariableModel, x: Tensor, z: Tensor) -> Tensor:
    """Compute log p(x, z) of images (B, ...) and codes (S, B, K): (S, B)."""
    zeros = torch.zeros_like(z[0])
    return log_likelihood(vae, x, z) + log_normal(z, zeros, zeros)


def log_likelihood(vae: LatentVariableModel, x: Tensor, z: Tensor) -> Tensor:
    """Compute log p(x | z) of images (B, ...) and codes (S, B, K), in chunks: (S, B)."""

    def of_chunk(chunk: Tensor) -> Tensor:  # (C, B, K)
        copies = x.expand(len(chunk), *x.shape).flatten(0, 1)  # (C * B, ...)
        return vae.log_likelihood(copies, chunk.flatten(0, 1)).view(len(chunk), -1)

    return torch.cat([of_chunk(chunk) for chunk in z.split(max(1, CHUNK_SIZE // len(x)))])


def log_normal(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Compute log N(z; mu, diag σ²) of codes (S, B, K) under parameters (B, K): (S, B)."""
    mus, logvars = (part.expand(z.shape).flatten(0, 1) for part in (mu, logvar))
    return gaussian.log_prob(z.flatten(0, 1), mus, logvars).view(z.shape[:2])
