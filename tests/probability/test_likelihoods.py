"""The likelihoods against torch.distributions and quadrature, also at saturated logits."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats
from sklearn.metrics import root_mean_squared_error
from torch import distributions

from vae_lessons import VAE, ImageData, fit
from vae_lessons.probability.likelihoods import (
    Bernoulli,
    ContinuousBernoulli,
    DiscretisedLogistic,
    Gaussian,
    PixelGaussian,
)

SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
SEEDS = st.integers(0, 2**31)
LOGITS = [-800.0, -40.0, -3.0, -0.06, -0.04, -1e-3, 0.0, 1e-7, 1e-3, 0.049, 0.051, 0.7, 12.0, 40.0, 800.0]


def uniform(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def logits(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Draw logits from small to so large that a sigmoid is 1 in float64."""
    values = (uniform(shape, seed + 1) - 0.5) * 10.0 ** (uniform(shape, seed + 2) * 5 - 3)
    return values.requires_grad_()


def assert_same_value_and_gradient(actual, expected, inputs) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)
    gradients = (torch.autograd.grad(value.sum(), inputs, retain_graph=True) for value in (actual, expected))
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-10)


@given(SHAPES, SEEDS, st.floats(0.01, 20))
def test_gaussian_matches_torch(shape, seed, sigma):
    x, mean = uniform(shape, seed), uniform(shape, seed + 1).requires_grad_()
    actual = Gaussian(sigma).log_prob(x, mean)
    assert actual.shape == shape[:1]
    assert_same_value_and_gradient(actual, distributions.Normal(mean, sigma).log_prob(x).sum(dim=(1, 2)), [mean])


@given(SHAPES, SEEDS, st.floats(0.01, 20))
def test_learned_gaussian_matches_torch_with_log_sigma(shape, seed, sigma):
    x, mean = uniform(shape, seed), uniform(shape, seed + 1).requires_grad_()
    likelihood = Gaussian(sigma, learned=True).double()
    (log_sigma,) = likelihood.parameters()
    assert log_sigma.item() == pytest.approx(math.log(sigma), rel=1e-6, abs=1e-6)
    expected = distributions.Normal(mean, log_sigma.exp()).log_prob(x).sum(dim=(1, 2))
    assert_same_value_and_gradient(likelihood.log_prob(x, mean), expected, [mean, log_sigma])


@settings(max_examples=25)
@given(SHAPES, SEEDS)
def test_best_sigma_is_root_mean_squared_error(shape, seed):
    """The gradient in log σ is zero at scikit-learn's RMSE, and SciPy finds no better σ."""
    x, mean = uniform(shape, seed), uniform(shape, seed + 1)
    best = root_mean_squared_error(x.flatten(), mean.flatten())
    likelihood = Gaussian(best, learned=True).double()
    (gradient,) = torch.autograd.grad(likelihood.log_prob(x, mean).sum(), likelihood.parameters())
    assert float(gradient) == pytest.approx(0, abs=1e-5 * x.numel())  # log σ starts as a float32

    def loss(log_sigma):
        return -float(Gaussian(math.exp(log_sigma)).log_prob(x, mean).sum())

    optimum = optimize.minimize_scalar(loss, bounds=(-20, 5), method="bounded")
    assert math.exp(optimum.x) == pytest.approx(best, rel=1e-3)


@given(SHAPES, SEEDS)
def test_bernoulli_matches_torch(shape, seed):
    x, raw = (uniform(shape, seed) < 0.5).double(), logits(shape, seed)
    actual = Bernoulli().log_prob(x, raw)
    assert_same_value_and_gradient(actual, distributions.Bernoulli(logits=raw).log_prob(x).sum(dim=(1, 2)), [raw])


@given(SHAPES, SEEDS)
def test_continuous_bernoulli_matches_torch(shape, seed):
    """Only where PyTorch is exact: it clamps probabilities near 0 and 1, and uses a short series near 1/2."""
    x, raw = uniform(shape, seed), uniform(shape, seed + 1) * 20 - 10
    raw = (raw + 0.02 * raw.sign()).requires_grad_()
    expected = distributions.ContinuousBernoulli(logits=raw).log_prob(x).sum(dim=(1, 2))
    assert_same_value_and_gradient(ContinuousBernoulli().log_prob(x, raw), expected, [raw])


@pytest.mark.parametrize("likelihood", [Bernoulli(), ContinuousBernoulli()], ids=repr)
def test_logit_gradient_is_pixel_minus_mean(likelihood):
    """As for every exponential family in its natural parameter, however large; quadrature tests the means."""
    raw = torch.tensor([LOGITS], dtype=torch.float64, requires_grad=True)
    for x in (torch.zeros_like(raw), torch.ones_like(raw), torch.full_like(raw, 0.3)):
        (gradient,) = torch.autograd.grad(likelihood.log_prob(x, raw).sum(), raw)
        torch.testing.assert_close(gradient, x - likelihood.mean(raw), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("logit", LOGITS)
def test_continuous_bernoulli_is_density_with_stated_mean(logit):
    raw = torch.tensor([[logit]], dtype=torch.float64)

    def density(x):
        return math.exp(ContinuousBernoulli().log_prob(torch.tensor([[x]], dtype=torch.float64), raw).item())

    edge = 1.0 if logit > 0 else 0.0
    steep = [abs(edge - width) for width in (1 / max(2, abs(logit)), 8 / max(16, abs(logit)))]
    mass, _ = integrate.quad(density, 0, 1, points=steep, epsabs=1e-12)
    mean, _ = integrate.quad(lambda x: x * density(x), 0, 1, points=steep, epsabs=1e-12)
    assert mass == pytest.approx(1, abs=1e-9)
    assert ContinuousBernoulli().mean(raw).item() == pytest.approx(mean, abs=1e-9)


def test_series_joins_closed_form_smoothly():
    below, above = (torch.tensor([[0.05 + d]], dtype=torch.float64, requires_grad=True) for d in (-1e-9, 1e-9))
    for function in (ContinuousBernoulli().log_normaliser, ContinuousBernoulli().mean):
        torch.testing.assert_close(function(below), function(above), rtol=0, atol=1e-8)
        gradients = [torch.autograd.grad(function(raw), raw)[0] for raw in (below, above)]
        torch.testing.assert_close(*gradients, rtol=0, atol=1e-8)


@pytest.mark.parametrize("likelihood", [Bernoulli(), ContinuousBernoulli()], ids=repr)
def test_saturated_logits_give_finite_values_and_gradients(likelihood):
    raw = torch.tensor([LOGITS], dtype=torch.float32, requires_grad=True)
    for x in (torch.zeros_like(raw), torch.ones_like(raw), torch.full_like(raw, 0.3)):
        value = likelihood.log_prob(x, raw)
        assert value.isfinite().all()
        assert torch.autograd.grad(value.sum(), raw)[0].isfinite().all()


@pytest.mark.parametrize("likelihood", [Gaussian(0.5), Bernoulli(), ContinuousBernoulli()], ids=repr)
@pytest.mark.parametrize("parameter", [-30.0, -2.0, 0.0, 0.01, 1.3, 30.0])
def test_samples_have_likelihood_mean(likelihood, parameter):
    n = 100_000
    parameters = torch.full((1, n), parameter, dtype=torch.float64)
    samples = likelihood.sample(parameters, torch.Generator().manual_seed(0))
    assert samples.shape == parameters.shape
    assert abs(samples.mean() - likelihood.mean(parameters)[0, 0]) < 5 * 0.5 / math.sqrt(n)
    if not isinstance(likelihood, Gaussian):
        assert ((samples >= 0) & (samples <= 1)).all()


def test_continuous_bernoulli_samples_follow_its_cdf():
    n, logit = 50_000, 3.0
    samples = ContinuousBernoulli().sample(torch.full((1, n), logit), torch.Generator().manual_seed(1))
    for x in (0.2, 0.5, 0.8):
        expected = math.expm1(logit * x) / math.expm1(logit)
        assert (samples <= x).float().mean().item() == pytest.approx(expected, abs=5 * 0.5 / math.sqrt(n))


@given(SHAPES, SEEDS)
def test_outputs_of_any_size_become_parameters(shape, seed):
    """A Gaussian squashes outputs to means in (0, 1); the others take them as logits."""
    outputs = logits(shape, seed)
    torch.testing.assert_close(Gaussian().from_outputs(outputs), distributions.Bernoulli(logits=outputs).mean)
    for likelihood in (Bernoulli(), ContinuousBernoulli()):
        assert torch.equal(likelihood.from_outputs(outputs), outputs)


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("sigma", [1e-3, 0.7, 1, 12.5, np.float32(0.25), np.int64(2)])
def test_sigma_is_readable(sigma, learned):
    assert Gaussian(sigma, learned).sigma == pytest.approx(sigma, rel=1e-6 if learned else 1e-15)


def test_learned_sigma_is_used_everywhere():
    """In its value, samples and representation."""
    likelihood = Gaussian(0.5, learned=True)
    with torch.no_grad():
        likelihood.log_sigma.fill_(math.log(0.125))
    assert likelihood.sigma == pytest.approx(0.125)
    assert repr(likelihood) == "Gaussian(sigma=0.125, learned=True)"
    samples = likelihood.sample(torch.zeros(1, 50_000), torch.Generator().manual_seed(0))
    assert not samples.requires_grad
    assert float(samples.std()) == pytest.approx(0.125, rel=0.02)


def test_only_learned_gaussian_has_parameters():
    assert [name for name, _ in Gaussian(learned=True).named_parameters()] == ["log_sigma"]
    for likelihood in (Gaussian(), Bernoulli(), ContinuousBernoulli()):
        assert not list(likelihood.parameters())
        assert list(likelihood.state_dict()) == ["_extra_state"]


@given(st.floats(1e-3, 1e3))
def test_fixed_sigma_is_printed_in_full(sigma):
    """Nothing else in the cache's key shows it."""
    printed = re.fullmatch(r"Gaussian\(sigma=(.*)\)", repr(Gaussian(sigma))).group(1)
    assert float(printed) == pytest.approx(sigma, rel=1e-14)


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("sigma", [0, -1.0, math.nan, math.inf, "wide", None, True, torch.tensor(0.5)], ids=repr)
def test_invalid_sigma_is_named(sigma, learned):
    with pytest.raises(ValueError, match="sigma must be a positive number, got"):
        Gaussian(sigma, learned)


@pytest.mark.parametrize("likelihood", [Gaussian(), Bernoulli(), ContinuousBernoulli()], ids=repr)
def test_mismatched_shapes_are_named(likelihood):
    with pytest.raises(ValueError, match=r"must have the same shape \(B, ...\), got \(2, 3\) and \(2, 1\)"):
        likelihood.log_prob(torch.zeros(2, 3), torch.zeros(2, 1))


both_bernoullis = pytest.mark.parametrize("likelihood", [Bernoulli(), ContinuousBernoulli()], ids=repr)


@both_bernoullis
def test_empty_batch_has_empty_log_prob(likelihood):
    assert likelihood.log_prob(torch.zeros(0, 3), torch.zeros(0, 3)).shape == (0,)


@both_bernoullis
@pytest.mark.parametrize(
    ("pixels", "limits"),
    [([0.0, 255], "0 to 255"), ([-0.5, 0], "-0.5 to 0"), ([0.5, 1.01], "0.5 to 1.01"), ([0, math.inf], "0 to inf")],
)
@pytest.mark.parametrize("gradients", [True, False], ids=["as trained", "as evaluated"])
def test_pixels_outside_unit_interval_are_refused(likelihood, pixels, limits, gradients):
    x = torch.tensor(pixels).view(2, 1)
    logits = torch.zeros(2, 1, requires_grad=gradients)
    with pytest.raises(ValueError, match=rf"x must lie in \[0, 1\] under a Bernoulli, got pixels from {limits}: "):
        likelihood.log_prob(x, logits)


@both_bernoullis
def test_pixel_range_is_unchecked_while_training(likelihood):
    """A check would slow each step; ImageData has checked the pixels, and `fit` leaves the model in evaluation mode."""
    batches = []

    class DoubledInTraining(VAE):
        def loss(self, x):
            if self.training:
                x = 2 * x
                batches.append(float(x.max()))
            return super().loss(x)

    data = ImageData("noise", *[torch.rand(8, 2, 2) / 2 + 0.5, torch.arange(8)] * 2)
    model = DoubledInTraining((2, 2), 1, (3,), likelihood=likelihood)
    assert model.train().loss(data.train).isfinite().all()
    fit(model, data, epochs=3, batch_size=2, device="cpu", precision="float32")
    assert len(batches) == 1 + 3 * 4
    assert min(batches) > 1.001  # a check would have refused every batch
    with pytest.raises(ValueError, match="x must lie in"):
        model.loss(2 * data.train)


@both_bernoullis
def test_expanded_image_has_its_pixels_checked(likelihood):
    x = torch.tensor([[0.0, 0.5, 2.0]]).expand(4, -1)
    with pytest.raises(ValueError, match="got pixels from 0 to 2"):
        likelihood.log_prob(x, torch.zeros(4, 3))
    assert likelihood.log_prob(x / 2, torch.zeros(4, 3)).isfinite().all()


@both_bernoullis
def test_pixels_outside_by_rounding_are_accepted(likelihood):
    x = torch.tensor([[1 + 1e-6, -1e-6]])
    exact = likelihood.log_prob(x.clamp(0, 1), torch.ones(1, 2))
    torch.testing.assert_close(likelihood.log_prob(x, torch.ones(1, 2)), exact, rtol=1e-5, atol=0)


@both_bernoullis
def test_nan_stays_in_its_own_row(likelihood):
    x = torch.tensor([[0.5, 0.5], [0.5, math.nan]])
    assert likelihood.log_prob(x, torch.zeros(2, 2)).isnan().tolist() == [False, True]


def test_gaussian_accepts_any_pixels():
    """SciPy's density is the reference."""
    x = torch.tensor([[-3.0, 255.0]], dtype=torch.float64)
    expected = stats.norm(0.5, 100).logpdf(x.numpy()).sum()
    assert float(Gaussian(100).log_prob(x, torch.full_like(x, 0.5))) == pytest.approx(expected)


@pytest.mark.parametrize("likelihood", [Gaussian(), Bernoulli(), ContinuousBernoulli()], ids=repr)
def test_wrong_argument_types_are_named(likelihood):
    with pytest.raises(TypeError, match="x must be a tensor, got ndarray"):
        likelihood.log_prob(np.zeros((2, 3)), torch.zeros(2, 3))
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator, got 0"):
        likelihood.sample(torch.zeros(2, 3), 0)


@pytest.mark.parametrize(
    "likelihood", [Gaussian(), Bernoulli(), ContinuousBernoulli()], ids=lambda kind: type(kind).__name__
)
def test_non_float_pixels_are_refused_with_hint(likelihood):
    x = torch.rand(2, 3) > 0.5
    with pytest.raises(ValueError, match=r"x must have a floating dtype, got torch\.bool: use x\.float\(\)"):
        likelihood.log_prob(x, torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"got torch\.uint8: use x / 255, or for 0 and 1 x\.float\(\)"):
        likelihood.log_prob(x.byte(), torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"(mean|logits) must have a floating dtype, got torch\.int64"):
        likelihood.log_prob(x.float(), torch.zeros(2, 3, dtype=torch.long))


@given(st.integers(1, 4), SEEDS, st.floats(0, 0.5), st.floats(0.6, 3))
def test_pixel_gaussian_matches_torch(n_images, seed, floor, start):
    x, mean = uniform((n_images, 2, 3), seed), uniform((n_images, 2, 3), seed + 1).requires_grad_()
    likelihood = PixelGaussian((2, 3), start, floor).double()
    (weight,) = likelihood.parameters()
    torch.testing.assert_close(likelihood.sigma, torch.full((2, 3), start).double(), rtol=1e-5, atol=0)
    with torch.no_grad():
        weight.copy_(4 * uniform((2, 3), seed + 2) - 3)
    sigma = (floor**2 + weight.exp() ** 2).sqrt()
    expected = distributions.Normal(mean, sigma).log_prob(x).sum(dim=(1, 2))
    assert_same_value_and_gradient(likelihood.log_prob(x, mean), expected, [mean, weight])


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_only_a_floor_limits_the_density_of_an_exact_pixel(floor):
    """Gradient ascent in σ alone: log p rises until it stops at the floor, or does not stop."""
    likelihood = PixelGaussian((1, 1), sigma=0.5, floor=floor).double()
    pixel, found = torch.zeros(1, 1, 1).double(), []
    optimiser = torch.optim.Adam(likelihood.parameters(), lr=0.1, maximize=True)
    for _ in range(3):
        for _ in range(100):
            optimiser.zero_grad()
            likelihood.log_prob(pixel, pixel).sum().backward()
            optimiser.step()
        found.append(likelihood.log_prob(pixel, pixel).item())
    if floor:
        assert found == pytest.approx([float(stats.norm(0, floor).logpdf(0))] * 3, abs=0.01)
    else:
        assert np.diff(found).tolist() == pytest.approx([10, 10], rel=0.02)  # as far as the steps go


def test_pixel_gaussian_draws_with_each_pixels_own_sigma():
    likelihood = PixelGaussian((1, 2), sigma=1.0, floor=0.1)
    with torch.no_grad():
        likelihood.log_above_floor.copy_(torch.tensor([[-20.0, math.log(0.7)]]))
    samples = likelihood.sample(torch.zeros(50_000, 1, 2), torch.Generator().manual_seed(0))
    assert not samples.requires_grad
    assert samples.std(dim=0).tolist()[0] == pytest.approx([0.1, math.hypot(0.1, 0.7)], rel=0.02)


@pytest.mark.parametrize("levels", [2, 17, 256])
@pytest.mark.parametrize("scale", [1e-3, 0.05, 3.0])
def test_probabilities_of_grey_levels_add_up(levels, scale):
    """And are differences of the CDF of SciPy's logistic distribution, with the tails in the end cells."""
    likelihood = DiscretisedLogistic(levels, scale).double()
    grid = torch.arange(levels).double() / (levels - 1)
    for location in (-2.0, 0.0, 0.31, 0.5, 1.0):
        place = torch.full((levels, 1), location).double()
        log_probs = likelihood.log_prob(grid.unsqueeze(1), place)
        assert log_probs.exp().sum().item() == pytest.approx(1, abs=1e-12)
        edges = np.concatenate([[-np.inf], (grid[1:] - 0.5 / (levels - 1)).numpy(), [np.inf]])
        expected = np.diff(stats.logistic(location, likelihood.scale).cdf(edges))
        np.testing.assert_allclose(log_probs.exp().detach(), expected, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_improbable_grey_levels_have_finite_values_and_gradients(dtype):
    likelihood = DiscretisedLogistic(256, 1e-3)
    outputs = torch.tensor([[-2.0, 2.0, 0.0]], dtype=dtype, requires_grad=True)  # locations 0, 1 and a half
    location = likelihood.from_outputs(outputs)
    torch.testing.assert_close(likelihood.mean(location), torch.tensor([[0.0, 1.0, 0.5]]))
    value = likelihood.log_prob(torch.tensor([[1.0, 0.0, 0.0]]), location)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(-2.5 / 1e-3, rel=0.01)  # the tails fall in a straight line
    gradients = torch.autograd.grad(value.sum(), [outputs, *likelihood.parameters()])
    assert all(gradient.isfinite().all() for gradient in gradients)


@settings(max_examples=25)
@given(SEEDS, st.floats(0.02, 1))
def test_density_of_dequantised_pixels_is_a_lower_bound(seed, scale):
    """By Jensen's inequality: the average log-density over a level's cell, plus its width, is at most its log P."""
    likelihood, levels = DiscretisedLogistic(9, scale).double(), 9
    x, location = torch.randint(1, levels - 1, (20, 1)).double() / (levels - 1), uniform((20, 1), seed)
    cells = x + (torch.arange(1000).double() + 0.5) / 1000 / (levels - 1) - 0.5 / (levels - 1)  # (20, 1000)
    density = stats.logistic(location, likelihood.scale).pdf(cells)
    log_prob = likelihood.log_prob(x, location).detach()
    torch.testing.assert_close(log_prob.exp(), torch.from_numpy(density.mean(axis=1)) / (levels - 1), rtol=1e-5, atol=0)
    assert (torch.from_numpy(np.log(density).mean(axis=1)) - math.log(levels - 1) <= log_prob + 1e-9).all()


def test_drawn_grey_levels_have_their_probabilities():
    n, likelihood = 200_000, DiscretisedLogistic(5, 0.2)
    drawn = likelihood.sample(torch.full((n, 1), 0.3), torch.Generator().manual_seed(0))
    grid = torch.arange(5) / 4
    shares = (drawn == grid).double().mean(dim=0)
    expected = likelihood.log_prob(grid.unsqueeze(1), torch.full((5, 1), 0.3)).exp().double().detach()
    torch.testing.assert_close(shares, expected, rtol=0, atol=0.005)


@pytest.mark.parametrize("pixels", [[0.3, 0.5], [0.0, 1.25], [-0.25, 0.0]], ids=str)
def test_pixels_between_grey_levels_are_refused(pixels):
    likelihood = DiscretisedLogistic(5)
    with pytest.raises(ValueError, match="x must be grey levels k / 4 from 0 to 1, got others"):
        likelihood.log_prob(torch.tensor([pixels]), torch.zeros(1, 2))
    bytes_ = torch.arange(256).view(1, -1) / 255  # in float32
    assert DiscretisedLogistic(256).log_prob(bytes_, bytes_.clone()).isfinite().all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PixelGaussian((2, 2), sigma=0.1, floor=0.1), "floor must be below sigma, got 0.1 and 0.1"),
        (lambda: PixelGaussian((2, 2), floor=-1), "floor must be"),
        (lambda: DiscretisedLogistic(1), "levels must be"),
        (lambda: DiscretisedLogistic(256, scale=0), "scale must be a positive number"),
    ],
)
def test_settings_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_weights_of_another_floor_or_number_of_levels_are_refused():
    for one, other in (
        (PixelGaussian((2, 2), floor=0.1), PixelGaussian((2, 2))),
        (DiscretisedLogistic(17), DiscretisedLogistic(256)),
    ):
        assert one.load_state_dict(one.state_dict())
        with pytest.raises(ValueError, match="likelihood must be a learned"):
            other.load_state_dict(one.state_dict())
        assert repr(one) != repr(other)  # which the cache's key has
