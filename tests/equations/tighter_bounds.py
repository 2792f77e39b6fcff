"""Equations of tighter bounds: on codes of five values, where every average is a finite sum, and by quadrature."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import special, stats

from equations import equation

STATES = 5  # values that a code can have
STEPS = 3  # temperatures, T


def discrete_model(generator):
    """Return q(z | x) and p(x, z) of one image, (5,) each."""
    q, joint = torch.rand(2, STATES, generator=generator).double().numpy() + 0.05
    return q / q.sum(), joint / 7


def average(q, weights, n_samples, value):
    """Average `value` of the weights of `n_samples` codes over all draws from q."""
    draws = itertools.product(range(STATES), repeat=n_samples)
    return sum(math.prod(q[z] for z in draw) * value(np.array([weights[z] for z in draw])) for draw in draws)


def bound(q, joint, n_samples):
    return average(q, joint / q, n_samples, lambda weights: math.log(weights.mean()))


@equation("eq-iwae")
def iwae(generator):
    """Sum over all draws: the ELBO for one sample, and an order from there to the evidence."""
    q, joint = discrete_model(generator)
    bounds = [bound(q, joint, n_samples) for n_samples in range(1, 6)]
    elbo = float(q @ np.log(joint)) + float(stats.entropy(q))
    assert bounds[0] == pytest.approx(elbo, rel=1e-12)
    assert bounds == sorted(bounds)
    assert bounds[-1] < math.log(joint.sum())
    exact = [bound(joint / joint.sum(), joint, n_samples) for n_samples in (1, 3)]  # q is the posterior
    assert exact == pytest.approx(2 * [math.log(joint.sum())], rel=1e-12)


@equation("eq-iwae-rises")
def iwae_rises(generator):
    """Compare the sides of each of the three steps, L = 3, by sums over all draws."""
    q, joint = discrete_model(generator)

    def without_one(weights):
        return np.array([np.delete(weights, i).mean() for i in range(len(weights))])

    means = average(q, joint / q, 4, lambda weights: math.log(without_one(weights).mean()))
    logarithms = average(q, joint / q, 4, lambda weights: np.log(without_one(weights)).mean())
    assert means == pytest.approx(bound(q, joint, 4), rel=1e-12)
    assert means > logarithms
    assert logarithms == pytest.approx(bound(q, joint, 3), rel=1e-12)


@equation("eq-iwae-shortfall")
def iwae_shortfall(generator):
    """Weights with a gamma distribution, of which the mean of L is gamma too: E[log] is a digamma function."""
    (shape,) = (0.5 + 2 * torch.rand(1, generator=generator)).tolist()
    variance = stats.gamma(shape, scale=1 / shape).var()

    def shortfall(n_samples):
        return math.log(n_samples * shape) - special.digamma(n_samples * shape)

    errors = [shortfall(n_samples) / (variance / (2 * n_samples)) - 1 for n_samples in (10, 100, 1000)]
    assert errors == pytest.approx([0, 0, 0], abs=0.1)
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.1)  # what is left falls as 1/L once more
    assert errors[1] / errors[2] == pytest.approx(10, rel=0.1)


def annealing(generator):
    """Return q and the joint, the densities f_0 to f_T, and for each a Metropolis kernel [from, to] that keeps it."""
    q, joint = discrete_model(generator)
    inner = torch.rand(STEPS - 1, generator=generator).sort().values.tolist()
    betas = [0.0, *inner, 1.0]
    path = [q ** (1 - beta) * joint**beta for beta in betas]
    kernels = []
    for f in path:
        kernel = np.minimum(1, f[None, :] / f[:, None]) / STATES
        np.fill_diagonal(kernel, 0)
        np.fill_diagonal(kernel, 1 - kernel.sum(axis=1))
        np.testing.assert_allclose(f @ kernel, f)
        kernels.append(kernel)
    return q, joint, betas, path, kernels


def log_weight(codes, q, joint, betas):
    """Compute the log-weight of a chain with codes z_0 to z_{T-1}, by its definition."""
    steps = zip(itertools.pairwise(betas), codes, strict=True)
    return sum((beta - before) * math.log(joint[z] / q[z]) for (before, beta), z in steps)


def forwards(q, kernels, codes):
    """Compute the probability of a chain that starts in q and moves by the kernels of β_1 to β_{T-1}."""
    return q[codes[0]] * math.prod(kernels[t + 1][a, b] for t, (a, b) in enumerate(itertools.pairwise(codes)))


def backwards(joint, kernels, codes):
    """Compute that of one that starts in the posterior, moves at β_{T-1} first, and at β_1 last."""
    moves = enumerate(itertools.pairwise(codes))
    return joint[codes[-1]] / joint.sum() * math.prod(kernels[t + 1][b, a] for t, (a, b) in moves)


@equation("eq-ais-weight")
def ais_weight(generator):
    """Sum over all chains of three codes: the weights add up to p(x), and they are ratios of neighbours on the path."""
    q, joint, betas, path, kernels = annealing(generator)
    total = 0.0
    for codes in itertools.product(range(STATES), repeat=STEPS):
        weight = math.exp(log_weight(codes, q, joint, betas))
        assert weight == pytest.approx(math.prod(path[t + 1][z] / path[t][z] for t, z in enumerate(codes)))
        total += forwards(q, kernels, codes) * weight
    assert total == pytest.approx(joint.sum(), rel=1e-12)


@equation("eq-ais-sandwich")
def ais_sandwich(generator):
    """Sum over all chains, forwards from q and backwards from the posterior."""
    q, joint, betas, _, kernels = annealing(generator)
    chains = list(itertools.product(range(STATES), repeat=STEPS))
    log_weights = np.array([log_weight(codes, q, joint, betas) for codes in chains])
    there = np.array([forwards(q, kernels, codes) for codes in chains])
    back = np.array([backwards(joint, kernels, codes) for codes in chains])
    assert there.sum() == pytest.approx(1)
    assert back.sum() == pytest.approx(1)
    log_evidence = math.log(joint.sum())
    assert there @ log_weights < log_evidence < back @ log_weights


class Bent:
    """q = N(mu, σ²), and an unnormalised joint that is not Gaussian; two codes, on a grid of Gauss-Hermite nodes."""

    nodes, node_weights = np.polynomial.hermite_e.hermegauss(80)
    node_weights = node_weights / node_weights.sum()

    @staticmethod
    def log_joint(z):
        return -0.5 * z.square() - 0.6 * (z - 1 + 0.5 * torch.sin(2 * z)).square()

    def log_weights(self, mu, log_sigma):
        """Compute the codes, and their log-weights as a function of the code alone and of everything."""
        z = mu + log_sigma.exp() * torch.from_numpy(self.nodes)
        of_code = self.log_joint(z) - log_q(z, mu.detach(), log_sigma.detach())
        return of_code, self.log_joint(z) - log_q(z, mu, log_sigma)


def log_q(z, mu, log_sigma):
    return torch.distributions.Normal(mu, log_sigma.exp()).log_prob(z)


@equation("eq-dreg")
def dreg(generator):
    """Compare with the derivative of the bound of two codes itself, both averages by quadrature."""
    model = Bent()
    mu, log_sigma = (0.5 * torch.randn(2, generator=generator).double() - 0.3).unbind()
    pairs = torch.from_numpy(np.outer(model.node_weights, model.node_weights))

    def exact_bound(mu, log_sigma):
        _, w = model.log_weights(mu, log_sigma)
        return (pairs * (torch.logaddexp(w[:, None], w[None, :]) - math.log(2))).sum()

    parameters = mu.clone().requires_grad_(), log_sigma.clone().requires_grad_()
    of_bound = torch.autograd.grad(exact_bound(*parameters), parameters)
    of_code, w = model.log_weights(*parameters)
    first = torch.sigmoid(w[:, None] - w[None, :]).detach()  # the normalised weight of the first of two codes
    surrogate = (pairs * (first.square() * of_code[:, None] + (1 - first).square() * of_code[None, :])).sum()
    doubly = torch.autograd.grad(surrogate, parameters)
    assert [float(g) for g in doubly] == pytest.approx([float(g) for g in of_bound], rel=1e-3)
    assert max(abs(float(g)) for g in doubly) > 0.01
