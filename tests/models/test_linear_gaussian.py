"""The linear-Gaussian model against scipy.stats, the joint Gaussian of codes and pixels, and PCA."""

import math
import re

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from vae_lessons.models import LinearGaussian
from vae_lessons.probability import gaussian

SEEDS = st.integers(0, 2**31)
SIGMAS = st.floats(0.05, 5)
LATENT_DIMS = st.integers(1, 4)
PIXELS = 6


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def random_model(latent_dim: int, seed: int = 0, sigma: float = 0.7) -> tuple[LinearGaussian, Tensor]:
    """Make a model of images (2, 3) and four images, some unlikely under it."""
    model = LinearGaussian(randn(PIXELS, latent_dim, seed=seed), randn(2, 3, seed=seed + 1), sigma)
    return model, 2 * randn(4, 2, 3, seed=seed + 2)


def evidence_cov(model: LinearGaussian) -> Tensor:
    return model.weight @ model.weight.T + model.sigma**2 * torch.eye(PIXELS, dtype=torch.float64)


def joint(model: LinearGaussian) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of (z, x), from (z, W z + b + σ ε) = A (z, ε) + (0, b)."""
    k = model.latent_dim
    linear = np.block(
        [[np.eye(k), np.zeros((k, PIXELS))], [model.weight.numpy(), model.sigma * np.eye(PIXELS)]],
    )
    return np.concatenate([np.zeros(k), model.bias.flatten().numpy()]), linear @ linear.T


# Evidence, likelihood, posterior


@given(SEEDS, LATENT_DIMS, SIGMAS)
def test_evidence_matches_scipy(seed, latent_dim, sigma):
    model, x = random_model(latent_dim, seed, sigma)
    expected = scipy.stats.multivariate_normal(model.bias.flatten().numpy(), evidence_cov(model).numpy())
    np.testing.assert_allclose(model.log_evidence(x), expected.logpdf(x.flatten(1).numpy()), rtol=1e-8)


@given(SEEDS, LATENT_DIMS, SIGMAS)
def test_likelihood_is_normal_around_decoded_mean(seed, latent_dim, sigma):
    model, x = random_model(latent_dim, seed, sigma)
    z = randn(4, latent_dim, seed=seed + 3)
    mean = torch.einsum("dk,bk->bd", model.weight, z).view(4, 2, 3) + model.bias
    torch.testing.assert_close(model.decode(z), mean)
    expected = Independent(Normal(mean, sigma), 2).log_prob(x)
    torch.testing.assert_close(model.log_likelihood(x, z), expected)


@given(SEEDS, LATENT_DIMS, SIGMAS)
def test_posterior_is_the_conditional_joint_gaussian(seed, latent_dim, sigma):
    model, x = random_model(latent_dim, seed, sigma)
    mean, cov = joint(model)
    gain = np.linalg.solve(cov[latent_dim:, latent_dim:], cov[latent_dim:, :latent_dim]).T
    conditional_mean = (x.flatten(1).numpy() - mean[latent_dim:]) @ gain.T
    conditional_cov = cov[:latent_dim, :latent_dim] - gain @ cov[latent_dim:, :latent_dim]
    actual_mean, actual_cov = model.posterior(x)
    assert actual_cov.shape == (4, latent_dim, latent_dim)
    np.testing.assert_allclose(actual_mean, conditional_mean, rtol=1e-7, atol=1e-9)
    for actual in actual_cov:
        np.testing.assert_allclose(actual, conditional_cov, rtol=1e-7, atol=1e-9)


@given(SEEDS, LATENT_DIMS, SIGMAS)
def test_bayes_rule_holds_at_any_code(seed, latent_dim, sigma):
    """log p(x) = log p(x | z) + log p(z) - log p(z | x)."""
    model, x = random_model(latent_dim, seed, sigma)
    z = randn(4, latent_dim, seed=seed + 3)
    prior = Independent(Normal(torch.zeros_like(z), 1.0), 1)
    posterior = MultivariateNormal(*model.posterior(x))
    expected = model.log_likelihood(x, z) + prior.log_prob(z) - posterior.log_prob(z)
    torch.testing.assert_close(model.log_evidence(x), expected, rtol=1e-8, atol=1e-8)


# The ELBO


@given(SEEDS, LATENT_DIMS, SIGMAS)
def test_elbo_is_evidence_minus_kl(seed, latent_dim, sigma):
    model, x = random_model(latent_dim, seed, sigma)
    mu, logvar = randn(4, latent_dim, seed=seed + 3), randn(4, latent_dim, seed=seed + 4)
    divergence = gaussian.kl_gaussians(mu, torch.diag_embed(logvar.exp()), *model.posterior(x))
    expected = model.log_evidence(x) - divergence
    torch.testing.assert_close(model.elbo(x, mu, logvar).value, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_elbo_is_mean_over_samples_of_q(latent_dim):
    model, x = random_model(latent_dim)
    mu, logvar = randn(4, latent_dim, seed=3), randn(4, latent_dim, seed=4)
    n = 20_000
    q, prior = Independent(Normal(mu, torch.exp(logvar / 2)), 1), Independent(Normal(torch.zeros_like(mu), 1.0), 1)
    z = mu + torch.exp(logvar / 2) * randn(n, 4, latent_dim, seed=5)
    pixels = Independent(Normal((z @ model.weight.T).view(n, 4, 2, 3) + model.bias, model.sigma), 2)
    exact, reconstruction = model.elbo(x, mu, logvar), pixels.log_prob(x)
    assert (
        (reconstruction.mean(dim=0) - exact.reconstruction).abs() < 5 * reconstruction.std(dim=0) / math.sqrt(n)
    ).all()
    torch.testing.assert_close(exact.kl, kl_divergence(q, prior))


@given(SEEDS, LATENT_DIMS, SIGMAS)
def test_elbo_gradients_match_negative_kl_gradients(seed, latent_dim, sigma):
    model, x = random_model(latent_dim, seed, sigma)
    mu, logvar = (randn(4, latent_dim, seed=seed + i).requires_grad_() for i in (3, 4))
    divergence = kl_divergence(
        MultivariateNormal(mu, torch.diag_embed(logvar.exp())), MultivariateNormal(*model.posterior(x))
    )
    actual = torch.autograd.grad(model.elbo(x, mu, logvar).value.sum(), [mu, logvar])
    expected = torch.autograd.grad(-divergence.sum(), [mu, logvar])
    torch.testing.assert_close(actual, expected, rtol=1e-7, atol=1e-7)


# The encoder


@given(SEEDS, LATENT_DIMS, SIGMAS, st.floats(-4, 0))
def test_encoder_has_the_largest_elbo(seed, latent_dim, sigma, log_size):
    model, x = random_model(latent_dim, seed, sigma)
    mu, logvar = model.encode(x)
    best = model.elbo(x, mu, logvar).value
    scale = 10**log_size * torch.exp(logvar / 2)
    off_mu, off_logvar = randn(2, 4, latent_dim, seed=seed + 3)
    for other in ((mu + scale * off_mu, logvar), (mu, logvar + 10**log_size * off_logvar)):
        assert (model.elbo(x, *other).value <= best + 1e-12 * best.abs()).all()
    both = model.elbo(x, mu + off_mu, logvar + off_logvar).value
    assert (both < best).all()


@given(SEEDS, LATENT_DIMS, SIGMAS)
def test_elbo_gradient_is_zero_at_encoders_code(seed, latent_dim, sigma):
    model, x = random_model(latent_dim, seed, sigma)
    mu, logvar = (t.clone().requires_grad_() for t in model.encode(x))
    d_mu, d_logvar = torch.autograd.grad(model.elbo(x, mu, logvar).value.sum(), [mu, logvar])
    assert (d_mu * torch.exp(logvar / 2)).abs().max() < 1e-8
    assert d_logvar.abs().max() < 1e-8


@given(SEEDS, SIGMAS)
def test_elbo_is_evidence_in_one_dimension(seed, sigma):
    model, x = random_model(1, seed, sigma)
    torch.testing.assert_close(model.elbo(x, *model.encode(x)).value, model.log_evidence(x), rtol=1e-9, atol=1e-9)


def test_gap_vanishes_only_for_orthogonal_columns():
    model, x = random_model(3)
    gap = model.log_evidence(x) - model.elbo(x, *model.encode(x)).value
    mu, logvar = model.encode(x)
    q = MultivariateNormal(mu, torch.diag_embed(logvar.exp()))
    torch.testing.assert_close(gap, kl_divergence(q, MultivariateNormal(*model.posterior(x))), rtol=1e-8, atol=1e-10)
    assert (gap > 0.01).all()
    orthogonal = LinearGaussian(torch.linalg.qr(model.weight).Q * 2, model.bias, model.sigma)
    torch.testing.assert_close(orthogonal.elbo(x, *orthogonal.encode(x)).value, orthogonal.log_evidence(x))


# Fitting


def images(seed: int = 0, n: int = 50) -> Tensor:
    """Draw images (n, 2, 3) with more variance in some directions than in others."""
    return (randn(n, PIXELS, seed=seed) @ randn(PIXELS, PIXELS, seed=seed + 1)).view(n, 2, 3) + 3


@given(SEEDS, st.integers(1, PIXELS - 1))
def test_fit_matches_scikit_learn_pca(seed, latent_dim):
    """PCA divides covariances by M - 1, so it gets images shrunk towards their mean by sqrt((M - 1) / M)."""
    x = images(seed)
    flat = x.flatten(1).numpy()
    shrunk = flat.mean(0) + (flat - flat.mean(0)) * math.sqrt(49 / 50)
    pca = PCA(latent_dim, svd_solver="full").fit(shrunk)
    model = LinearGaussian.fit(x, latent_dim)
    assert model.sigma**2 == pytest.approx(pca.noise_variance_, rel=1e-8)
    np.testing.assert_allclose(evidence_cov(model), pca.get_covariance(), rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(model.bias, x.mean(dim=0))
    assert model.log_evidence(x).mean().item() == pytest.approx(pca.score(flat), rel=1e-8)


def test_scikit_learn_noise_has_bessels_correction():
    x = images()
    pca = PCA(2).fit(x.flatten(1).numpy())
    assert LinearGaussian.fit(x, 2).sigma ** 2 == pytest.approx(pca.noise_variance_ * 49 / 50)


def test_weight_columns_are_sorted_principal_directions():
    x = images()
    model, pca = LinearGaussian.fit(x, 3), PCA(3).fit(x.flatten(1).numpy())
    lengths = model.weight.norm(dim=0)
    assert (lengths.diff() < 0).all()
    cosines = (torch.from_numpy(pca.components_) * (model.weight / lengths).T).sum(dim=1)
    torch.testing.assert_close(cosines.abs(), torch.ones(3).double())
    np.testing.assert_allclose(lengths**2 + model.sigma**2, pca.explained_variance_ * 49 / 50)


@settings(max_examples=50)
@given(SEEDS, st.integers(1, PIXELS - 1), st.floats(-3, 0.5))
def test_fit_has_the_largest_evidence(seed, latent_dim, log_size):
    x, size = images(seed), 10**log_size
    best = LinearGaussian.fit(x, latent_dim)
    evidence = best.log_evidence(x).mean()
    others = [
        LinearGaussian(best.weight + size * randn(PIXELS, latent_dim, seed=seed + 2), best.bias, best.sigma),
        LinearGaussian(best.weight, best.bias + size * randn(2, 3, seed=seed + 3), best.sigma),
        LinearGaussian(best.weight, best.bias, best.sigma * (1 + size)),
        LinearGaussian(best.weight, best.bias, best.sigma / (1 + size)),
    ]
    for other in others:
        assert other.log_evidence(x).mean() < evidence


def test_evidence_gradient_is_zero_at_fit():
    x = images()
    fit = LinearGaussian.fit(x, 2)
    weight, bias = fit.weight.clone().requires_grad_(), fit.bias.clone().requires_grad_()
    evidence = LinearGaussian(weight, bias, fit.sigma).log_evidence(x).mean()
    for gradient in torch.autograd.grad(evidence, [weight, bias]):
        assert gradient.abs().max() < 1e-8
    wider, narrower = (
        LinearGaussian(fit.weight, fit.bias, fit.sigma + d).log_evidence(x).mean() for d in (1e-4, -1e-4)
    )
    assert abs(wider - narrower) / 2e-4 < 1e-5


def test_fit_recovers_the_sampled_model():
    """To within 5 standard errors of a covariance of n images, sqrt((C_ii C_jj + C_ij²) / n)."""
    model, n = random_model(2)[0], 50_000
    fit = LinearGaussian.fit(model.sample(n, seeded()), 2)
    cov = evidence_cov(model)
    error = ((cov.diagonal().outer(cov.diagonal()) + cov.square()) / n).sqrt()
    assert ((evidence_cov(fit) - cov).abs() < 5 * error).all()


def test_fit_computes_in_float64_and_keeps_dtype():
    x = images()
    double, single = LinearGaussian.fit(x, 2), LinearGaussian.fit(x.float(), 2)
    assert single.weight.dtype == single.bias.dtype == torch.float32
    assert torch.equal(single.weight, LinearGaussian.fit(x.float().double(), 2).weight.float())
    torch.testing.assert_close(single.log_evidence(x.float()).double(), double.log_evidence(x), rtol=1e-4, atol=1e-3)


# Samples and shapes


def test_samples_have_model_mean_and_covariance():
    n = 50_000
    model, _ = random_model(2)
    x = model.sample(n, seeded())
    assert x.shape == (n, 2, 3)
    cov = evidence_cov(model)
    assert ((x.mean(dim=0) - model.bias).abs().flatten() < 5 * (cov.diagonal() / n).sqrt()).all()
    error = ((cov.diagonal().outer(cov.diagonal()) + cov.square()) / n).sqrt()
    assert ((torch.cov(x.flatten(1).T) - cov).abs() < 5 * error).all()


def test_generator_fixes_sample_without_global_state():
    model, _ = random_model(2)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(model.sample(3, seeded()), model.sample(3, seeded()))
    assert torch.equal(torch.rand(1), expected)
    assert not torch.equal(model.sample(3, seeded(0)), model.sample(3, seeded(1)))


def test_image_shape_does_not_change_values():
    model, x = random_model(2)
    flat, z = LinearGaussian(model.weight, model.bias.flatten(), model.sigma), randn(4, 2, seed=3)
    assert model.decode(z).shape == (4, 2, 3)
    assert flat.decode(z).shape == (4, 6)
    assert torch.equal(model.decode(z).flatten(1), flat.decode(z))
    assert torch.equal(model.log_evidence(x), flat.log_evidence(x.flatten(1)))
    assert torch.equal(model.log_likelihood(x, z), flat.log_likelihood(x.flatten(1), z))
    assert torch.equal(model.posterior(x)[0], flat.posterior(x.flatten(1))[0])
    assert torch.equal(model.sample(3, seeded()).flatten(1), flat.sample(3, seeded()))
    fit, flat_fit = LinearGaussian.fit(x, 2), LinearGaussian.fit(x.flatten(1), 2)
    assert torch.equal(fit.weight, flat_fit.weight)
    assert fit.bias.shape == (2, 3)


def test_repr_shows_sizes_and_sigma():
    model, _ = random_model(2)
    assert model.latent_dim == 2
    assert repr(model) == "LinearGaussian(n_pixels=6, latent_dim=2, sigma=0.7)"


# Errors


@pytest.mark.parametrize(
    ("weight", "bias", "message"),
    [
        ((6,), (6,), r"weight must be \(D, K\) and bias have D pixels, got \(6,\) and \(6,\)"),
        ((6, 2), (5,), r"got \(6, 2\) and \(5,\)"),
        ((6, 2), (3, 3), r"got \(6, 2\) and \(3, 3\)"),
        ((2, 6, 1), (2, 6), r"got \(2, 6, 1\) and \(2, 6\)"),
    ],
)
def test_mismatched_parameters_are_named(weight, bias, message):
    with pytest.raises(ValueError, match=message):
        LinearGaussian(torch.zeros(weight), torch.zeros(bias), 1.0)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_numpy_numbers_are_accepted(kind):
    model = LinearGaussian(torch.zeros(6, 2), torch.zeros(6), kind(2))
    assert (model.sigma, type(model.sigma)) == (2.0, float)
    assert torch.equal(LinearGaussian.fit(images(), np.int64(2)).weight, LinearGaussian.fit(images(), 2).weight)
    assert model.sample(np.int64(3)).shape == (3, 6)


@pytest.mark.parametrize("sigma", [0, -1.0, math.nan, math.inf, "wide", None])
def test_invalid_sigma_is_named(sigma):
    with pytest.raises(ValueError, match=f"sigma must be a positive number, got {sigma!r}"):
        LinearGaussian(torch.zeros(6, 2), torch.zeros(6), sigma)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_parameters_are_refused(bad):
    good, broken = torch.zeros(6, 1), torch.tensor([[0.0]] * 5 + [[bad]])
    for weight, bias in ((broken, good.squeeze(1)), (good, broken.squeeze(1))):
        with pytest.raises(ValueError, match="weight and bias must be finite"):
            LinearGaussian(weight, bias, 1.0)


on_images = pytest.mark.parametrize(
    "call",
    [
        lambda model, x: model.log_evidence(x),
        lambda model, x: model.posterior(x),
        lambda model, x: model.encode(x),
        lambda model, x: model.log_likelihood(x, torch.zeros(len(x), 2).double()),
        lambda model, x: model.elbo(x, torch.zeros(len(x), 2).double(), torch.zeros(len(x), 2).double()),
    ],
    ids=["log_evidence", "posterior", "encode", "log_likelihood", "elbo"],
)


@on_images
def test_images_of_wrong_type_are_named(call):
    model, x = random_model(2)
    with pytest.raises(ValueError, match=r"x must be torch\.float64, as the model is, got torch\.float32"):
        call(model, x.float())
    with pytest.raises(TypeError, match="x must be a tensor, got ndarray"):
        call(model, x.numpy())


@pytest.mark.parametrize(
    "call",
    [
        lambda model, z: model.decode(z),
        lambda model, z: model.log_likelihood(torch.zeros(4, 2, 3).double(), z),
    ],
    ids=["decode", "log_likelihood"],
)
def test_codes_of_wrong_kind_are_named(call):
    model, _ = random_model(2)
    for shape in ((4, 3), (2,), (1, 4, 2)):
        with pytest.raises(ValueError, match=re.escape(f"z must be codes of shape (B, 2), got {shape}")):
            call(model, torch.zeros(shape).double())
    with pytest.raises(ValueError, match=r"z must be torch\.float64, as the model is, got torch\.float32"):
        call(model, torch.zeros(4, 2))
    with pytest.raises(TypeError, match="z must be a tensor, got list"):
        call(model, [0.0, 0.0])


def test_unpaired_images_and_codes_are_named():
    model, x = random_model(2)
    with pytest.raises(ValueError, match="x and z must have as many rows, got x 4, z 3"):
        model.log_likelihood(x, torch.zeros(3, 2).double())
    with pytest.raises(ValueError, match="x and z must have as many rows, got x 4, z 3"):
        model.elbo(x, torch.zeros(3, 2).double(), torch.zeros(3, 2).double())


def test_q_of_wrong_shape_is_named():
    model, x = random_model(2)
    with pytest.raises(ValueError, match=r"mu must be means of shape \(B, 2\), got \(4, 3\)"):
        model.elbo(x, torch.zeros(4, 3).double(), torch.zeros(4, 3).double())
    with pytest.raises(
        ValueError, match=r"mu and logvar must have the same shape \(B, K\), got mu \(4, 2\), logvar \(4, 1\)"
    ):
        model.elbo(x, torch.zeros(4, 2).double(), torch.zeros(4, 1).double())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3, 0), TypeError, r"generator must be a torch\.Generator, got 0"),
        ((2.5,), ValueError, "n must be a whole number, got 2.5"),
    ],
)
def test_invalid_sample_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        random_model(2)[0].sample(*arguments)


@pytest.mark.parametrize(
    ("latent_dim", "shown"), [(2.0, "2.0"), (torch.tensor(2), r"2: take its \.item\(\)"), (True, "True")], ids=repr
)
def test_non_integer_latent_dim_is_refused(latent_dim, shown):
    with pytest.raises(ValueError, match=f"latent_dim must be a whole number, got {shown}"):
        LinearGaussian.fit(images(), latent_dim)


def test_fit_to_bytes_is_refused():
    """The weights would be rounded to bytes."""
    with pytest.raises(ValueError, match=r"images must have a floating dtype, got torch\.uint8: use images / 255, or"):
        LinearGaussian.fit((10 * images()).clamp(0, 255).to(torch.uint8), 2)


@pytest.mark.parametrize(
    ("weight", "bias"),
    [(torch.float32, torch.float64), (torch.float64, torch.float32), (torch.int64, torch.int64)],
)
def test_mixed_or_integer_dtypes_are_refused(weight, bias):
    with pytest.raises(ValueError, match=f"weight and bias must be of one floating dtype, got {weight} and {bias}"):
        LinearGaussian(torch.zeros(6, 2, dtype=weight), torch.zeros(6, dtype=bias), 1.0)


def test_non_tensor_is_named():
    with pytest.raises(TypeError, match="weight must be a tensor, got ndarray"):
        LinearGaussian(np.zeros((6, 2)), torch.zeros(6), 1.0)
    with pytest.raises(TypeError, match="images must be a tensor, got ndarray"):
        LinearGaussian.fit(images().numpy(), 2)


@on_images
def test_images_of_wrong_shape_are_named(call):
    model, x = random_model(2)
    for wrong in (x.flatten(1), x.mT, x[0]):
        with pytest.raises(ValueError, match=r"x must be images of shape \(B, 2, 3\), got \("):
            call(model, wrong)


@pytest.mark.parametrize("latent_dim", [-1, 0, PIXELS, PIXELS + 1])
def test_latent_dim_without_noise_left_is_refused(latent_dim):
    with pytest.raises(ValueError, match=f"latent_dim must be from 1 to 5, got {latent_dim}"):
        LinearGaussian.fit(images(), latent_dim)


@pytest.mark.parametrize("latent_dim", [2, 3, 5])
@pytest.mark.parametrize("seed", range(5))
def test_images_of_low_rank_are_refused(latent_dim, seed):
    flat = randn(50, 2, seed=seed) @ randn(2, PIXELS, seed=seed + 1) + 5
    with pytest.raises(ValueError, match=f"{latent_dim} directions describe these images completely"):
        LinearGaussian.fit(flat, latent_dim)
    assert LinearGaussian.fit(flat, 1).sigma > 0.01


def test_constant_images_are_refused():
    with pytest.raises(ValueError, match="describe these images completely"):
        LinearGaussian.fit(torch.ones(5, 2, 3), 1)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_fit_to_non_finite_images_is_refused(bad):
    x = images()
    x[3, 1, 2] = bad
    with pytest.raises(ValueError, match="finite"):
        LinearGaussian.fit(x, 2)


def test_nan_stays_in_its_own_row():
    model, x = random_model(2)
    x[1, 0, 0] = math.nan
    assert model.log_evidence(x).isnan().tolist() == [i == 1 for i in range(len(x))]
