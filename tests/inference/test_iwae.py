"""The importance-weighted bound between the ELBO and the evidence."""

import pytest
import torch
from inference_helpers import linear_gaussian, mean_and_error, neural, repeated, seeded
from torch import Tensor

from vae_lessons.inference import elbo_quadrature, iwae_bound, log_evidence_quadrature
from vae_lessons.models import LinearGaussian


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
