"""Equations of latent-variable models, on a linear-Gaussian model, whose joint density scipy knows."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch.distributions import MultivariateNormal

from equations import equation
from vae_lessons.inference import log_evidence_quadrature
from vae_lessons.models import LinearGaussian
from vae_lessons.probability.gaussian import log_prob

K, D = 2, 3


def model_and_image(generator: torch.Generator) -> tuple[LinearGaussian, torch.Tensor]:
    """Return a random model and one of its images."""
    weight, bias = torch.randn(D, K, generator=generator).double(), torch.randn(D, generator=generator).double()
    model = LinearGaussian(weight, bias, 0.6)
    return model, model.sample(1, generator)


def joint(model: LinearGaussian) -> tuple[np.ndarray, np.ndarray]:
    """Compute the mean and covariance of (z, x), block by block."""
    weight = model.weight.numpy()
    of_x = weight @ weight.T + model.sigma**2 * np.eye(D)
    return np.r_[np.zeros(K), model.bias.numpy()], np.block([[np.eye(K), weight.T], [weight, of_x]])


def log_prior(z: torch.Tensor) -> torch.Tensor:
    """Compute log p(z)."""
    return log_prob(z, torch.zeros_like(z), torch.zeros_like(z))


def log_evidence(model: LinearGaussian, x: torch.Tensor) -> float:
    """Compute log p(x) as a marginal of the joint Gaussian."""
    mean, cov = joint(model)
    return float(multivariate_normal(mean[K:], cov[K:, K:]).logpdf(x[0].numpy()))


def importance_weights(model, x, q, n, generator) -> torch.Tensor:
    """Compute log p(x, z) - log q(z) for n draws from q."""
    eps = torch.randn(n, K, generator=generator, dtype=torch.float64)
    z = q.mean + eps @ q.scale_tril.T
    return model.log_likelihood(x.expand(n, D), z) + log_prior(z) - q.log_prob(z)


def assert_mean(values: torch.Tensor, expected: float) -> None:
    """Check a mean within five standard errors."""
    assert float(values.mean()) == pytest.approx(expected, abs=5 * float(values.std()) / math.sqrt(len(values)))


@equation("eq-joint")
def joint_density(generator):
    """Compare prior times likelihood with the joint Gaussian of (z, x)."""
    model, x = model_and_image(generator)
    z = torch.randn(1, K, generator=generator, dtype=torch.float64)
    product = float(log_prior(z) + model.log_likelihood(x, z))
    assert product == pytest.approx(multivariate_normal(*joint(model)).logpdf(np.r_[z[0], x[0]]), rel=1e-12)


@equation("eq-evidence")
def evidence(generator):
    """Compare the integral over codes, by quadrature, with the marginal of the joint Gaussian."""
    model, x = model_and_image(generator)
    assert float(log_evidence_quadrature(model, x)) == pytest.approx(log_evidence(model, x), abs=1e-9)


@equation("eq-posterior")
def posterior(generator):
    """Compare Bayes' rule with the joint Gaussian conditioned on x."""
    model, x = model_and_image(generator)
    z = torch.randn(1, K, generator=generator, dtype=torch.float64)
    mean, cov = joint(model)
    gain = cov[:K, K:] @ np.linalg.inv(cov[K:, K:])
    conditioned = multivariate_normal(gain @ (x[0].numpy() - mean[K:]), cov[:K, :K] - gain @ cov[K:, :K])
    by_bayes = float(model.log_likelihood(x, z) + log_prior(z)) - log_evidence(model, x)
    assert by_bayes == pytest.approx(conditioned.logpdf(z[0].numpy()), rel=1e-10)


@equation("eq-linear-posterior")
def linear_posterior(generator):
    """Compare the two formulas with the joint Gaussian conditioned on x."""
    model, x = model_and_image(generator)
    weight, bias = model.weight.numpy(), model.bias.numpy()
    cov = np.linalg.inv(np.eye(K) + weight.T @ weight / model.sigma**2)
    mean = cov @ weight.T @ (x[0].numpy() - bias) / model.sigma**2
    of_both, joint_cov = joint(model)
    gain = joint_cov[:K, K:] @ np.linalg.inv(joint_cov[K:, K:])
    np.testing.assert_allclose(mean, gain @ (x[0].numpy() - of_both[K:]), rtol=1e-9)
    np.testing.assert_allclose(cov, joint_cov[:K, :K] - gain @ joint_cov[K:, :K], atol=1e-12)


@equation("eq-own-error")
def own_error(generator):
    """Compare the formula, on average, with the scatter of 2,000 estimates of log p(x)."""
    model, x = model_and_image(generator)
    z = torch.randn(2000 * 1000, K, generator=generator, dtype=torch.float64)
    p = model.log_likelihood(x.expand(len(z), D), z).exp().view(2000, 1000)
    formula = (p.square().sum(dim=1) / p.sum(dim=1).square() - 1 / 1000).sqrt()
    scatter = float(p.mean(dim=1).log().std())
    assert float(formula.mean()) == pytest.approx(scatter, rel=5 / math.sqrt(2 * 2000))


@equation("eq-prior-sampling")
def prior_sampling(generator):
    """Compare the mean likelihood of codes from the prior with the evidence, within five standard errors."""
    model, x = model_and_image(generator)
    z = torch.randn(200_000, K, generator=generator, dtype=torch.float64)
    assert_mean(model.log_likelihood(x.expand(len(z), D), z).exp(), math.exp(log_evidence(model, x)))


@equation("eq-importance-sampling")
def importance_sampling(generator):
    """Compare mean weights under two arbitrary q with the evidence; under the posterior every weight equals it."""
    model, x = model_and_image(generator)
    mean, cov = model.posterior(x)
    for q in (
        MultivariateNormal(mean[0] + 0.3, 3 * cov[0]),
        MultivariateNormal(mean[0] * 0, 2 * torch.eye(K).double()),
    ):
        weights = importance_weights(model, x, q, 200_000, generator).exp()
        assert_mean(weights, math.exp(log_evidence(model, x)))
    constant = importance_weights(model, x, MultivariateNormal(mean[0], cov[0]), 100, generator)
    torch.testing.assert_close(constant, torch.full_like(constant, log_evidence(model, x)))
