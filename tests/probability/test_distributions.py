"""Distributions of codes against scipy, Monte Carlo and the closed forms for covariance matrices."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

from vae_lessons.probability import gaussian
from vae_lessons.probability.distributions import (
    DiagonalGaussian,
    Distribution,
    FullGaussian,
    GaussianMixture,
    closed_form_kl,
)

SEVERAL = 3  # rows
DIM = 2


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def diagonal(rows: int) -> DiagonalGaussian:
    return DiagonalGaussian(randn(rows, DIM), randn(rows, DIM, seed=1))


def full(rows: int) -> FullGaussian:
    factor = randn(rows, DIM, DIM, seed=2).tril()
    return FullGaussian(
        randn(rows, DIM), factor - torch.diag_embed(factor.diagonal(dim1=1, dim2=2)) + 0.7 * torch.eye(DIM)
    )


def mixture(rows: int) -> GaussianMixture:
    return GaussianMixture(randn(rows, 4, seed=3), 2 * randn(rows, 4, DIM), randn(rows, 4, DIM, seed=1))


def scipy_mixture(distribution: Distribution, row: int) -> tuple[np.ndarray, list]:
    """Give the weights and the parts of one row; a Gaussian has one part."""
    if isinstance(distribution, FullGaussian):
        factor = distribution.scale_tril[row].numpy()
        return np.ones(1), [scipy.stats.multivariate_normal(distribution.mu[row].numpy(), factor @ factor.T)]
    mu, logvar = distribution.mu[row].view(-1, DIM), distribution.logvar[row].view(-1, DIM)
    parts = [
        scipy.stats.multivariate_normal(m.numpy(), np.diag(np.exp(v.numpy()))) for m, v in zip(mu, logvar, strict=True)
    ]
    logits = distribution.logits[row].numpy() if isinstance(distribution, GaussianMixture) else np.zeros(1)
    return np.exp(logits) / np.exp(logits).sum(), parts


every_kind = pytest.mark.parametrize("make", [diagonal, full, mixture])


@every_kind
def test_log_density_is_that_of_scipy(make):
    distribution, z = make(SEVERAL), 3 * randn(5, SEVERAL, DIM, seed=7)
    expected = np.empty((5, SEVERAL))
    for row in range(SEVERAL):
        weights, parts = scipy_mixture(distribution, row)
        expected[:, row] = np.log(sum(w * part.pdf(z[:, row].numpy()) for w, part in zip(weights, parts, strict=True)))
    np.testing.assert_allclose(distribution.log_prob(z), expected, rtol=1e-10)
    np.testing.assert_allclose(distribution.log_prob(z[0]), expected[0], rtol=1e-10)


@every_kind
def test_one_row_serves_all(make):
    distribution, z = make(1), randn(5, SEVERAL, DIM, seed=7)
    each = torch.stack([distribution.log_prob(z[:, [row]])[:, 0] for row in range(SEVERAL)], dim=1)
    torch.testing.assert_close(distribution.log_prob(z), each, rtol=0, atol=1e-12)


@every_kind
def test_samples_have_the_moments_of_the_parts(make):
    """By the law of total covariance; to within 5 standard errors, or their like for a variance."""
    distribution, n = make(SEVERAL), 40_000
    z = distribution.sample((n,), seeded()).detach()
    assert z.shape == (n, SEVERAL, DIM)
    for row in range(SEVERAL):
        weights, parts = scipy_mixture(distribution, row)
        means = np.array([part.mean for part in parts])
        mean = weights @ means
        cov = sum(
            w * (part.cov + np.outer(m - mean, m - mean)) for w, part, m in zip(weights, parts, means, strict=True)
        )
        scale = np.sqrt(np.diag(cov))
        np.testing.assert_array_less(np.abs(z[:, row].mean(dim=0).numpy() - mean), 5 * scale / math.sqrt(n))
        assert np.abs(np.cov(z[:, row].numpy().T) - cov).max() < 10 * scale.max() ** 2 / math.sqrt(n)


@every_kind
def test_one_sample_is_the_default_and_the_generator_decides_it(make):
    distribution = make(SEVERAL)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, again, other = (distribution.sample(generator=seeded(seed)) for seed in (1, 1, 2))
    assert one.shape == (SEVERAL, DIM)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(torch.rand(1), expected)
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator, got 0"):
        distribution.sample(generator=0)


@every_kind
def test_gradients_pass_through_samples_and_densities(make):
    distribution = make(SEVERAL)
    leaves = [value.requires_grad_() for value in vars(distribution).values()]
    z = distribution.sample((50,), seeded())
    torch.autograd.grad(z.sum(), leaves[-2:])
    for gradient in torch.autograd.grad(distribution.log_prob(z.detach()).sum(), leaves):
        assert gradient.isfinite().all()
        assert gradient.any()


@every_kind
def test_box_reaches_width_deviations_beyond_each_mean(make):
    distribution = make(SEVERAL)
    low, high = distribution.box(8.0)
    for row in range(SEVERAL):
        parts = scipy_mixture(distribution, row)[1]
        ends = [[part.mean + side * 8 * np.sqrt(np.diag(part.cov)) for part in parts] for side in (-1, 1)]
        np.testing.assert_allclose(low[row], np.min(ends[0], axis=0))
        np.testing.assert_allclose(high[row], np.max(ends[1], axis=0))


@pytest.mark.parametrize("make_p", [diagonal, full])
@pytest.mark.parametrize("make_q", [diagonal, full])
@pytest.mark.parametrize("rows", [1, SEVERAL], ids=["one p", "a p for each"])
def test_kl_of_gaussians_is_that_of_their_covariances(make_q, make_p, rows):
    q, p = make_q(SEVERAL), make_p(rows)
    p = type(p)(p.mu + 1, *list(vars(p).values())[1:])
    q_cov, p_cov = (d.scale_tril @ d.scale_tril.mT for d in (q, p))
    expected = gaussian.kl_gaussians(q.mu, q_cov, p.mu.expand(SEVERAL, -1), p_cov.expand(SEVERAL, -1, -1))
    torch.testing.assert_close(closed_form_kl(q, p), expected, rtol=1e-9, atol=1e-9)


def test_mixture_has_no_closed_form():
    assert closed_form_kl(diagonal(SEVERAL), mixture(1)) is None
    assert closed_form_kl(mixture(SEVERAL), full(1)) is None


@every_kind
def test_nan_stays_in_its_own_row(make):
    distribution = make(SEVERAL)
    distribution.mu[1] = math.nan
    is_nan = [False, True, False]
    assert distribution.log_prob(torch.zeros(SEVERAL, DIM).double()).isnan().tolist() == is_nan
    assert distribution.sample(generator=seeded()).isnan().any(dim=1).tolist() == is_nan
    if make is not mixture:
        assert closed_form_kl(distribution, full(1)).isnan().tolist() == is_nan
