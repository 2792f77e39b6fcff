"""Gaussian densities, their entropy and divergences, and samples that gradients can pass through.

A diagonal Gaussian is given by `mu` and `logvar` = log σ², each (B, K): one distribution a row. Everything is in
nats, summed over the K dimensions, with one value a row; averaging is the caller's. A NaN that goes in
comes out, shapes that do not fit are a ValueError, and what is no tensor is a TypeError.
"""

import math

import torch
from torch import Generator, Tensor

from vae_lessons.validation import check_finite, check_generator, check_shapes, check_tensors, first_row

LOG_TWO_PI = math.log(2 * math.pi)


def log_prob(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log N(z; mu, diag σ²) = -1/2 sum_j [ log 2π + log σ_j² + (z_j - mu_j)² / σ_j² ].

    z, mu, logvar : (B, K). Returns (B,), nats.
    """
    check_shapes(z=z, mu=mu, logvar=logvar)
    squared = (z - mu).square() * torch.exp(-logvar)
    return -0.5 * (LOG_TWO_PI + logvar + squared).sum(dim=1)


def entropy(logvar: Tensor) -> Tensor:
    """H = K/2 (1 + log 2π) + 1/2 sum_j log σ_j², the entropy of a diagonal Gaussian.

    logvar : (B, K). Returns (B,), nats; negative for a narrow one.
    """
    check_shapes(logvar=logvar)
    return 0.5 * (1 + LOG_TWO_PI + logvar).sum(dim=1)


def reparameterise(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    """z = mu + σ ε with ε ~ N(0, I): a sample of N(mu, diag σ²) that is differentiable in mu and logvar.

    mu, logvar : (B, K). Returns z, (B, K). `generator` lives where mu does; without one, PyTorch's own is used.

    Source: Kingma and Welling (2013); Rezende, Mohamed and Wierstra (2014).
    """
    check_shapes(mu=mu, logvar=logvar)
    check_generator(generator)
    eps = torch.randn(mu.shape, generator=generator, dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * eps


def kl_to_standard_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL( N(mu, diag σ²) || N(0, I) ) = 1/2 sum_j [ mu_j² + σ_j² - 1 - log σ_j² ].

    mu, logvar : (B, K). Returns (B,), nats, never negative.

    Source: Kingma and Welling (2013), appendix B.
    """
    check_shapes(mu=mu, logvar=logvar)
    # expm1 keeps the digits where σ² is near 1 and σ² - 1 - log σ² nearly cancels.
    return 0.5 * (mu.square() + torch.expm1(logvar) - logvar).sum(dim=1)


def kl_diagonal(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    """KL( q || p ) of two diagonal Gaussians = 1/2 sum_j [ (mu_q - mu_p)²/σ_p² + r - 1 - log r ], r = σ_q²/σ_p².

    All (B, K). Returns (B,), nats, never negative.
    """
    check_shapes(mu_q=mu_q, logvar_q=logvar_q, mu_p=mu_p, logvar_p=logvar_p)
    return kl_to_standard_normal((mu_q - mu_p) * torch.exp(-0.5 * logvar_p), logvar_q - logvar_p)


def kl_gaussians(mu_q: Tensor, cov_q: Tensor, mu_p: Tensor, cov_p: Tensor) -> Tensor:
    """KL( N(mu_q, Σ_q) || N(mu_p, Σ_p) ) with full covariances.

    1/2 [ tr(Σ_p⁻¹ Σ_q) + (mu_p - mu_q)ᵀ Σ_p⁻¹ (mu_p - mu_q) - K + log det Σ_p - log det Σ_q ]

    mu_q, mu_p : (B, K); cov_q, cov_p : (B, K, K), symmetric and positive definite. Returns (B,), nats.

    Raises ValueError for shapes that do not fit, for NaN or infinity, and for a covariance that is
    not symmetric or not positive definite; TypeError for what is no tensor.
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
    """The lower factor L of each Σ = L Lᵀ."""
    check_tensors(**{name: cov})
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
