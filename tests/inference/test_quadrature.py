"""Evidence, posterior, ELBO and best Gaussian by quadrature, against closed forms, SciPy and brute force."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from inference_helpers import (
    LIKELIHOODS,
    PIXELS,
    SEEDS,
    SHAPE,
    TinyVAE,
    WithCodes,
    brute_force,
    brute_force_log_joint,
    linear_gaussian,
    mean_and_error,
    neural,
    randn,
    repeated,
    seeded,
    standard_normal,
)
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from vae_lessons.inference import best_gaussian, elbo, elbo_quadrature, log_evidence_quadrature, posterior_quadrature
from vae_lessons.inference.grid import QuadratureError
from vae_lessons.probability.likelihoods import Bernoulli, ContinuousBernoulli, Gaussian


@neural
def test_elbo_quadrature_is_mean_of_sampled_elbo(vae):
    x, n = vae.sample(2, seed=3), 5000
    with torch.no_grad():
        mean, error = mean_and_error(elbo(vae, repeated(x, n), 1, seeded()).value, 2)
        exact = elbo_quadrature(vae, x, *vae.encode(x)).value
    assert ((mean - exact).abs() < 5 * error).all()


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 2), st.floats(0.05, 3))
def test_elbo_quadrature_matches_closed_form(seed, latent_dim, sigma):
    model, x = linear_gaussian(latent_dim, seed, sigma)
    mu, logvar = randn(4, latent_dim, seed=seed + 3), 2 * randn(4, latent_dim, seed=seed + 4)
    actual, expected = elbo_quadrature(model, x, mu, logvar), model.elbo(x, mu, logvar)
    torch.testing.assert_close(actual.reconstruction, expected.reconstruction, rtol=1e-10, atol=1e-8)
    torch.testing.assert_close(actual.kl, expected.kl)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)
def test_elbo_quadrature_matches_scipy_integral_over_q(likelihood):
    vae = TinyVAE(1, likelihood, seed=4)
    x, mu, logvar = vae.sample(1, seed=5), torch.tensor([[0.4]]).double(), torch.tensor([[-1.0]]).double()
    q = scipy.stats.norm(0.4, math.exp(-0.5))

    def integrand(z: float) -> float:
        with torch.no_grad():
            return q.pdf(z) * vae.log_likelihood(x, torch.tensor([[z]], dtype=torch.float64)).item()

    expected, _ = scipy.integrate.quad(integrand, *q.interval(1 - 1e-15), epsabs=1e-10, limit=200)
    assert elbo_quadrature(vae, x, mu, logvar, n_nodes=64).reconstruction.item() == pytest.approx(expected, abs=1e-6)


@settings(max_examples=25)
@given(SEEDS, st.integers(1, 2), st.floats(0.1, 3))
def test_elbo_quadrature_gradients_match_closed_form(seed, latent_dim, sigma):
    model, x = linear_gaussian(latent_dim, seed, sigma)
    q = [randn(4, latent_dim, seed=seed + i).requires_grad_() for i in (3, 4)]
    bounds_of_q = elbo_quadrature(model, x, *q), model.elbo(x, *q)
    actual, expected = (torch.autograd.grad(bound.value.sum(), q) for bound in bounds_of_q)
    torch.testing.assert_close(actual, expected, rtol=1e-8, atol=1e-8)


@neural
def test_elbo_quadrature_gradients_match_finite_differences(vae):
    """With respect to q and to the decoder's weights."""
    x, names = vae.sample(2, seed=3), [name for name, _ in vae.named_parameters() if name.startswith("decoder")]
    q = [randn(2, vae.latent_dim, seed=seed).requires_grad_() for seed in (4, 5)]

    class Bound(nn.Module):
        def __init__(self):
            super().__init__()
            self.vae = vae

        def forward(self, mu, logvar):
            return elbo_quadrature(self.vae, x, mu, logvar, n_nodes=8).value

    def bound(mu, logvar, *weights):
        replaced = {f"vae.{name}": weight for name, weight in zip(names, weights, strict=True)}
        return torch.func.functional_call(Bound(), replaced, (mu, logvar))

    assert torch.autograd.gradcheck(bound, [*q, *map(vae.get_parameter, names)])


# The evidence


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 2), st.floats(0.1, 3))
def test_evidence_and_posterior_match_closed_forms(seed, latent_dim, sigma):
    model, x = linear_gaussian(latent_dim, seed, sigma)
    density = posterior_quadrature(model, x, tolerance=1e-6)
    torch.testing.assert_close(density.log_normaliser, model.log_evidence(x), rtol=0, atol=1e-6)
    cov = (model.weight @ model.weight.T + sigma**2 * torch.eye(PIXELS, dtype=torch.float64)).numpy()
    expected = scipy.stats.multivariate_normal(model.bias.flatten().numpy(), cov).logpdf(x.flatten(1).numpy())
    np.testing.assert_allclose(log_evidence_quadrature(model, x, tolerance=1e-6), expected, rtol=0, atol=1e-6)
    mean, cov = model.posterior(x)
    torch.testing.assert_close(density.mean(), mean, rtol=0, atol=1e-5)
    torch.testing.assert_close(density.covariance(), cov, rtol=0, atol=1e-5)


@neural
def test_neural_evidence_matches_gauss_legendre_rule(vae):
    x = vae.sample(3, seed=2)
    points, log_weights = brute_force(vae.latent_dim)
    expected = (brute_force_log_joint(vae, x, points) + log_weights).logsumexp(dim=1)
    torch.testing.assert_close(log_evidence_quadrature(vae, x, tolerance=1e-6), expected, rtol=0, atol=2e-6)


@neural
def test_neural_evidence_matches_scipy_cubature(vae):
    x = vae.sample(1, seed=8)
    evidence = log_evidence_quadrature(vae, x, tolerance=1e-6)

    def integrand(points: np.ndarray) -> np.ndarray:
        return (brute_force_log_joint(vae, x, torch.from_numpy(points)) - evidence).exp()[0].numpy()

    corner = np.full(vae.latent_dim, 9.0)
    mass = scipy.integrate.cubature(integrand, -corner, corner, rtol=1e-8, atol=1e-8)
    assert mass.status == "converged"
    assert mass.estimate == pytest.approx(1, abs=2e-6)


@neural
def test_neural_evidence_matches_samples_from_prior(vae):
    x, n = vae.sample(3, seed=2), 40_000
    z = randn(n, vae.latent_dim, seed=3)
    with torch.no_grad():
        log_likelihood = torch.stack([vae.log_likelihood(image.expand(n, *SHAPE), z) for image in x])
    weights = (log_likelihood - log_evidence_quadrature(vae, x).unsqueeze(1)).exp()
    assert ((weights.mean(dim=1) - 1).abs() < 5 * weights.std(dim=1) / math.sqrt(n) + 1e-4).all()
    assert (weights.std(dim=1) < 0.05 * math.sqrt(n)).all()  # otherwise the line above would show nothing


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, 1e-5])
def test_relu_evidence_is_within_tolerance(tolerance):
    """The reference applies a rule for smooth functions between kinks, where a hidden unit's input is 0."""
    errors = []
    for seed in range(8):
        vae = TinyVAE(1, Gaussian(0.4), seed, activation=nn.ReLU)
        x = vae.sample(3, seed=seed + 100)
        hidden = vae.decoder[0]
        kinks = (-hidden.bias / hidden.weight.squeeze(1)).tolist()
        edges = torch.tensor(sorted([*np.linspace(-9, 9, 181), *(kink for kink in kinks if abs(kink) < 9)])).double()
        nodes, weights = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(12))
        halves, middles = edges.diff().unsqueeze(1) / 2, edges.unfold(0, 2, 1).mean(dim=1, keepdim=True)
        points, log_weights = (middles + halves * nodes).view(-1, 1), (halves * weights).log().flatten()
        expected = (brute_force_log_joint(vae, x, points) + log_weights).logsumexp(dim=1)
        errors += (log_evidence_quadrature(vae, x, tolerance) - expected).abs().tolist()
    assert max(errors) <= tolerance


@neural
def test_posterior_moments_match_brute_force(vae):
    x = vae.sample(2, seed=2)
    points, log_weights = brute_force(vae.latent_dim)
    posterior = (brute_force_log_joint(vae, x, points) + log_weights).softmax(dim=1)  # (B, G)
    density, mean = posterior_quadrature(vae, x, tolerance=1e-6), posterior @ points
    torch.testing.assert_close(density.mean(), mean, rtol=0, atol=1e-5)
    second = torch.einsum("bg,gj,gk->bjk", posterior, points, points)
    expected = second - mean.unsqueeze(2) * mean.unsqueeze(1)
    torch.testing.assert_close(density.covariance(), expected, rtol=0, atol=1e-4)


# Gaps between bounds and evidence


@settings(max_examples=25)
@given(SEEDS, st.integers(1, 2))
def test_linear_elbo_never_exceeds_evidence(seed, latent_dim):
    model, x = linear_gaussian(latent_dim, seed)
    mean, _ = model.posterior(x)
    nearby = mean + 0.1 * randn(4, latent_dim, seed=seed + 3), model.encode(x)[1] + 0.1
    for mu, logvar in (nearby, model.encode(x), (torch.zeros_like(mean), torch.zeros_like(mean))):
        assert (elbo_quadrature(model, x, mu, logvar).value <= log_evidence_quadrature(model, x, 1e-6) + 1e-6).all()


@neural
@settings(max_examples=6)
@given(seed=SEEDS)
def test_neural_elbo_never_exceeds_evidence(vae, seed):
    x = vae.sample(4, seed)
    evidence = log_evidence_quadrature(vae, x, tolerance=1e-5)
    mu, logvar = randn(2, 4, vae.latent_dim, seed=seed)
    with torch.no_grad():
        assert (elbo_quadrature(vae, x, *vae.encode(x)).value <= evidence + 1e-5).all()
    assert (elbo_quadrature(vae, x, mu, logvar - 1).value <= evidence + 1e-5).all()


@neural
def test_gap_is_kl_from_q_to_posterior(vae):
    x = vae.sample(3, seed=2)
    with torch.no_grad():
        mu, logvar = vae.encode(x)
    points, log_weights = brute_force(vae.latent_dim, half=14.0, n=320)
    log_joint = brute_force_log_joint(vae, x, points)  # (B, G)
    log_posterior = log_joint - (log_joint + log_weights).logsumexp(dim=1, keepdim=True)
    q = Independent(Normal(mu.unsqueeze(1), torch.exp(logvar / 2).unsqueeze(1)), 1)
    log_q = q.log_prob(points)
    divergence = ((log_q + log_weights).exp() * (log_q - log_posterior)).sum(dim=1)
    gap = log_evidence_quadrature(vae, x, 1e-6) - elbo_quadrature(vae, x, mu, logvar, n_nodes=128).value
    assert (divergence > 1e-3).all()
    torch.testing.assert_close(gap, divergence, rtol=0, atol=1e-4)


# The best Gaussian


@pytest.mark.parametrize("latent_dim", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_best_gaussian_matches_closed_form_from_any_start(latent_dim, seed):
    """From up to 2 standard deviations away, and from a q up to about 3 times as wide or as narrow."""
    model, x = linear_gaussian(latent_dim, seed)
    mu, logvar = model.encode(x)
    deviation = torch.exp(0.5 * logvar)
    away = (4 * torch.rand(2, 4, latent_dim, generator=seeded(seed)) - 2).double()
    best = best_gaussian(WithCodes(model, mu + away[0] * deviation, logvar + away[1]), x)
    assert (best[0] - mu).abs().max() < 0.1 * deviation.min()
    torch.testing.assert_close(best[1], logvar, rtol=0, atol=0.02)
    lost = model.elbo(x, mu, logvar).value - model.elbo(x, *best).value
    assert (lost >= -1e-12).all()
    assert (lost < 0.005).all()


@neural
def test_scipy_hardly_improves_best_gaussian(vae):
    x = vae.sample(3, seed=3)
    with torch.no_grad():
        encoder_elbo = elbo_quadrature(vae, x, *vae.encode(x)).value

    def loss(parameters, image):
        q = torch.from_numpy(parameters)[None].requires_grad_()
        value = -elbo_quadrature(vae, image, *q.chunk(2, dim=1)).value.sum()
        return value.item(), torch.autograd.grad(value, q)[0][0].numpy()

    best = torch.cat(best_gaussian(vae, x), dim=1).numpy()
    for image, q, before in zip(x, best, encoder_elbo, strict=True):
        actual, _ = loss(q, image[None])
        expected = scipy.optimize.minimize(loss, q, image[None], method="BFGS", jac=True).fun
        assert actual - expected < 0.005
        assert before + actual < -0.04


@neural
@settings(max_examples=4)
@given(seed=SEEDS)
def test_approximation_and_amortisation_gaps_are_nonnegative(vae, seed):
    x = vae.sample(4, seed)
    with torch.no_grad():
        encoder_elbo = elbo_quadrature(vae, x, *vae.encode(x)).value
    best_elbo = elbo_quadrature(vae, x, *best_gaussian(vae, x)).value
    assert (best_elbo >= encoder_elbo).all()
    assert (best_elbo <= log_evidence_quadrature(vae, x, tolerance=1e-5) + 1e-5).all()


def test_failed_search_keeps_the_encoders_gaussian(monkeypatch):
    model, x = linear_gaussian(2, 1)
    monkeypatch.setattr(
        "vae_lessons.inference.quadrature.closest_gaussian", lambda *_: (torch.full((2,), 5.0), torch.full((2,), 1.0))
    )
    torch.testing.assert_close(best_gaussian(model, x), model.encode(x), rtol=0, atol=0)


def test_posteriors_passed_in_are_not_recomputed(monkeypatch):
    vae = TinyVAE(2, Gaussian(0.3))
    x = vae.sample(3, seed=2)
    expected = best_gaussian(vae, x)
    posteriors = [posterior_quadrature(vae, image, tolerance=1e-2) for image in x.split(1)]
    monkeypatch.setattr("vae_lessons.inference.quadrature.posterior_quadrature", None)
    torch.testing.assert_close(best_gaussian(vae, x, posteriors), expected, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("latent_dim", [1, 2])
@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)
def test_posteriors_must_match_model_and_images(likelihood, latent_dim, dtype):
    vae, other = (TinyVAE(latent_dim, likelihood, seed).to(dtype) for seed in (0, 1))
    x = torch.rand(4, *SHAPE, generator=seeded()).to(dtype)
    posteriors = [posterior_quadrature(vae, image, tolerance=1e-2) for image in x.split(1)]
    assert best_gaussian(vae, x, posteriors)[0].isfinite().all()
    moved = [posteriors[i] for i in (0, 2, 1, 3)]
    with pytest.raises(ValueError, match="posteriors must be of vae, and of x in its order: that of image 1 is not"):
        best_gaussian(vae, x, moved)
    with pytest.raises(ValueError, match="posteriors must be of vae, and of x in its order: that of image "):
        best_gaussian(other, x, posteriors)


@pytest.mark.parametrize(
    ("posteriors", "shown"),
    [(lambda all_: all_[:2], "2"), (lambda all_: [], "0"), (lambda all_: all_[0], "a GridDensity")],
    ids=["two", "none", "one alone"],
)
def test_wrong_number_of_posteriors_is_refused(posteriors, shown):
    vae = TinyVAE(1, Gaussian(0.6))
    x = vae.sample(3, seed=1)
    all_posteriors = [posterior_quadrature(vae, image, tolerance=1e-2) for image in x.split(1)]
    with pytest.raises(ValueError, match=f"posteriors must be a list of 3, one for each image alone, got {shown}$"):
        best_gaussian(vae, x, posteriors(all_posteriors))


@dataclass
class TwoPeaks:
    """A model with p(x) = 1 whose p(z | x) is two distant round Gaussians; the encoder gives the first."""

    peaks: Tensor  # (2, K)
    shares: Tensor  # (2,)
    deviations: Tensor  # (2,)

    @property
    def latent_dim(self) -> int:
        return self.peaks.shape[1]

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu = self.peaks[:1].expand(len(x), -1)
        return mu, torch.full_like(mu, 2 * math.log(self.deviations[0]))

    def log_likelihood(self, _x: Tensor, z: Tensor) -> Tensor:
        peaks = Independent(Normal(self.peaks, self.deviations.unsqueeze(1)), 1)
        posterior = MixtureSameFamily(Categorical(self.shares), peaks)
        return posterior.log_prob(z) - standard_normal(self.latent_dim).log_prob(z)


@pytest.mark.parametrize("peaks", [[[-1.5], [1.8]], [[2.2, -1.0], [-1.9, 1.3]]], ids=["K=1", "K=2"])
@pytest.mark.parametrize("higher", [0, 1], ids=["encoder's peak", "other peak"])
def test_best_gaussian_picks_peak_with_most_mass(peaks, higher):
    """Whichever peak the encoder gives. The ELBO falls short of log p(x) = 0 by the log of that peak's share."""
    peaks, shares = torch.tensor(peaks).double(), torch.tensor([0.2, 0.2]).double()
    shares[higher] = 0.8
    model, x = TwoPeaks(peaks, shares, torch.tensor([0.3, 0.3]).double()), torch.zeros(3, *SHAPE).double()
    mu, logvar = best_gaussian(model, x)
    torch.testing.assert_close(mu, peaks[higher].expand(3, -1), rtol=0, atol=0.01)
    torch.testing.assert_close(logvar, model.encode(x)[1], rtol=0, atol=0.05)
    np.testing.assert_allclose(elbo_quadrature(model, x, mu, logvar).value, math.log(0.8), atol=0.002)


def test_best_gaussian_keeps_encoders_wide_peak():
    """The narrow peak is 1.7 times as high; the encoder starts a third of a deviation from the wide one."""
    peaks, shares, deviations = torch.tensor([[[-1.5], [2.5]], [[0.8], [0.2]], [[0.5], [0.075]]]).double()
    model, x = TwoPeaks(peaks, shares[:, 0], deviations[:, 0]), torch.zeros(2, *SHAPE).double()
    mu, logvar = best_gaussian(WithCodes(model, *(part + 0.17 for part in model.encode(x))), x)
    torch.testing.assert_close(mu, peaks[0].expand(2, -1), rtol=0, atol=0.01)
    torch.testing.assert_close(logvar.exp().sqrt(), deviations[0].expand(2, -1), rtol=0, atol=0.01)


def test_best_gaussian_treats_images_independently():
    vae = TinyVAE(2, ContinuousBernoulli())
    x = vae.sample(4, seed=1)
    together = list(best_gaussian(vae, x))
    apart = [best_gaussian(vae, image[None]) for image in x]
    joined = [torch.cat(parts) for parts in zip(*apart, strict=True)]
    torch.testing.assert_close(together, joined, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("gradients", [True, False], ids=["gradients on", "gradients off"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_best_gaussian_keeps_dtype_and_no_graph(dtype, gradients):
    vae = TinyVAE(1, Gaussian(0.6, learned=True)).to(dtype)
    x = vae.sample(2, seed=1).to(dtype) if dtype == torch.float64 else torch.rand(2, *SHAPE)
    with torch.set_grad_enabled(gradients):
        best = best_gaussian(vae, x)
        assert torch.is_grad_enabled() == gradients
    for part in best:
        assert part.dtype == dtype
        assert part.shape == (2, 1)
        assert not part.requires_grad
    assert all(parameter.grad is None for parameter in vae.parameters())


@pytest.mark.parametrize("exact", [posterior_quadrature, log_evidence_quadrature])
@pytest.mark.parametrize("tolerance", [0, -0.1, math.nan, "small"])
def test_non_positive_tolerance_is_refused(exact, tolerance):
    vae = TinyVAE(1, Bernoulli())
    with pytest.raises(ValueError, match=f"tolerance must be a positive number, got {tolerance!r}"):
        exact(vae, vae.sample(2, seed=1), tolerance)


@pytest.mark.parametrize(
    ("q", "message"),
    [
        ((torch.zeros(3, 2), torch.zeros(3, 2)), r"mu and logvar must be \(4, 2\), a row for each image, got \(3, 2\)"),
        ((torch.zeros(4, 1), torch.zeros(4, 1)), r"mu and logvar must be \(4, 2\), a row for each image, got \(4, 1\)"),
        ((torch.zeros(4, 2), torch.zeros(4, 1)), r"mu and logvar must have the same shape \(B, K\), got mu \(4, 2\)"),
    ],
    ids=["rows", "dimensions", "each"],
)
def test_mismatched_q_is_named(q, message):
    vae = TinyVAE(2, Bernoulli())
    with pytest.raises(ValueError, match=message):
        elbo_quadrature(vae, vae.sample(4, seed=1), *(part.double() for part in q))


@pytest.mark.parametrize("n_nodes", [0, 2.5])
def test_invalid_number_of_nodes_is_named(n_nodes):
    vae = TinyVAE(1, Bernoulli())
    x = vae.sample(2, seed=1)
    with pytest.raises(ValueError, match=f"n_nodes must be .*, got {n_nodes}"):
        elbo_quadrature(vae, x, *vae.encode(x), n_nodes=n_nodes)


@pytest.mark.parametrize(
    "exact",
    [
        posterior_quadrature,
        log_evidence_quadrature,
        lambda vae, x: elbo_quadrature(vae, x, *vae.encode(x)),
        best_gaussian,
    ],
    ids=["posterior", "evidence", "elbo", "best Gaussian"],
)
def test_third_latent_dimension_is_refused(exact):
    vae = TinyVAE(3, Bernoulli())
    with pytest.raises(ValueError, match="latent_dim must be 1 or 2 for quadrature, got 3"):
        exact(vae, vae.sample(2, seed=1))


@pytest.mark.parametrize("exact", [posterior_quadrature, log_evidence_quadrature])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_image_is_named(exact, bad):
    vae = TinyVAE(2, Bernoulli())
    x = vae.sample(4, seed=1)
    x[2, 1, 1] = bad
    with pytest.raises(ValueError, match="x must be finite, image 2 is not"):
        exact(vae, x)


def test_non_finite_likelihood_is_named():
    vae = TinyVAE(1, Bernoulli())
    x = vae.sample(2, seed=1)
    vae.log_likelihood = lambda x, z: torch.full((len(z),), -math.inf, dtype=z.dtype)
    with pytest.raises(ValueError, match="log-density must be finite everywhere, got -inf in row 0"):
        log_evidence_quadrature(vae, x)


def test_unreachable_tolerance_is_refused():
    """ReLU kinks in two dimensions rule out a tight tolerance, but not a loose one."""
    vae = TinyVAE(2, Gaussian(0.6), activation=nn.ReLU)
    x = vae.sample(2, seed=1)
    assert log_evidence_quadrature(vae, x, tolerance=1e-2).isfinite().all()
    with pytest.raises(QuadratureError, match=r"row \d is known to .* nats only, .* tolerance is 1e-10\."):
        log_evidence_quadrature(vae, x, tolerance=1e-10)


def test_image_with_unreachable_evidence_is_named():
    """The other images need only a coarse grid."""

    class Ridged:
        latent_dim = 2

        def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
            return -10 * x[:, 0, 0] * (z[:, 0] - 0.123).abs()

    x = torch.zeros(4, *SHAPE).double()
    torch.testing.assert_close(log_evidence_quadrature(Ridged(), x, tolerance=1e-8), torch.zeros(4).double())
    x[2] = 1
    with pytest.raises(QuadratureError, match=r"^image 2: row 0 is known to .* nats only, .* tolerance is 1e-08\."):
        log_evidence_quadrature(Ridged(), x, tolerance=1e-8)


def test_evidence_carries_no_graph():
    vae = TinyVAE(1, Bernoulli())
    x = vae.sample(2, seed=1)
    assert not log_evidence_quadrature(vae, x).requires_grad
    assert not posterior_quadrature(vae, x).log_density.requires_grad
    assert all(parameter.grad is None for parameter in vae.parameters())
