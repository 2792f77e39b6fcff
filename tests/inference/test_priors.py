"""Other priors, posteriors and conditions, in linear-Gaussian models whose evidence has a closed form."""

import math
from dataclasses import dataclass

import pytest
import scipy.integrate
import scipy.stats
import torch
from inference_helpers import PIXELS, SHAPE, TinyVAE, linear_gaussian, mean_and_error, randn, repeated, seeded
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

from vae_lessons.inference import (
    ais_log_evidence,
    best_gaussian,
    elbo,
    elbo_quadrature,
    iwae_bound,
    log_evidence_quadrature,
    posterior_quadrature,
)
from vae_lessons.probability.distributions import DiagonalGaussian, Distribution, FullGaussian, GaussianMixture
from vae_lessons.probability.likelihoods import Bernoulli

SIGMA = 0.7


@dataclass
class LinearDecoder:
    """p(z), x | z ~ N(W z + b, σ² I), and one q(z | x) for all images."""

    p: Distribution
    q: Distribution

    def __post_init__(self) -> None:
        self.latent_dim = self.q.mu.shape[1]
        self.weight, self.bias = randn(PIXELS, self.latent_dim, seed=5), randn(PIXELS, seed=6)

    def prior(self) -> Distribution:
        return self.p

    def encode(self, x: Tensor) -> Distribution:
        return type(self.q)(*(value.expand(len(x), *value.shape[1:]) for value in vars(self.q).values()))

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return Independent(Normal(z @ self.weight.T + self.bias, SIGMA), 1).log_prob(x.flatten(1))

    def log_evidence(self, x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        """Of a mixture of C Gaussians as prior, with logits (C,), mu and logvar (C, K)."""
        cov = self.weight @ torch.diag_embed(logvar.exp()) @ self.weight.T + SIGMA**2 * torch.eye(PIXELS).double()
        parts = MultivariateNormal(mu @ self.weight.T + self.bias, cov)
        return MixtureSameFamily(Categorical(logits=logits), parts).log_prob(x.flatten(1))


def standard_normal(latent_dim: int) -> DiagonalGaussian:
    return DiagonalGaussian(*torch.zeros(2, 1, latent_dim, dtype=torch.float64))


def with_mixture(latent_dim: int, spread: float = 1.0) -> tuple[LinearDecoder, GaussianMixture, Tensor]:
    """A learned mixture of three Gaussians as prior, and images."""
    p = GaussianMixture(randn(1, 3), spread * randn(1, 3, latent_dim, seed=1), randn(1, 3, latent_dim, seed=2) - 1)
    q = DiagonalGaussian(spread * randn(1, latent_dim, seed=3), torch.full((1, latent_dim), -0.5).double())
    return LinearDecoder(p, q), p, spread * randn(3, *SHAPE, seed=4)


def sampled_elbo(model, x: Tensor, n: int = 4000, condition: Tensor | None = None, **options) -> tuple[Tensor, Tensor]:
    """Mean and standard error of the ELBO over n copies of each image."""
    if condition is not None:
        options["condition"] = repeated(condition, n)
    return mean_and_error(elbo(model, repeated(x, n), generator=seeded(), **options).value, len(x))


both = pytest.mark.parametrize("latent_dim", [1, 2])


# A mixture as prior


@both
@pytest.mark.parametrize("spread", [1.0, 30.0])
def test_evidence_under_a_mixture_matches_closed_form(latent_dim, spread):
    model, p, x = with_mixture(latent_dim, spread)
    expected = model.log_evidence(x, p.logits[0], p.mu[0], p.logvar[0])
    torch.testing.assert_close(log_evidence_quadrature(model, x, 1e-6), expected, rtol=0, atol=1e-5)


def test_elbo_under_a_mixture_matches_scipy_integral():
    model, p, x = with_mixture(1)
    q = scipy.stats.norm(float(model.q.mu), math.exp(float(model.q.logvar) / 2))
    mu, scale = p.mu.flatten().numpy(), (p.logvar / 2).exp().flatten().numpy()
    shares = p.logits.softmax(dim=1).flatten().numpy()

    def excess(z: float) -> float:
        return q.pdf(z) * (q.logpdf(z) - math.log(shares @ scipy.stats.norm(mu, scale).pdf(z)))

    kl, _ = scipy.integrate.quad(excess, *q.interval(1 - 1e-14), epsabs=1e-10, limit=200)
    exact = elbo_quadrature(model, x, *vars(model.encode(x)).values(), n_nodes=128)
    assert exact.kl.tolist() == pytest.approx([kl] * 3, abs=1e-4)
    mean, error = mean_and_error(elbo(model, repeated(x, 4000), generator=seeded()).kl, 3)
    assert ((mean - kl).abs() < 5 * error).all()


@both
@pytest.mark.parametrize("n_samples", [1, 3])
def test_sampled_elbo_under_a_mixture_is_unbiased(latent_dim, n_samples):
    model, _, x = with_mixture(latent_dim)
    mean, error = sampled_elbo(model, x, n_samples=n_samples)
    exact = elbo_quadrature(model, x, *vars(model.encode(x)).values(), n_nodes=96).value
    assert ((mean - exact).abs() < 1e-3 + 5 * error).all()
    assert (exact < log_evidence_quadrature(model, x)).all()


@both
def test_iwae_bound_under_a_mixture_tends_to_evidence(latent_dim):
    model, p, x = with_mixture(latent_dim)
    evidence = model.log_evidence(x, p.logits[0], p.mu[0], p.logvar[0])
    mean, error = mean_and_error(iwae_bound(model, repeated(x, 24), 8192, seeded()), 3)
    assert (elbo_quadrature(model, x, *vars(model.encode(x)).values()).value < evidence - 0.1).all()
    assert ((mean - evidence).abs() < 0.02 + 5 * error).all()


@both
def test_best_gaussian_under_a_mixture_is_the_posterior_of_its_only_component(latent_dim):
    p = GaussianMixture(torch.zeros(1, 1).double(), randn(1, 1, latent_dim), randn(1, 1, latent_dim, seed=1))
    x = randn(3, *SHAPE, seed=4)
    model, same = (
        LinearDecoder(prior, with_mixture(latent_dim)[0].q) for prior in (p, DiagonalGaussian(p.mu[0], p.logvar[0]))
    )
    precision = torch.diag_embed((-p.logvar[0, 0]).exp()) + model.weight.T @ model.weight / SIGMA**2
    mean = torch.linalg.solve(
        precision, ((-p.logvar[0]).exp() * p.mu[0] + (x.flatten(1) - model.bias) @ model.weight / SIGMA**2).T
    ).T
    for each in (model, same):
        mu, logvar = best_gaussian(each, x)
        torch.testing.assert_close(mu, mean, rtol=0, atol=0.02)
        torch.testing.assert_close(logvar, -precision.diagonal().log().expand_as(mu), rtol=0, atol=0.02)


@pytest.mark.parametrize(
    "bound",
    [
        lambda model, x: elbo(model, x, 4, seeded()).value,
        lambda model, x: iwae_bound(model, x, 4, seeded()),
        lambda model, x: elbo_quadrature(model, x, *vars(model.encode(x)).values()).value,
    ],
    ids=["elbo", "iwae", "elbo quadrature"],
)
def test_gradients_reach_a_learned_prior(bound):
    model, p, x = with_mixture(2)
    leaves = [value.requires_grad_() for value in vars(p).values()]
    for gradient in torch.autograd.grad(bound(model, x).sum(), leaves):
        assert gradient.isfinite().all()
        assert gradient.abs().max() > 0


# A prior elsewhere


@both
@pytest.mark.parametrize(("place", "scale"), [(30.0, 0.01), (-30.0, 1.0), (0.0, 0.01), (1000.0, 5.0)])
def test_prior_elsewhere_is_found(latent_dim, place, scale):
    p = DiagonalGaussian(*torch.tensor([place, 2 * math.log(scale)]).double().view(2, 1, 1).expand(2, 1, latent_dim))
    model = LinearDecoder(p, p)
    x = (place * model.weight.sum(dim=1) + model.bias).view(1, *SHAPE) + SIGMA * randn(3, *SHAPE)
    expected = model.log_evidence(x, torch.zeros(1), p.mu, p.logvar)
    torch.testing.assert_close(log_evidence_quadrature(model, x, 1e-6), expected, rtol=0, atol=1e-5)


@both
def test_component_far_from_the_others_is_found(latent_dim):
    """Where a search from [-8, 8] sees the near one only."""
    places = torch.tensor([0.0, 60.0]).double().view(1, 2, 1).expand(1, 2, latent_dim)
    p = GaussianMixture(torch.zeros(1, 2).double(), places, torch.zeros_like(places))
    model = LinearDecoder(p, standard_normal(latent_dim))
    model.weight = 1e-3 * model.weight  # so that images fit both
    x = model.bias.view(1, *SHAPE) + SIGMA * randn(3, *SHAPE)
    expected = model.log_evidence(x, p.logits[0], p.mu[0], p.logvar[0])
    torch.testing.assert_close(log_evidence_quadrature(model, x), expected, rtol=0, atol=1e-4)
    assert (posterior_quadrature(model, x).mean()[:, 0] > 10).all()


@both
def test_standard_normal_may_be_named(latent_dim):
    vae = TinyVAE(latent_dim, Bernoulli(), seed=1)
    x = vae.sample(3, seed=2)
    implicit = elbo(vae, x, 3, seeded()).value, iwae_bound(vae, x, 3, seeded()), log_evidence_quadrature(vae, x)
    vae.prior = lambda: standard_normal(latent_dim)
    explicit = elbo(vae, x, 3, seeded()).value, iwae_bound(vae, x, 3, seeded()), log_evidence_quadrature(vae, x)
    torch.testing.assert_close(explicit, implicit)


@dataclass
class Logistic:
    """A distribution that the library does not know."""

    def log_prob(self, z: Tensor) -> Tensor:
        return torch.from_numpy(scipy.stats.logistic.logpdf(z.numpy())).sum(dim=-1)


def test_any_distribution_may_be_the_prior():
    model = LinearDecoder(Logistic(), standard_normal(1))
    x = randn(2, *SHAPE)

    def joint(z: float, image: Tensor) -> float:
        likelihood = model.log_likelihood(image[None], torch.tensor([[z]]).double())
        return math.exp(float(likelihood) + 10) * scipy.stats.logistic.pdf(z)

    expected = [
        math.log(scipy.integrate.quad(joint, -30, 30, args=(image,), epsabs=0, limit=200)[0]) - 10 for image in x
    ]
    assert log_evidence_quadrature(model, x, 1e-6).tolist() == pytest.approx(expected, abs=1e-5)
    mean, error = mean_and_error(iwae_bound(model, repeated(x, 24), 8192, seeded()), 2)
    assert ((mean - torch.tensor(expected)).abs() < 0.02 + 5 * error).all()


# A posterior with full covariance


class ExactPosterior:
    """A linear-Gaussian model of which the encoder gives p(z | x) itself."""

    def __init__(self, latent_dim: int) -> None:
        self.model, self.x = linear_gaussian(latent_dim)
        self.latent_dim, self.log_likelihood = latent_dim, self.model.log_likelihood

    def encode(self, x: Tensor) -> FullGaussian:
        mean, cov = self.model.posterior(x)
        return FullGaussian(mean, torch.linalg.cholesky(cov))


@pytest.mark.parametrize("latent_dim", [1, 2, 4])
def test_bounds_at_the_exact_posterior_are_the_evidence(latent_dim):
    """Where the columns are tilted, the best diagonal Gaussian falls short."""
    model = ExactPosterior(latent_dim)
    evidence = model.model.log_evidence(model.x)
    torch.testing.assert_close(iwae_bound(model, model.x, 3, seeded()), evidence, rtol=0, atol=1e-9)
    for n_samples in (1, 3):
        mean, error = sampled_elbo(model, model.x, n_samples=n_samples)
        assert ((mean - evidence).abs() < 5 * error).all()
    if latent_dim > 1:
        short = evidence - model.model.elbo(model.x, *model.model.encode(model.x)).value
        precision = torch.linalg.inv(model.model.posterior(model.x)[1])
        tilt = (precision.diagonal(dim1=1, dim2=2).log().sum(dim=1) - torch.logdet(precision)) / 2
        torch.testing.assert_close(short, tilt, rtol=0, atol=1e-9)
        assert (short > 1e-3).all()


def test_full_covariance_and_a_mixture_are_taken_together():
    """With no closed form, the terms of the ELBO have noise in common, and it is that of log p(x, z) - log q(z)."""
    model, p, x = with_mixture(2)
    model.q = FullGaussian(model.q.mu, torch.tensor([[[0.8, 0.0], [-0.4, 0.5]]]).double())
    terms, z = elbo(model, x, 5, seeded()), model.encode(x).sample((5,), seeded())
    oracle_q = MultivariateNormal(model.q.mu, scale_tril=model.q.scale_tril)
    of_components = Independent(Normal(p.mu[0], (p.logvar[0] / 2).exp()), 1)
    oracle_p = MixtureSameFamily(Categorical(logits=p.logits[0]), of_components)
    torch.testing.assert_close(terms.kl, (oracle_q.log_prob(z) - oracle_p.log_prob(z)).mean(dim=0))
    evidence = model.log_evidence(x, p.logits[0], p.mu[0], p.logvar[0])
    mean, error = mean_and_error(iwae_bound(model, repeated(x, 24), 8192, seeded()), 3)
    assert ((mean - evidence).abs() < 0.02 + 5 * error).all()


def test_best_gaussian_starts_from_a_full_covariance():
    model = ExactPosterior(2)
    expected = model.model.encode(model.x)
    torch.testing.assert_close(best_gaussian(model, model.x), expected, rtol=0, atol=0.02)


def test_best_gaussian_needs_a_gaussian_to_start_with():
    model, _, x = with_mixture(2)
    model.q = model.p
    model.latent_dim = 2
    with pytest.raises(TypeError, match=r"vae must encode images as Gaussians, .* got GaussianMixture"):
        best_gaussian(model, x)


# A condition


class Conditional:
    """z | c ~ N(A c, diag s²), x | z, c ~ N(W z + V c, σ² I), and the exact q(z | x, c) or its best diagonal."""

    def __init__(self, latent_dim: int, diagonal: bool = False) -> None:
        self.latent_dim, self.diagonal = latent_dim, diagonal
        self.a, self.logvar = 2 * randn(latent_dim, 3), randn(1, latent_dim, seed=1)
        self.w, self.v = randn(PIXELS, latent_dim, seed=2), randn(PIXELS, 3, seed=3)
        self.precision = torch.diag_embed((-self.logvar[0]).exp()) + self.w.T @ self.w / SIGMA**2

    def prior(self, condition: Tensor) -> DiagonalGaussian:
        mu = condition @ self.a.T
        return DiagonalGaussian(mu, self.logvar.expand_as(mu))

    def encode(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor] | FullGaussian:
        rest = x.flatten(1) - condition @ self.v.T
        shift = (-self.logvar).exp() * (condition @ self.a.T) + rest @ self.w / SIGMA**2
        mu = torch.linalg.solve(self.precision, shift.T).T
        if self.diagonal:
            return mu, -self.precision.diagonal().log().expand_as(mu)
        return FullGaussian(mu, torch.linalg.cholesky(torch.linalg.inv(self.precision)).expand(len(x), -1, -1))

    def log_likelihood(self, x: Tensor, z: Tensor, condition: Tensor) -> Tensor:
        mean = z @ self.w.T + condition @ self.v.T
        return Independent(Normal(mean, SIGMA), 1).log_prob(x.flatten(1))

    def log_evidence(self, x: Tensor, condition: Tensor) -> Tensor:
        """log N(x; W A c + V c, W diag s² Wᵀ + σ² I)."""
        cov = self.w @ torch.diag_embed(self.logvar[0].exp()) @ self.w.T + SIGMA**2 * torch.eye(PIXELS).double()
        return MultivariateNormal(condition @ (self.w @ self.a + self.v).T, cov).log_prob(x.flatten(1))


IMAGES, CONDITION = randn(4, *SHAPE, seed=8), randn(4, 3, seed=9)

CONDITIONAL_BOUNDS = {
    "iwae": lambda model, x, c: iwae_bound(model, x, 7, seeded(), condition=c),
    "ais": lambda model, x, c: ais_log_evidence(model, x, 3, 5, seeded(), condition=c),
    "evidence": lambda model, x, c: log_evidence_quadrature(model, x, 1e-7, condition=c),
    "posterior": lambda model, x, c: posterior_quadrature(model, x, 1e-7, condition=c).log_normaliser,
    "best Gaussian": lambda model, x, c: sum(best_gaussian(model, x, condition=c)).sum(dim=1),
    "elbo": lambda model, x, c: elbo(model, x, 3, seeded(), condition=c).value,
    "elbo quadrature": lambda model, x, c: (
        elbo_quadrature(model, x, *torch.zeros(2, len(x), model.latent_dim).double(), condition=c).value
    ),
}


@both
@pytest.mark.parametrize("bound", ["iwae", "ais", "evidence", "posterior"])
def test_each_image_has_the_evidence_of_its_own_condition(bound, latent_dim):
    """Exactly for the sampled bounds too, whose weights do not vary under the exact posterior."""
    model, permuted = Conditional(latent_dim), CONDITION[[1, 2, 3, 0]]
    for condition in (CONDITION, permuted):
        actual = CONDITIONAL_BOUNDS[bound](model, IMAGES, condition)
        torch.testing.assert_close(actual, model.log_evidence(IMAGES, condition), rtol=0, atol=1e-6)
    assert ((model.log_evidence(IMAGES, CONDITION) - model.log_evidence(IMAGES, permuted)).abs() > 0.1).all()


@pytest.mark.parametrize("rows", [1, 5, 64])
def test_condition_is_copied_with_its_images_in_chunks(rows, monkeypatch):
    model, sizes = Conditional(2), []
    before, log_likelihood = iwae_bound(model, IMAGES, 40, seeded(), condition=CONDITION), model.log_likelihood
    monkeypatch.setattr("vae_lessons.inference.model.CHUNK_SIZE", rows)
    model.log_likelihood = lambda x, z, condition: sizes.append(len(condition)) or log_likelihood(x, z, condition)
    torch.testing.assert_close(iwae_bound(model, IMAGES, 40, seeded(), condition=CONDITION), before)
    assert max(sizes) <= max(rows, len(IMAGES))


@both
@pytest.mark.parametrize("n_samples", [1, 3])
def test_elbo_of_a_condition_at_the_exact_posterior_is_the_evidence(latent_dim, n_samples):
    model = Conditional(latent_dim)
    mean, error = sampled_elbo(model, IMAGES, n_samples=n_samples, condition=CONDITION)
    assert ((mean - model.log_evidence(IMAGES, CONDITION)).abs() < 5 * error).all()


@both
def test_quadrature_of_a_condition_matches_sampled_elbo(latent_dim):
    model = Conditional(latent_dim, diagonal=True)
    exact = elbo_quadrature(model, IMAGES, *model.encode(IMAGES, CONDITION), condition=CONDITION)
    mean, error = sampled_elbo(model, IMAGES, condition=CONDITION)
    assert ((mean - exact.value).abs() < 5 * error).all()
    gap = model.log_evidence(IMAGES, CONDITION) - exact.value
    correlated = model.precision.diagonal().log().sum() - torch.logdet(model.precision)
    torch.testing.assert_close(gap, correlated.expand(4) / 2, rtol=0, atol=1e-9)


@both
def test_best_gaussian_of_a_condition_matches_closed_form(latent_dim):
    model = Conditional(latent_dim, diagonal=True)
    posteriors = [posterior_quadrature(model, IMAGES[[i]], 1e-2, condition=CONDITION[[i]]) for i in range(len(IMAGES))]
    for options in ({}, {"posteriors": posteriors}):
        best = best_gaussian(model, IMAGES, condition=CONDITION, **options)
        torch.testing.assert_close(best, model.encode(IMAGES, CONDITION), rtol=0, atol=0.02)
    with pytest.raises(ValueError, match="posteriors must be of vae, and of x in its order: that of image 0 is not"):
        best_gaussian(model, IMAGES, posteriors, condition=CONDITION.flip(0))


@pytest.mark.parametrize("bound", CONDITIONAL_BOUNDS.values(), ids=CONDITIONAL_BOUNDS)
def test_condition_must_have_a_row_for_each_image(bound):
    model = Conditional(2)
    with pytest.raises(ValueError, match="x and condition must have as many rows, got x 4, condition 3"):
        bound(model, IMAGES, CONDITION[:3])
    with pytest.raises(TypeError, match="condition must be a tensor, got ndarray"):
        bound(model, IMAGES, CONDITION.numpy())
