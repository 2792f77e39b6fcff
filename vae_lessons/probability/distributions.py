"""Distributions of codes z, for priors p(z) and posteriors q(z | x).

Parameters have a row for each image, or a single row that serves all. Each distribution has `log_prob`, in nats, and
`sample`, which is that of `torch.distributions` with a `generator`. A class with these two can take their place.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from vae_lessons.probability import gaussian
from vae_lessons.probability.noise import beside, noise

CHUNK_SIZE = 2**20  # pairs of a code and a component of a mixture in memory at a time


class Distribution(Protocol):
    """What bounds need of a prior or a posterior over B rows of K dimensions."""

    def log_prob(self, z: Tensor) -> Tensor:
        """Compute the log-density of codes (..., B, K): (..., B), nats."""
        ...

    def sample(self, shape: Sequence[int] = (), generator: Generator | None = None) -> Tensor:
        """Draw codes `(*shape, B, K)`."""
        ...


@dataclass(frozen=True)
class DiagonalGaussian:
    """N(z; mu, diag σ²), with mu and logvar = log σ², (B, K) each."""

    mu: Tensor
    logvar: Tensor

    @property
    def scale_tril(self) -> Tensor:
        """L = diag σ, (B, K, K)."""
        return torch.diag_embed(torch.exp(0.5 * self.logvar))

    def log_prob(self, z: Tensor) -> Tensor:
        """Compute the log-density of codes (..., B, K): (..., B), nats."""
        z, mu, logvar = torch.broadcast_tensors(z, self.mu, self.logvar)
        return gaussian.log_prob(*(part.flatten(0, -2) for part in (z, mu, logvar))).view(z.shape[:-1])

    def sample(self, shape: Sequence[int] = (), generator: Generator | None = None) -> Tensor:
        """Draw codes `(*shape, B, K)` that gradients pass through."""
        mu, logvar = self.mu, self.logvar
        if shape:  # not in training, with one code for each image
            mu, logvar = (part.expand(*shape, *part.shape) for part in (mu, logvar))
        return mu + torch.exp(0.5 * logvar) * noise(torch.randn, mu.shape, mu, generator)

    def box(self, width: float) -> tuple[Tensor, Tensor]:
        """Compute the corners mu - width σ and mu + width σ, (B, K) each."""
        reach = width * torch.exp(0.5 * self.logvar)
        return self.mu - reach, self.mu + reach


@dataclass(frozen=True)
class FullGaussian:
    """N(z; mu, Σ) with mu, (B, K), and Σ = L Lᵀ.

    `scale_tril` is L, (B, K, K), lower triangular with a positive diagonal.
    """

    mu: Tensor
    scale_tril: Tensor

    @property
    def logvar(self) -> Tensor:
        """Log of the diagonal of Σ, (B, K)."""
        return self.scale_tril.square().sum(dim=2).log()

    def log_prob(self, z: Tensor) -> Tensor:
        """Compute the log-density of codes (..., B, K): (..., B), nats."""
        return _multivariate_normal(self).log_prob(z)

    def sample(self, shape: Sequence[int] = (), generator: Generator | None = None) -> Tensor:
        """Draw mu + L ε, codes `(*shape, B, K)` that gradients pass through."""
        eps = noise(torch.randn, (*shape, *self.mu.shape), self.mu, generator)
        return self.mu + (self.scale_tril @ eps.unsqueeze(-1)).squeeze(-1)

    box = DiagonalGaussian.box


@dataclass(frozen=True)
class GaussianMixture:
    """sum_c π_c N(z; mu_c, diag σ_c²), with mu and logvar, (B, C, K); `logits` are log π up to a constant, (B, C).

    One mixture, B = 1, serves any number of codes, and may have thousands of components: its density is computed for a
    part of the codes at a time.
    """

    logits: Tensor
    mu: Tensor
    logvar: Tensor

    def log_prob(self, z: Tensor) -> Tensor:
        """Compute the log-density of codes (..., B, K): (..., B), nats."""
        if len(self.logits) == 1:
            return self._log_prob_of_one_mixture(z)
        of_components = DiagonalGaussian(self.mu, self.logvar).log_prob(z.unsqueeze(-2))  # (..., B, C)
        return (self.logits.log_softmax(dim=-1) + of_components).logsumexp(dim=-1)

    def _log_prob_of_one_mixture(self, z: Tensor) -> Tensor:
        """Multiply out the squares, so that matrix products add them up: 30 times as fast for 10,000 components.

        In float64, since what is multiplied out nearly cancels for a narrow component.
        """
        logits, mu, logvar = (part[0].double() for part in (self.logits, self.mu, self.logvar))
        precision = torch.exp(-logvar)  # (C, K)
        weights = torch.cat([-0.5 * precision, mu * precision], dim=1).T  # (2K, C), of z² and of z
        rest = (gaussian.LOG_TWO_PI + logvar + mu.square() * precision).sum(dim=1)  # (C,)
        heights = logits.log_softmax(dim=0) - 0.5 * rest
        chunks = z.flatten(0, -2).double().split(max(1, CHUNK_SIZE // len(logits)))
        parts = [torch.addmm(heights, torch.cat([c.square(), c], dim=1), weights).logsumexp(dim=1) for c in chunks]
        return torch.cat(parts).view(z.shape[:-1]).to(z)

    def sample(self, shape: Sequence[int] = (), generator: Generator | None = None) -> Tensor:
        """Draw codes `(*shape, B, K)`; gradients reach mu and logvar of the components drawn, and no logits."""
        shares = beside(generator, self.logits.softmax(dim=1))
        drawn = torch.multinomial(shares, math.prod(shape), replacement=True, generator=generator)  # (B, S)
        index = drawn.to(self.mu.device).unsqueeze(2).expand(-1, -1, self.mu.shape[2])
        mu, logvar = (part.gather(1, index).transpose(0, 1) for part in (self.mu, self.logvar))  # (S, B, K)
        return DiagonalGaussian(mu, logvar).sample(generator=generator).view(*shape, *mu.shape[1:])

    def box(self, width: float) -> tuple[Tensor, Tensor]:
        """Compute the corners of the box around those of the components, (B, K) each."""
        low, high = DiagonalGaussian(self.mu, self.logvar).box(width)
        return low.amin(dim=1), high.amax(dim=1)


@dataclass(frozen=True)
class FullGaussianMixture:
    """sum_c π_c N(z; mu_c, Σ_c), with Σ_c^-1 = A_cᵀ A_c, A_c = diag(1 / s_c) (I + N_c), N_c strictly lower triangular.

    `logits` are log π up to a constant, (B, C); `mu` and `log_scale` = log s are (B, C, K), and `mixing` is N,
    (B, C, K, K). A Gaussian of any covariance can be written so; with N = 0 it is diagonal and s its deviations.
    """

    logits: Tensor
    mu: Tensor
    log_scale: Tensor
    mixing: Tensor

    def log_prob(self, z: Tensor) -> Tensor:
        """Compute the log-density of codes (..., B, K): (..., B), nats."""
        centred = z.unsqueeze(-2) - self.mu  # (..., B, C, K)
        mixed = centred + (self.mixing @ centred.unsqueeze(-1)).squeeze(-1)
        squared = (mixed * torch.exp(-self.log_scale)).square()
        of_components = -0.5 * (squared + gaussian.LOG_TWO_PI).sum(dim=-1) - self.log_scale.sum(dim=-1)
        return (self.logits.log_softmax(dim=-1) + of_components).logsumexp(dim=-1)

    def sample(self, shape: Sequence[int] = (), generator: Generator | None = None) -> Tensor:
        """Draw codes `(*shape, B, K)`; no gradient reaches the logits."""
        shares = beside(generator, self.logits.softmax(dim=1))
        drawn = torch.multinomial(shares, math.prod(shape), replacement=True, generator=generator).T  # (S, B)
        rows = torch.arange(len(self.logits), device=self.mu.device)
        mu, log_scale, mixing = (part[rows, drawn.to(rows)] for part in (self.mu, self.log_scale, self.mixing))
        eps = torch.exp(log_scale) * noise(torch.randn, mu.shape, mu, generator)  # (S, B, K)
        unit = mixing + torch.eye(mu.shape[-1]).to(mu)
        centred = torch.linalg.solve_triangular(unit, eps.unsqueeze(-1), upper=False, unitriangular=True).squeeze(-1)
        return (mu + centred).view(*shape, *self.mu.shape[::2])


@dataclass(frozen=True)
class Categorical:
    """K independent whole numbers from 0 to C - 1; `logits` are their log-probabilities up to a constant, (B, K, C)."""

    logits: Tensor

    def log_prob(self, z: Tensor) -> Tensor:
        """Compute the log-probability of codes (..., B, K), whole numbers: (..., B), nats."""
        index = z.long().unsqueeze(-1)
        log_probs = self.logits.log_softmax(dim=-1).expand(*index.shape[:-1], -1)
        return log_probs.gather(-1, index).squeeze(-1).sum(dim=-1)

    def sample(self, shape: Sequence[int] = (), generator: Generator | None = None) -> Tensor:
        """Draw codes `(*shape, B, K)`; no gradient passes through them."""
        shares = beside(generator, self.logits.softmax(dim=-1).flatten(0, 1))
        drawn = torch.multinomial(shares, math.prod(shape), replacement=True, generator=generator).T  # (S, B K)
        return drawn.to(self.logits.device).reshape(*shape, *self.logits.shape[:2])


def closed_form_kl(q: Distribution, p: Distribution) -> Tensor | None:
    """Compute KL( q || p ), (B,), nats, if both are Gaussian; None stands for no closed form."""
    if isinstance(q, DiagonalGaussian) and isinstance(p, DiagonalGaussian):
        return gaussian.kl_diagonal(*torch.broadcast_tensors(q.mu, q.logvar, p.mu, p.logvar))
    if all(isinstance(distribution, DiagonalGaussian | FullGaussian) for distribution in (q, p)):
        return kl_divergence(_multivariate_normal(q), _multivariate_normal(p))
    return None


def _multivariate_normal(distribution: DiagonalGaussian | FullGaussian) -> MultivariateNormal:
    # Unchecked, so that a NaN that goes in comes out.
    return MultivariateNormal(distribution.mu, scale_tril=distribution.scale_tril, validate_args=False)
