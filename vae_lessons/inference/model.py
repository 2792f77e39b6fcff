"""What a bound needs of a model, and log p(x, z) of many codes at a time."""

from typing import Protocol

import torch
from torch import Tensor

from vae_lessons.probability import gaussian
from vae_lessons.probability.distributions import DiagonalGaussian, Distribution, closed_form_kl
from vae_lessons.validation import check_finite, check_same_length, check_shapes, check_tensors

CHUNK_SIZE = 2**12  # pairs of image and code that a model is given at a time


class LatentVariableModel(Protocol):
    """A model p(z) p(x | z), and an encoder q(z | x); a VAE is one.

    The prior is N(0, I), unless the model has a method `prior()` that gives another `Distribution`. A model
    p(z | c) p(x | z, c) with an encoder q(z | x, c) takes its `condition` by this name in each of its methods.
    """

    latent_dim: int  # K

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor] | Distribution:
        """Give q(z | x) for images (B, ...): mu and logvar, each (B, K), of N(mu, diag σ²), or another distribution."""
        ...

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Give log p(x | z), (B,), nats, of each pair of an image (B, ...) and a code (B, K)."""
        ...


def check_model_and_images(vae: LatentVariableModel, x: Tensor, condition: Tensor | None) -> None:
    """Raise TypeError for what is not a model or not a tensor, ValueError for no images or not a condition for each."""
    if not callable(getattr(vae, "log_likelihood", None)):
        raise TypeError(f"vae must have log_likelihood(x, z), as a VAE has, {type(vae).__name__} has none")
    check_tensors(x=x)
    if not len(x):
        raise ValueError("x must hold at least one image, got none")
    if condition is not None:
        check_same_length(x=x, condition=condition)


@torch.no_grad()
def check_accepts(vae: LatentVariableModel, x: Tensor, condition: Tensor | None) -> None:
    """Let the model refuse x itself, rather than the thousands of copies that it is given later."""
    check_model_and_images(vae, x, condition)
    vae.log_likelihood(x, torch.zeros(len(x), vae.latent_dim).to(x), **given(condition))


def check_finite_images(vae: LatentVariableModel, x: Tensor, condition: Tensor | None) -> None:
    """Raise as `check_accepts`, and ValueError for images that are not finite."""
    check_model_and_images(vae, x, condition)
    check_finite("x", x, "image")
    check_accepts(vae, x, condition)


def given(condition: Tensor | None) -> dict[str, Tensor]:
    """Make the keyword arguments for a model's method."""
    return {} if condition is None else {"condition": condition}


def posterior(vae: LatentVariableModel, x: Tensor, condition: Tensor | None) -> Distribution:
    """Encode images (B, ...) as q(z | x)."""
    q = vae.encode(x, **given(condition))
    if not isinstance(q, tuple):
        return q
    mu, logvar = q
    check_shapes(mu=mu, logvar=logvar)
    return DiagonalGaussian(mu, logvar)


def prior(vae: LatentVariableModel, z: Tensor, condition: Tensor | None = None) -> Distribution:
    """Give p(z) for codes (..., B, K)."""
    if hasattr(vae, "prior"):
        return vae.prior(**given(condition))
    zeros = z.new_zeros(z.shape[-2:])
    return DiagonalGaussian(zeros, zeros)


def kl_to_prior(
    vae: LatentVariableModel, q: Distribution, z: Tensor, condition: Tensor | None, weights: Tensor | None = None
) -> Tensor:
    """Compute KL( q || p(z) ), (B,), in closed form if both are Gaussian.

    Otherwise it is the mean of log q(z) - log p(z) over codes z, (B, K) or (S, B, K), with `weights` (S,) if given.
    """
    if isinstance(q, DiagonalGaussian) and not hasattr(vae, "prior"):  # as in training: N(0, I) needs no parameters
        return gaussian.kl_to_standard_normal(q.mu, q.logvar)
    p = prior(vae, z, condition)
    exact = closed_form_kl(q, p)
    if exact is not None:
        return exact
    excess = (q.log_prob(z) - p.log_prob(z)).view(-1, z.shape[-2])  # (S, B)
    return excess.mean(dim=0) if weights is None else weights @ excess


def log_joint(vae: LatentVariableModel, x: Tensor, z: Tensor, condition: Tensor | None) -> Tensor:
    """Compute log p(x, z) of images (B, ...) and codes (S, B, K): (S, B)."""
    return log_likelihood(vae, x, z, condition) + prior(vae, z, condition).log_prob(z)


def log_likelihood(vae: LatentVariableModel, x: Tensor, z: Tensor, condition: Tensor | None) -> Tensor:
    """Compute log p(x | z) of images (B, ...) and codes (S, B, K), in chunks: (S, B)."""

    def of_chunk(chunk: Tensor) -> Tensor:  # (C, B, K)
        def copies(rows: Tensor) -> Tensor:  # (B, ...) to (C * B, ...)
            return rows.expand(len(chunk), *rows.shape).flatten(0, 1)

        conditions = given(None if condition is None else copies(condition))
        return vae.log_likelihood(copies(x), chunk.flatten(0, 1), **conditions).view(len(chunk), -1)

    return torch.cat([of_chunk(chunk) for chunk in z.split(max(1, CHUNK_SIZE // len(x)))])
