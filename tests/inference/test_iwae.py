"""The importance-weighted bound between the ELBO and the evidence, its weights and its gradients."""

import math

import numpy as np
import pytest
import torch
from inference_helpers import (
    TinyVAE,
    WithCodes,
    linear_gaussian,
    mean_and_error,
    neural,
    randn,
    repeated,
    seeded,
    standard_normal,
)
from torch import Tensor
from torch.distributions import Independent, Normal

from vae_lessons.inference import (
    effective_sample_size,
    elbo_quadrature,
    iwae_bound,
    log_evidence_quadrature,
    log_importance_weights,
)
from vae_lessons.models import LinearGaussian
from vae_lessons.probability.likelihoods import Bernoulli


def iwae_mean(vae, x: Tensor, n_samples: int, n_runs: int) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        return mean_and_error(iwae_bound(vae, repeated(x, n_runs), n_samples, seeded(n_samples)), len(x))


@neural
def test_bound_of_one_sample_is_the_elbo(vae):
    x = vae.sample(3, seed=2)
    mean, error = iwae_mean(vae, x, n_samples=1, n_runs=5000)
    with torch.no_grad():
        exact = elbo_quadrature(vae, x, *vae.encode(x), n_nodes=64).value
    assert ((mean - exact).abs() < 5 * error).all()


@neural
def test_bound_rises_with_samples_towards_evidence(vae):
    """No step falls by more than 4 standard errors, and the whole rise over all images exceeds 5."""
    x = vae.sample(3, seed=2)
    means, errors = zip(*(iwae_mean(vae, x, 4**i, 3000 // 2**i) for i in range(5)), strict=True)
    evidence = log_evidence_quadrature(vae, x)
    for i in range(4):
        assert (means[i + 1] - means[i] > -4 * torch.hypot(errors[i], errors[i + 1])).all()
        assert (means[i] < evidence + 5 * errors[i]).all()
    assert (means[4] - means[0]).sum() > 5 * torch.hypot(errors[0], errors[4]).norm()


@neural
def test_bound_converges_to_the_evidence(vae):
    x = vae.sample(3, seed=2)
    mean, error = iwae_mean(vae, x, n_samples=4096, n_runs=24)
    assert ((mean - log_evidence_quadrature(vae, x)).abs() < 0.005 + 5 * error).all()
    assert (error < 0.05).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bound_is_evidence_for_exact_posterior(dtype):
    model, x = linear_gaussian(1)
    same = LinearGaussian(model.weight.to(dtype), model.bias.to(dtype), model.sigma)
    for n_samples in (1, 7):
        value = iwae_bound(same, x.to(dtype), n_samples, seeded())
        assert value.dtype == dtype
        tolerance = 1e-10 if dtype == torch.float64 else 1e-4
        torch.testing.assert_close(value.double(), model.log_evidence(x), rtol=0, atol=tolerance)


# Weights


def test_weights_are_ratios_of_densities():
    """By torch.distributions, at the codes that the same generator gives."""
    vae = TinyVAE(2, Bernoulli())
    x = vae.sample(3, seed=1)
    mu, logvar = vae.encode(x)
    q = Independent(Normal(mu, torch.exp(0.5 * logvar)), 1)
    z = q.mean + q.stddev * torch.randn(5, 3, 2, generator=seeded(), dtype=torch.float64)
    pairs = repeated(x, 5), z.flatten(0, 1)
    expected = vae.log_likelihood(*pairs).view(5, 3) + standard_normal(2).log_prob(z) - q.log_prob(z)
    torch.testing.assert_close(log_importance_weights(vae, x, 5, seeded()), expected)


def test_effective_sample_size_by_its_formula():
    log_weights = randn(7, 4)
    weights = np.exp(log_weights.numpy())
    expected = weights.sum(axis=0) ** 2 / (weights**2).sum(axis=0)
    np.testing.assert_allclose(effective_sample_size(log_weights).numpy(), expected, rtol=1e-12)
    for shift in (-1e4, 1e4):  # far beyond what exp can hold
        np.testing.assert_allclose(effective_sample_size(log_weights + shift).numpy(), expected, rtol=1e-9)


def test_effective_sample_size_lies_between_one_and_all():
    alone = torch.tensor([[0.0], [-math.inf], [-1e4]])
    assert effective_sample_size(alone).item() == 1
    assert effective_sample_size(torch.full((9, 1), 1e4)).item() == pytest.approx(9)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (0, 3)])
def test_other_weights_are_refused(shape):
    with pytest.raises(ValueError, match="log_weights must be"):
        effective_sample_size(torch.zeros(shape))


# Gradients

NOT_THE_POSTERIOR = (0.47, -2.43)  # mu and logvar, where the posterior has 0.07 and -3.13


def encoder_gradients(n_samples: int, n_runs: int, doubly_reparameterised: bool) -> Tensor:
    """Draw gradients, (R, 2), of the bound in mu and logvar of a q that is not the posterior."""
    model, x = linear_gaussian(1)
    mu, logvar = (
        torch.full((n_runs, 1), value, dtype=torch.float64, requires_grad=True) for value in NOT_THE_POSTERIOR
    )
    bound = iwae_bound(
        WithCodes(model, mu, logvar),
        repeated(x[:1], n_runs),
        n_samples,
        seeded(n_samples),
        doubly_reparameterised=doubly_reparameterised,
    )
    return torch.cat(torch.autograd.grad(bound.sum(), (mu, logvar)), dim=1)


def exact_gradient_of_two() -> Tensor:
    """Differentiate the bound of two codes, as an integral over their noise by Gauss-Hermite quadrature."""
    model, x = linear_gaussian(1)
    parameters = torch.tensor(NOT_THE_POSTERIOR, dtype=torch.float64, requires_grad=True)
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.hermite_e.hermegauss(80))
    q = Normal(parameters[0], torch.exp(0.5 * parameters[1]))
    z = q.mean + q.stddev * nodes
    joint = model.log_likelihood(repeated(x[:1], 80), z[:, None]) + Normal(0.0, 1.0).log_prob(z)
    log_weights = joint - q.log_prob(z)
    pairs = torch.logaddexp(log_weights[:, None], log_weights[None, :]) - math.log(2)
    weights = weights / weights.sum()
    return torch.autograd.grad(weights @ pairs @ weights, parameters)[0]


@pytest.mark.parametrize("doubly_reparameterised", [False, True])
def test_gradient_of_the_encoder_is_unbiased(doubly_reparameterised):
    gradients = encoder_gradients(2, 100_000, doubly_reparameterised)
    error = gradients.std(dim=0) / math.sqrt(len(gradients))
    assert ((gradients.mean(dim=0) - exact_gradient_of_two()).abs() < 4 * error).all()
    assert (error < 0.02 * exact_gradient_of_two().abs()).all()


def signal_to_noise(n_samples: int, doubly_reparameterised: bool) -> Tensor:
    gradients = encoder_gradients(n_samples, 2000, doubly_reparameterised)
    return gradients.mean(dim=0).abs() / gradients.std(dim=0)


def test_doubly_reparameterised_gradient_keeps_its_signal():
    plain, double = (torch.stack([signal_to_noise(n, kind) for n in (16, 256)]) for kind in (False, True))
    assert (plain[1] < 0.6 * plain[0]).all()
    assert (double[1] > 2 * double[0]).all()
    assert (double[1] > 20 * plain[1]).all()


def test_doubly_reparameterised_gradient_vanishes_at_the_posterior():
    """Where the bound is tight, every single gradient is zero, not only their mean."""
    model, x = linear_gaussian(1)
    mu, logvar = (part.clone().requires_grad_() for part in model.encode(x))
    for n_samples in (1, 6):
        bound = iwae_bound(WithCodes(model, mu, logvar), x, n_samples, seeded(), doubly_reparameterised=True)
        for gradient in torch.autograd.grad(bound.sum(), (mu, logvar)):
            torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-12)


def test_value_and_gradient_of_the_decoder_stay():
    vae = TinyVAE(2, Bernoulli())
    x = vae.sample(3, seed=1)
    plain, double = (iwae_bound(vae, x, 6, seeded(), doubly_reparameterised=kind) for kind in (False, True))
    assert torch.equal(plain, double)
    for network, alike in ((vae.decoder, True), (vae.encoder, False)):
        for first, second in zip(
            *(torch.autograd.grad(b.sum(), network.parameters(), retain_graph=True) for b in (plain, double)),
            strict=True,
        ):
            assert torch.allclose(first, second, rtol=1e-10) == alike
    with torch.no_grad():
        assert torch.equal(iwae_bound(vae, x, 6, seeded(), doubly_reparameterised=True), plain)
