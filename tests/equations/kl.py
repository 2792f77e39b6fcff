"""Equations of the KL divergence between Gaussians, against PyTorch's closed forms, quadrature and Monte Carlo."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from sklearn.decomposition import PCA
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from equations import equation
from vae_lessons.models import LinearGaussian
from vae_lessons.probability.gaussian import kl_diagonal, kl_gaussians, kl_to_standard_normal


def draw(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Draw from the standard normal distribution."""
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def covariances(generator: torch.Generator, batch: int, dim: int) -> torch.Tensor:
    """Draw random covariance matrices, (batch, dim, dim)."""
    root = draw(generator, batch, dim, dim)
    return root @ root.mT + 0.3 * torch.eye(dim)


def normal(mu: torch.Tensor, logvar: torch.Tensor) -> Normal:
    """Return PyTorch's normal distribution with this mean and log-variance."""
    return Normal(mu, torch.exp(logvar / 2))


@equation("eq-kl-one-coordinate")
def one_coordinate(generator):
    """Compare the second, third and fourth line, with averages by quadrature, with PyTorch."""
    mu_q, mu_p = draw(generator, 2).tolist()
    var_q, var_p = draw(generator, 2).exp().tolist()
    q = stats.norm(mu_q, var_q**0.5)

    def average(values):
        return integrate.quad(lambda z: values(z) * q.pdf(z), mu_q - 12 * q.std(), mu_q + 12 * q.std(), epsabs=1e-12)[0]

    log_ratio = math.log(var_p / var_q)
    lines = [
        0.5 * average(lambda z: log_ratio + (z - mu_p) ** 2 / var_p - (z - mu_q) ** 2 / var_q),
        0.5 * (log_ratio + average(lambda z: (z - mu_p) ** 2) / var_p - average(lambda z: (z - mu_q) ** 2) / var_q),
        0.5 * (log_ratio + (var_q + (mu_q - mu_p) ** 2) / var_p - 1),
    ]
    means, logvars = torch.tensor([[mu_q, mu_p], [math.log(var_q), math.log(var_p)]], dtype=torch.float64)
    expected = kl_divergence(normal(means[0], logvars[0]), normal(means[1], logvars[1]))
    assert lines == pytest.approx([float(expected)] * 3, rel=1e-9)


@equation("eq-second-moment")
def second_moment(generator):
    """Compare the three terms with scipy's own second moment about another point."""
    mu_q, mu_p = draw(generator, 2).tolist()
    q = stats.norm(mu_q, 1.7)
    about_p = q.expect(lambda z: (z - mu_p) ** 2)
    terms = q.var(), 2 * (mu_q - mu_p) * q.expect(lambda z: z - mu_q), (mu_q - mu_p) ** 2
    assert sum(terms) == pytest.approx(about_p, rel=1e-9)


@equation("eq-kl-diagonal")
def diagonal(generator):
    """Compare the package with PyTorch's divergence, summed over coordinates."""
    mu_q, logvar_q, mu_p, logvar_p = draw(generator, 4, 6, 5)
    expected = kl_divergence(normal(mu_q, logvar_q), normal(mu_p, logvar_p)).sum(dim=1)
    torch.testing.assert_close(kl_diagonal(mu_q, logvar_q, mu_p, logvar_p), expected)


@equation("eq-kl-standard-normal")
def standard_normal(generator):
    """Compare the package with PyTorch's divergence from N(0, 1), summed over coordinates."""
    mu, logvar = draw(generator, 2, 6, 5)
    expected = kl_divergence(normal(mu, logvar), Normal(torch.zeros(()).double(), 1.0)).sum(dim=1)
    torch.testing.assert_close(kl_to_standard_normal(mu, logvar), expected)


@equation("eq-quadratic-form")
def quadratic_form(generator):
    """Compare the mean over draws with trace plus quadratic form, within five standard errors."""
    cov, (mu, a) = covariances(generator, 1, 4)[0], draw(generator, 2, 4)
    form = draw(generator, 4, 4)
    form = form + form.T
    z = mu + draw(generator, 200_000, 4) @ torch.linalg.cholesky(cov).T
    values = torch.einsum("li,ij,lj->l", z - a, form, z - a)
    formula = torch.trace(form @ cov) + (mu - a) @ form @ (mu - a)
    assert float(values.mean()) == pytest.approx(float(formula), abs=5 * float(values.std()) / len(z) ** 0.5)


@equation("eq-kl-general")
def general(generator):
    """Compare the package with PyTorch's multivariate normals."""
    mu_q, mu_p = draw(generator, 2, 6, 4)
    cov_q, cov_p = covariances(generator, 6, 4), covariances(generator, 6, 4)
    expected = kl_divergence(MultivariateNormal(mu_q, cov_q), MultivariateNormal(mu_p, cov_p))
    torch.testing.assert_close(kl_gaussians(mu_q, cov_q, mu_p, cov_p), expected)


@equation("eq-monte-carlo")
def monte_carlo(generator):
    """Check that 400 estimates from 500 draws average to the package's closed form and scatter by s / sqrt(L)."""
    mu, logvar = draw(generator, 2, 3)
    q, p = normal(mu, logvar), Normal(0.0, 1.0)
    z = mu + torch.exp(logvar / 2) * draw(generator, 400, 500, 3)
    terms = (q.log_prob(z) - p.log_prob(z)).sum(dim=2)
    estimates, standard_error = terms.mean(dim=1), float(terms.std()) / 500**0.5
    exact = float(kl_to_standard_normal(mu[None], logvar[None]))
    assert float(estimates.mean()) == pytest.approx(exact, abs=5 * standard_error / 400**0.5)
    assert float(estimates.std()) == pytest.approx(standard_error, rel=5 / (2 * 400) ** 0.5)


@equation("eq-kl-gradient")
def gradient(generator):
    """Compare backpropagation through PyTorch's divergence with the two derivatives."""
    mu, logvar = (draw(generator, 20).requires_grad_() for _ in range(2))
    divergence = kl_divergence(normal(mu, logvar), Normal(0.0, 1.0)).sum()
    in_mu, in_logvar = torch.autograd.grad(divergence, [mu, logvar])
    torch.testing.assert_close(in_mu, mu.detach())
    torch.testing.assert_close(in_logvar, 0.5 * (logvar.detach().exp() - 1))


@equation("eq-bits")
def bits(generator):
    """Compare scipy's relative entropy to base 2 with the one to base e over log 2."""
    q, p = draw(generator, 2, 8).softmax(dim=1).numpy()
    assert stats.entropy(q, p, base=2) == pytest.approx(stats.entropy(q, p) / math.log(2), rel=1e-12)


@equation("eq-expected-rate")
def expected_rate(generator):
    """Compare each coordinate's mean divergence in a fitted model with the eigenvalues of scikit-learn's PCA."""
    x = draw(generator, 500, 7) @ draw(generator, 7, 7)
    model = LinearGaussian.fit(x, 3)
    mu, logvar = model.encode(x)
    spent = kl_divergence(normal(mu, logvar), Normal(0.0, 1.0)).mean(dim=0)
    eigenvalues = PCA().fit(x.numpy()).explained_variance_ * (499 / 500)  # over M, as the likelihood has it
    predicted = 0.5 * np.log(eigenvalues[:3] / eigenvalues[3:].mean())
    np.testing.assert_allclose(spent.numpy(), predicted, rtol=1e-8)
