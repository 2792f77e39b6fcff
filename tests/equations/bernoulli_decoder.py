"""Lesson 8: the Bernoulli decoder, its logits, and what becomes of it on grey pixels."""

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
    """A grey image, and the decoder's logits."""
    x = torch.rand(D, generator=generator, dtype=torch.float64)
    return x.numpy(), 3 * torch.randn(D, generator=generator, dtype=torch.float64).numpy()


def log_prob(x: np.ndarray, logits: np.ndarray) -> float:
    """The package's."""
    return float(Bernoulli().log_prob(torch.from_numpy(x)[None], torch.from_numpy(logits)[None]))


def formula(x: np.ndarray, pi: np.ndarray) -> float:
    return float((x * np.log(pi) + (1 - x) * np.log(1 - pi)).sum())


def black_and_white() -> list[np.ndarray]:
    """All 32 images."""
    return [np.array(pixels, dtype=float) for pixels in itertools.product([0, 1], repeat=D)]


@equation("eq-bernoulli-log-likelihood")
def log_likelihood(generator):
    """The right-hand side, and the package, against scipy's mass function, for each image; the masses add up to one."""
    _, logits = setting(generator)
    pi = special.expit(logits)
    for b in black_and_white():
        theirs = stats.bernoulli(pi).logpmf(b).sum()
        assert [formula(b, pi), log_prob(b, logits)] == pytest.approx([theirs] * 2, rel=1e-12)
    assert sum(math.exp(formula(b, pi)) for b in black_and_white()) == pytest.approx(1, rel=1e-12)


@equation("eq-logits")
def from_logits(generator):
    """The left-hand side with 700 digits against the two others and the package, for logits that a sigmoid cannot bear.

    The middle one is worked out with the larger exponential before the logarithm, as numpy has it.
    """
    x = torch.rand(1, generator=generator).item()
    for logit in (-700.0, -40.0, -1.3, 0.0, 0.2, 17.0, 300.0):
        with localcontext(prec=700):
            pi = 1 / (1 + Decimal(-logit).exp())
            left = float(Decimal(x) * pi.ln() + (1 - Decimal(x)) * (1 - pi).ln())
        middle = x * logit - np.logaddexp(0, logit)
        right = x * logit + float(nnf.logsigmoid(torch.tensor(-logit, dtype=torch.float64)))
        ours = log_prob(np.array([x]), np.array([logit]))
        assert [middle, right, ours] == pytest.approx([left] * 3, rel=1e-11)


@equation("eq-grey-expectation")
def grey_expectation(generator):
    """The package at a grey image against the average over all 32 images, weighted by scipy's mass function."""
    x, logits = setting(generator)
    average = sum(
        stats.bernoulli(x).pmf(b).prod() * stats.bernoulli(special.expit(logits)).logpmf(b).sum()
        for b in black_and_white()
    )
    assert [log_prob(x, logits), formula(x, special.expit(logits))] == pytest.approx([average] * 2, rel=1e-10)


@equation("eq-continuous-bernoulli")
def continuous_bernoulli(generator):
    """The integral by adaptive quadrature against the two right-hand sides; C is the package's."""
    drawn = (4 * torch.randn(4, generator=generator)).tolist()
    for logit in (*drawn, 0.0, 1e-3, -25.0):
        pi = special.expit(logit)
        integral, _ = integrate.quad(lambda x, pi: pi**x * (1 - pi) ** (1 - x), 0, 1, args=(pi,), epsabs=1e-13)
        closed = math.tanh(logit / 2) / logit if logit else 0.5
        log_normaliser = ContinuousBernoulli().log_normaliser(torch.tensor([logit], dtype=torch.float64))
        assert [closed, math.exp(-float(log_normaliser))] == pytest.approx([integral] * 2, rel=1e-9)


@equation("eq-entropy-floor")
def entropy_floor(generator):
    """The lowest cross-entropy that a general optimiser finds, by PyTorch, against scipy's entropies; at π = x."""
    x, start = setting(generator)

    def cross_entropy(logits):
        return float(nnf.binary_cross_entropy_with_logits(*map(torch.from_numpy, (logits, x)), reduction="sum"))

    floor = sum(stats.entropy([pixel, 1 - pixel]) for pixel in x)
    found = optimize.minimize(cross_entropy, start, method="BFGS")
    assert found.fun == pytest.approx(floor, abs=1e-8)
    np.testing.assert_allclose(special.expit(found.x), x, atol=1e-3)
    for _ in range(50):
        pi = torch.rand(D, generator=generator).double().numpy()
        assert -formula(x, pi) >= floor
