"""The aggregate posterior and the split of the average KL, against quadrature and closed forms."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from inference_helpers import WithCodes, brute_force, linear_gaussian, randn, seeded, standard_normal
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from vae_lessons.inference import aggregate_posterior, split_kl
from vae_lessons.probability.distributions import DiagonalGaussian, FullGaussian, GaussianMixture

N = 5


def encoder(mu: Tensor, logvar: Tensor) -> WithCodes:
    return WithCodes(linear_gaussian(mu.shape[1])[0], mu, logvar)


def images(n: int = N) -> Tensor:
    return torch.zeros(n, 2, 3, dtype=torch.float64)


def posteriors(mu: Tensor, logvar: Tensor) -> Independent:
    return Independent(Normal(mu, torch.exp(0.5 * logvar)), 1)


def assert_close_to(values: Tensor, expected: Tensor) -> None:
    """Compare the mean over draws (L,) with what is expected of it, within five standard errors."""
    error = 5 * values.std(dim=0) / len(values) ** 0.5 + 1e-12
    assert ((values.mean(dim=0) - expected).abs() < error).all()


@pytest.mark.parametrize("dim", [1, 2])
def test_split_is_that_of_quadrature(dim):
    mu, logvar = 1.5 * randn(N, dim), randn(N, dim, seed=1) - 1
    points, log_weights = brute_force(dim)
    log_q = posteriors(mu, logvar).log_prob(points.unsqueeze(1)).T  # (N, G)
    mixed = log_q.logsumexp(dim=0) - math.log(N)
    density = (log_q + log_weights).exp()
    draws = [split_kl(encoder(mu, logvar), images(), 10, seeded(i)) for i in range(400)]
    assert_close_to(torch.stack([draw.mutual_information for draw in draws]), (density * (log_q - mixed)).sum(dim=1))
    expected = (density * (mixed - standard_normal(dim).log_prob(points))).sum(dim=1)
    assert_close_to(torch.stack([draw.marginal_kl for draw in draws]), expected)


def test_parts_add_up_to_the_kl():
    mu, logvar = randn(40, 3), randn(40, 3, seed=1)
    q = posteriors(mu, logvar)
    expected = kl_divergence(q, standard_normal(3))
    draws = [split_kl(encoder(mu, logvar), images(40), 10, seeded(i)) for i in range(200)]
    assert_close_to(torch.stack([sum(draw) for draw in draws]), expected)


def test_equal_posteriors_tell_nothing():
    mu, logvar = randn(1, 2).expand(N, 2), randn(1, 2, seed=1).expand(N, 2)
    information, excess = split_kl(encoder(mu, logvar), images(), 1000, seeded())
    assert information.abs().max() < 1e-10
    expected = kl_divergence(posteriors(mu, logvar), standard_normal(2))
    assert ((excess - expected).abs() < 0.3).all()


@pytest.mark.parametrize("n", [2, 7, 60])
def test_posteriors_far_apart_tell_log_n(n):
    mu = 100 * torch.arange(n, dtype=torch.float64).unsqueeze(1)
    information, _ = split_kl(encoder(mu, torch.full_like(mu, -2)), images(n), generator=seeded())
    torch.testing.assert_close(information, torch.full((n,), math.log(n)).double())


def test_information_never_exceeds_log_n():
    for seed in range(20):
        mu, logvar = 3 * randn(N, 4, seed=seed), 2 * randn(N, 4, seed=100 + seed)
        assert (split_kl(encoder(mu, logvar), images(), 9, seeded(seed))[0] <= math.log(N) + 1e-12).all()


def test_leftover_of_a_model_with_a_prior_is_against_that():
    mu, logvar = randn(N, 2), randn(N, 2, seed=1)
    model = encoder(mu, logvar)
    model.prior = lambda: aggregate_posterior(model, images())
    assert split_kl(model, images(), 3, seeded()).marginal_kl.abs().max() < 1e-12


def test_aggregate_posterior_is_the_mixture():
    mu, logvar = randn(N, 2), randn(N, 2, seed=1)
    mixture = aggregate_posterior(encoder(mu, logvar), images())
    z = randn(50, 2, seed=2)
    parts = [scipy.stats.multivariate_normal(m, np.diag(v)) for m, v in zip(mu, logvar.exp(), strict=True)]
    expected = np.log(np.mean([part.pdf(z) for part in parts], axis=0))
    np.testing.assert_allclose(mixture.log_prob(z.unsqueeze(1)).squeeze(1), expected, rtol=1e-10)
    assert mixture.sample((6,), seeded()).shape == (6, 1, 2)


@pytest.mark.parametrize("sigma", [1.0, 1e-2, 1e-4])
def test_thousands_of_components_are_scored_in_parts(sigma):
    """Against one component at a time, in float32 and with codes that few components reach."""
    mu = torch.randn(3000, 2, generator=seeded())
    logvar = torch.full_like(mu, 2 * math.log(sigma))
    z = mu + sigma * torch.randn(mu.shape, generator=seeded(1))
    mixture = GaussianMixture(torch.zeros(1, 3000), mu[None], logvar[None])
    some = z[::100].double()
    each = DiagonalGaussian(mu.double(), logvar.double()).log_prob(some.unsqueeze(1))
    expected = (each.logsumexp(dim=1) - math.log(3000)).float()
    torch.testing.assert_close(mixture.log_prob(z.unsqueeze(1))[::100, 0], expected, rtol=1e-5, atol=1e-4)


def test_gradients_reach_the_components():
    parts = [randn(1, 4, seed=3), randn(1, 4, 2), randn(1, 4, 2, seed=1)]
    leaves = [part.requires_grad_() for part in parts]
    assert torch.autograd.gradcheck(lambda *of: GaussianMixture(*of).log_prob(randn(6, 1, 2, seed=5)), leaves)


def test_an_encoder_that_is_not_diagonal_is_refused():
    model = encoder(randn(N, 2), randn(N, 2))
    model.encode = lambda _x: FullGaussian(randn(N, 2), torch.eye(2).double().expand(N, 2, 2))
    with pytest.raises(TypeError, match="must encode images as diagonal Gaussians, to be mixed, got FullGaussian"):
        split_kl(model, images())
