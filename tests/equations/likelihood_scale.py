"""Equations of likelihood and scale: β as noise, the loss without σ, the rate of a linear model, and grey levels."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, stats
from torch.distributions import Normal, kl_divergence

from equations import equation
from vae_lessons import VAE, Gaussian
from vae_lessons.models import BetaVAE, LinearGaussian
from vae_lessons.probability.likelihoods import DiscretisedLogistic


@equation("eq-beta-sigma")
def beta_sigma(generator):
    """Compare the gradients of the package's β-VAE with β times those of a VAE with σ² times β, weight by weight."""
    beta, sigma = 4.0, 0.3
    weights = VAE((3, 3), 2, (6,), likelihood=Gaussian(), generator=generator).double()
    x = torch.rand(20, 3, 3, generator=generator).double()
    gradients = []
    for model in (
        BetaVAE((3, 3), 2, (6,), likelihood=Gaussian(sigma), beta=beta),
        VAE((3, 3), 2, (6,), likelihood=Gaussian(math.sqrt(beta) * sigma)),
    ):
        model.double()
        model.encoder, model.decoder = weights.encoder, weights.decoder
        torch.manual_seed(0)  # the same codes
        gradients.append(torch.autograd.grad(model.loss(x).sum(), list(weights.parameters())))
    torch.testing.assert_close(gradients[0], tuple(beta * part for part in gradients[1]), rtol=1e-9, atol=1e-9)


@equation("eq-sigma-free-loss")
def sigma_free_loss(generator):
    """Compare the right-hand side, and its gradient, with the least loss that a search over σ finds."""
    x, mu, logvar = (torch.randn(shape, generator=generator).double() for shape in ((30, 6), (30, 2), (30, 2)))
    x_hat = (x + 0.3 * torch.randn(30, 6, generator=generator)).requires_grad_()
    kl = kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)).sum(dim=1).mean()
    formula = 3 * (1 + torch.log(2 * math.pi * (x - x_hat).square().sum(dim=1).mean() / 6)) + kl

    def loss(log_sigma):
        return kl - Normal(x_hat, math.exp(log_sigma)).log_prob(x).sum(dim=1).mean()

    found = optimize.minimize_scalar(
        lambda log_sigma: loss(log_sigma).item(), bounds=(-8, 8), method="bounded", options={"xatol": 1e-10}
    )
    assert formula.item() == pytest.approx(found.fun, rel=1e-10)
    gradients = (torch.autograd.grad(value, x_hat)[0] for value in (formula, loss(found.x)))
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-9)


@equation("eq-water-filling")
def water_filling(generator):
    """Compare the sum with the average KL of the best linear model for a given σ, whose posterior is exact."""
    eigenvalues, sigma = np.array([3.0, 1.4, 0.6, 0.2, 0.1]), 0.7
    axes = torch.linalg.qr(torch.randn(5, 5, generator=generator).double()).Q
    noise = torch.randn(400, 5, generator=generator).double()
    white = torch.linalg.qr(noise - noise.mean(dim=0)).Q * 20  # with the identity as covariance, exactly
    x = white * torch.from_numpy(eigenvalues).sqrt() @ axes.T
    best = np.sqrt(np.maximum(eigenvalues[:4] - sigma**2, 0))  # K = 4
    model = LinearGaussian(axes[:, :4] * torch.from_numpy(best), torch.zeros(5).double(), sigma)
    mean, cov = model.posterior(x)
    posterior = torch.distributions.MultivariateNormal(mean, cov)
    prior = torch.distributions.MultivariateNormal(torch.zeros(4).double(), torch.eye(4).double())
    formula = sum(max(0, 0.5 * math.log(value / sigma**2)) for value in eigenvalues[:4])
    assert float(kl_divergence(posterior, prior).mean()) == pytest.approx(formula, rel=1e-9)


@equation("eq-discretised")
def discretised(generator):
    """Compare the package with the integral of SciPy's logistic density over each cell, the end cells without end."""
    levels, scale = 5, 0.13
    likelihood = DiscretisedLogistic(levels, scale).double()
    grid = torch.arange(levels).double() / (levels - 1)
    edges = np.array([-np.inf, 0.125, 0.375, 0.625, 0.875, np.inf])
    for location in torch.rand(3, generator=generator).tolist():
        density = stats.logistic(location, likelihood.scale).pdf
        expected = [integrate.quad(density, *ends)[0] for ends in itertools.pairwise(edges)]
        log_prob = likelihood.log_prob(grid.unsqueeze(1), torch.full((levels, 1), location).double())
        np.testing.assert_allclose(log_prob.detach().exp(), expected, rtol=1e-6)
        assert sum(expected) == pytest.approx(1)


@equation("eq-bits-per-dimension")
def bits_per_dimension(generator):
    """Compare both sides by quadrature, for a Gaussian density of two pixels; for a flat one they are equal."""
    width, sigma = 0.25, 0.2
    nodes, weights = np.polynomial.legendre.leggauss(40)  # on a cell, u = width / 2 * node
    for mean in torch.rand(5, 2, generator=generator).double().numpy():
        density = stats.norm(mean, sigma)
        x = np.array([0.25, 0.75])
        probability = density.cdf(x + width / 2) - density.cdf(x - width / 2)
        bits = -np.log2(probability).sum() / 2
        of_noise = sum(0.5 * w * density.logpdf(x + width / 2 * u).sum() for u, w in zip(nodes, weights, strict=True))
        bound = -of_noise / (2 * math.log(2)) + math.log2(1 / width)
        assert bits <= bound
        assert bound - bits < 1  # or the bound would be of no use
    flat = stats.uniform(-10, 20)
    probability = flat.cdf(width / 2) - flat.cdf(-width / 2)
    assert -math.log2(probability) == pytest.approx(-flat.logpdf(0) / math.log(2) + math.log2(1 / width))
