"""Equations of the ELBO, on a model with one code and a nonlinear decoder, by sums over a fine grid."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, stats
from torch import distributions

from equations import equation
from vae_lessons.inference import elbo_quadrature, log_evidence_quadrature

Z = np.linspace(-12, 12, 48_001)
STEP = Z[1] - Z[0]
NOISE = 0.5


class Bent:
    """A model for the package: z ~ N(0, 1), x | z ~ N(z + sin 2z, 1/4)."""

    latent_dim = 1

    def log_likelihood(self, x, z):
        return distributions.Normal(z + torch.sin(2 * z), NOISE).log_prob(x)[:, 0]


def integral(values: np.ndarray) -> float:
    """Integrate over the grid."""
    return float(values.sum() * STEP)


def setting(generator: torch.Generator) -> tuple[float, float, float]:
    """Return an image of one pixel, and the mean and log-variance of a q."""
    x, mu, logvar = torch.randn(3, generator=generator).tolist()
    return x, mu, logvar - 1


def log_densities(x: float, mu: float, logvar: float) -> tuple[np.ndarray, ...]:
    """Compute log q(z), log p(z) and log p(x | z) on the grid."""
    likelihood = stats.norm(Z + np.sin(2 * Z), NOISE).logpdf(x)
    return stats.norm(mu, math.exp(logvar / 2)).logpdf(Z), stats.norm.logpdf(Z), likelihood


def tensors(*values: float) -> tuple[torch.Tensor, ...]:
    """Return each value as a (1, 1) tensor."""
    return tuple(torch.tensor([[value]], dtype=torch.float64) for value in values)


@equation("eq-kl")
def kl(generator):
    """Compare the average of log q - log p over q, by quadrature, with PyTorch's KL of a Laplace from a normal."""
    centre, scale, mu, sigma = torch.rand(4, generator=generator, dtype=torch.float64) + 0.5
    q, p = stats.laplace(centre.item(), scale.item()), stats.norm(mu.item(), sigma.item())
    reach = 30 * q.std()
    average, _ = integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), q.mean() - reach, q.mean() + reach, points=[q.mean()]
    )
    expected = distributions.kl_divergence(distributions.Laplace(centre, scale), distributions.Normal(mu, sigma))
    assert average == pytest.approx(float(expected), rel=1e-7)


@equation("eq-kl-nonnegative")
def kl_is_not_negative(generator):
    """Check each line of the proof on the grid, also for a q that is zero in places; the KL is zero for q = p."""
    mu, sigma = torch.rand(2, generator=generator).tolist()
    p = stats.norm(mu, sigma + 0.5)
    for q in (stats.norm(1, 0.4), stats.uniform(-1, 2.5), stats.gamma(2.5), p):
        z, weight = Z[q.pdf(Z) > 0], q.pdf(Z)[q.pdf(Z) > 0]
        first = integral(weight * (p.logpdf(z) - q.logpdf(z)))
        second = integral(weight * (p.pdf(z) / weight - 1))
        third = integral(p.pdf(z)) - 1
        assert first <= second + 1e-9
        assert second == pytest.approx(third, abs=1e-3)  # a grid cuts the edges of a uniform q
        assert third <= 1e-9
        assert (abs(first) < 1e-9) == (q is p)


@equation("eq-first-derivation")
def first_derivation(generator):
    """Check that the three lines, each summed on the grid, are equal."""
    log_q, log_prior, log_likelihood = log_densities(*setting(generator))
    log_joint = log_prior + log_likelihood
    log_evidence = math.log(integral(np.exp(log_joint)))
    posterior = np.exp(log_joint) / integral(np.exp(log_joint))
    q = np.exp(log_q)
    lines = [
        integral(q * (log_q - np.log(posterior))),
        integral(q * (log_q - log_joint + log_evidence)),
        integral(q * (log_q - log_joint)) + log_evidence,
    ]
    assert lines == pytest.approx([lines[0]] * 3, rel=1e-9)


@equation("eq-elbo")
def elbo(generator):
    """Compare the package's ELBO (Gauss-Hermite and closed form) with the definition on the grid."""
    x, mu, logvar = setting(generator)
    log_q, log_prior, log_likelihood = log_densities(x, mu, logvar)
    by_definition = integral(np.exp(log_q) * (log_prior + log_likelihood - log_q))
    image, *q = tensors(x, mu, logvar)
    assert float(elbo_quadrature(Bent(), image, *q, n_nodes=64).value) == pytest.approx(by_definition, rel=1e-9)


@equation("eq-elbo-identity")
def elbo_identity(generator):
    """Compare the package's evidence minus ELBO with the divergence from the posterior, summed on the grid."""
    x, mu, logvar = setting(generator)
    log_q, log_prior, log_likelihood = log_densities(x, mu, logvar)
    unnormalised = np.exp(log_prior + log_likelihood)
    gap = integral(np.exp(log_q) * (log_q - np.log(unnormalised / integral(unnormalised))))
    image, *q = tensors(x, mu, logvar)
    bound = elbo_quadrature(Bent(), image, *q, n_nodes=64).value
    assert float(log_evidence_quadrature(Bent(), image)) == pytest.approx(float(bound) + gap, abs=1e-8)


@equation("eq-jensen")
def jensen(generator):
    """Check that the first three lines are equal (the third by Monte Carlo) and the fourth is below them."""
    x, mu, logvar = setting(generator)
    log_q, log_prior, log_likelihood = log_densities(x, mu, logvar)
    first = math.log(integral(np.exp(log_prior + log_likelihood)))
    second = math.log(integral(np.exp(log_q) * np.exp(log_prior + log_likelihood - log_q)))
    z = mu + math.exp(logvar / 2) * torch.randn(400_000, 1, generator=generator, dtype=torch.float64)
    q, prior = distributions.Normal(mu, math.exp(logvar / 2)), distributions.Normal(0.0, 1.0)
    log_weights = Bent().log_likelihood(torch.full_like(z, x), z) + (prior.log_prob(z) - q.log_prob(z))[:, 0]
    weights = log_weights.exp()
    assert second == pytest.approx(first, rel=1e-9)
    assert float(weights.mean()) == pytest.approx(math.exp(first), abs=5 * float(weights.std()) / len(z) ** 0.5)
    assert integral(np.exp(log_q) * (log_prior + log_likelihood - log_q)) < first


@equation("eq-reconstruction-minus-kl")
def reconstruction_minus_kl(generator):
    """Compare the average of all three log-densities with the average log-likelihood minus PyTorch's KL."""
    x, mu, logvar = setting(generator)
    log_q, log_prior, log_likelihood = log_densities(x, mu, logvar)
    together = integral(np.exp(log_q) * (log_likelihood + log_prior - log_q))
    q, prior = distributions.Normal(mu, math.exp(logvar / 2)), distributions.Normal(0.0, 1.0)
    reconstruction, kl = integral(np.exp(log_q) * log_likelihood), float(distributions.kl_divergence(q, prior))
    assert together == pytest.approx(reconstruction - kl, rel=1e-6)


@equation("eq-expected-square")
def expected_square(generator):
    """Compare the mean over draws from q with the formula, within five standard errors."""
    weight, x, mu = (torch.randn(*shape, generator=generator).double() for shape in ((5, 3), (5,), (3,)))
    sigma = torch.rand(3, generator=generator).double()
    z = mu + sigma * torch.randn(200_000, 3, generator=generator).double()
    squares = (x - z @ weight.T).square().sum(dim=1)
    formula = (x - weight @ mu).square().sum() + (sigma.square() * weight.square().sum(dim=0)).sum()
    assert float(squares.mean()) == pytest.approx(float(formula), abs=5 * float(squares.std()) / len(z) ** 0.5)


@equation("eq-diagonal-gap")
def diagonal_gap(generator):
    """Compare the formula for a diagonal q with PyTorch's divergence between multivariate normals."""
    root, (mean, mu, logvar) = torch.randn(3, 3, generator=generator).double(), torch.randn(3, 3, generator=generator)
    cov, mean, mu, logvar = root @ root.T + 0.2 * torch.eye(3), mean.double(), mu.double(), logvar.double()
    precision, away = torch.linalg.inv(cov), (mu - mean).numpy()
    terms = (
        (precision.diagonal() * logvar.exp()).sum(),
        away @ precision.numpy() @ away,
        -3,
        -torch.logdet(precision),
        -logvar.sum(),
    )
    q, posterior = (
        distributions.MultivariateNormal(mu, logvar.exp().diag()),
        distributions.MultivariateNormal(mean, cov),
    )
    assert float(sum(terms)) / 2 == pytest.approx(float(distributions.kl_divergence(q, posterior)), rel=1e-9)


@equation("eq-mean-field-gap")
def mean_field_gap(generator):
    """Compare the smallest divergence that an optimiser finds with the formula."""
    root = torch.randn(3, 3, generator=generator).double()
    cov, mean = root @ root.T + 0.2 * torch.eye(3), torch.randn(3, generator=generator).double()
    posterior = distributions.MultivariateNormal(mean, cov)

    def divergence(parameters):
        mu, logvar = torch.from_numpy(parameters.reshape(2, 3))
        return float(distributions.kl_divergence(distributions.MultivariateNormal(mu, logvar.exp().diag()), posterior))

    smallest = optimize.minimize(divergence, np.zeros(6), method="BFGS", options={"gtol": 1e-7}).fun
    precision = np.linalg.inv(cov.numpy())
    formula = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    assert smallest == pytest.approx(formula, abs=1e-6)
