"""Calibration: scores and ranks of distributions whose distance is known."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from vae_lessons.data import DampedOscillator, LinearGaussianSimulator, TwoMoons
from vae_lessons.evaluation.calibration import best_accuracy, c2st, grid_posterior, rank_statistics


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_best_accuracy_of_two_normals():
    """N(0, 1) and N(d, 1) are told apart best at d / 2: Φ(d / 2)."""
    theta = torch.randn(20_000, generator=seeded()).double()
    log_p, log_q = (torch.distributions.Normal(mean, 1.0).log_prob(theta) for mean in (0.0, 1.5))
    accuracy = best_accuracy(log_p, log_q)
    assert accuracy.value == pytest.approx(stats.norm.cdf(0.75), abs=3 * accuracy.error)
    assert best_accuracy(log_p, log_p).value == 0.5
    assert best_accuracy(log_p, torch.full_like(log_p, -math.inf)).value == 1


@pytest.mark.parametrize(("shift", "low", "high"), [(0.0, 0.4, 0.6), (1.5, 0.7, 0.82), (9.0, 0.99, 1.0)])
def test_c2st_of_two_normals(shift, low, high):
    """The best possible is Φ(0.75) = 0.77 for a shift of 1.5."""
    first, second = torch.randn(2, 150, 2, generator=seeded(1))
    second[:, 1] += shift
    assert low <= c2st(first, second).value <= high


def test_c2st_needs_equally_many_finite_samples():
    with pytest.raises(ValueError, match="as many rows"):
        c2st(torch.zeros(3, 2), torch.zeros(4, 2))
    with pytest.raises(ValueError, match="samples must be finite"):
        c2st(torch.full((20, 2), math.nan), torch.zeros(20, 2))


def test_ranks_of_the_exact_posterior_are_uniform():
    simulator = LinearGaussianSimulator(1)
    theta = simulator.sample_prior(4000, seeded())
    posterior = simulator.posterior(simulator.simulate(theta, seeded(1)))
    ranks = rank_statistics(posterior.sample((9,), seeded(2)), theta)
    counts = torch.bincount(ranks.flatten(), minlength=10)
    assert len(counts) == 10
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3


def test_ranks_count_the_draws_below():
    draws = torch.tensor([[[0.0, 5.0]], [[1.0, 6.0]], [[2.0, 7.0]]])  # (3, 1, 2)
    assert rank_statistics(draws, torch.tensor([[1.5, 4.0]])).tolist() == [[2, 0]]
    with pytest.raises(ValueError, match="draws must be"):
        rank_statistics(draws[0], torch.zeros(1, 2))


def test_grid_of_two_moons_agrees_with_exact_draws():
    simulator = TwoMoons()
    x = simulator.simulate(torch.tensor([[0.6, 0.2], [-0.1, 0.3]]), seeded(3))
    density = grid_posterior(simulator, x)
    assert float((density.log_density.exp() * density.cell_volume).sum(dim=0).sub(1).abs().max()) < 1e-9
    for row in range(2):
        draws = simulator.sample_posterior(x[row], 4000, seeded(4)).double()
        error = draws.std(dim=0) / math.sqrt(4000)
        assert ((draws.mean(dim=0) - density.mean()[row]).abs() < 4 * error).all()
        torch.testing.assert_close(draws.T.cov(), density.covariance()[row], rtol=0.1, atol=1e-3)


def test_grid_of_the_oscillator_by_another_quadrature():
    """p(x) by Gauss-Legendre nodes over the box."""
    simulator = DampedOscillator()
    x = simulator.simulate(torch.tensor([[2.0, 0.3]]), seeded(3)).double()
    nodes, weights = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(80))
    theta = torch.cartesian_prod(0.5 + 1.25 * (nodes + 1), 0.5 * (nodes + 1))
    log_joint = simulator.log_likelihood(x.expand(len(theta), -1), theta) + simulator.log_prior(theta)
    area = torch.cartesian_prod(1.25 * weights, 0.5 * weights).prod(dim=1)
    expected = float((log_joint + area.log()).logsumexp(dim=0))
    density = grid_posterior(simulator, x, cells=200)
    assert float(density.log_normaliser) == pytest.approx(expected, abs=1e-3)
    assert float(density.error) < 1e-3


def test_grid_needs_a_box_of_two_parameters():
    with pytest.raises(ValueError, match="simulator must have two parameters"):
        grid_posterior(LinearGaussianSimulator(2), torch.zeros(1, 2))
    with pytest.raises(ValueError, match="cells must be even"):
        grid_posterior(TwoMoons(), torch.zeros(1, 2), cells=3)
