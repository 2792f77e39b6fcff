"""Gaussian densities, their entropy and divergences, and samples that gradients can pass through.

A diagonal Gaussian is given by `mu` and `logvar` = log σ², each (B, K): one distribution a row. Everything is in
nats, summed over the K dimensions, with one value a row; averaging is the caller's. A NaN that goes in
comes out, shapes that do not fit are a ValueError, and what is no tensor is a TypeError.

Here too are the checks of arguments that all rooms share.
"""

import math
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import torch
from torch import Generator, Tensor

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


def check_tensors(**values: object) -> None:
    """TypeError, naming the argument, for what is no tensor."""
    for name, value in values.items():
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{name} must be a tensor, got {type(value).__name__}: torch.as_tensor makes one of numbers"
            )


def check_shapes(**tensors: Tensor) -> None:
    """TypeError for what is no tensor, ValueError for tensors that do not have one shape (B, K)."""
    check_tensors(**tensors)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(set(shapes.values())) > 1 or any(len(shape) != 2 for shape in shapes.values()):
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"{' and '.join(shapes)} must have one shape (B, K), got {found}")


def check_rows(name: str, value: Tensor, kind: str, shape: Sequence[int], dtype: torch.dtype) -> None:
    """TypeError for what is no tensor, ValueError for one that is not (B, *shape) or not of the model's dtype."""
    check_tensors(**{name: value})
    if value.dim() == 0 or value.shape[1:] != tuple(shape):
        raise ValueError(f"{name} must be {kind} of shape (B, {', '.join(map(str, shape))}), got {tuple(value.shape)}")
    if value.dtype != dtype:
        raise ValueError(f"{name} must be {dtype}, as the model is, got {value.dtype}: {name}.to({dtype}) is")


def check_finite(name: str, value: Tensor, row: str = "row") -> None:
    """ValueError for NaN and infinity in `value` (B, ...), naming the first `row` that has one."""
    finite = value.isfinite()
    if not finite.all():
        raise ValueError(f"{name} must be finite, {row} {_first_row(~finite)} is not")


def check_pairs(x: Tensor, z: Tensor) -> None:
    """ValueError unless there are as many images x as codes z."""
    if len(x) != len(z):
        raise ValueError(f"x and z must be as many images as codes, got {len(x)} and {len(z)}")


def check_generator(generator: Generator | None) -> None:
    """TypeError for what is neither a generator nor None."""
    if generator is not None and not isinstance(generator, Generator):
        raise TypeError(
            f"generator must be a torch.Generator, got {generator!r}: torch.Generator().manual_seed(0) is one"
        )


def whole_number(name: str, value: int, least: int = 1, most: int | None = None) -> int:
    """`value` as an int; ValueError for what is no whole number from `least` on, to `most` if that is given."""
    if not is_whole(value):
        raise ValueError(f"{name} must be a whole number, got {_shown(value)}")
    if value < least or (most is not None and value > most):
        limits = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be {limits}, got {value}")
    return int(value)


def positive_number(name: str, value: float) -> float:
    """`value` as a float; ValueError for what is no positive, finite number."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not (is_number and math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a positive number, got {_shown(value)}")
    return float(value)


def is_whole(value: object) -> bool:
    """Whether it is a whole number, NumPy's included; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _shown(value: object) -> str:
    if not isinstance(value, Tensor | np.ndarray):
        return repr(value)
    kind, shape = "a tensor" if isinstance(value, Tensor) else "an array", tuple(value.shape)
    return f"{value}: take its .item()" if math.prod(shape) == 1 else f"{kind} of shape {shape}"


def _cholesky(name: str, cov: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """The lower factor L of each Σ = L Lᵀ."""
    check_tensors(**{name: cov})
    if tuple(cov.shape) != shape:
        raise ValueError(f"{name} must have shape {shape}, got {tuple(cov.shape)}")
    check_finite(name, cov, "matrix")
    scale = cov.abs().amax(dim=(1, 2))
    asymmetry = (cov - cov.mT).abs().amax(dim=(1, 2))
    if (asymmetry > 1e-5 * scale).any():
        raise ValueError(f"{name} must be symmetric, matrix {_first_row(asymmetry > 1e-5 * scale)} is not")
    factor, info = torch.linalg.cholesky_ex(cov)
    if info.any():
        raise ValueError(f"{name} must be positive definite, matrix {_first_row(info != 0)} is not")
    return factor


def _first_row(mask: Tensor) -> int:
    return int(mask.flatten(1).any(dim=1).nonzero()[0]) if mask.dim() > 1 else int(mask.nonzero()[0])
