"""What all bounds share: gradients, chunks, dtypes, generators and the checks of models and images."""

import math

import numpy as np
import pytest
import torch
from inference_helpers import LIKELIHOODS, PIXELS, SHAPE, TinyVAE, randn, seeded
from torch import nn

from vae_lessons.inference import (
    best_gaussian,
    elbo,
    elbo_quadrature,
    iwae_bound,
    log_evidence_quadrature,
    posterior_quadrature,
)
from vae_lessons.models import VAE, Autoencoder, LinearGaussian
from vae_lessons.probability.likelihoods import Bernoulli, ContinuousBernoulli


@pytest.mark.parametrize(
    "bound",
    [
        lambda vae, x: elbo(vae, x, 4, seeded()).value,
        lambda vae, x: iwae_bound(vae, x, 4, seeded()),
        lambda vae, x: elbo_quadrature(vae, x, *vae.encode(x)).value,
    ],
    ids=["elbo", "iwae", "elbo quadrature"],
)
def test_gradients_reach_every_parameter(bound):
    vae = TinyVAE(2, Bernoulli())
    bound(vae, vae.sample(3, seed=1)).sum().backward()
    for name, parameter in vae.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


BOUNDS = {
    "elbo": lambda vae, x, n=3: elbo(vae, x, n, seeded()).value,
    "iwae": lambda vae, x, n=3: iwae_bound(vae, x, n, seeded()),
    "evidence": lambda vae, x: log_evidence_quadrature(vae, x),
    "elbo quadrature": lambda vae, x: elbo_quadrature(vae, x, *vae.encode(x)).value,
}

every_bound = pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS.keys())

sampled_bounds = pytest.mark.parametrize("bound", [BOUNDS["elbo"], BOUNDS["iwae"]], ids=["elbo", "iwae"])


@every_bound
@pytest.mark.parametrize("rows", [1, 7, 64, 10**6])
def test_chunk_size_does_not_change_values(bound, rows, monkeypatch):
    vae = TinyVAE(1, ContinuousBernoulli())
    x, sizes, log_likelihood = vae.sample(3, seed=1), [], vae.log_likelihood
    before = bound(vae, x)
    monkeypatch.setattr("vae_lessons.inference.model.CHUNK_SIZE", rows)
    monkeypatch.setattr(vae, "log_likelihood", lambda x, z: sizes.append(len(z)) or log_likelihood(x, z))
    torch.testing.assert_close(bound(vae, x), before, rtol=1e-12, atol=1e-12)
    assert max(sizes) <= max(rows, len(x))


@pytest.mark.parametrize("bound", [BOUNDS[name] for name in ("elbo", "evidence", "elbo quadrature")])
@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)
def test_float32_values_are_near_float64_values(bound, likelihood):
    """With q so narrow that all samples coincide."""
    vae = TinyVAE(2, likelihood, seed=1)
    nn.init.constant_(vae.encoder[3].bias[2:].data, -40.0)
    x = vae.sample(3, seed=1)
    with torch.no_grad():
        exact = bound(vae, x)
        value = bound(vae.float(), x.float())
    assert (exact.dtype, value.dtype) == (torch.float64, torch.float32)
    torch.testing.assert_close(value.double(), exact, rtol=1e-5, atol=1e-3)


@every_bound
def test_one_value_per_image(bound):
    """Sampled bounds are compared in shape only, the others in value too."""
    vae = TinyVAE(2, Bernoulli())
    x = vae.sample(5, seed=1)
    assert bound(vae, x).shape == (5,)
    if bound in (BOUNDS["evidence"], BOUNDS["elbo quadrature"]):
        torch.testing.assert_close(
            torch.cat([bound(vae, image[None]) for image in x]), bound(vae, x), rtol=0, atol=2e-4
        )


@sampled_bounds
def test_generator_fixes_value_without_global_state(bound):
    vae = TinyVAE(2, Bernoulli())
    x = vae.sample(3, seed=1)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(bound(vae, x), bound(vae, x))
    assert torch.equal(torch.rand(1), expected)


def test_another_generator_gives_another_value():
    vae = TinyVAE(2, Bernoulli())
    x = vae.sample(3, seed=1)
    for bound in (lambda g: elbo(vae, x, 3, g).value, lambda g: iwae_bound(vae, x, 3, g)):
        assert (bound(seeded(0)) != bound(seeded(1))).all()


@sampled_bounds
def test_nan_stays_in_its_own_row(bound):
    vae = TinyVAE(2, Bernoulli())
    x = vae.sample(3, seed=1)
    x[1, 0, 2] = math.nan
    assert bound(vae, x).isnan().tolist() == [False, True, False]


@sampled_bounds
@pytest.mark.parametrize("n_samples", [0, -1])
def test_fewer_than_one_sample_is_refused(bound, n_samples):
    vae = TinyVAE(1, Bernoulli())
    with pytest.raises(ValueError, match=f"n_samples must be at least 1, got {n_samples}"):
        bound(vae, vae.sample(2, seed=1), n_samples)


@sampled_bounds
@pytest.mark.parametrize(
    ("n_samples", "shown"),
    [
        (2.5, "2.5"),
        ("3", "'3'"),
        (torch.tensor(3), r"3: take its \.item\(\)"),
        (torch.arange(5), r"a tensor of shape \(5,\)"),  # probably the labels
    ],
    ids=["half", "text", "tensor", "labels"],
)
def test_non_integer_sample_count_is_refused(bound, n_samples, shown):
    vae = TinyVAE(1, Bernoulli())
    with pytest.raises(ValueError, match=f"n_samples must be a whole number, got {shown}$"):
        bound(vae, vae.sample(2, seed=1), n_samples)


@sampled_bounds
def test_numpy_integer_sample_count_is_accepted(bound):
    vae = TinyVAE(1, Bernoulli())
    x = vae.sample(2, seed=1)
    assert torch.equal(bound(vae, x, np.int64(3)), bound(vae, x, 3))


@pytest.mark.parametrize("bound", [elbo, iwae_bound])
def test_invalid_generator_is_named(bound):
    vae = TinyVAE(1, Bernoulli())
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator, got 0"):
        bound(vae, vae.sample(2, seed=1), 3, generator=0)


ON_IMAGES = {
    "elbo": elbo,
    "iwae": lambda vae, x: iwae_bound(vae, x, 5),
    "posterior": posterior_quadrature,
    "evidence": log_evidence_quadrature,
    "elbo quadrature": lambda vae, x: elbo_quadrature(vae, x, torch.zeros(len(x), 2), torch.zeros(len(x), 2)),
    "best Gaussian": best_gaussian,
}

every_use = pytest.mark.parametrize("use", ON_IMAGES.values(), ids=ON_IMAGES)


@every_use
def test_model_without_likelihood_is_named(use):
    model = Autoencoder(SHAPE, 2, (5,), seeded())
    with pytest.raises(TypeError, match=r"vae must have log_likelihood\(x, z\), as a VAE has, Autoencoder has none"):
        use(model, torch.rand(3, *SHAPE))


@every_use
def test_invalid_images_are_named_before_copying(use):
    """The message shows the batch as the caller passed it."""
    linear = LinearGaussian(randn(PIXELS, 2).float(), randn(*SHAPE).float(), 0.7)
    for model in (VAE(SHAPE, 2, (5,), likelihood=Bernoulli(), generator=seeded()), linear):
        with pytest.raises(ValueError, match=r"x must be images of shape \(B, 2, 3\), got \(4, 6\)"):
            use(model, torch.rand(4, 6))
        with pytest.raises(ValueError, match=r"x must be torch\.float32, as the model is, got torch\.float64"):
            use(model, torch.rand(4, *SHAPE).double())


@every_use
def test_images_that_are_not_tensors_are_named(use):
    vae = TinyVAE(2, Bernoulli())
    with pytest.raises(TypeError, match="x must be a tensor, got ndarray"):
        use(vae, vae.sample(3, seed=1).numpy())


@pytest.mark.parametrize(
    "bound",
    [
        elbo,
        lambda vae, x: iwae_bound(vae, x, 5),
        log_evidence_quadrature,
        lambda vae, x: elbo_quadrature(vae, x, *vae.encode(x)),
        best_gaussian,
    ],
    ids=["elbo", "iwae", "evidence", "elbo quadrature", "best Gaussian"],
)
def test_empty_batch_is_refused(bound):
    vae = TinyVAE(2, Bernoulli())
    with pytest.raises(ValueError, match="x must hold at least one image, got none"):
        bound(vae, vae.sample(3, seed=1)[:0])
