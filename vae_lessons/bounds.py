"""Bounds on the evidence log p(x), and the evidence itself where quadrature can reach it.

All in nats, summed over pixels and latent dimensions, with one value per image; averaging is the caller's. What
is maximised goes up: a loss is minus a bound. The prior is p(z) = N(0, I). No images at all are a ValueError, and
what is no tensor, no generator or no `LatentVariableModel` is a TypeError; a model may refuse more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Generator, Tensor

from vae_lessons import gaussian
from vae_lessons.arguments import check_finite, check_shapes, check_tensors, whole_number
from vae_lessons.quadrature import GridDensity, QuadratureError, check_dim, closest_gaussian, integrate

ROWS = 2**12  # how many pairs of image and code a model is given at a time
TOLERANCE = 1e-4  # nats
SEARCH_TOLERANCE = 1e-2  # nats, of the posterior to which the best Gaussian is fitted
SAME = 1e-2, 1e-5  # nats, and a share of them, by which rounding may change log p(x, z)


class LatentVariableModel(Protocol):
    """What a bound needs of a model; a VAE is one.

    latent_dim : K
    encode(x) : images (B, ...) to mu, logvar, each (B, K), of q(z | x) = N(mu, diag σ²)
    log_likelihood(x, z) : log p(x | z) of each pair of an image (B, ...) and a code (B, K): (B,), nats
    """

    latent_dim: int

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]: ...

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Elbo:
    """The evidence lower bound in its two terms, each (B,), nats per image.

    log_likelihood : E_q[log p(x | z)], how well codes drawn from q explain the image: the fit
    kl : KL( q(z | x) || p(z) ), what the code costs: the rate
    """

    log_likelihood: Tensor
    kl: Tensor

    @property
    def value(self) -> Tensor:
        """ELBO = log_likelihood - kl, to be maximised: (B,)."""
        return self.log_likelihood - self.kl


def elbo(vae: LatentVariableModel, x: Tensor, n_samples: int = 1, generator: Generator | None = None) -> Elbo:
    """ELBO = E_q[log p(x | z)] - KL( q(z | x) || p(z) ), an unbiased estimate that gradients pass through.

    x : (B, ...). The expectation is a mean over `n_samples` reparameterised codes, the KL is exact.
    Returns Elbo(log_likelihood (B,), kl (B,)), nats. A NaN that goes in comes out.

    Raises ValueError for less than one sample. Source: Kingma and Welling (2013), equation 10.
    """
    _check(vae, x)
    n_samples = whole_number("n_samples", n_samples)
    mu, logvar = vae.encode(x)
    if n_samples == 1:  # as in training, where the copies and their mean would take 7 % of a small step
        log_likelihood = vae.log_likelihood(x, gaussian.reparameterise(mu, logvar, generator))
    else:
        log_likelihood = _log_likelihood(vae, x, _sample(mu, logvar, n_samples, generator)).mean(dim=0)
    return Elbo(log_likelihood, gaussian.kl_to_standard_normal(mu, logvar))


def iwae_bound(vae: LatentVariableModel, x: Tensor, n_samples: int, generator: Generator | None = None) -> Tensor:
    """Importance-weighted bound: an estimate of E[ log 1/L sum_l p(x, z_l) / q(z_l | x) ], z_l ~ q(z | x).

    x : (B, ...). Returns (B,), nats. The expectation is the ELBO at L = n_samples = 1, rises with L, and
    tends to log p(x); a single value may lie above it.

    Raises ValueError for less than one sample. Source: Burda, Grosse and Salakhutdinov (2016), equation 8.
    """
    _check(vae, x)
    n_samples = whole_number("n_samples", n_samples)
    mu, logvar = vae.encode(x)
    z = _sample(mu, logvar, n_samples, generator)
    log_weights = _log_joint(vae, x, z) - _log_normal(z, mu, logvar)  # (L, B)
    return log_weights.logsumexp(dim=0) - math.log(n_samples)


@torch.no_grad()
def exact_posterior(vae: LatentVariableModel, x: Tensor, tolerance: float = TOLERANCE) -> GridDensity:
    """p(z | x) of each image on a grid, by quadrature. The encoder has no part in it.

    x : (B, ...), K at most 2. `log_normaliser` of the result is log p(x), `error` its estimated error, (B,), nats.

    Raises
    ------
    ValueError : for K above 2, for images or a likelihood that are not finite, for a tolerance that is not positive
    QuadratureError : if `tolerance`, in nats, cannot be had
    """
    _check_finite(vae, x)
    return integrate(lambda z: _log_joint(vae, x, z.to(x)), len(x), vae.latent_dim, tolerance)


def exact_log_evidence(vae: LatentVariableModel, x: Tensor, tolerance: float = TOLERANCE) -> Tensor:
    """log p(x) = log ∫ p(x | z) p(z) dz by quadrature, within `tolerance` nats. For K at most 2.

    x : (B, ...). Returns (B,), nats. Raises as `exact_posterior`, which also tells the estimated error.
    """
    _check_finite(vae, x)
    evidence = []
    for i, image in enumerate(x.split(1)):  # alone: one that needs a fine grid does not put the others on it
        try:
            evidence.append(exact_posterior(vae, image, tolerance).log_normaliser)
        except QuadratureError as error:
            raise QuadratureError(f"image {i}: {error}") from error
    return torch.cat(evidence).to(x.dtype)


def exact_elbo(vae: LatentVariableModel, x: Tensor, mu: Tensor, logvar: Tensor, n_nodes: int = 32) -> Elbo:
    """The ELBO of any q(z | x) = N(mu, diag σ²), without sampling, by Gauss-Hermite quadrature. For K at most 2.

    E_q[log p(x | z)] = sum_g w_g log p(x | mu + σ ε_g), exact where log p(x | z) is a polynomial in z of
    degree below 2 n_nodes. For a network it is an approximation, good for a narrow q; more nodes make it better.
    Gradients pass through.

    x : (B, ...); mu, logvar : (B, K). Returns Elbo(log_likelihood (B,), kl (B,)), nats. ValueError for K above 2, for
    shapes that do not fit, and for less than one node.
    """
    _check_before_copies(vae, x)
    check_dim(vae.latent_dim)
    check_shapes(mu=mu, logvar=logvar)
    if mu.shape != (len(x), vae.latent_dim):
        raise ValueError(
            f"mu and logvar must be ({len(x)}, {vae.latent_dim}), a row for each image, got {tuple(mu.shape)}"
        )
    n_nodes = whole_number("n_nodes", n_nodes)
    nodes, weights = (torch.from_numpy(a).to(mu) for a in np.polynomial.hermite_e.hermegauss(n_nodes))
    eps = torch.cartesian_prod(*[nodes] * vae.latent_dim).view(-1, 1, vae.latent_dim)  # (G, 1, K)
    weights = torch.cartesian_prod(*[weights / weights.sum()] * vae.latent_dim).view(len(eps), -1).prod(dim=1)  # (G,)
    z = mu + torch.exp(0.5 * logvar) * eps  # (G, B, K)
    return Elbo(weights @ _log_likelihood(vae, x, z), gaussian.kl_to_standard_normal(mu, logvar))


@torch.no_grad()
def best_gaussian(
    vae: LatentVariableModel, x: Tensor, posteriors: Sequence[GridDensity] | None = None
) -> tuple[Tensor, Tensor]:
    """The q(z | x) = N(mu, diag σ²) with the largest ELBO for each image. For K at most 2.

    log p(x) minus its ELBO is the approximation gap; its ELBO minus that of the encoder's q is the amortisation
    gap. It has the least KL( q || p(z | x) ). The search begins at the encoder's q, at the posterior's highest point
    and at its mean, since a posterior may have several peaks. No image ends below the encoder's q.

    x : (B, ...). posteriors : what `exact_posterior` gives for each image alone, in order, if somebody has it already.
    Returns mu, logvar, each (B, K). Raises as `exact_posterior`, and ValueError for another number of posteriors, and
    for one that has not the log p(x, z) of its image and this model. Source: Cremer, Li and Duvenaud (2018).
    """
    _check_finite(vae, x)
    if posteriors is None:
        posteriors = [exact_posterior(vae, image, SEARCH_TOLERANCE) for image in x.split(1)]
    else:
        _check_posteriors(vae, x, posteriors)
    mu, logvar = vae.encode(x)
    found = []
    for i, posterior in enumerate(posteriors):
        highest, _ = _highest(posterior)
        moments = posterior.mean()[0], posterior.covariance()[0].diagonal().log()
        starts = [(mu[i], logvar[i]), (highest, logvar[i]), moments]
        found.append(closest_gaussian(posterior, 0, starts))
    best_mu, best_logvar = (torch.stack(parts).to(mu) for parts in zip(*found, strict=True))
    gained = exact_elbo(vae, x, best_mu, best_logvar).value > exact_elbo(vae, x, mu, logvar).value
    return torch.where(gained[:, None], best_mu, mu), torch.where(gained[:, None], best_logvar, logvar)


def _check(vae: LatentVariableModel, x: Tensor) -> None:
    if not callable(getattr(vae, "log_likelihood", None)):
        raise TypeError(f"vae must have log_likelihood(x, z), as a VAE has, {type(vae).__name__} has none")
    check_tensors(x=x)
    if not len(x):
        raise ValueError("x must hold at least one image, got none")


@torch.no_grad()
def _check_before_copies(vae: LatentVariableModel, x: Tensor) -> None:
    """What the model has against x is said of x itself, and not of the thousands of copies that it is given later."""
    _check(vae, x)
    vae.log_likelihood(x, torch.zeros(len(x), vae.latent_dim).to(x))


def _check_finite(vae: LatentVariableModel, x: Tensor) -> None:
    _check(vae, x)
    check_finite("x", x, "image")
    _check_before_copies(vae, x)


def _check_posteriors(vae: LatentVariableModel, x: Tensor, posteriors: Sequence[GridDensity]) -> None:
    """Looked at is the highest point of each. Two images have the same log p(x, z) there in one pair of a thousand."""
    found = "a GridDensity" if isinstance(posteriors, GridDensity) else len(posteriors)
    if found != len(x):
        raise ValueError(f"posteriors must be a list of {len(x)}, one for each image alone, got {found}")
    points, heights = (torch.stack(parts) for parts in zip(*map(_highest, posteriors), strict=True))
    expected = _log_joint(vae, x, points.to(x)[None])[0].to(heights)
    wrong = (heights - expected).abs() > SAME[0] + SAME[1] * expected.abs()
    if wrong.any():
        raise ValueError(
            f"posteriors must be of vae, and of x in its order: that of image {int(wrong.nonzero()[0])} is not"
        )


def _highest(posterior: GridDensity) -> tuple[Tensor, Tensor]:
    """The first density's highest point (K,) and log p(x, z) there, (), nats."""
    height, g = posterior.log_density[:, 0].max(dim=0)
    return posterior.points[g, 0], height + posterior.log_normaliser[0]


def _sample(mu: Tensor, logvar: Tensor, n_samples: int, generator: Generator | None) -> Tensor:
    """(L, B, K) from q."""
    mus, logvars = (part.expand(n_samples, -1, -1).flatten(0, 1) for part in (mu, logvar))
    return gaussian.reparameterise(mus, logvars, generator).unflatten(0, (n_samples, len(mu)))


def _log_joint(vae: LatentVariableModel, x: Tensor, z: Tensor) -> Tensor:
    """log p(x, z) of images (B, ...) and codes (S, B, K): (S, B)."""
    zeros = torch.zeros_like(z[0])
    return _log_likelihood(vae, x, z) + _log_normal(z, zeros, zeros)


def _log_likelihood(vae: LatentVariableModel, x: Tensor, z: Tensor) -> Tensor:
    """log p(x | z) of images (B, ...) and codes (S, B, K): (S, B)."""

    def of_part(part: Tensor) -> Tensor:
        copies = x.expand(len(part), *x.shape).flatten(0, 1)  # x itself, if there is one code for each image
        return vae.log_likelihood(copies, part.flatten(0, 1)).view(len(part), -1)

    return torch.cat([of_part(part) for part in z.split(max(1, ROWS // len(x)))])


def _log_normal(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log N(z; mu, diag σ²) of (S, B, K) under (B, K): (S, B)."""
    mus, logvars = (part.expand(z.shape).flatten(0, 1) for part in (mu, logvar))
    return gaussian.log_prob(z.flatten(0, 1), mus, logvars).view(z.shape[:2])
