"""Equations of the Bernoulli decoder: its logits, and its value on grey pixels."""

import itertools
import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, special, stats
from torch.nn import functional as nnf

from equations import equation
from vae_lessons.probability.likelihoods import Bernoulli, ContinuousBernoulli

D = 5


def setting(generator: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a grey image and the decoder's logits."""
    x = torch.rand(D, generator=generator, dtype=torch.float64)
    return x.numpy(), 3 * torch.randn(D, generator=generator, dtype=torch.float64).numpy()


def log_prob(x: np.ndarray, logits: np.ndarray) -> float:
    """Compute the package's log-likelihood."""
    return float(Bernoulli().log_prob(torch.from_numpy(x)[None], torch.from_numpy(logits)[None]))


def formula(x: np.ndarray, pi: np.ndarray) -> float:
    """Compute the right-hand side."""
    return float((x * np.log(pi) + (1 - x) * np.log(1 - pi)).sum())


def black_and_white() -> list[np.ndarray]:
    """Return all 32 binary images."""
    return [np.array(pixels, dtype=float) for pixels in itertools.product([0, 1], repeat=D)]


@equation("eq-bernoulli-log-likelihood")
def log_likelihood(generator):
    """Compare the right-hand side and the package with scipy's mass function, which sums to 1 over all images."""
    _, logits = setting(generator)
    pi = special.expit(logits)
    for b in black_and_white():
        expected = stats.bernoulli(pi).logpmf(b).sum()
        assert [formula(b, pi), log_prob(b, logits)] == pytest.approx([expected] * 2, rel=1e-12)
    assert sum(math.exp(formula(b, pi)) for b in black_and_white()) == pytest.approx(1, rel=1e-12)


@equation("eq-logits")
def from_logits(generator):
    """Compare the left-hand side, with 700 digits, with the other two and the package, for logits of any size.

    numpy's `logaddexp` computes the middle expression without overflow.
    """
    x = torch.rand(1, generator=generator).item()
    for logit in (-700.0, -40.0, -1.3, 0.0, 0.2, 17.0, 300.0):
        with localcontext(prec=700):
            pi = 1 / (1 + Decimal(-logit).exp())
            left = float(Decimal(x) * pi.ln() + (1 - Decimal(x)) * (1 - pi).ln())
        middle = x * logit - np.logaddexp(0, logit)
        right = x * logit + float(nnf.logsigmoid(torch.tensor(-logit, dtype=torch.float64)))
        package = log_prob(np.array([x]), np.array([logit]))
        assert [middle, right, package] == pytest.approx([left] * 3, rel=1e-11)


@equation("eq-grey-expectation")
def grey_expectation(generator):
    """Compare the package at a grey image with the average over all 32 images, weighted by scipy's mass function."""
    x, logits = setting(generator)
    average = sum(
        stats.bernoulli(x).pmf(b).prod() * stats.bernoulli(special.expit(logits)).logpmf(b).sum()
        for b in black_and_white()
    )
    assert [log_prob(x, logits), formula(x, special.expit(logits))] == pytest.approx([average] * 2, rel=1e-10)


@equation("eq-continuous-bernoulli")
def continuous_bernoulli(generator):
    """Compare the integral, by adaptive quadrature, with the two right-hand sides; C is the package's."""
    drawn = (4 * torch.randn(4, generator=generator)).tolist()
    for logit in (*drawn, 0.0, 1e-3, -25.0):
        pi = special.expit(logit)
        integral, _ = integrate.quad(lambda x, pi: pi**x * (1 - pi) ** (1 - x), 0, 1, args=(pi,), epsabs=1e-13)
        closed = math.tanh(logit / 2) / logit if logit else 0.5
        log_normaliser = ContinuousBernoulli().log_normaliser(torch.tensor([logit], dtype=torch.float64))
        assert [closed, math.exp(-float(log_normaliser))] == pytest.approx([integral] * 2, rel=1e-9)


@equation("eq-entropy-floor")
def entropy_floor(generator):
    """Compare the lowest cross-entropy that an optimiser finds with scipy's entropies; it lies at π = x."""
    x, start = setting(generator)

    def cross_entropy(logits):
        return float(nnf.binary_cross_entropy_with_logits(*map(torch.from_numpy, (logits, x)), reduction="sum"))

    floor = sum(stats.entropy([pixel, 1 - pixel]) for pixel in x)
    result = optimize.minimize(cross_entropy, start, method="BFGS")
    assert result.fun == pytest.approx(floor, abs=1e-8)
    np.testing.assert_allclose(special.expit(result.x), x, atol=1e-3)
    for _ in range(50):
        pi = torch.rand(D, generator=generator).double().numpy()
        assert -formula(x, pi) >= floor
