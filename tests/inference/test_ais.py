"""Annealed importance sampling against the evidence where it is known, from below and from above."""

import math

import pytest
import torch
from inference_helpers import (
    PIXELS,
    SHAPE,
    TinyVAE,
    WithCodes,
    linear_gaussian,
    mean_and_error,
    randn,
    repeated,
    seeded,
)
from torch import Tensor

from vae_lessons import VAE, fit, load_images
from vae_lessons.inference import (
    ais_log_evidence,
    ais_upper_bound,
    elbo,
    iwae_bound,
    log_evidence_quadrature,
)
from vae_lessons.models import LinearGaussian
from vae_lessons.probability.distributions import GaussianMixture
from vae_lessons.probability.likelihoods import Bernoulli
from vae_lessons.training.defaults import mnist_epochs

starts = pytest.mark.parametrize("start", ["encoder", "prior"])


def rotated(n: int) -> tuple[LinearGaussian, Tensor, Tensor]:
    """Make a model of 6 dimensions whose posterior no diagonal Gaussian fits, with n codes and images drawn from it.

    With orthogonal columns, as of a fit to data, the best diagonal q would be the posterior.
    """
    columns = torch.linalg.qr(randn(40, 6, seed=1)).Q * torch.linspace(2, 0.5, 6, dtype=torch.float64)
    model = LinearGaussian(columns @ torch.linalg.qr(randn(6, 6, seed=2)).Q, randn(40, seed=3), 0.3)
    z = randn(n, 6, seed=4)
    return model, z, model.decode(z) + 0.3 * randn(n, 40, seed=5)


def sandwich(
    model, x: Tensor, z: Tensor, *cost: int, start: str
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return lower and upper estimate less the truth, each as the mean over images with its standard error."""
    lower = ais_log_evidence(model, x, *cost, seeded(), start=start)
    upper = ais_upper_bound(model, x, z, *cost, seeded(1), start=start)
    return tuple(mean_and_error(bound - model.log_evidence(x), 1) for bound in (lower, upper))


def test_both_sides_come_within_a_tenth_of_a_nat():
    """With 4 chains of 60 temperatures, that is 480 gradients an image, where the ELBO is 0.8 nats too low."""
    model, z, x = rotated(150)
    (low, low_error), (high, high_error) = sandwich(model, x, z, 4, 60, start="encoder")
    assert -0.1 < low < 2 * low_error
    assert -2 * high_error < high < 0.1
    assert max(low_error, high_error) < 0.03
    assert (elbo(model, x, 10, seeded()).value - model.log_evidence(x)).mean() < -0.8


def test_estimates_close_in_from_both_sides():
    """From the prior, which is far from the posterior, with growing numbers of temperatures."""
    model, z, x = rotated(40)
    bounds = [sandwich(model, x, z, 4, n, start="prior") for n in (8, 30, 120)]
    lows, highs = ([float(of[0]) for of in side] for side in zip(*bounds, strict=True))
    assert lows[0] < 2 * lows[1] < 4 * lows[2] < 0 < 4 * highs[2] < 2 * highs[1] < highs[0]


@starts
def test_weights_average_to_the_evidence(start):
    """Without bias at few temperatures too: of a nonlinear model, by quadrature."""
    vae = TinyVAE(2, Bernoulli(), seed=3)
    x = vae.sample(2, seed=1)
    truth = log_evidence_quadrature(vae, x)
    for n_temperatures in (3, 8):
        logs = ais_log_evidence(vae, repeated(x, 1500), 4, n_temperatures, seeded(), start=start)
        ratio, error = mean_and_error((logs - repeated(truth, 1500)).exp(), 2)
        assert ((ratio - 1).abs() < 4 * error).all()
        assert (error < 0.03).all()


@starts
def test_inverse_weights_average_to_the_inverse_evidence(start):
    """Of chains from exact draws of the posterior."""
    model, x = linear_gaussian(2, sigma=1.5)
    x, truth = repeated(x[:2], 1500), model.log_evidence(x[:2])
    mean, cov = model.posterior(x)
    z = mean + (torch.linalg.cholesky(cov) @ randn(*mean.shape, 1, seed=1)).squeeze(2)
    for n_temperatures in (4, 10):
        logs = ais_upper_bound(model, x, z, 4, n_temperatures, seeded(), start=start)
        ratio, error = mean_and_error((repeated(truth, 1500) - logs).exp(), 2)
        assert ((ratio - 1).abs() < 4 * error).all()
        assert (error < 0.05).all()


def test_one_temperature_is_the_importance_weighted_bound():
    vae = TinyVAE(1, Bernoulli())
    x = repeated(vae.sample(2, seed=1), 3000)
    with torch.no_grad():
        (ais, error), (iwae, other) = (
            mean_and_error(bound, 2)
            for bound in (ais_log_evidence(vae, x, 5, 1, seeded()), iwae_bound(vae, x, 5, seeded(1)))
        )
    assert ((ais - iwae).abs() < 4 * torch.hypot(error, other)).all()


def test_estimate_is_exact_for_the_exact_posterior():
    model, x = linear_gaussian(1)
    z = randn(len(x), 1)
    for bound in (ais_log_evidence(model, x, 3, 7, seeded()), ais_upper_bound(model, x, z, 3, 7, seeded())):
        torch.testing.assert_close(bound, model.log_evidence(x), rtol=0, atol=1e-10)


class Mixed(TinyVAE):
    """With a learned mixture of three Gaussians as prior."""

    def prior(self) -> GaussianMixture:
        return GaussianMixture(randn(1, 3), 2 * randn(1, 3, 2, seed=1), randn(1, 3, 2, seed=2) - 1)


@starts
def test_a_mixture_as_prior(start):
    vae = Mixed(2, Bernoulli())
    x = vae.sample(5, seed=1)
    estimate = ais_log_evidence(vae, x, 300, 20, seeded(), start=start)
    torch.testing.assert_close(estimate, log_evidence_quadrature(vae, x), rtol=0, atol=0.1)


def test_a_start_that_misses_a_peak_is_caught_by_the_prior():
    """A narrow q on one of two equal peaks: chains from it find half of the evidence, chains from the prior all."""

    class Square(LinearGaussian):
        def decode(self, z: Tensor) -> Tensor:
            return super().decode(z.square())

    model = Square(torch.full((PIXELS, 1), 1.0).double(), torch.zeros(SHAPE).double(), 0.5)
    x = torch.full((1, *SHAPE), 2.25).double()
    vae = WithCodes(model, torch.full((1, 1), 1.5).double(), torch.full((1, 1), -4.0).double())
    truth = log_evidence_quadrature(vae, x)
    from_q, from_prior = (ais_log_evidence(vae, x, 1000, 30, seeded(), start=start) for start in ("encoder", "prior"))
    assert float(truth - from_q) == pytest.approx(math.log(2), abs=0.15)
    assert float(truth - from_prior) == pytest.approx(0, abs=0.15)


@pytest.mark.parametrize("pairs", [1, 7, 10**4])
def test_images_may_be_moved_in_any_number_of_groups(pairs, monkeypatch):
    monkeypatch.setattr("vae_lessons.inference.ais.PAIRS", pairs)
    model, z, x = rotated(3)
    for bound in (ais_log_evidence(model, x, 4, 10, seeded()), ais_upper_bound(model, x, z, 4, 10, seeded())):
        assert bound.shape == (3,)
        torch.testing.assert_close(bound, model.log_evidence(x), rtol=0, atol=2.0)


def test_model_generators_and_modes_stay_as_they_are():
    vae = TinyVAE(2, Bernoulli())
    x, z = vae.sample(3, seed=1), randn(3, 2)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, second = (ais_log_evidence(vae, x, 2, 5, seeded()) for _ in range(2))
    assert torch.equal(first, second)
    assert not ais_upper_bound(vae, x, z, 2, 5, seeded()).requires_grad
    assert torch.equal(torch.rand(1), expected)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in vae.parameters())
    with torch.no_grad():
        assert torch.equal(ais_log_evidence(vae, x, 2, 5, seeded()), first)
    vae.requires_grad_(False)
    assert torch.equal(ais_log_evidence(vae, x, 2, 5, seeded()), first)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_chains": 0}, "n_chains must be at least 1"),
        ({"n_temperatures": 0}, "n_temperatures must be at least 1"),
        ({"start": "posterior"}, "start must be one of encoder, prior"),
        ({"x": torch.full((2, *SHAPE), math.nan).double()}, "x must be finite"),
        ({"condition": torch.zeros(3, 1)}, "as many rows"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, message):
    vae = TinyVAE(2, Bernoulli())
    arguments = {"x": vae.sample(2, seed=1), "n_chains": 2, "n_temperatures": 3, **arguments}
    for bound, more in ((ais_log_evidence, {}), (ais_upper_bound, {"z": randn(2, 2)})):
        with pytest.raises(ValueError, match=message):
            bound(vae, **arguments, **more)


@pytest.mark.parametrize("z", [randn(3, 2), randn(2, 3), randn(2, 2).float(), torch.full((2, 2), math.inf).double()])
def test_codes_that_do_not_fit_are_refused(z):
    vae = TinyVAE(2, Bernoulli())
    with pytest.raises(ValueError, match="z must"):
        ais_upper_bound(vae, vae.sample(2, seed=1), z, 2, 3)


def test_what_is_no_tensor_is_named():
    with pytest.raises(TypeError, match="x must be a tensor"):
        ais_upper_bound(TinyVAE(2, Bernoulli()), [[1.0]], randn(1, 2), 2, 3)


@pytest.mark.check
def test_annealing_of_a_trained_network_agrees_with_five_thousand_codes():
    """On held-out digits, whose posteriors are so wide that both give the evidence, and both are above the ELBO."""
    data = load_images("digits")
    vae = VAE(data.image_shape, 20, (400,), likelihood=Bernoulli(), generator=seeded())
    fit(vae, data, epochs=mnist_epochs(data, 5), seed=0)
    x = data.test[:60]
    with torch.no_grad():
        low, many = elbo(vae, x, 100, seeded()).value, iwae_bound(vae, x, 5000, seeded())
    annealed = ais_log_evidence(vae, x, 8, 100, seeded())
    for rise in (many - low, annealed - low):
        assert rise.mean() > 3 * rise.std() / math.sqrt(len(x))
    torch.testing.assert_close(annealed.mean(), many.mean(), rtol=0, atol=0.05)
