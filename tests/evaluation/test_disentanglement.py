"""The mutual information of units and factors, and its gap, on codes for which both are known."""

import math
from itertools import pairwise

import pytest
import torch
from scipy.integrate import quad
from torch.distributions import Categorical, MixtureSameFamily, Normal

from vae_lessons.evaluation.disentanglement import mutual_information, mutual_information_gap

FACTORS = torch.cartesian_prod(torch.arange(3), torch.arange(4), torch.arange(2))
ENTROPIES = torch.tensor([math.log(3), math.log(4), math.log(2)]).double()
NARROW = 2 * math.log(1e-6)


def codes(*columns: torch.Tensor, logvar: float = NARROW) -> tuple[torch.Tensor, torch.Tensor]:
    mu = torch.stack(columns, dim=1).double()
    return mu, torch.full_like(mu, logvar)


def test_a_unit_that_equals_a_factor_knows_its_entropy():
    information = mutual_information(*codes(*FACTORS.T), FACTORS)
    torch.testing.assert_close(information, torch.diag(ENTROPIES), atol=1e-6, rtol=0)
    torch.testing.assert_close(mutual_information_gap(*codes(*FACTORS.T), FACTORS), torch.ones(3).double())


def test_a_factor_in_two_units_has_no_gap():
    mu, logvar = codes(FACTORS[:, 0], -2 * FACTORS[:, 0], FACTORS[:, 1], 0 * FACTORS[:, 1])
    gap = mutual_information_gap(mu, logvar, FACTORS)
    torch.testing.assert_close(gap, torch.tensor([0, 1, 0]).double(), atol=1e-6, rtol=0)


def test_noise_knows_nothing():
    mu, logvar = codes(torch.zeros(24), torch.full((24,), 0.3), logvar=0.0)
    torch.testing.assert_close(mutual_information(mu, logvar, FACTORS), torch.zeros(2, 3).double(), atol=1e-6, rtol=0)


def test_a_unit_may_know_a_part_of_a_factor():
    parity = FACTORS[:, 1] % 2
    information = mutual_information(*codes(parity, FACTORS[:, 0] // 2), FACTORS)
    of_shape = math.log(3) - 2 / 3 * math.log(2)  # 0 and 1 look alike
    expected = torch.tensor([[0, math.log(2), 0], [of_shape, 0, 0]]).double()
    torch.testing.assert_close(information, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("sigma", [0.05, 0.4, 1.0, 3.0])
def test_a_noisy_copy_agrees_with_quadrature(sigma):
    mu, logvar = codes(FACTORS[:, 1], FACTORS[:, 0] + FACTORS[:, 2], logvar=2 * math.log(sigma))

    def integrand(z: float) -> float:
        heights = [math.exp(-0.5 * ((z - v) / sigma) ** 2) for v in range(4)]
        density = sum(heights) / (4 * sigma * math.sqrt(2 * math.pi))
        return -density * math.log(density)

    whole = sum(quad(integrand, a, b)[0] for a, b in pairwise([-8 * sigma, 0, 1, 2, 3, 3 + 8 * sigma]))
    noise = 0.5 * math.log(2 * math.pi * math.e * sigma**2)
    assert float(mutual_information(mu, logvar, FACTORS)[0, 1]) == pytest.approx(whole - noise, abs=1e-6)


def test_widths_of_one_unit_may_differ():
    mu, logvar = torch.zeros(24, 2).double(), torch.zeros(24, 2).double()
    logvar[:, 0] = torch.where(FACTORS[:, 2] == 1, 2 * math.log(0.1), 0.0)  # the width, and not the mean, tells
    halves = MixtureSameFamily(Categorical(torch.ones(2)), Normal(torch.zeros(2).double(), torch.tensor([1.0, 0.1])))
    z = halves.sample((200_000,))
    sampled = (torch.stack([Normal(0.0, s).entropy() for s in (1.0, 0.1)]).mean() + halves.log_prob(z).mean()).neg()
    assert float(mutual_information(mu, logvar, FACTORS)[0, 2]) == pytest.approx(float(sampled), abs=0.01)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"mu": torch.zeros(24, 3)}, ValueError, "mu and logvar must have the same shape"),
        ({"factors": FACTORS[:5]}, ValueError, "mu and factors must have as many rows"),
        ({"factors": FACTORS.float()}, ValueError, "factors must be whole numbers from 0, int64"),
        ({"factors": FACTORS - 1}, ValueError, "factors must be whole numbers from 0"),
        ({"factors": FACTORS[:, 0]}, ValueError, r"int64 \(N, F\), got .* \(24,\)"),
        ({"factors": FACTORS * torch.tensor([1, 0, 1])}, ValueError, "at least two values each"),
        ({"mu": torch.zeros(24, 1), "logvar": torch.zeros(24, 1)}, ValueError, "at least two units"),
        ({"mu": torch.full((24, 2), math.nan)}, ValueError, "mu must be finite"),
        ({"factors": FACTORS.tolist()}, TypeError, "factors must be a tensor"),
    ],
)
def test_unsuitable_codes_are_named(change, error, message):
    arguments = {"mu": torch.zeros(24, 2), "logvar": torch.zeros(24, 2), "factors": FACTORS} | change
    with pytest.raises(error, match=message):
        mutual_information_gap(**arguments)
