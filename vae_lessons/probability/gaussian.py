"""Gaussian densities, their entropy and divergences, and samples that gradients pass through.

A diagonal Gaussian is given by `mu` and `logvar` = log σ², each (B, K): one distribution per row. Everything is in
nats, summed over the K dimensions, with one value per row; averaging is the caller's. A NaN that goes in comes out.
Shapes that do not fit raise ValueError, since broadcasting would make them a wrong number; what is not a tensor raises
TypeError.
"""

import math

import torch
from torch import Generator, Tensor

from vae_lessons.probability.noise import noise
from vae_lessons.validation import check_finite, check_floating, check_shapes, first_row

LOG_TWO_PI = math.log(2 * math.pi)


def log_prob(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Compute log N(z; mu, diag σ²) = -1/2 sum_j [ log 2π + log σ_j² + (z_j - mu_j)² / σ_j² ], (B,), nats.

    Parameters
    ----------
    z, mu, logvar : Tensor, (B, K)
    """
    check_shapes(z=z, mu=mu, logvar=logvar)
    squared = (z - mu).square() * torch.exp(-logvar)
    return -0.5 * (LOG_TWO_PI + logvar + squared).sum(dim=1)


def entropy(logvar: Tensor) -> Tensor:
    """Compute the entropy H = K/2 (1 + log 2π) + 1/2 sum_j log σ_j², (B,), nats; negative if narrow.

    Parameters
    ----------
    logvar : Tensor, (B, K)
    """
    check_shapes(logvar=logvar)
    return 0.5 * (1 + LOG_TWO_PI + logvar).sum(dim=1)


def reparameterise(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    """Draw z = mu + σ ε with ε ~ N(0, I), (B, K), a sample of N(mu, diag σ²) that is differentiable in mu and logvar.

    Source: Kingma and Welling (2013); Rezende, Mohamed and Wierstra (2014).

    Parameters
    ----------
    mu, logvar : Tensor, (B, K)
    generator : Generator, optional
        Source of ε, on any device; PyTorch's own by default.
    """
    check_shapes(mu=mu, logvar=logvar)
    return mu + torch.exp(0.5 * logvar) * noise(torch.randn, mu.shape, mu, generator)


def kl_to_standard_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """Compute KL( N(mu, diag σ²) || N(0, I) ) = 1/2 sum_j [ mu_j² + σ_j² - 1 - log σ_j² ], (B,), nats, never negative.

    Source: Kingma and Welling (2013), appendix B.

    Parameters
    ----------
    mu, logvar : Tensor, (B, K)
    """
    return kl_per_dimension(mu, logvar).sum(dim=1)


def kl_per_dimension(mu: Tensor, logvar: Tensor) -> Tensor:
    """Compute 1/2 [ mu_j² + σ_j² - 1 - log σ_j² ], each dimension's part of `kl_to_standard_normal`: (B, K), nats.

    Parameters
    ----------
    mu, logvar : Tensor, (B, K)
    """
    check_shapes(mu=mu, logvar=logvar)
    # expm1 keeps the digits where σ² is near 1 and σ² - 1 - log σ² nearly cancels.
    return 0.5 * (mu.square() + torch.expm1(logvar) - logvar)


def kl_diagonal(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    """Compute KL( q || p ) of two diagonal Gaussians: (B,), nats, never negative.

    1/2 sum_j [ (mu_q - mu_p)²/σ_p² + r - 1 - log r ] with r = σ_q²/σ_p².

    Parameters
    ----------
    mu_q, logvar_q, mu_p, logvar_p : Tensor, (B, K)
    """
    check_shapes(mu_q=mu_q, logvar_q=logvar_q, mu_p=mu_p, logvar_p=logvar_p)
    return kl_to_standard_normal((mu_q - mu_p) * torch.exp(-0.5 * logvar_p), logvar_q - logvar_p)


def kl_gaussians(mu_q: Tensor, cov_q: Tensor, mu_p: Tensor, cov_p: Tensor) -> Tensor:
    """Compute KL( N(mu_q, Σ_q) || N(mu_p, Σ_p) ) with full covariances: (B,), nats, never negative.

    1/2 [ tr(Σ_p⁻¹ Σ_q) + (mu_p - mu_q)ᵀ Σ_p⁻¹ (mu_p - mu_q) - K + log det Σ_p - log det Σ_q ]

    Parameters
    ----------
    mu_q, mu_p : Tensor, (B, K)
    cov_q, cov_p : Tensor, (B, K, K)
        Symmetric and positive definite.

    Raises
    ------
    ValueError
        Also for NaN or infinity, and for a covariance that is not symmetric or not positive definite.
    """
    check_shapes(mu_q=mu_q, mu_p=mu_p)
    batch, latent_dim = mu_q.shape
    check_finite("mu_q", mu_q)
    check_finite("mu_p", mu_p)
    factor_q = _cholesky("cov_q", cov_q, (batch, latent_dim, latent_dim))
    factor_p = _cholesky("cov_p", cov_p, (batch, latent_dim, latent_dim))
    # With Σ_p = L_p L_pᵀ the trace and the Mahalanobis term are squared norms of L_p⁻¹ L_q and L_p⁻¹ (mu_p - mu_q).
    whitened = torch.linalg.solve_triangular(factor_p, factor_q, upper=False)  # (B, K, K)
    shift = torch.linalg.solve_triangular(factor_p, (mu_p - mu_q).unsqueeze(2), upper=False)  # (B, K, 1)
    log_det_ratio = 2 * whitened.diagonal(dim1=1, dim2=2).log().sum(dim=1)  # log det Σ_q - log det Σ_p
    return 0.5 * (whitened.square().sum(dim=(1, 2)) + shift.square().sum(dim=(1, 2)) - latent_dim - log_det_ratio)


def _cholesky(name: str, cov: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Factorise each Σ = L Lᵀ; ValueError, naming the argument, for what is not a covariance."""
    check_floating(**{name: cov})
    if tuple(cov.shape) != shape:
        raise ValueError(f"{name} must have shape {shape}, got {tuple(cov.shape)}")
    check_finite(name, cov, "matrix")
    scale = cov.abs().amax(dim=(1, 2))
    asymmetry = (cov - cov.mT).abs().amax(dim=(1, 2))
    if (asymmetry > 1e-5 * scale).any():
        raise ValueError(f"{name} must be symmetric, matrix {first_row(asymmetry > 1e-5 * scale)} is not")
    factor, info = torch.linalg.cholesky_ex(cov)
    if info.any():
        raise ValueError(f"{name} must be positive definite, matrix {first_row(info != 0)} is not")
    return factor
