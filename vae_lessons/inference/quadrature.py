"""Log-evidence, posterior and ELBO without sampling, for models with at most two latent dimensions."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from vae_lessons.inference.closest_gaussian import closest_gaussian
from vae_lessons.inference.elbo import Elbo
from vae_lessons.inference.grid import START, GridDensity, QuadratureError, check_dim, integrate
from vae_lessons.inference.model import (
    LatentVariableModel,
    check_accepts,
    check_finite_images,
    kl_to_prior,
    log_joint,
    log_likelihood,
    posterior,
    prior,
)
from vae_lessons.probability.distributions import DiagonalGaussian, FullGaussian
from vae_lessons.validation import check_int, check_shapes

TOLERANCE = 1e-4  # nats
SEARCH_TOLERANCE = 1e-2  # nats, of the posterior to which the best Gaussian is fitted
SAME_ATOL, SAME_RTOL = 1e-2, 1e-5  # by which rounding may change log p(x, z), nats


@torch.no_grad()
def posterior_quadrature(
    vae: LatentVariableModel, x: Tensor, tolerance: float = TOLERANCE, *, condition: Tensor | None = None
) -> GridDensity:
    """Compute p(z | x) of each image on a grid, on the CPU; the encoder is not used.

    The grid's `log_normaliser` is log p(x) and `error` the estimated error of that, both (B,), nats per image.

    Parameters
    ----------
    vae : LatentVariableModel
        With at most two latent dimensions.
    x : Tensor, (B, ...)
        Images.
    tolerance : float
        The largest error of log p(x), nats.
    condition : Tensor, (B, ...), optional
        For a conditional model, a row for each image.

    Raises
    ------
    ValueError
        For more than two latent dimensions, for images or a likelihood that are not finite, for a tolerance that is
        not positive, and for a condition with other rows.
    QuadratureError
        If no grid reaches the tolerance.
    """
    check_finite_images(vae, x, condition)
    p = prior(vae, torch.zeros(len(x), vae.latent_dim).to(x), condition)
    start = p.box(START) if hasattr(p, "box") else None
    return integrate(lambda z: log_joint(vae, x, z.to(x), condition), len(x), vae.latent_dim, tolerance, start)


def log_evidence_quadrature(
    vae: LatentVariableModel, x: Tensor, tolerance: float = TOLERANCE, *, condition: Tensor | None = None
) -> Tensor:
    """Compute log p(x) = log ∫ p(x | z) p(z) dz to within `tolerance` nats: (B,), nats per image.

    Parameters, errors: as for `posterior_quadrature`, which also gives the estimated error.
    """
    check_finite_images(vae, x, condition)
    evidence = []
    for i, (image, row) in enumerate(_each(x, condition)):  # an image that needs a fine grid does not slow the others
        try:
            evidence.append(posterior_quadrature(vae, image, tolerance, condition=row).log_normaliser)
        except QuadratureError as error:
            raise QuadratureError(f"image {i}: {error}") from error
    return torch.cat(evidence).to(x)


def elbo_quadrature(
    vae: LatentVariableModel,
    x: Tensor,
    mu: Tensor,
    logvar: Tensor,
    n_nodes: int = 32,
    *,
    condition: Tensor | None = None,
) -> Elbo:
    """Compute the ELBO, (B,), of any q(z | x) = N(mu, diag σ²) by Gauss-Hermite quadrature; gradients pass through.

    E_q[log p(x | z)] = sum_g w_g log p(x | mu + σ ε_g), exact where log p(x | z) is a polynomial in z of degree below
    2 n_nodes. For a network it is an approximation, good for a narrow q and better with more nodes. The KL from a prior
    that is not Gaussian is computed alike.

    Parameters
    ----------
    vae, x, condition
        As for `posterior_quadrature`.
    mu, logvar : Tensor, (B, K)
        Mean and log σ² of q, a row for each image.
    n_nodes : int
        Nodes in each dimension.

    Raises
    ------
    ValueError
        For more than two latent dimensions, for shapes that do not fit, and for fewer than one node.
    """
    check_accepts(vae, x, condition)
    check_dim(vae.latent_dim)
    check_shapes(mu=mu, logvar=logvar)
    if mu.shape != (len(x), vae.latent_dim):
        raise ValueError(
            f"mu and logvar must be ({len(x)}, {vae.latent_dim}), a row for each image, got {tuple(mu.shape)}"
        )
    n_nodes = check_int("n_nodes", n_nodes)
    nodes, weights = (torch.from_numpy(a).to(mu) for a in np.polynomial.hermite_e.hermegauss(n_nodes))
    eps = torch.cartesian_prod(*[nodes] * vae.latent_dim).view(-1, 1, vae.latent_dim)  # (G, 1, K)
    weights = torch.cartesian_prod(*[weights / weights.sum()] * vae.latent_dim).view(len(eps), -1).prod(dim=1)  # (G,)
    z = mu + torch.exp(0.5 * logvar) * eps  # (G, B, K)
    kl = kl_to_prior(vae, DiagonalGaussian(mu, logvar), z, condition, weights)
    return Elbo(weights @ log_likelihood(vae, x, z, condition), kl)


@torch.no_grad()
def best_gaussian(
    vae: LatentVariableModel,
    x: Tensor,
    posteriors: Sequence[GridDensity] | None = None,
    *,
    condition: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Find mu and logvar, (B, K) each, of the q(z | x) = N(mu, diag σ²) with the largest ELBO for each image.

    It has the least KL( q || p(z | x) ). log p(x) minus its ELBO is the approximation gap; its ELBO minus that of the
    encoder's q is the amortisation gap. The search starts at the encoder's q, at the posterior's highest point and at
    its mean, since a posterior may have several peaks. No image ends below the encoder's q, of which a full covariance
    counts by its diagonal. Source: Cremer, Li and Duvenaud (2018).

    Parameters
    ----------
    vae, x, condition
        As for `posterior_quadrature`.
    posteriors : sequence of GridDensity, optional
        What `posterior_quadrature` gives for each image alone, in order; computed here by default.

    Raises
    ------
    ValueError, QuadratureError
        As `posterior_quadrature`; ValueError also for posteriors that are not those of `vae` and `x`.
    TypeError
        For an encoder whose q is not Gaussian.
    """
    check_finite_images(vae, x, condition)
    if posteriors is None:
        posteriors = [
            posterior_quadrature(vae, image, SEARCH_TOLERANCE, condition=row) for image, row in _each(x, condition)
        ]
    else:
        _check_posteriors(vae, x, posteriors, condition)
    q = posterior(vae, x, condition)
    if not isinstance(q, DiagonalGaussian | FullGaussian):
        raise TypeError(f"vae must encode images as Gaussians, with which the search starts, got {type(q).__name__}")
    mu, logvar = q.mu, q.logvar
    found = []
    for i, density in enumerate(posteriors):
        mode, _ = _mode(density)
        moments = density.mean()[0], density.covariance()[0].diagonal().log()
        found.append(closest_gaussian(density, [(mu[i], logvar[i]), (mode, logvar[i]), moments]))
    best_mu, best_logvar = (torch.stack(parts).to(mu) for parts in zip(*found, strict=True))
    best, before = (
        elbo_quadrature(vae, x, *parameters, condition=condition).value
        for parameters in ((best_mu, best_logvar), (mu, logvar))
    )
    gained = best > before
    return torch.where(gained[:, None], best_mu, mu), torch.where(gained[:, None], best_logvar, logvar)


def _each(x: Tensor, condition: Tensor | None) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Give each image (1, ...) with its row of the condition."""
    return zip(x.split(1), itertools.repeat(None) if condition is None else condition.split(1), strict=False)


def _check_posteriors(
    vae: LatentVariableModel, x: Tensor, posteriors: Sequence[GridDensity], condition: Tensor | None
) -> None:
    """Compare log p(x, z) at the mode of each: two images agree there in one pair of a thousand."""
    found = "a GridDensity" if isinstance(posteriors, GridDensity) else len(posteriors)
    if found != len(x):
        raise ValueError(f"posteriors must be a list of {len(x)}, one for each image alone, got {found}")
    points, heights = (torch.stack(parts) for parts in zip(*map(_mode, posteriors), strict=True))
    expected = log_joint(vae, x, points.to(x)[None], condition)[0].cpu().to(heights)
    wrong = (heights - expected).abs() > SAME_ATOL + SAME_RTOL * expected.abs()
    if wrong.any():
        raise ValueError(
            f"posteriors must be of vae, and of x in its order: that of image {int(wrong.nonzero()[0])} is not"
        )


def _mode(posterior: GridDensity) -> tuple[Tensor, Tensor]:
    """Give the first density's highest point (K,) and log p(x, z) there, (), nats."""
    height, g = posterior.log_density[:, 0].max(dim=0)
    return posterior.points[g, 0], height + posterior.log_normaliser[0]
