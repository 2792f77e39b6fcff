"""Bounds and evidence against closed forms, SciPy, brute force and importance samples, on linear and neural models."""

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
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

from vae_lessons.inference import (
    LatentVariableModel,
    best_gaussian,
    elbo,
    elbo_quadrature,
    iwae_bound,
    log_evidence_quadrature,
    posterior_quadrature,
)
from vae_lessons.inference.grid import QuadratureError
from vae_lessons.models import VAE, Autoencoder, LinearGaussian
from vae_lessons.probability.likelihoods import Bernoulli, ContinuousBernoulli, Gaussian

SEEDS = st.integers(0, 2**31)
LIKELIHOODS = [Gaussian(0.6), Bernoulli(), ContinuousBernoulli()]
SHAPE = (2, 3)  # of an image
PIXELS = 6


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def linear_gaussian(latent_dim: int, seed: int = 0, sigma: float = 0.7) -> tuple[LinearGaussian, Tensor]:
    """A model, and four images that it might have made."""
    model = LinearGaussian(randn(PIXELS, latent_dim, seed=seed), randn(*SHAPE, seed=seed + 1), sigma)
    return model, model.sample(4, seeded(seed + 2))


class TinyVAE(nn.Module):
    """A neural `LatentVariableModel` with random weights, in float64."""

    def __init__(self, latent_dim: int, likelihood, seed: int = 0, activation=nn.Tanh) -> None:
        super().__init__()
        self.latent_dim, self.likelihood = latent_dim, likelihood
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 5), nn.Tanh(), nn.Linear(5, 2 * latent_dim))
        self.decoder = nn.Sequential(nn.Linear(latent_dim, 7), activation(), nn.Linear(7, PIXELS))
        self.double()
        generator = seeded(seed)
        for parameter in self.encoder.parameters():
            nn.init.normal_(parameter, std=0.3, generator=generator)  # so that q is wide: its samples find all of p
        for parameter in self.decoder.parameters():
            nn.init.normal_(parameter, std=0.8, generator=generator)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder(x).chunk(2, dim=1)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return self.likelihood.log_prob(x, self.decoder(z).view(-1, *SHAPE))

    @torch.no_grad()
    def sample(self, n: int, seed: int) -> Tensor:
        return self.likelihood.sample(self.decoder(randn(n, self.latent_dim, seed=seed)).view(-1, *SHAPE), seeded(seed))


@dataclass
class WithCodes:
    """A model whose q(z | x) is given, row by row."""

    model: LatentVariableModel
    mu: Tensor
    logvar: Tensor

    @property
    def latent_dim(self) -> int:
        return self.model.latent_dim

    def encode(self, _x: Tensor) -> tuple[Tensor, Tensor]:
        return self.mu, self.logvar

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return self.model.log_likelihood(x, z)


def standard_normal(latent_dim: int) -> Independent:
    return Independent(Normal(torch.zeros(latent_dim, dtype=torch.float64), 1.0), 1)


def brute_force(latent_dim: int, half: float = 9.0, n: int = 240) -> tuple[Tensor, Tensor]:
    """Points (G, K) and log-weights (G,) of a Gauss-Legendre rule over a square."""
    nodes, weights = (torch.from_numpy(a) * half for a in np.polynomial.legendre.leggauss(n))
    points = torch.cartesian_prod(*[nodes] * latent_dim).view(-1, latent_dim)
    return points, torch.cartesian_prod(*[weights.log()] * latent_dim).view(len(points), -1).sum(dim=1)


@torch.no_grad()
def brute_force_log_joint(vae: TinyVAE, x: Tensor, points: Tensor) -> Tensor:
    """log p(x, z) of each image at each point: (B, G)."""
    log_prior = standard_normal(vae.latent_dim).log_prob(points)
    return torch.stack([vae.log_likelihood(image.expand(len(points), *SHAPE), points) for image in x]) + log_prior


neural = pytest.mark.parametrize(
    "vae",
    [TinyVAE(latent_dim, likelihood, seed=latent_dim) for latent_dim in (1, 2) for likelihood in LIKELIHOODS],
    ids=lambda vae: f"{vae.likelihood!r}, K={vae.latent_dim}",
)


def repeated(x: Tensor, n: int) -> Tensor:
    return x.repeat(n, *[1] * (x.dim() - 1))


def mean_and_error(estimates: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """Of the estimates (N * B,) for N copies of B images: (B,) each."""
    runs = estimates.detach().view(-1, batch)
    return runs.mean(dim=0), runs.std(dim=0) / math.sqrt(len(runs))


# The ELBO


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
@pytest.mark.parametrize("n_samples", [1, 3])
def test_the_elbo_is_that_of_the_closed_form_in_expectation(latent_dim, n_samples):
    model, x = linear_gaussian(latent_dim)
    mu, logvar = randn(4, latent_dim, seed=5), randn(4, latent_dim, seed=6)
    n = 5000
    copies = WithCodes(model, mu.repeat(n, 1), logvar.repeat(n, 1))
    estimate, exact = elbo(copies, repeated(x, n), n_samples, seeded()), model.elbo(x, mu, logvar)
    mean, error = mean_and_error(estimate.reconstruction, 4)
    assert (error > 0).all()
    assert ((mean - exact.reconstruction).abs() < 5 * error).all()
    assert torch.equal(estimate.value, estimate.reconstruction - estimate.kl)


def test_the_kl_of_the_elbo_is_exact():
    vae = TinyVAE(2, Bernoulli())
    x = vae.sample(5, seed=1)
    mu, logvar = vae.encode(x)
    expected = kl_divergence(Independent(Normal(mu, torch.exp(logvar / 2)), 1), standard_normal(2))
    torch.testing.assert_close(elbo(vae, x).kl, expected)


def test_more_samples_make_a_steadier_elbo():
    """Its variance falls as 1 / L; of 4000 runs each, to within 5 standard errors of a ratio, some sqrt(4 / 4000)."""
    vae = TinyVAE(1, Bernoulli())
    x = repeated(vae.sample(1, seed=1), 4000)
    one, many = (float(elbo(vae, x, n, seeded(n)).reconstruction.detach().var()) for n in (1, 16))
    assert one / many == pytest.approx(16, rel=0.3)


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_gradients_of_the_elbo_are_those_of_the_closed_form_in_expectation(latent_dim):
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


@pytest.mark.parametrize(
    "bound",
    [
        lambda vae, x: elbo(vae, x, 4, seeded()).value,
        lambda vae, x: iwae_bound(vae, x, 4, seeded()),
        lambda vae, x: elbo_quadrature(vae, x, *vae.encode(x)).value,
    ],
    ids=["elbo", "iwae", "exact elbo"],
)
def test_gradients_reach_every_parameter(bound):
    vae = TinyVAE(2, Bernoulli())
    bound(vae, vae.sample(3, seed=1)).sum().backward()
    for name, parameter in vae.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


@neural
def test_the_exact_elbo_of_a_neural_model_is_the_mean_of_the_sampled_one(vae):
    x, n = vae.sample(2, seed=3), 5000
    with torch.no_grad():
        mean, error = mean_and_error(elbo(vae, repeated(x, n), 1, seeded()).value, 2)
        exact = elbo_quadrature(vae, x, *vae.encode(x)).value
    assert ((mean - exact).abs() < 5 * error).all()


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 2), st.floats(0.05, 3))
def test_the_exact_elbo_of_a_linear_model_is_the_closed_form(seed, latent_dim, sigma):
    model, x = linear_gaussian(latent_dim, seed, sigma)
    mu, logvar = randn(4, latent_dim, seed=seed + 3), 2 * randn(4, latent_dim, seed=seed + 4)
    ours, theirs = elbo_quadrature(model, x, mu, logvar), model.elbo(x, mu, logvar)
    torch.testing.assert_close(ours.reconstruction, theirs.reconstruction, rtol=1e-10, atol=1e-8)
    torch.testing.assert_close(ours.kl, theirs.kl)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)
def test_the_exact_elbo_is_an_integral_over_q(likelihood):
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
def test_gradients_of_the_exact_elbo_of_a_linear_model_are_those_of_the_closed_form(seed, latent_dim, sigma):
    model, x = linear_gaussian(latent_dim, seed, sigma)
    q = [randn(4, latent_dim, seed=seed + i).requires_grad_() for i in (3, 4)]
    bounds_of_q = elbo_quadrature(model, x, *q), model.elbo(x, *q)
    ours, theirs = (torch.autograd.grad(bound.value.sum(), q) for bound in bounds_of_q)
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8)


@neural
def test_gradients_of_the_exact_elbo_of_a_neural_model_are_finite_differences(vae):
    """In q and in the decoder's weights."""
    x, names = vae.sample(2, seed=3), [name for name, _ in vae.named_parameters() if name.startswith("decoder")]
    q = [randn(2, vae.latent_dim, seed=seed).requires_grad_() for seed in (4, 5)]

    def bound(mu, logvar, *weights):
        with nn.utils.stateless._reparametrize_module(vae, dict(zip(names, weights, strict=True))):
            return elbo_quadrature(vae, x, mu, logvar, n_nodes=8).value

    assert torch.autograd.gradcheck(bound, [*q, *map(vae.get_parameter, names)])


# The evidence


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 2), st.floats(0.1, 3))
def test_the_evidence_and_posterior_of_a_linear_model_are_the_closed_forms(seed, latent_dim, sigma):
    model, x = linear_gaussian(latent_dim, seed, sigma)
    density = posterior_quadrature(model, x, tolerance=1e-6)
    torch.testing.assert_close(density.log_normaliser, model.log_evidence(x), rtol=0, atol=1e-6)
    cov = (model.weight @ model.weight.T + sigma**2 * torch.eye(PIXELS, dtype=torch.float64)).numpy()
    theirs = scipy.stats.multivariate_normal(model.bias.flatten().numpy(), cov).logpdf(x.flatten(1).numpy())
    np.testing.assert_allclose(log_evidence_quadrature(model, x, tolerance=1e-6), theirs, rtol=0, atol=1e-6)
    mean, cov = model.posterior(x)
    torch.testing.assert_close(density.mean(), mean, rtol=0, atol=1e-5)
    torch.testing.assert_close(density.covariance(), cov, rtol=0, atol=1e-5)


@neural
def test_the_evidence_of_a_neural_model_is_that_of_another_rule(vae):
    x = vae.sample(3, seed=2)
    points, log_weights = brute_force(vae.latent_dim)
    expected = (brute_force_log_joint(vae, x, points) + log_weights).logsumexp(dim=1)
    torch.testing.assert_close(log_evidence_quadrature(vae, x, tolerance=1e-6), expected, rtol=0, atol=2e-6)


@neural
def test_the_evidence_of_a_neural_model_is_scipys(vae):
    x = vae.sample(1, seed=8)
    evidence = log_evidence_quadrature(vae, x, tolerance=1e-6)

    def integrand(points: np.ndarray) -> np.ndarray:
        return (brute_force_log_joint(vae, x, torch.from_numpy(points)) - evidence).exp()[0].numpy()

    corner = np.full(vae.latent_dim, 9.0)
    mass = scipy.integrate.cubature(integrand, -corner, corner, rtol=1e-8, atol=1e-8)
    assert mass.status == "converged"
    assert mass.estimate == pytest.approx(1, abs=2e-6)


@neural
def test_the_evidence_of_a_neural_model_is_the_mean_over_samples_of_the_prior(vae):
    x, n = vae.sample(3, seed=2), 40_000
    z = randn(n, vae.latent_dim, seed=3)
    with torch.no_grad():
        log_likelihood = torch.stack([vae.log_likelihood(image.expand(n, *SHAPE), z) for image in x])
    weights = (log_likelihood - log_evidence_quadrature(vae, x).unsqueeze(1)).exp()
    assert ((weights.mean(dim=1) - 1).abs() < 5 * weights.std(dim=1) / math.sqrt(n) + 1e-4).all()
    assert (weights.std(dim=1) < 0.05 * math.sqrt(n)).all()  # or else the line above would say nothing


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, 1e-5])
def test_the_evidence_of_a_decoder_of_relus_is_known_to_the_tolerance(tolerance):
    """Its kinks lie where a hidden unit's input is 0: a rule for smooth functions goes from one to the next."""
    off = []
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
        off += (log_evidence_quadrature(vae, x, tolerance) - expected).abs().tolist()
    assert max(off) <= tolerance


@neural
def test_a_posterior_on_a_grid_has_the_moments_of_brute_force(vae):
    x = vae.sample(2, seed=2)
    points, log_weights = brute_force(vae.latent_dim)
    posterior = (brute_force_log_joint(vae, x, points) + log_weights).softmax(dim=1)  # (B, G)
    density, mean = posterior_quadrature(vae, x, tolerance=1e-6), posterior @ points
    torch.testing.assert_close(density.mean(), mean, rtol=0, atol=1e-5)
    second = torch.einsum("bg,gj,gk->bjk", posterior, points, points)
    expected = second - mean.unsqueeze(2) * mean.unsqueeze(1)
    torch.testing.assert_close(density.covariance(), expected, rtol=0, atol=1e-4)


# What lies between them


@settings(max_examples=25)
@given(SEEDS, st.integers(1, 2))
def test_no_elbo_of_a_linear_model_is_above_the_evidence(seed, latent_dim):
    model, x = linear_gaussian(latent_dim, seed)
    mean, _ = model.posterior(x)
    nearby = mean + 0.1 * randn(4, latent_dim, seed=seed + 3), model.encode(x)[1] + 0.1
    for mu, logvar in (nearby, model.encode(x), (torch.zeros_like(mean), torch.zeros_like(mean))):
        assert (elbo_quadrature(model, x, mu, logvar).value <= log_evidence_quadrature(model, x, 1e-6) + 1e-6).all()


@neural
@settings(max_examples=6)
@given(seed=SEEDS)
def test_no_elbo_of_a_neural_model_is_above_the_evidence(vae, seed):
    x = vae.sample(4, seed)
    evidence = log_evidence_quadrature(vae, x, tolerance=1e-5)
    mu, logvar = randn(2, 4, vae.latent_dim, seed=seed)
    with torch.no_grad():
        assert (elbo_quadrature(vae, x, *vae.encode(x)).value <= evidence + 1e-5).all()
    assert (elbo_quadrature(vae, x, mu, logvar - 1).value <= evidence + 1e-5).all()


@neural
def test_the_gap_is_the_divergence_of_q_from_the_posterior(vae):
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
def test_the_best_gaussian_of_a_linear_model_is_the_closed_form_wherever_the_search_begins(latent_dim, seed):
    """Up to 2 standard deviations away, from a q of up to three times or a third of the width."""
    model, x = linear_gaussian(latent_dim, seed)
    mu, logvar = model.encode(x)
    deviation = torch.exp(0.5 * logvar)
    away = (4 * torch.rand(2, 4, latent_dim, generator=seeded(seed)) - 2).double()
    found = best_gaussian(WithCodes(model, mu + away[0] * deviation, logvar + away[1]), x)
    assert (found[0] - mu).abs().max() < 0.1 * deviation.min()
    torch.testing.assert_close(found[1], logvar, rtol=0, atol=0.02)
    lost = model.elbo(x, mu, logvar).value - model.elbo(x, *found).value
    assert (lost >= -1e-12).all()
    assert (lost < 0.005).all()


@neural
def test_from_the_best_gaussian_of_a_neural_model_scipy_finds_none_much_better(vae):
    x = vae.sample(3, seed=3)
    with torch.no_grad():
        of_encoder = elbo_quadrature(vae, x, *vae.encode(x)).value

    def loss(parameters, image):
        q = torch.from_numpy(parameters)[None].requires_grad_()
        value = -elbo_quadrature(vae, image, *q.chunk(2, dim=1)).value.sum()
        return value.item(), torch.autograd.grad(value, q)[0][0].numpy()

    found = torch.cat(best_gaussian(vae, x), dim=1).numpy()
    for image, q, before in zip(x, found, of_encoder, strict=True):
        ours, _ = loss(q, image[None])
        theirs = scipy.optimize.minimize(loss, q, image[None], method="BFGS", jac=True).fun
        assert ours - theirs < 0.005
        assert before + ours < -0.04


@neural
@settings(max_examples=4)
@given(seed=SEEDS)
def test_both_gaps_of_a_neural_model_are_positive_or_zero(vae, seed):
    x = vae.sample(4, seed)
    with torch.no_grad():
        of_encoder = elbo_quadrature(vae, x, *vae.encode(x)).value
    of_best = elbo_quadrature(vae, x, *best_gaussian(vae, x)).value
    assert (of_best >= of_encoder).all()
    assert (of_best <= log_evidence_quadrature(vae, x, tolerance=1e-5) + 1e-5).all()


def test_a_search_that_goes_astray_leaves_the_encoder_as_it_is(monkeypatch):
    model, x = linear_gaussian(2, 1)
    monkeypatch.setattr(
        "vae_lessons.inference.quadrature.closest_gaussian", lambda *_: (torch.full((2,), 5.0), torch.full((2,), 1.0))
    )
    torch.testing.assert_close(best_gaussian(model, x), model.encode(x), rtol=0, atol=0)


def test_posteriors_that_somebody_has_are_not_computed_again(monkeypatch):
    vae = TinyVAE(2, Gaussian(0.3))
    x = vae.sample(3, seed=2)
    expected = best_gaussian(vae, x)
    posteriors = [posterior_quadrature(vae, image, tolerance=1e-2) for image in x.split(1)]
    monkeypatch.setattr("vae_lessons.inference.quadrature.posterior_quadrature", None)
    torch.testing.assert_close(best_gaussian(vae, x, posteriors), expected, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("latent_dim", [1, 2])
@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)
def test_posteriors_must_be_of_the_images_in_their_order_and_of_the_model(likelihood, latent_dim, dtype):
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
    ("posteriors", "found"),
    [(lambda all_: all_[:2], "2"), (lambda all_: [], "0"), (lambda all_: all_[0], "a GridDensity")],
    ids=["two", "none", "one alone"],
)
def test_another_number_of_posteriors_is_refused(posteriors, found):
    vae = TinyVAE(1, Gaussian(0.6))
    x = vae.sample(3, seed=1)
    given = [posterior_quadrature(vae, image, tolerance=1e-2) for image in x.split(1)]
    with pytest.raises(ValueError, match=f"posteriors must be a list of 3, one for each image alone, got {found}$"):
        best_gaussian(vae, x, posteriors(given))


@dataclass
class TwoPeaks:
    """p(x) is 1, and p(z | x) two round Gaussians, far apart; the encoder is the first of them."""

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
@pytest.mark.parametrize("higher", [0, 1], ids=["the encoder's", "the other"])
def test_of_two_peaks_the_best_gaussian_takes_the_higher_one_whichever_the_encoder_sits_on(peaks, higher):
    """Its bound misses log p(x) = 0 by the logarithm of that peak's share."""
    peaks, shares = torch.tensor(peaks).double(), torch.tensor([0.2, 0.2]).double()
    shares[higher] = 0.8
    model, x = TwoPeaks(peaks, shares, torch.tensor([0.3, 0.3]).double()), torch.zeros(3, *SHAPE).double()
    mu, logvar = best_gaussian(model, x)
    torch.testing.assert_close(mu, peaks[higher].expand(3, -1), rtol=0, atol=0.01)
    torch.testing.assert_close(logvar, model.encode(x)[1], rtol=0, atol=0.05)
    np.testing.assert_allclose(elbo_quadrature(model, x, mu, logvar).value, math.log(0.8), atol=0.002)


def test_a_wide_peak_that_holds_more_than_a_higher_one_is_best_if_the_encoder_knows_of_it():
    """The other is 1.7 times as high. The encoder is a third of its deviation off, and finds the middle."""
    peaks, shares, deviations = torch.tensor([[[-1.5], [2.5]], [[0.8], [0.2]], [[0.5], [0.075]]]).double()
    model, x = TwoPeaks(peaks, shares[:, 0], deviations[:, 0]), torch.zeros(2, *SHAPE).double()
    mu, logvar = best_gaussian(WithCodes(model, *(part + 0.17 for part in model.encode(x))), x)
    torch.testing.assert_close(mu, peaks[0].expand(2, -1), rtol=0, atol=0.01)
    torch.testing.assert_close(logvar.exp().sqrt(), deviations[0].expand(2, -1), rtol=0, atol=0.01)


def test_the_best_gaussian_of_an_image_does_not_depend_on_its_neighbours():
    vae = TinyVAE(2, ContinuousBernoulli())
    x = vae.sample(4, seed=1)
    together = list(best_gaussian(vae, x))
    apart = [best_gaussian(vae, image[None]) for image in x]
    joined = [torch.cat(parts) for parts in zip(*apart, strict=True)]
    torch.testing.assert_close(together, joined, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("gradients", [True, False], ids=["gradients on", "gradients off"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_best_gaussian_has_the_dtype_of_the_codes_and_leaves_no_graph_and_no_gradients(dtype, gradients):
    vae = TinyVAE(1, Gaussian(0.6, learned=True)).to(dtype)
    x = vae.sample(2, seed=1).to(dtype) if dtype == torch.float64 else torch.rand(2, *SHAPE)
    with torch.set_grad_enabled(gradients):
        found = best_gaussian(vae, x)
        assert torch.is_grad_enabled() == gradients
    for part in found:
        assert part.dtype == dtype
        assert part.shape == (2, 1)
        assert not part.requires_grad
    assert all(parameter.grad is None for parameter in vae.parameters())


# The importance-weighted bound


def iwae_mean(vae, x: Tensor, n_samples: int, n_runs: int) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        return mean_and_error(iwae_bound(vae, repeated(x, n_runs), n_samples, seeded(n_samples)), len(x))


@neural
def test_the_bound_of_one_sample_is_the_elbo_in_expectation(vae):
    x = vae.sample(3, seed=2)
    mean, error = iwae_mean(vae, x, n_samples=1, n_runs=5000)
    with torch.no_grad():
        exact = elbo_quadrature(vae, x, *vae.encode(x), n_nodes=64).value
    assert ((mean - exact).abs() < 5 * error).all()


@neural
def test_the_bound_rises_with_the_samples_and_stays_below_the_evidence(vae):
    """Each step up by more than 4 standard errors less than nothing, and the whole climb, of all images, by 5."""
    x = vae.sample(3, seed=2)
    means, errors = zip(*(iwae_mean(vae, x, 4**i, 3000 // 2**i) for i in range(5)), strict=True)
    evidence = log_evidence_quadrature(vae, x)
    for i in range(4):
        assert (means[i + 1] - means[i] > -4 * torch.hypot(errors[i], errors[i + 1])).all()
        assert (means[i] < evidence + 5 * errors[i]).all()
    assert (means[4] - means[0]).sum() > 5 * torch.hypot(errors[0], errors[4]).norm()


@neural
def test_the_bound_tends_to_the_evidence(vae):
    x = vae.sample(3, seed=2)
    mean, error = iwae_mean(vae, x, n_samples=4096, n_runs=24)
    assert ((mean - log_evidence_quadrature(vae, x)).abs() < 0.005 + 5 * error).all()
    assert (error < 0.05).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_sample_gives_the_evidence_where_q_is_the_posterior(dtype):
    model, x = linear_gaussian(1)
    same = LinearGaussian(model.weight.to(dtype), model.bias.to(dtype), model.sigma)
    for n_samples in (1, 7):
        value = iwae_bound(same, x.to(dtype), n_samples, seeded())
        assert value.dtype == dtype
        tolerance = 1e-10 if dtype == torch.float64 else 1e-4
        torch.testing.assert_close(value.double(), model.log_evidence(x), rtol=0, atol=tolerance)


# What holds for all


BOUNDS = {
    "elbo": lambda vae, x, n=3: elbo(vae, x, n, seeded()).value,
    "iwae": lambda vae, x, n=3: iwae_bound(vae, x, n, seeded()),
    "evidence": lambda vae, x: log_evidence_quadrature(vae, x),
    "exact elbo": lambda vae, x: elbo_quadrature(vae, x, *vae.encode(x)).value,
}
every_bound = pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS.keys())
sampled_bounds = pytest.mark.parametrize("bound", [BOUNDS["elbo"], BOUNDS["iwae"]], ids=["elbo", "iwae"])


@every_bound
@pytest.mark.parametrize("rows", [1, 7, 64, 10**6])
def test_a_bound_does_not_depend_on_how_much_a_model_is_given_at_a_time(bound, rows, monkeypatch):
    vae = TinyVAE(1, ContinuousBernoulli())
    x, sizes, log_likelihood = vae.sample(3, seed=1), [], vae.log_likelihood
    before = bound(vae, x)
    monkeypatch.setattr("vae_lessons.inference.model.CHUNK_SIZE", rows)
    monkeypatch.setattr(vae, "log_likelihood", lambda x, z: sizes.append(len(z)) or log_likelihood(x, z))
    torch.testing.assert_close(bound(vae, x), before, rtol=1e-12, atol=1e-12)
    assert max(sizes) <= max(rows, len(x))


@pytest.mark.parametrize("bound", [BOUNDS[name] for name in ("elbo", "evidence", "exact elbo")])
@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)
def test_a_float32_model_gives_float32_values_near_those_of_float64(bound, likelihood):
    """Of a q so narrow that all samples are one."""
    vae = TinyVAE(2, likelihood, seed=1)
    nn.init.constant_(vae.encoder[3].bias[2:].data, -40.0)
    x = vae.sample(3, seed=1)
    with torch.no_grad():
        exact = bound(vae, x)
        value = bound(vae.float(), x.float())
    assert (exact.dtype, value.dtype) == (torch.float64, torch.float32)
    torch.testing.assert_close(value.double(), exact, rtol=1e-5, atol=1e-3)


@every_bound
def test_images_are_bounded_one_by_one(bound):
    """Those that are not sampled, to the tolerance; those that are, in shape."""
    vae = TinyVAE(2, Bernoulli())
    x = vae.sample(5, seed=1)
    assert bound(vae, x).shape == (5,)
    if bound in (BOUNDS["evidence"], BOUNDS["exact elbo"]):
        torch.testing.assert_close(
            torch.cat([bound(vae, image[None]) for image in x]), bound(vae, x), rtol=0, atol=2e-4
        )


@sampled_bounds
def test_one_generator_gives_one_value_and_the_global_one_is_left_alone(bound):
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
def test_a_nan_comes_out_for_the_image_that_it_went_in_with(bound):
    vae = TinyVAE(2, Bernoulli())
    x = vae.sample(3, seed=1)
    x[1, 0, 2] = math.nan
    assert bound(vae, x).isnan().tolist() == [False, True, False]


@sampled_bounds
@pytest.mark.parametrize("n_samples", [0, -1])
def test_less_than_one_sample_is_refused(bound, n_samples):
    vae = TinyVAE(1, Bernoulli())
    with pytest.raises(ValueError, match=f"n_samples must be at least 1, got {n_samples}"):
        bound(vae, vae.sample(2, seed=1), n_samples)


@sampled_bounds
@pytest.mark.parametrize(
    ("n_samples", "found"),
    [
        (2.5, "2.5"),
        ("3", "'3'"),
        (torch.tensor(3), r"3: take its \.item\(\)"),
        (torch.arange(5), r"a tensor of shape \(5,\)"),  # the labels, most likely
    ],
    ids=["half", "text", "tensor", "labels"],
)
def test_a_number_of_samples_that_is_not_whole_is_refused(bound, n_samples, found):
    vae = TinyVAE(1, Bernoulli())
    with pytest.raises(ValueError, match=f"n_samples must be a whole number, got {found}$"):
        bound(vae, vae.sample(2, seed=1), n_samples)


@sampled_bounds
def test_a_number_of_samples_may_be_one_of_numpy(bound):
    vae = TinyVAE(1, Bernoulli())
    x = vae.sample(2, seed=1)
    assert torch.equal(bound(vae, x, np.int64(3)), bound(vae, x, 3))


@pytest.mark.parametrize("bound", [elbo, iwae_bound])
def test_a_generator_that_is_none_is_named(bound):
    vae = TinyVAE(1, Bernoulli())
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator, got 0"):
        bound(vae, vae.sample(2, seed=1), 3, generator=0)


ON_IMAGES = {
    "elbo": elbo,
    "iwae": lambda vae, x: iwae_bound(vae, x, 5),
    "posterior": posterior_quadrature,
    "evidence": log_evidence_quadrature,
    "exact elbo": lambda vae, x: elbo_quadrature(vae, x, torch.zeros(len(x), 2), torch.zeros(len(x), 2)),
    "best Gaussian": best_gaussian,
}
every_use = pytest.mark.parametrize("use", ON_IMAGES.values(), ids=ON_IMAGES)


@every_use
def test_a_model_that_has_no_likelihood_has_no_bound(use):
    model = Autoencoder(SHAPE, 2, (5,), seeded())
    with pytest.raises(TypeError, match=r"vae must have log_likelihood\(x, z\), as a VAE has, Autoencoder has none"):
        use(model, torch.rand(3, *SHAPE))


@every_use
def test_images_are_checked_before_they_are_copied_for_each_code(use):
    """A batch is named as it was handed in."""
    linear = LinearGaussian(randn(PIXELS, 2).float(), randn(*SHAPE).float(), 0.7)
    for model in (VAE(SHAPE, 2, (5,), likelihood=Bernoulli(), generator=seeded()), linear):
        with pytest.raises(ValueError, match=r"x must be images of shape \(B, 2, 3\), got \(4, 6\)"):
            use(model, torch.rand(4, 6))
        with pytest.raises(ValueError, match=r"x must be torch\.float32, as the model is, got torch\.float64"):
            use(model, torch.rand(4, *SHAPE).double())


@every_use
def test_images_that_are_no_tensor_are_named(use):
    vae = TinyVAE(2, Bernoulli())
    with pytest.raises(TypeError, match="x must be a tensor, got ndarray"):
        use(vae, vae.sample(3, seed=1).numpy())


@pytest.mark.parametrize("exact", [posterior_quadrature, log_evidence_quadrature])
@pytest.mark.parametrize("tolerance", [0, -0.1, math.nan, "small"])
def test_a_tolerance_that_is_not_positive_is_refused(exact, tolerance):
    vae = TinyVAE(1, Bernoulli())
    with pytest.raises(ValueError, match=f"tolerance must be a positive number, got {tolerance!r}"):
        exact(vae, vae.sample(2, seed=1), tolerance)


@pytest.mark.parametrize(
    ("q", "named"),
    [
        ((torch.zeros(3, 2), torch.zeros(3, 2)), r"mu and logvar must be \(4, 2\), a row for each image, got \(3, 2\)"),
        ((torch.zeros(4, 1), torch.zeros(4, 1)), r"mu and logvar must be \(4, 2\), a row for each image, got \(4, 1\)"),
        ((torch.zeros(4, 2), torch.zeros(4, 1)), r"mu and logvar must have the same shape \(B, K\), got mu \(4, 2\)"),
    ],
    ids=["rows", "dimensions", "each"],
)
def test_a_q_that_does_not_fit_the_images_is_named(q, named):
    vae = TinyVAE(2, Bernoulli())
    with pytest.raises(ValueError, match=named):
        elbo_quadrature(vae, vae.sample(4, seed=1), *(part.double() for part in q))


@pytest.mark.parametrize("n_nodes", [0, 2.5])
def test_a_number_of_nodes_that_is_none_is_named(n_nodes):
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
def test_a_third_dimension_is_refused(exact):
    vae = TinyVAE(3, Bernoulli())
    with pytest.raises(ValueError, match="latent_dim must be 1 or 2 for quadrature, got 3"):
        exact(vae, vae.sample(2, seed=1))


@pytest.mark.parametrize("exact", [posterior_quadrature, log_evidence_quadrature])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_an_image_that_is_not_finite_is_named(exact, bad):
    vae = TinyVAE(2, Bernoulli())
    x = vae.sample(4, seed=1)
    x[2, 1, 1] = bad
    with pytest.raises(ValueError, match="x must be finite, image 2 is not"):
        exact(vae, x)


def test_a_likelihood_that_is_not_finite_is_named():
    vae = TinyVAE(1, Bernoulli())
    x = vae.sample(2, seed=1)
    vae.log_likelihood = lambda x, z: torch.full((len(z),), -math.inf, dtype=z.dtype)
    with pytest.raises(ValueError, match="log-density must be finite everywhere, got -inf in row 0"):
        log_evidence_quadrature(vae, x)


def test_a_tolerance_that_cannot_be_had_is_refused():
    """The kinks of ReLUs in two dimensions are too many for it, but not for a modest one."""
    vae = TinyVAE(2, Gaussian(0.6), activation=nn.ReLU)
    x = vae.sample(2, seed=1)
    assert log_evidence_quadrature(vae, x, tolerance=1e-2).isfinite().all()
    with pytest.raises(QuadratureError, match=r"row \d is known to .* nats only, .* tolerance is 1e-10\."):
        log_evidence_quadrature(vae, x, tolerance=1e-10)


def test_the_image_whose_evidence_cannot_be_had_is_named():
    """The others are done on a coarse grid."""

    class Ridged:
        latent_dim = 2

        def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
            return -10 * x[:, 0, 0] * (z[:, 0] - 0.123).abs()

    x = torch.zeros(4, *SHAPE).double()
    torch.testing.assert_close(log_evidence_quadrature(Ridged(), x, tolerance=1e-8), torch.zeros(4).double())
    x[2] = 1
    with pytest.raises(QuadratureError, match=r"^image 2: row 0 is known to .* nats only, .* tolerance is 1e-08\."):
        log_evidence_quadrature(Ridged(), x, tolerance=1e-8)


def test_the_evidence_leaves_no_graph_and_no_gradients_behind():
    vae = TinyVAE(1, Bernoulli())
    x = vae.sample(2, seed=1)
    assert not log_evidence_quadrature(vae, x).requires_grad
    assert not posterior_quadrature(vae, x).log_density.requires_grad
    assert all(parameter.grad is None for parameter in vae.parameters())


@pytest.mark.parametrize(
    "bound",
    [
        elbo,
        lambda vae, x: iwae_bound(vae, x, 5),
        log_evidence_quadrature,
        lambda vae, x: elbo_quadrature(vae, x, *vae.encode(x)),
        best_gaussian,
    ],
    ids=["elbo", "iwae", "evidence", "exact elbo", "best Gaussian"],
)
def test_no_images_at_all_are_refused(bound):
    vae = TinyVAE(2, Bernoulli())
    with pytest.raises(ValueError, match="x must hold at least one image, got none"):
        bound(vae, vae.sample(3, seed=1)[:0])
