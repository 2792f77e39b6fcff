"""Gaussian densities and KL divergences against torch.distributions: values and gradients, also at extremes."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from vae_lessons.probability import gaussian

SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 8))
SEEDS = st.integers(0, 2**31)


def tensors(shape: tuple[int, int], seed: int, count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(count)]


def log_variances(shape: tuple[int, int], seed: int) -> torch.Tensor:
    """Draw log-variances from -30 to 20, both ends included."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(shape, generator=generator, dtype=torch.float64) * 50 - 30
    values[0, 0] = (-30.0, 20.0, 0.0, 1e-9)[seed % 4]
    return values.requires_grad_()


def normal(mu: torch.Tensor, logvar: torch.Tensor) -> Independent:
    return Independent(Normal(mu, torch.exp(logvar / 2)), 1)


def assert_same_value_and_gradient(actual, expected, inputs, rtol=1e-10) -> None:
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=1e-10)
    gradients = (torch.autograd.grad(value.sum(), inputs, retain_graph=True) for value in (actual, expected))
    torch.testing.assert_close(*gradients, rtol=rtol, atol=1e-10)


@given(SHAPES, SEEDS)
def test_log_prob_matches_torch(shape, seed):
    mu, eps = (t.requires_grad_() for t in tensors(shape, seed, 2))
    logvar = log_variances(shape, seed)
    z = (mu + eps * torch.exp(logvar / 2)).detach().requires_grad_()
    actual = gaussian.log_prob(z, mu, logvar)
    assert actual.shape == shape[:1]
    assert_same_value_and_gradient(actual, normal(mu, logvar).log_prob(z), [z, mu, logvar], rtol=1e-9)


@given(SHAPES, SEEDS)
def test_entropy_matches_torch(shape, seed):
    logvar = log_variances(shape, seed)
    expected = normal(torch.zeros(shape, dtype=torch.float64), logvar).entropy()
    assert_same_value_and_gradient(gaussian.entropy(logvar), expected, [logvar])


@given(SHAPES, SEEDS)
def test_kl_to_standard_normal_matches_torch(shape, seed):
    (mu,) = (t.requires_grad_() for t in tensors(shape, seed, 1))
    logvar = log_variances(shape, seed)
    expected = kl_divergence(normal(mu, logvar), normal(torch.zeros_like(mu), torch.zeros_like(mu)))
    actual = gaussian.kl_to_standard_normal(mu, logvar)
    assert (actual >= 0).all()
    assert_same_value_and_gradient(actual, expected, [mu, logvar])


@given(SHAPES, SEEDS)
def test_kl_of_diagonal_gaussians_matches_torch(shape, seed):
    mu_q, mu_p, spread = (t.requires_grad_() for t in tensors(shape, seed, 3))
    logvar_p = log_variances(shape, seed)
    logvar_q = (logvar_p + 3 * spread).detach().requires_grad_()
    expected = kl_divergence(normal(mu_q, logvar_q), normal(mu_p, logvar_p))
    actual = gaussian.kl_diagonal(mu_q, logvar_q, mu_p, logvar_p)
    assert_same_value_and_gradient(actual, expected, [mu_q, logvar_q, mu_p, logvar_p])


@given(SHAPES, SEEDS)
def test_kl_of_full_gaussians_matches_torch(shape, seed):
    batch, k = shape
    mu_q, mu_p = (t.requires_grad_() for t in tensors(shape, seed, 2))
    roots = tensors((batch, k * k), seed + 1, 2)
    cov_q, cov_p = (
        (root.view(batch, k, k) @ root.view(batch, k, k).mT + torch.eye(k, dtype=torch.float64)).requires_grad_()
        for root in roots
    )
    expected = kl_divergence(MultivariateNormal(mu_q, cov_q), MultivariateNormal(mu_p, cov_p))
    actual = gaussian.kl_gaussians(mu_q, cov_q, mu_p, cov_p)
    assert_same_value_and_gradient(actual, expected, [mu_q, cov_q, mu_p, cov_p])


def test_full_kl_agrees_with_diagonal_kl():
    mu_q, logvar_q, mu_p, logvar_p = tensors((5, 3), 0, 4)
    full = gaussian.kl_gaussians(mu_q, torch.diag_embed(logvar_q.exp()), mu_p, torch.diag_embed(logvar_p.exp()))
    torch.testing.assert_close(full, gaussian.kl_diagonal(mu_q, logvar_q, mu_p, logvar_p))


def test_kl_is_accurate_near_standard_normal():
    """For log σ² = t the KL is (e^t - 1 - t)/2 = t²/4 + t³/12 + ..., which plain subtraction loses."""
    t = torch.tensor([[1e-5], [-1e-6]], dtype=torch.float64)
    expected = (t.square() / 4 + t**3 / 12 + t**4 / 48).squeeze(1)
    torch.testing.assert_close(gaussian.kl_to_standard_normal(torch.zeros_like(t), t), expected, rtol=1e-5, atol=0)


def test_kl_to_itself_is_zero():
    mu, logvar = tensors((4, 3), 1, 2)
    assert not gaussian.kl_diagonal(mu, logvar, mu, logvar).any()
    assert not gaussian.kl_to_standard_normal(torch.zeros(4, 3), torch.zeros(4, 3)).any()


def test_samples_have_requested_mean_and_variance():
    n = 200_000
    mu, logvar = torch.tensor([[1.5, -2.0]]).expand(n, 2), torch.tensor([[0.4, -3.0]]).expand(n, 2)
    z = gaussian.reparameterise(mu, logvar, torch.Generator().manual_seed(0))
    deviation = torch.exp(logvar[0] / 2)
    assert ((z.mean(dim=0) - mu[0]).abs() < 5 * deviation / math.sqrt(n)).all()
    assert ((z.var(dim=0) / deviation.square() - 1).abs() < 5 * math.sqrt(2 / n)).all()


def test_sample_passes_gradients_to_mu_and_logvar():
    mu, logvar = (t.requires_grad_() for t in tensors((3, 2), 2, 2))
    z = gaussian.reparameterise(mu, logvar, torch.Generator().manual_seed(0))
    d_mu, d_logvar = torch.autograd.grad(z.sum(), [mu, logvar])
    torch.testing.assert_close(d_mu, torch.ones_like(mu))
    torch.testing.assert_close(d_logvar, (z - mu).detach() / 2)  # dz/dlogvar = σ ε / 2


def test_generator_fixes_sample_without_global_state():
    mu, logvar = tensors((3, 2), 3, 2)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, second = (gaussian.reparameterise(mu, logvar, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda a, b: gaussian.log_prob(a, b, b),
            r"z and mu and logvar must have the same shape \(B, K\), got z \(3, 2\)",
        ),
        (lambda a, b: gaussian.reparameterise(a, b), "mu and logvar must have the same shape"),
        (lambda a, b: gaussian.kl_to_standard_normal(a, b), r"mu \(3, 2\), logvar \(3, 1\)"),
        (lambda a, b: gaussian.kl_diagonal(a, a, b, a), "mu_q and logvar_q and mu_p and logvar_p must"),
        (lambda a, b: gaussian.entropy(a[0]), r"logvar must have the same shape \(B, K\), got logvar \(2,\)"),
    ],
)
def test_mismatched_shapes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.zeros(3, 2), torch.zeros(3, 1))


@pytest.mark.parametrize(
    ("cov", "message"),
    [
        (torch.eye(3).repeat(2, 1, 1), r"cov_q must have shape \(2, 2, 2\), got \(2, 3, 3\)"),
        (torch.tensor([[[1.0, 0], [0, 1]], [[1, 2], [2, 1]]]), "cov_q must be positive definite, matrix 1 is not"),
        (torch.tensor([[[1.0, 0.5], [0, 1]], [[1, 0], [0, 1]]]), "cov_q must be symmetric, matrix 0 is not"),
        (torch.full((2, 2, 2), torch.nan), "cov_q must be finite, matrix 0 is not"),
    ],
    ids=["shape", "indefinite", "asymmetric", "nan"],
)
def test_invalid_covariance_is_named(cov, message):
    mu, identity = torch.zeros(2, 2), torch.eye(2).repeat(2, 1, 1)
    with pytest.raises(ValueError, match=message):
        gaussian.kl_gaussians(mu, cov, mu, identity)


def test_non_finite_mean_is_named():
    identity = torch.eye(2).repeat(2, 1, 1)
    with pytest.raises(ValueError, match="mu_p must be finite, row 1 is not"):
        gaussian.kl_gaussians(torch.zeros(2, 2), identity, torch.tensor([[0, 0], [torch.inf, 0]]), identity)


@given(SHAPES, SEEDS)
def test_kl_is_positive_and_adds_over_dimensions(shape, seed):
    (mu,), logvar = tensors(shape, seed, 1), log_variances(shape, seed).detach()
    kl = gaussian.kl_to_standard_normal(mu, logvar)
    assert (kl >= 0).all()
    assert gaussian.kl_to_standard_normal(torch.ones(1, 1), torch.zeros(1, 1)) == 0.5
    twice = gaussian.kl_to_standard_normal(mu.repeat(1, 2), logvar.repeat(1, 2))
    torch.testing.assert_close(twice, 2 * kl)


@pytest.mark.parametrize("value", [0.5, [[0.0]], np.zeros((1, 1))], ids=["float", "list", "ndarray"])
@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda a, t: gaussian.log_prob(a, t, t), "z"),
        (lambda a, _t: gaussian.entropy(a), "logvar"),
        (lambda a, t: gaussian.reparameterise(t, a), "logvar"),
        (lambda a, t: gaussian.kl_to_standard_normal(a, t), "mu"),
        (lambda a, t: gaussian.kl_diagonal(t, t, t, a), "logvar_p"),
        (lambda a, t: gaussian.kl_gaussians(t, a, t, t[None]), "cov_q"),
    ],
    ids=["log_prob", "entropy", "reparameterise", "kl_to_standard_normal", "kl_diagonal", "kl_gaussians"],
)
def test_non_tensor_is_named(call, name, value):
    with pytest.raises(TypeError, match=f"{name} must be a tensor, got {type(value).__name__}: "):
        call(value, torch.zeros(1, 1))


@pytest.mark.parametrize("generator", [0, np.random.default_rng(0)], ids=["seed", "numpy"])
def test_invalid_generator_is_named(generator):
    message = f"generator must be a torch.Generator, got {generator!r}: use torch.Generator().manual_seed(0)"
    with pytest.raises(TypeError, match=re.escape(message)):
        gaussian.reparameterise(torch.zeros(1, 1), torch.zeros(1, 1), generator)
