"""Both gradient estimators against closed forms, quadrature and autograd through `rsample`."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from vae_lessons.probability.gradient_estimators import GradientSamples, pathwise, score_function

BATCH = 3
N_SAMPLES = 20_000

estimators = pytest.mark.parametrize("estimator", [pathwise, score_function])
latent_dims = pytest.mark.parametrize("latent_dim", [1, 5])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def parameters(latent_dim: int) -> tuple[Tensor, Tensor]:
    return randn(BATCH, latent_dim, seed=1), 0.5 * randn(BATCH, latent_dim, seed=2)


class Quadratic:
    """f(z) = zᵀ A z + cᵀ z + d, with E f = muᵀ A mu + sum_j A_jj σ_j² + cᵀ mu + d."""

    def __init__(self, latent_dim: int, constant: float = 0.0) -> None:
        self.matrix, self.vector = randn(latent_dim, latent_dim, seed=3), randn(latent_dim, seed=4)
        self.constant = constant

    def __call__(self, z: Tensor) -> Tensor:
        return ((z @ self.matrix) * z).sum(dim=1) + z @ self.vector + self.constant

    def mean(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return self(mu) + logvar.exp() @ self.matrix.diagonal()

    def gradients(self, mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
        return mu @ (self.matrix + self.matrix.T) + self.vector, logvar.exp() * self.matrix.diagonal()


class Softplus:
    """f(z) = log(1 + exp(wᵀ z)), where wᵀ z ~ N(wᵀ mu, sum_j w_j² σ_j²): an integral over one dimension."""

    def __init__(self, latent_dim: int) -> None:
        self.vector = 1.5 * randn(latent_dim, seed=5)

    def __call__(self, z: Tensor) -> Tensor:
        return torch.nn.functional.softplus(z @ self.vector)

    def mean(self, mu: Tensor, logvar: Tensor) -> Tensor:
        nodes, weights = np.polynomial.hermite_e.hermegauss(80)
        centre, deviation = mu @ self.vector, (logvar.exp() @ self.vector.square()).sqrt()
        values = np.logaddexp(0, centre.numpy()[:, None] + deviation.numpy()[:, None] * nodes)
        return torch.from_numpy(values @ weights / weights.sum())

    def gradients(self, mu: Tensor, logvar: Tensor, step: float = 1e-4) -> tuple[Tensor, Tensor]:
        """Compute central differences, one coordinate at a time."""
        d_mu, d_logvar = torch.zeros_like(mu), torch.zeros_like(mu)
        for k, unit in enumerate(torch.eye(mu.shape[1], dtype=mu.dtype) * step):
            d_mu[:, k] = (self.mean(mu + unit, logvar) - self.mean(mu - unit, logvar)) / (2 * step)
            d_logvar[:, k] = (self.mean(mu, logvar + unit) - self.mean(mu, logvar - unit)) / (2 * step)
        return d_mu, d_logvar


def assert_unbiased(samples: GradientSamples, d_mu: Tensor, d_logvar: Tensor) -> None:
    for estimates, exact in ((samples.mu, d_mu), (samples.logvar, d_logvar)):
        assert estimates.shape[1:] == exact.shape
        error = estimates.std(dim=0) / math.sqrt(len(estimates))
        assert (error < 0.5).all()  # otherwise the next line would show nothing
        assert ((estimates.mean(dim=0) - exact).abs() <= 5 * error + 1e-7).all()


@estimators
@latent_dims
@pytest.mark.parametrize("objective", [Quadratic, Softplus])
def test_mean_estimate_is_exact_gradient(estimator, latent_dim, objective):
    f, (mu, logvar) = objective(latent_dim), parameters(latent_dim)
    samples = estimator(f, mu, logvar, N_SAMPLES, seeded())
    assert samples.mu.shape == samples.logvar.shape == (N_SAMPLES, BATCH, latent_dim)
    assert_unbiased(samples, *f.gradients(mu, logvar))


@estimators
@latent_dims
def test_mean_estimate_matches_autograd_through_rsample(estimator, latent_dim):
    """To within 5 standard errors of the difference, since both sides are sampled."""

    def f(z: Tensor) -> Tensor:
        return z.sin().prod(dim=1) + z.square().sum(dim=1).sqrt()

    mu, logvar = parameters(latent_dim)
    leaves = [t.repeat(N_SAMPLES, 1, 1).requires_grad_() for t in (mu, logvar)]  # (L, B, K)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        z = Independent(Normal(leaves[0], torch.exp(leaves[1] / 2)), 1).rsample()
    expected = torch.autograd.grad(f(z.flatten(0, 1)).sum(), leaves)
    actual = estimator(f, mu, logvar, N_SAMPLES, seeded(7))
    for estimates, references in zip((actual.mu, actual.logvar), expected, strict=True):
        error = torch.hypot(estimates.std(dim=0), references.std(dim=0)) / math.sqrt(N_SAMPLES)
        assert (error < 0.1).all()
        assert ((estimates.mean(dim=0) - references.mean(dim=0)).abs() < 5 * error).all()


def test_score_function_matches_gradient_of_step():
    """f = 1 where z > 0: E f = Φ(mu / σ), so d/dmu = φ(mu / σ) / σ and d/dlogvar = -φ(mu / σ) mu / 2σ."""
    mu, logvar = parameters(1)
    samples = score_function(lambda z: (z[:, 0] > 0).double(), mu, logvar, N_SAMPLES, seeded())
    scaled = mu * torch.exp(-logvar / 2)
    density = Normal(torch.zeros_like(mu), 1.0).log_prob(scaled).exp()
    assert_unbiased(samples, density * torch.exp(-logvar / 2), -density * scaled / 2)


def test_pathwise_linear_objective_has_noiseless_mu_gradient():
    mu, logvar = parameters(5)
    gradient = randn(5, seed=6)
    samples = pathwise(lambda z: z @ gradient, mu, logvar, 10, seeded())
    torch.testing.assert_close(samples.mu, gradient.expand(10, BATCH, 5))


def test_pathwise_has_lower_variance_on_smooth_objective():
    f, (mu, logvar) = Quadratic(5), parameters(5)
    actual, reinforce = (estimator(f, mu, logvar, N_SAMPLES, seeded()) for estimator in (pathwise, score_function))
    assert (actual.mu.var(dim=0) < reinforce.mu.var(dim=0)).all()
    assert (actual.logvar.var(dim=0) < reinforce.logvar.var(dim=0)).all()


@estimators
def test_variance_of_mean_falls_as_one_over_n(estimator):
    """The rows of one call are independent: the variance of a mean of 20 is a twentieth, to within 5 errors."""
    f, (mu, logvar) = Quadratic(1), parameters(1)
    estimates = estimator(f, mu, logvar, N_SAMPLES, seeded()).mu
    means = estimates.view(-1, 20, BATCH, 1).mean(dim=1)
    ratio = estimates.var(dim=0) / means.var(dim=0)
    assert ((ratio / 20 - 1).abs() < 5 * math.sqrt(2 / len(means))).all()


# Baselines


@latent_dims
@pytest.mark.parametrize("kind", ["number", "one per row"])
def test_baseline_keeps_mean_and_lowers_variance(latent_dim, kind):
    f, (mu, logvar) = Quadratic(latent_dim, constant=50.0), parameters(latent_dim)
    baseline = 50.0 if kind == "number" else f.mean(mu, logvar)
    plain = score_function(f, mu, logvar, N_SAMPLES, seeded())
    with_baseline = score_function(f, mu, logvar, N_SAMPLES, seeded(), baseline=baseline)
    assert_unbiased(with_baseline, *f.gradients(mu, logvar))
    for lower, higher in ((with_baseline.mu, plain.mu), (with_baseline.logvar, plain.logvar)):
        assert (lower.var(dim=0) < 0.2 * higher.var(dim=0)).all()


def test_default_baseline_is_zero():
    f, (mu, logvar) = Quadratic(2, constant=50.0), parameters(2)
    plain, zero = (score_function(f, mu, logvar, 5, seeded(), *baseline) for baseline in ((), (0.0,)))
    assert torch.equal(plain.mu, zero.mu)
    assert torch.equal(plain.logvar, zero.logvar)


# Side effects


@estimators
def test_generator_fixes_estimate_without_global_state(estimator):
    f, (mu, logvar) = Quadratic(2), parameters(2)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, second = (estimator(f, mu, logvar, 4, seeded()) for _ in range(2))
    assert torch.equal(first.mu, second.mu)
    assert torch.equal(first.logvar, second.logvar)
    assert torch.equal(torch.rand(1), expected)
    assert not torch.equal(estimator(f, mu, logvar, 4, seeded(1)).mu, first.mu)


@estimators
@pytest.mark.parametrize("learned", [True, False])
def test_inputs_are_left_unchanged(estimator, learned):
    mu, logvar = (t.requires_grad_(learned) for t in parameters(2))
    weight = randn(2, seed=6).requires_grad_()
    before = mu.detach().clone(), logvar.detach().clone()
    estimator(lambda z: (z @ weight).sin(), mu, logvar, 4, seeded())
    assert mu.requires_grad == logvar.requires_grad == learned
    assert mu.grad is logvar.grad is weight.grad is None
    assert torch.equal(mu, before[0])
    assert torch.equal(logvar, before[1])


@estimators
def test_estimates_carry_no_graph(estimator):
    mu, logvar = (t.requires_grad_() for t in parameters(2))
    weight = randn(2, seed=6).requires_grad_()
    samples = estimator(lambda z: (z @ weight).sin(), mu, logvar, 4, seeded())
    assert not samples.mu.requires_grad
    assert not samples.logvar.requires_grad


@estimators
def test_estimates_are_unaffected_by_no_grad(estimator):
    f, (mu, logvar) = Softplus(2), parameters(2)
    expected = estimator(f, mu, logvar, 4, seeded())
    with torch.no_grad():
        samples = estimator(f, mu, logvar, 4, seeded())
    assert torch.equal(samples.mu, expected.mu)
    assert torch.equal(samples.logvar, expected.logvar)
    assert torch.is_grad_enabled()


@estimators
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_estimates_keep_parameter_dtype(estimator, dtype):
    mu, logvar = (t.to(dtype) for t in parameters(2))
    samples = estimator(lambda z: z.square().sum(dim=1), mu, logvar, 4, seeded())
    assert samples.mu.dtype == samples.logvar.dtype == dtype


# Errors


@estimators
@pytest.mark.parametrize(
    ("f", "shape"),
    [
        (lambda z: z.sum(dim=1, keepdim=True), r"\(12, 1\)"),
        (lambda z: z.sum(), r"\(\)"),
        (lambda z: z, r"\(12, 2\)"),
        (lambda z: z[:5].sum(dim=1), r"\(5,\)"),
    ],
    ids=["column", "scalar", "matrix", "too few"],
)
def test_objective_must_return_one_value_per_row(estimator, f, shape):
    with pytest.raises(ValueError, match=rf"f must give one value per row, \(12,\), got {shape}"):
        estimator(f, *parameters(2), 4)


@estimators
@pytest.mark.parametrize("n_samples", [0, -2])
def test_fewer_than_one_sample_is_refused(estimator, n_samples):
    with pytest.raises(ValueError, match=f"n_samples must be at least 1, got {n_samples}"):
        estimator(Quadratic(2), *parameters(2), n_samples)


@estimators
@pytest.mark.parametrize("n_samples", [2.5, "3", torch.tensor(3), torch.arange(3)], ids=repr)
def test_non_integer_sample_count_is_refused(estimator, n_samples):
    with pytest.raises(ValueError, match="n_samples must be a whole number, got "):
        estimator(Quadratic(2), *parameters(2), n_samples)


@estimators
def test_wrong_argument_types_are_named(estimator):
    mu, logvar = parameters(2)
    with pytest.raises(TypeError, match="mu must be a tensor, got ndarray"):
        estimator(Quadratic(2), mu.numpy(), logvar, 4)
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator, got 0"):
        estimator(Quadratic(2), mu, logvar, 4, 0)


@estimators
@pytest.mark.parametrize(
    ("mu", "logvar", "message"),
    [
        ((3, 2), (3, 1), r"got mu \(3, 2\), logvar \(3, 1\)"),
        ((3, 2), (1, 2), r"got mu \(3, 2\), logvar \(1, 2\)"),
        ((2,), (2,), r"got mu \(2,\), logvar \(2,\)"),
        ((4, 3, 2), (4, 3, 2), r"got mu \(4, 3, 2\), logvar \(4, 3, 2\)"),
    ],
)
def test_mismatched_shapes_are_named(estimator, mu, logvar, message):
    with pytest.raises(ValueError, match=rf"mu and logvar must have the same shape \(B, K\), {message}"):
        estimator(lambda z: z.sum(dim=1), torch.zeros(mu), torch.zeros(logvar), 4)


@pytest.mark.parametrize("shape", [(4, 1), (2,), (3, 1), (4,)])
def test_baseline_of_wrong_shape_is_refused(shape):
    mu, logvar = parameters(2)  # three rows
    with pytest.raises(ValueError, match=r"baseline must be a number or \(3,\), got "):
        score_function(Quadratic(2), mu, logvar, 4, baseline=torch.zeros(shape))


def test_step_function_suits_score_function_only():
    mu, logvar = torch.zeros(1, 1), torch.zeros(1, 1)
    generator = torch.Generator().manual_seed(0)
    samples = score_function(lambda z: z[:, 0] > 0, mu, logvar, 20_000, generator)
    exact = 1 / math.sqrt(2 * math.pi)  # d P(z > 0) / d mu
    error = samples.mu.std() / math.sqrt(20_000)
    assert abs(samples.mu.mean() - exact) < 5 * error
    with pytest.raises(ValueError, match="f must be differentiable, and no gradient passes through it: score_function"):
        pathwise(lambda z: (z[:, 0] > 0).float(), mu, logvar, 5)


def test_objective_must_return_a_tensor():
    with pytest.raises(TypeError, match="f must give a tensor, one value per row, got float"):
        score_function(lambda z: 1.0, torch.zeros(1, 1), torch.zeros(1, 1), 5)
