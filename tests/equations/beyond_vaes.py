"""Equations of what came after: sums over all codes, and one pixel whose chain of latent variables is integrated."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from equations import equation

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(48)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


@equation("eq-vq-bound")
def vq_bound(generator):
    """Sum over all codes: the ELBO of a q that is certain of one of them, and the evidence above it."""
    n_places, n_rows = 2, 3
    likelihood = torch.rand((n_rows,) * n_places, generator=generator).double().numpy()
    prior = np.full(likelihood.shape, n_rows**-n_places)
    for code in itertools.product(range(n_rows), repeat=n_places):
        q = np.zeros(likelihood.shape)
        q[code] = 1
        by_definition = (q * np.log(likelihood)).sum() - stats.entropy(q.ravel(), prior.ravel())
        bound = math.log(likelihood[code]) - n_places * math.log(n_rows)
        assert bound == pytest.approx(by_definition, rel=1e-12)
        assert bound < math.log((prior * likelihood).sum())


class Chain:
    """One pixel x with s = 2 x - 1, noised in T = 3 steps, and some guess of s that is not the best one."""

    def __init__(self, generator):
        self.alphas = torch.rand(3, generator=generator).double().mul(0.8).add(0.1).sort(descending=True).values.numpy()
        self.sigmas = np.sqrt(1 - self.alphas**2)
        self.slope = float(torch.rand((), generator=generator)) + 0.5

    def guess(self, z, t):
        return np.tanh(self.slope * z + 0.1 * t)

    def step_there(self, t):
        """Give factor and variance of q(z_t | z_{t-1}) = N(factor z_{t-1}, variance), t counted from 0."""
        factor = self.alphas[t] / self.alphas[t - 1]
        return factor, self.sigmas[t] ** 2 - factor**2 * self.sigmas[t - 1] ** 2

    def step_back(self, z, s, t):
        """Give mean and variance of q(z_{t-1} | z_t, s), by Bayes' rule for Gaussians."""
        factor, passed = self.step_there(t)
        variance = 1 / (1 / self.sigmas[t - 1] ** 2 + factor**2 / passed)
        return variance * (self.alphas[t - 1] * s / self.sigmas[t - 1] ** 2 + factor * z / passed), variance

    def log_p_of_pixel(self, x, z):
        p = (1 + self.guess(z, 0)) / 2
        return np.log(p if x else 1 - p)

    def noised(self, x, t):
        """Give nodes of z_t given the pixel."""
        return self.alphas[t] * (2 * x - 1) + self.sigmas[t] * NODES

    def elbo(self, x):
        """Integrate log p(x, z_1, z_2, z_3) - log q(z_1, z_2, z_3 | x), with q step by step towards more noise."""
        z = [self.noised(x, 0)[:, None, None]]
        log_q = stats.norm(self.alphas[0] * (2 * x - 1), self.sigmas[0]).logpdf(z[0])
        for t, shape in ((1, (1, -1, 1)), (2, (1, 1, -1))):
            factor, variance = self.step_there(t)
            z.append(factor * z[-1] + math.sqrt(variance) * NODES.reshape(shape))
            log_q = log_q + stats.norm(factor * z[-2], math.sqrt(variance)).logpdf(z[-1])
        log_p = stats.norm().logpdf(z[2]) + self.log_p_of_pixel(x, z[0])
        for t in (1, 2):
            mean, variance = self.step_back(z[t], self.guess(z[t], t), t)
            log_p = log_p + stats.norm(mean, math.sqrt(variance)).logpdf(z[t - 1])
        return np.einsum("abc,a,b,c", log_p - log_q, WEIGHTS, WEIGHTS, WEIGHTS)

    def probability(self, x):
        """Integrate over what the model draws: z_3, z_2, z_1, and the pixel."""
        z, weights = NODES, WEIGHTS
        for t in (2, 1):
            mean, variance = self.step_back(z, self.guess(z, t), t)
            z = (mean[:, None] + math.sqrt(variance) * NODES).ravel()
            weights = np.outer(weights, WEIGHTS).ravel()
        return weights @ np.exp(self.log_p_of_pixel(x, z))


@equation("eq-diffusion-bound")
def diffusion_bound(generator):
    """Compare with the ELBO by its definition, a triple integral, for a guess of the pixel that is not the best."""
    chain = Chain(generator)
    snr = chain.alphas**2 / chain.sigmas**2
    for x in (0, 1):
        bound = WEIGHTS @ chain.log_p_of_pixel(x, chain.noised(x, 0))
        last = torch.distributions.Normal(chain.alphas[2] * (2 * x - 1), chain.sigmas[2])
        bound -= float(torch.distributions.kl_divergence(last, torch.distributions.Normal(0.0, 1.0)))
        for t in (1, 2):
            error = WEIGHTS @ (2 * x - 1 - chain.guess(chain.noised(x, t), t)) ** 2
            bound -= 0.5 * (snr[t - 1] - snr[t]) * error
        assert bound == pytest.approx(chain.elbo(x), rel=1e-5)
        assert bound < math.log(chain.probability(x))
    assert chain.probability(0) + chain.probability(1) == pytest.approx(1)


@equation("eq-simple-loss")
def simple_loss(generator):
    """Compare the error of the noise with the KL of the two Gaussians of a step, by torch.distributions."""
    chain = Chain(generator)
    s, guess, eps = torch.randn(3, 5, generator=generator).double()
    for t in (1, 2):
        alpha, sigma = chain.alphas[t], chain.sigmas[t]
        z = alpha * s + sigma * eps
        guessed_eps = (z - alpha * guess) / sigma
        steps = [chain.step_back(z, one, t) for one in (s, guess)]
        q, p = (torch.distributions.Normal(mean, math.sqrt(variance)) for mean, variance in steps)
        kl = torch.distributions.kl_divergence(q, p).sum()
        snr = chain.alphas**2 / chain.sigmas**2
        weight = 2 * snr[t] / (snr[t - 1] - snr[t])
        assert float((eps - guessed_eps).square().sum()) == pytest.approx(float(weight * kl))
