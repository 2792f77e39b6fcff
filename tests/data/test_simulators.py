"""Simulators: their densities against their draws, and their posteriors against Bayes' rule."""

import math

import pytest
import torch

from vae_lessons.data import DampedOscillator, LinearGaussianSimulator, TwoMoons, simulations

SIMULATORS = (LinearGaussianSimulator(3, 0.5, 0.2), TwoMoons(), DampedOscillator())


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("simulator", SIMULATORS, ids=lambda simulator: simulator.name)
def test_shapes_and_one_seed_gives_one_draw(simulator):
    theta = simulator.sample_prior(5, seeded())
    x = simulator.simulate(theta, seeded(1))
    assert theta.shape == (5, simulator.n_params)
    assert x.shape == (5, simulator.n_outputs)
    assert torch.equal(x, simulator.simulate(theta, seeded(1)))
    assert simulator.log_prior(theta).isfinite().all()
    assert simulator.log_likelihood(x, theta).shape == (5,)


def test_linear_gaussian_posterior_is_the_joint_over_the_evidence():
    simulator = LinearGaussianSimulator(2, 0.5, 0.2)
    theta, x = 0.5 * torch.randn(2, 4, 2, generator=seeded())
    evidence = torch.distributions.Normal(0, math.sqrt(0.7)).log_prob(x).sum(dim=1)
    expected = simulator.log_prior(theta) + simulator.log_likelihood(x, theta) - evidence
    torch.testing.assert_close(simulator.posterior(x).log_prob(theta), expected)


def test_linear_gaussian_of_the_benchmark():
    posterior = LinearGaussianSimulator().posterior(torch.ones(1, 10))
    torch.testing.assert_close(posterior.mu, torch.full((1, 10), 0.5))
    torch.testing.assert_close(posterior.logvar.exp(), torch.full((1, 10), 0.05))


def test_two_moons_density_integrates_to_one_and_matches_draws():
    simulator, theta = TwoMoons(), torch.tensor([0.3, -0.5], dtype=torch.float64)
    side = torch.linspace(-1, 1, 1601, dtype=torch.float64)
    step = float(side[1] - side[0])
    x = torch.cartesian_prod(side + 0.1, side - 0.5)
    density = simulator.log_likelihood(x, theta.expand(len(x), 2)).exp()
    assert float(density.sum()) * step**2 == pytest.approx(1, abs=0.01)
    draws = simulator.simulate(theta.expand(20_000, 2), seeded())
    torch.testing.assert_close(draws.mean(dim=0), (density[:, None] * x).sum(dim=0) * step**2, atol=3e-3, rtol=0)
    # A moon of radius 0.1 to the right of (1/4, 0), moved by (-|θ₁ + θ₂|, θ₂ - θ₁) / √2; its mean is 2r/π to the right.
    place = torch.tensor([0.25 - 0.2 / math.sqrt(2) + 0.2 / math.pi, -0.8 / math.sqrt(2)], dtype=torch.float64)
    torch.testing.assert_close(draws.mean(dim=0), place, atol=3e-3, rtol=0)


def test_two_moons_posterior_draws_follow_bayes_rule():
    """Against weights of draws from the prior."""
    simulator = TwoMoons()
    x = simulator.simulate(torch.tensor([[0.6, 0.2]]), seeded(3))
    theta = simulator.sample_prior(400_000, seeded(4))
    weights = simulator.log_likelihood(x.expand(len(theta), 2), theta).softmax(dim=0)
    draws = simulator.sample_posterior(x[0], 4000, seeded(5))
    n_effective = 1 / float(weights.square().sum())
    for moment in (lambda t: t, lambda t: t.square(), lambda t: (t.sum(dim=1, keepdim=True) > 0).float()):
        expected, spread = weights @ moment(theta), moment(draws).std(dim=0)
        error = spread * math.sqrt(1 / 4000 + 1 / n_effective)
        assert ((moment(draws).mean(dim=0) - expected).abs() < 4 * error + 1e-9).all()
    assert simulator.log_likelihood(x.expand(4000, 2), draws).isfinite().all()


def test_two_moons_refuses_a_datum_that_no_theta_gives():
    with pytest.raises(ValueError, match="x must be a datum"):
        TwoMoons().sample_posterior(torch.tensor([5.0, 5.0]), 10, seeded())


def test_prior_is_zero_outside_of_the_box():
    log_prior = TwoMoons().log_prior(torch.tensor([[0.0, 0.9], [0.0, 1.1]]))
    assert log_prior.tolist() == pytest.approx([-math.log(4), -math.inf])


def test_oscillator_solves_its_equation():
    """x'' + 2 γ x' + (ω² + γ²) x = 0, by differences of the mean in float64."""
    simulator, (frequency, damping) = DampedOscillator(), (2.0, 0.3)
    theta = torch.tensor([frequency, damping], dtype=torch.float64)
    position = simulator.mean(theta)
    step = float(simulator.times[1] - simulator.times[0])
    second = (position[2:] - 2 * position[1:-1] + position[:-2]) / step**2
    first = (position[2:] - position[:-2]) / (2 * step)
    left = second + 2 * damping * first + (frequency**2 + damping**2) * position[1:-1]
    assert float(left.abs().max()) < 0.1
    assert float(position[0]) == 1


def test_simulations_are_data_for_fit():
    data = simulations(TwoMoons(), 20, 5, seeded())
    assert [tuple(column.shape) for column in data.train + data.test] == [(20, 2), (20, 2), (5, 2), (5, 2)]
    assert not torch.equal(data.train[0][:5], data.test[0])
    with pytest.raises(ValueError, match="n_train must be at least 1"):
        simulations(TwoMoons(), 0, 5)


@pytest.mark.parametrize("simulator", SIMULATORS, ids=lambda simulator: simulator.name)
def test_simulate_names_parameters_of_another_shape(simulator):
    with pytest.raises(ValueError, match="theta must be parameters of shape"):
        simulator.simulate(torch.zeros(4, simulator.n_params + 1))
