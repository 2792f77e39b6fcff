"""Equations of variational inference for a simulator: by sums over a finite space, and by quadrature."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from equations import equation


def finite_simulator(generator):
    """Return p(θ, x) over four parameters and three data, and some q(θ | x), columns adding up to 1."""
    joint, q = (0.05 + torch.rand(2, 4, 3, generator=generator).double()).numpy()
    return joint / joint.sum(), q / q.sum(axis=0)


@equation("eq-simulation-loss")
def simulation_loss(generator):
    """Sum over all pairs."""
    joint, q = finite_simulator(generator)
    posterior, evidence = joint / joint.sum(axis=0), joint.sum(axis=0)
    loss = -(joint * np.log(q)).sum()
    kl = sum(evidence[x] * stats.entropy(posterior[:, x], q[:, x]) for x in range(3))
    entropy = sum(evidence[x] * stats.entropy(posterior[:, x]) for x in range(3))
    assert loss == pytest.approx(kl + entropy, rel=1e-12)


@equation("eq-best-classifier")
def best_classifier(generator):
    """Two Gaussians: the integral, the mean over p, and the error of the likelihood-ratio test, which is at d / 2."""
    distance = 0.5 + float(torch.rand(1, generator=generator).double())
    p, q = stats.norm(0, 1), stats.norm(distance, 1)
    variation = 0.5 * integrate.quad(lambda t: abs(p.pdf(t) - q.pdf(t)), -12, 12, points=[distance / 2])[0]
    one_sided = integrate.quad(lambda t: p.pdf(t) * max(0, 1 - q.pdf(t) / p.pdf(t)), -12, 12, points=[distance / 2])[0]
    right = 0.5 * p.cdf(distance / 2) + 0.5 * q.sf(distance / 2)
    assert 0.5 + 0.5 * variation == pytest.approx(right, abs=1e-7)
    assert 0.5 + 0.5 * one_sided == pytest.approx(right, abs=1e-7)
