"""Equations of what an assumption costs: another prior, a share of bad draws, and the gap in three parts."""

import math

import numpy as np
import torch
from scipy import integrate, stats
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from equations import equation
from vae_lessons.inference import best_gaussian, elbo_quadrature
from vae_lessons.models import LinearGaussian, MixturePrior
from vae_lessons.probability.distributions import DiagonalGaussian, GaussianMixture

K, D = 2, 4


def integral(function) -> float:
    """Integrate over the line."""
    return integrate.quad(function, -15, 15, limit=400, epsabs=1e-11)[0]


@equation("eq-prior-gain")
def prior_gain(generator):
    """Compare the left side, image by image, with the other two on q(z), by scipy, and with draws of the package."""
    mu, logvar = torch.randn(2, 4, 1, generator=generator).double()
    other = MixturePrior(1, 3, generator).double()
    means, widths = other.mu.detach().numpy()[:, 0], torch.exp(0.5 * other.logvar.detach()).numpy()[:, 0]
    posteriors = [stats.norm(float(m), math.exp(0.5 * v)) for m, v in zip(mu, logvar, strict=True)]

    def q(z: float) -> float:
        return np.mean([posterior.pdf(z) for posterior in posteriors])

    def p_other(z: float) -> float:
        return stats.norm(means, widths).pdf(z).mean()

    def gain(z: float) -> float:
        return math.log(p_other(z)) - stats.norm.logpdf(z)

    of_images = np.mean([integral(lambda z, p=p: p.pdf(z) * gain(z)) for p in posteriors])
    of_mixture = integral(lambda z: q(z) * gain(z))
    from_p = integral(lambda z: q(z) * (math.log(q(z)) - stats.norm.logpdf(z)))
    from_other = integral(lambda z: q(z) * math.log(q(z) / p_other(z)))
    np.testing.assert_allclose([of_mixture, from_p - from_other], of_images, atol=1e-7)

    z = GaussianMixture(torch.zeros(1, 4).double(), mu[None], logvar[None]).sample((100_000,), generator)
    standard = DiagonalGaussian(torch.zeros(1, 1).double(), torch.zeros(1, 1).double())
    drawn = (other().log_prob(z) - standard.log_prob(z)).detach()
    assert abs(float(drawn.mean()) - of_images) < 5 * float(drawn.std()) / math.sqrt(len(drawn))


@equation("eq-rare-good-draws")
def rare_good_draws(generator):
    """Compare both sides for pairs of densities; they are equal where the other density is 0."""
    for share in (0.01, 0.3, 1.0):
        log_p, log_r = (10 * torch.randn(2, 50, generator=generator).double()).numpy()
        mixed = np.logaddexp(log_p + math.log(share), log_r + (math.log(1 - share) if share < 1 else -np.inf))
        assert (mixed >= log_p + math.log(share)).all()
        nothing = np.logaddexp(log_p + math.log(share), -np.inf)
        np.testing.assert_allclose(nothing, log_p + math.log(share))
    assert round(-math.log(0.01), 1) == 4.6


def elbo_of(model: LinearGaussian, x: Tensor, mean: Tensor, cov: Tensor) -> Tensor:
    """Compute the ELBO of any Gaussian q for a linear decoder, in closed form."""
    covariance = model.sigma**2 * torch.eye(D).double()
    at_mean = MultivariateNormal(mean @ model.weight.T + model.bias, covariance).log_prob(x)
    spread = torch.einsum("dj,bjk,dk->b", model.weight, cov, model.weight) / (2 * model.sigma**2)
    prior = MultivariateNormal(torch.zeros(K).double(), torch.eye(K).double())
    return at_mean - spread - kl_divergence(MultivariateNormal(mean, cov), prior)


@equation("eq-gap-in-three")
def gap_in_three(generator):
    """Add up the three parts of a linear model, whose first part is 0 and whose second has a closed form.

    The third is the difference of two of PyTorch's KLs; scipy gives the evidence, and the package q_diag.
    """
    weight, bias = torch.randn(D, K, generator=generator).double(), torch.randn(D, generator=generator).double()
    model = LinearGaussian(weight, bias, 0.6)
    x = model.sample(3, generator)
    mean, cov = model.posterior(x)
    marginal = (weight @ weight.T).numpy() + model.sigma**2 * np.eye(D)
    evidence = torch.from_numpy(stats.multivariate_normal(bias.numpy(), marginal).logpdf(x.numpy()))
    mu, logvar = mean + 0.1, torch.full_like(mean, -1.0)  # what an encoder might say
    best = best_gaussian(model, x)

    of_full = elbo_of(model, x, mean, cov)
    of_diag, of_encoder = (elbo_quadrature(model, x, *q).value for q in (best, (mu, logvar)))
    gaussian, diagonal, encoder = evidence - of_full, of_full - of_diag, of_diag - of_encoder

    posterior = MultivariateNormal(mean, cov)
    precision = torch.linalg.inv(cov)
    mean_field = 0.5 * (precision.diagonal(dim1=1, dim2=2).log().sum(dim=1) - torch.logdet(precision))
    gaps = [kl_divergence(MultivariateNormal(m, torch.diag_embed(v.exp())), posterior) for m, v in (best, (mu, logvar))]
    torch.testing.assert_close(gaussian, torch.zeros(3).double(), rtol=0, atol=1e-9)
    torch.testing.assert_close(diagonal, mean_field, rtol=0, atol=1e-3)  # an optimiser found it
    torch.testing.assert_close(encoder, gaps[1] - gaps[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(gaussian + diagonal + encoder, evidence - of_encoder, rtol=0, atol=1e-9)
