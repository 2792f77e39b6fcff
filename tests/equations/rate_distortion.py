"""Equations of rate and distortion: the plane, the split of the rate, free bits, and the mutual-information gap."""

import math

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from sklearn.metrics import mutual_info_score
from torch.distributions import Independent, Normal, kl_divergence

from equations import equation
from vae_lessons import VAE, Bernoulli, elbo
from vae_lessons.evaluation.disentanglement import mutual_information_gap
from vae_lessons.inference import split_kl
from vae_lessons.models import BetaVAE, LinearGaussian


def draw(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Draw from the standard normal distribution."""
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def small_vae(generator: torch.Generator, kind: type[VAE] = VAE, **settings) -> VAE:
    """Make an untrained VAE in float64 with one latent dimension, or as many as are asked for."""
    settings = {"latent_dim": 1} | settings
    return kind((2, 3), hidden=(5,), likelihood=Bernoulli(), generator=generator, **settings).double()


def q_of(vae: VAE, x: torch.Tensor) -> Independent:
    mu, logvar = vae.encode(x)
    return Independent(Normal(mu, torch.exp(logvar / 2)), 1)


def prior(latent_dim: int) -> Independent:
    return Independent(Normal(torch.zeros(latent_dim).double(), 1.0), 1)


@equation("eq-rate-distortion")
def rate_distortion(generator):
    """Compare D by quadrature plus R by PyTorch, over four images, with the package's -ELBO of 20,000 draws each."""
    vae, x = small_vae(generator), torch.rand(4, 2, 3, generator=generator).round().double()
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.hermite_e.hermegauss(60))
    with torch.no_grad():
        q = q_of(vae, x)
        rate = kl_divergence(q, prior(1)).mean()
        z = q.mean + q.stddev * nodes  # (4, 60)
        logits = vae.likelihood_params(z.view(-1, 1)).view(4, 60, 6)
        log_likelihood = torch.distributions.Bernoulli(logits=logits).log_prob(x.view(4, 1, 6)).sum(dim=2)
        distortion = -(log_likelihood @ weights).mean() / weights.sum()
        values = -elbo(vae, x.repeat(20_000, 1, 1), generator=generator).value
    assert float(values.mean()) == pytest.approx(float(distortion + rate), abs=5 * float(values.std()) / 80_000**0.5)


@equation("eq-rd-slope")
def slope(generator):
    """Let an optimiser minimise D + βR of a linear model, its q free: dD/dR by differences in β must be -β."""
    x, sigma = draw(generator, 300, 3) @ torch.diag(torch.tensor([2.0, 1.2, 0.3]).double()), 0.5

    def parts(flat):
        """Compute D and R for a decoder w z + noise and a linear encoder, with the mean over x in closed form."""
        w, encoder, logvar = flat[:3], flat[3:6], flat[6]
        mu = (x @ encoder).unsqueeze(1)
        of_images = LinearGaussian(w.unsqueeze(1), torch.zeros(3).double(), sigma).elbo(x, mu, logvar.expand_as(mu))
        return -of_images.reconstruction.mean(), of_images.kl.mean()

    def at(beta):
        def loss(flat):
            flat = torch.from_numpy(flat).requires_grad_()
            distortion, rate = parts(flat)
            value = distortion + beta * rate
            return value.item(), torch.autograd.grad(value, flat)[0].numpy()

        start = np.array([1.0, 0, 0, 0.5, 0, 0, -1])
        best = optimize.minimize(loss, start, jac=True, options={"gtol": 1e-10}).x
        return [float(part) for part in parts(torch.from_numpy(best))]

    for beta in (0.5, 1.0, 3.0):
        (d_low, r_low), (d_high, r_high) = at(0.999 * beta), at(1.001 * beta)
        assert (d_high - d_low) / (r_high - r_low) == pytest.approx(-beta, rel=1e-4)


@equation("eq-kl-split")
def kl_split(generator):
    """Compare both parts and their sum, by quadrature over one code, with the package, and the sum with PyTorch."""
    vae, x = small_vae(generator), torch.rand(7, 2, 3, generator=generator).double()
    with torch.no_grad():
        vae.encoder[-1].weight.mul_(20)  # so that images have different codes
        q = q_of(vae, x)
        z = torch.linspace(-25, 25, 20_001, dtype=torch.float64)
        log_q = q.log_prob(z.view(-1, 1, 1)).T  # (7, G)
        marginal = log_q.exp().mean(dim=0)
        information = torch.trapezoid(log_q.exp() * (log_q - marginal.log()).nan_to_num(), z).mean()
        leftover = torch.trapezoid(torch.xlogy(marginal, marginal) - marginal * Normal(0.0, 1.0).log_prob(z), z)
        sampled = split_kl(vae, x, 4000, generator)
    expected = float(kl_divergence(q, prior(1)).mean())
    assert float(information + leftover) == pytest.approx(expected, abs=1e-6)
    assert 0 < float(information) < math.log(7)
    parts = [float(part.mean()) for part in sampled]
    assert parts == pytest.approx([float(information), float(leftover)], abs=0.1)


@equation("eq-free-bits")
def free_bits(generator):
    """Compare the KL term of the package's loss, with its reconstruction subtracted, with PyTorch's divergences."""
    x = torch.rand(9, 2, 3, generator=generator).double()
    vae = small_vae(generator, BetaVAE, latent_dim=4, free_bits=0.2)
    with torch.no_grad():
        vae.encoder[-1].weight.mul_(torch.tensor([0.1, 9, 0.3, 4] * 2).double().unsqueeze(1))
        torch.manual_seed(0)
        loss = vae.loss(x)
        torch.manual_seed(0)
        kl_term = loss + elbo(vae, x).reconstruction
        mu, logvar = vae.encode(x)
        of_units = kl_divergence(Normal(mu, torch.exp(logvar / 2)), Normal(0.0, 1.0)).mean(dim=0)
    assert (of_units < 0.2).any()
    assert (of_units > 0.2).any()
    expected = sum(max(0.2, float(kl)) for kl in of_units)
    torch.testing.assert_close(kl_term, torch.full((9,), expected).double())


@equation("eq-rd-entropy")
def entropy_of_the_data(generator):
    """Compare both sides by quadrature for six different binary images; equal for the best decoder of a table."""
    x = torch.tensor([[float(bit) for bit in f"{i:06b}"] for i in (0, 7, 21, 38, 52, 63)]).double().view(6, 2, 3)
    for scale in (1, 10):
        vae = small_vae(generator)
        with torch.no_grad():
            vae.encoder[-1].weight.mul_(scale)
            q, z = q_of(vae, x), torch.linspace(-20, 20, 8001, dtype=torch.float64)
            log_q = q.log_prob(z.view(-1, 1, 1)).T  # (6, G)
            logits = vae.likelihood_params(z.float().double().unsqueeze(1)).view(-1, 1, 6)
            log_likelihood = torch.distributions.Bernoulli(logits=logits).log_prob(x.view(6, 6)).sum(dim=2)  # (G, 6)
            distortion = -torch.trapezoid(log_q.exp() * log_likelihood.T, z).mean()
            log_marginal = log_q.logsumexp(dim=0) - math.log(6)
            information = torch.trapezoid(log_q.exp() * (log_q - log_marginal), z).mean()
            rate = kl_divergence(q, prior(1)).mean()
        assert distortion >= math.log(6) - information >= math.log(6) - rate

    table = torch.rand(6, 9, generator=generator).double()
    table /= table.sum(dim=1, keepdim=True)  # q(z | n) of nine codes, with p(x | z) = q(n | z)
    best = table / table.sum(dim=0)
    distortion = -(table * best.log()).sum() / 6
    information = stats.entropy(table.flatten() / 6, (torch.full_like(table, 1 / 6) * table.mean(dim=0)).flatten())
    assert float(distortion) == pytest.approx(math.log(6) - information, rel=1e-9)


@equation("eq-mig")
def mig(generator):
    """Compare the package, for codes far apart, with scikit-learn's information of the table of codes and factors."""
    factors = torch.cartesian_prod(torch.arange(3), torch.arange(4), torch.arange(2))
    codes = torch.stack([factors[:, 0], factors[:, 1] // 2, factors[:, 1] + 4 * factors[:, 2]], dim=1)
    information = np.array(
        [[mutual_info_score(unit.numpy(), factor.numpy()) for factor in factors.T] for unit in codes.T]
    )
    worst, second, best = np.sort(information, axis=0)
    entropies = np.log([3, 4, 2])
    expected = ((best - second) / entropies).mean()
    assert (worst >= -1e-12).all()
    logvar = torch.full(codes.shape, -8.0).double()
    assert float(mutual_information_gap(codes.double(), logvar, factors).mean()) == pytest.approx(expected, abs=1e-4)
