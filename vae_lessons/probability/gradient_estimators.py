"""Two unbiased estimators of the gradient of E_q[f(z)] in the parameters of q = N(mu, diag σ²).

Both give L independent estimates rather than their mean, so that variance and error can be seen. The derivatives are
with respect to mu and logvar = log σ², in the units of f per unit of each.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from vae_lessons.probability.distributions import DiagonalGaussian
from vae_lessons.validation import check_int, check_shapes

Objective = Callable[[Tensor], Tensor]  # codes (N, K) to values (N,), row by row


@dataclass(frozen=True)
class GradientSamples:
    """L independent estimates of the derivatives in mu and in logvar, (L, B, K) each."""

    mu: Tensor
    logvar: Tensor


def pathwise(
    f: Objective, mu: Tensor, logvar: Tensor, n_samples: int, generator: Generator | None = None
) -> GradientSamples:
    """Estimate the gradient by reparameterisation: ∇f(z) at z = mu + σ ε, carried to mu and logvar by the chain rule.

    d/dmu = ∇f(z),   d/dlogvar = ∇f(z) · σ ε / 2

    Source: Kingma and Welling (2013); Rezende, Mohamed and Wierstra (2014).

    Parameters
    ----------
    f : callable
        From codes (N, K) to values (N,), differentiable, each row on its own.
    mu, logvar : Tensor, (B, K)
    n_samples : int
        L.
    generator : Generator, optional
        Source of ε; PyTorch's own by default.

    Raises
    ------
    ValueError
        For shapes that do not fit, for fewer than one sample, and for an f that does not return one value per row or
        has no derivative.
    """
    z = _sample(mu, logvar, n_samples, generator).requires_grad_()
    with torch.enable_grad():
        total = _values(f, z).sum()
    if not total.requires_grad:
        raise ValueError("f must be differentiable, and no gradient passes through it: score_function needs none")
    (gradient,) = torch.autograd.grad(total, z)  # (L, B, K)
    return GradientSamples(gradient, gradient * (z - mu).detach() / 2)


@torch.no_grad()
def score_function(
    f: Objective,
    mu: Tensor,
    logvar: Tensor,
    n_samples: int,
    generator: Generator | None = None,
    baseline: Tensor | float = 0.0,
) -> GradientSamples:
    """Estimate the gradient by the likelihood ratio (REINFORCE): (f(z) - baseline) times the gradient of log q(z).

    d/dmu = (f - b) (z - mu) / σ²,   d/dlogvar = (f - b) ½ ((z - mu)² / σ² - 1)

    Source: Williams (1992).

    Parameters
    ----------
    f, mu, logvar, n_samples, generator
        As for `pathwise`; f needs no derivative.
    baseline : float or Tensor, (B,)
        b. One that does not depend on z leaves the mean as it is and may lower the variance.

    Raises
    ------
    ValueError
        As `pathwise`, and for a baseline of another shape.
    """
    if isinstance(baseline, Tensor) and baseline.shape not in ((), mu.shape[:1]):
        raise ValueError(f"baseline must be a number or ({len(mu)},), got {tuple(baseline.shape)}")
    z = _sample(mu, logvar, n_samples, generator)
    weight = (_values(f, z) - baseline).unsqueeze(2)  # (L, B, 1)
    standardised = (z - mu) * torch.exp(-0.5 * logvar)  # ε, (L, B, K)
    return GradientSamples(weight * standardised * torch.exp(-0.5 * logvar), weight * 0.5 * (standardised.square() - 1))


def _sample(mu: Tensor, logvar: Tensor, n_samples: int, generator: Generator | None) -> Tensor:
    """Draw (L, B, K) from q, detached from mu and logvar."""
    check_shapes(mu=mu, logvar=logvar)
    n_samples = check_int("n_samples", n_samples)
    return DiagonalGaussian(mu.detach(), logvar.detach()).sample((n_samples,), generator)


def _values(f: Objective, z: Tensor) -> Tensor:
    """Compute f at codes (L, B, K): (L, B)."""
    values = f(z.flatten(0, 1))
    if not isinstance(values, Tensor):
        raise TypeError(f"f must give a tensor, one value per row, got {type(values).__name__}")
    if values.shape != (z.shape[0] * z.shape[1],):
        raise ValueError(f"f must give one value per row, ({z.shape[0] * z.shape[1]},), got {tuple(values.shape)}")
    return values.to(z.dtype).view(z.shape[:2])
