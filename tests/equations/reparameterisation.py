"""Equations of the reparameterisation trick: gradients of an expectation, for f = cos, where they are known exactly.

E[cos z] = cos(mu) exp(-σ²/2) for z ~ N(mu, σ²), the real part of the normal distribution's characteristic function.
"""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.distributions import Normal

from equations import equation
from vae_lessons.probability.gaussian import reparameterise


def parameters(generator: torch.Generator) -> tuple[float, float]:
    """Draw a mean and a standard deviation."""
    mu, sigma = (torch.rand(2, generator=generator, dtype=torch.float64) + 0.3).tolist()
    return mu, sigma


def expectation(values: Callable[[float], float], mu: float, sigma: float) -> float:
    """Average over N(mu, σ²), by adaptive quadrature."""
    density = stats.norm(mu, sigma).pdf
    return integrate.quad(lambda z: values(z) * density(z), mu - 12 * sigma, mu + 12 * sigma, epsabs=1e-12)[0]


def exact_gradients(mu: float, sigma: float) -> tuple[float, float]:
    """Compute the derivatives of the closed form in mu and in log σ²."""
    damping = math.exp(-(sigma**2) / 2)
    return -math.sin(mu) * damping, -0.5 * sigma**2 * math.cos(mu) * damping


@equation("eq-expectation")
def expected_value(generator):
    """Compare the mean over draws with the closed form, within five standard errors."""
    mu, sigma = parameters(generator)
    values = torch.cos(mu + sigma * torch.randn(200_000, generator=generator, dtype=torch.float64))
    exact = math.cos(mu) * math.exp(-(sigma**2) / 2)
    assert float(values.mean()) == pytest.approx(exact, abs=5 * float(values.std()) / len(values) ** 0.5)


@equation("eq-reparameterisation")
def reparameterised(generator):
    """Compare the package's draws in three coordinates with the normal distribution (Kolmogorov-Smirnov)."""
    mu, sigma = torch.randn(3, generator=generator), torch.rand(3, generator=generator) + 0.1
    z = reparameterise(mu.expand(20_000, 3), 2 * sigma.log().expand(20_000, 3), generator)
    for j in range(3):
        assert stats.kstest(z[:, j].numpy(), stats.norm(mu[j].item(), sigma[j].item()).cdf).pvalue > 1e-3
    correlation = torch.corrcoef(z.T) - torch.eye(3)
    assert float(correlation.abs().max()) < 5 / 20_000**0.5


@equation("eq-pathwise")
def pathwise(generator):
    """Compare E[f'(z)], by quadrature, with the derivative of the closed form in mu."""
    mu, sigma = parameters(generator)
    assert expectation(lambda z: -math.sin(z), mu, sigma) == pytest.approx(exact_gradients(mu, sigma)[0], rel=1e-9)


@equation("eq-pathwise-logvar")
def pathwise_logvar(generator):
    """Compare E[f'(z) σ ε / 2], by quadrature, with the derivative of the closed form in log σ²."""
    mu, sigma = parameters(generator)
    by_path = expectation(lambda z: -math.sin(z) * (z - mu) / 2, mu, sigma)  # σ ε is z - mu
    assert by_path == pytest.approx(exact_gradients(mu, sigma)[1], rel=1e-9)


@equation("eq-score-function")
def score_function(generator):
    """Compare the lines of the derivation, by quadrature, with the derivative of the closed form in mu."""
    mu, sigma = parameters(generator)

    def derivative(function: Callable[[Normal, torch.Tensor], torch.Tensor], z: float) -> float:
        at = torch.tensor(mu, dtype=torch.float64, requires_grad=True)
        value = function(Normal(at, sigma), torch.tensor(z, dtype=torch.float64))
        return float(torch.autograd.grad(value, at)[0])

    ends = mu - 10 * sigma, mu + 10 * sigma
    of_density, _ = integrate.quad(lambda z: math.cos(z) * derivative(lambda q, z: q.log_prob(z).exp(), z), *ends)
    of_logarithm = expectation(lambda z: math.cos(z) * derivative(Normal.log_prob, z), mu, sigma)
    assert [of_density, of_logarithm] == pytest.approx([exact_gradients(mu, sigma)[0]] * 2, rel=1e-7)


@equation("eq-score")
def score(generator):
    """Compare derivatives of PyTorch's log-density, by backpropagation, with the formulas."""
    z, mu, logvar = torch.randn(3, 50, generator=generator, dtype=torch.float64)
    mu.requires_grad_()
    logvar.requires_grad_()
    log_q = Normal(mu, torch.exp(logvar / 2)).log_prob(z).sum()
    in_mu, in_logvar = torch.autograd.grad(log_q, [mu, logvar])
    torch.testing.assert_close(in_mu, (z - mu) / logvar.exp())
    torch.testing.assert_close(in_logvar, 0.5 * ((z - mu).square() / logvar.exp() - 1))


@equation("eq-score-variance")
def score_variance(generator):
    """Compare both right-hand sides with Gauss-Hermite quadrature, exact for this polynomial, for K = 1 to 4."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)
    weights = weights / weights.sum()
    for latent_dim in range(1, 5):
        eps = np.array(list(itertools.product(nodes, repeat=latent_dim)))
        weight = np.array([math.prod(w) for w in itertools.product(weights, repeat=latent_dim)])
        by_quadrature = 0.25 * (weight * eps[:, 0] ** 2 * (eps**2 - 1).sum(axis=1) ** 2).sum()
        assert by_quadrature == pytest.approx((10 + 2 * (latent_dim - 1)) / 4, rel=1e-12)
        assert by_quadrature == pytest.approx((latent_dim + 4) / 2, rel=1e-12)
