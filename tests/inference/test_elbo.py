"""The sampled ELBO against closed forms of the linear-Gaussian model."""

import math

import pytest
import torch
from inference_helpers import (
    TinyVAE,
    WithCodes,
    linear_gaussian,
    mean_and_error,
    randn,
    repeated,
    seeded,
    standard_normal,
)
from torch.distributions import Independent, Normal, kl_divergence

from vae_lessons.inference import elbo
from vae_lessons.probability.likelihoods import Bernoulli


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
@pytest.mark.parametrize("n_samples", [1, 3])
def test_elbo_is_unbiased_for_linear_model(latent_dim, n_samples):
    model, x = linear_gaussian(latent_dim)
    mu, logvar = randn(4, latent_dim, seed=5), randn(4, latent_dim, seed=6)
    n = 5000
    copies = WithCodes(model, mu.repeat(n, 1), logvar.repeat(n, 1))
    estimate, exact = elbo(copies, repeated(x, n), n_samples, seeded()), model.elbo(x, mu, logvar)
    mean, error = mean_and_error(estimate.reconstruction, 4)
    assert (error > 0).all()
    assert ((mean - exact.reconstruction).abs() < 5 * error).all()
    assert torch.equal(estimate.value, estimate.reconstruction - estimate.kl)


def test_kl_term_is_exact():
    vae = TinyVAE(2, Bernoulli())
    x = vae.sample(5, seed=1)
    mu, logvar = vae.encode(x)
    expected = kl_divergence(Independent(Normal(mu, torch.exp(logvar / 2)), 1), standard_normal(2))
    torch.testing.assert_close(elbo(vae, x).kl, expected)


def test_variance_falls_with_number_of_samples():
    """As 1 / L; with 4000 runs each, to within 5 standard errors of the ratio, about sqrt(4 / 4000)."""
    vae = TinyVAE(1, Bernoulli())
    x = repeated(vae.sample(1, seed=1), 4000)
    one, many = (float(elbo(vae, x, n, seeded(n)).reconstruction.detach().var()) for n in (1, 16))
    assert one / many == pytest.approx(16, rel=0.3)


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_elbo_gradients_are_unbiased_for_linear_model(latent_dim):
    model, x = linear_gaussian(latent_dim)
    n = 5000
    mu, logvar = randn(4, latent_dim, seed=5), randn(4, latent_dim, seed=6)
    leaves = [t.repeat(n, 1).requires_grad_() for t in (mu, logvar)]
    noisy = torch.autograd.grad(elbo(WithCodes(model, *leaves), repeated(x, n), 1, seeded()).value.sum(), leaves)
    inputs = [mu.requires_grad_(), logvar.requires_grad_()]
    exact = torch.autograd.grad(model.elbo(x, *inputs).value.sum(), inputs)
    for estimates, expected in zip(noisy, exact, strict=True):
        runs = estimates.view(n, 4, latent_dim)
        assert ((runs.mean(dim=0) - expected).abs() < 5 * runs.std(dim=0) / math.sqrt(n)).all()
