"""Equations of the gap between ELBO and evidence, on a linear-Gaussian model, whose gaps have closed forms."""

import math

import pytest
import torch
from scipy import stats
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from equations import equation
from vae_lessons.inference import best_gaussian, elbo, elbo_quadrature, log_evidence_quadrature
from vae_lessons.models import LinearGaussian

K, D = 2, 4


class Guessing(LinearGaussian):
    """A linear-Gaussian model whose encoder is off by half a standard deviation, and too wide."""

    def encode(self, x):
        mu, logvar = super().encode(x)
        return mu + 0.5 * torch.exp(0.5 * logvar), logvar + 0.7


def model_and_images(generator: torch.Generator, latent_dim: int = K) -> tuple[Guessing, torch.Tensor]:
    """Return a random model and three of its images."""
    weight, bias = (
        torch.randn(D, latent_dim, generator=generator).double(),
        torch.randn(D, generator=generator).double(),
    )
    model = Guessing(weight, bias, 0.6)
    return model, model.sample(3, generator)


def log_evidence(model: LinearGaussian, x: torch.Tensor) -> torch.Tensor:
    """Compute the log-evidence with scipy's multivariate normal."""
    cov = (model.weight @ model.weight.T).numpy() + model.sigma**2 * torch.eye(D).numpy()
    return torch.from_numpy(stats.multivariate_normal(model.bias.numpy(), cov).logpdf(x.numpy()))


@equation("eq-two-gaps")
def two_gaps(generator):
    """Compare the sum of the package's gaps with PyTorch's KL, and the first gap with the mean-field formula."""
    model, x = model_and_images(generator)
    of_best = elbo_quadrature(model, x, *best_gaussian(model, x)).value
    approximation = log_evidence_quadrature(model, x) - of_best
    amortisation = of_best - elbo_quadrature(model, x, *model.encode(x)).value

    mu, logvar = model.encode(x)
    mean, cov = model.posterior(x)
    q, posterior = MultivariateNormal(mu, torch.diag_embed(logvar.exp())), MultivariateNormal(mean, cov)
    torch.testing.assert_close(approximation + amortisation, kl_divergence(q, posterior), rtol=0, atol=1e-6)

    precision = torch.linalg.inv(cov)
    diagonal_gap = 0.5 * (precision.diagonal(dim1=1, dim2=2).log().sum(dim=1) - torch.logdet(precision))
    torch.testing.assert_close(approximation, diagonal_gap, rtol=0, atol=1e-3)  # an optimiser found it
    assert (amortisation > 0.1).all()


@equation("eq-plug-in")
def plug_in(generator):
    """Compare the first minus the second, by 50,000 draws, with its value in this model, 1/2 sum_j σ_j² |w_j|² / σ_x².

    With one code, where q can be the posterior, the first is above log p(x) by exactly that.
    """
    model, x = model_and_images(generator)
    mu, logvar = model.encode(x)
    kl = kl_divergence(Normal(mu, torch.exp(logvar / 2)), Normal(0.0, 1.0)).sum(dim=1)
    for i in range(len(x)):
        draws = elbo(model, x[i : i + 1].expand(50_000, D), generator=generator).value
        difference = model.log_likelihood(x, mu)[i] - kl[i] - draws
        formula = 0.5 * (logvar[i].exp() * model.weight.square().sum(dim=0)).sum() / model.sigma**2
        standard_error = float(draws.std()) / math.sqrt(len(draws))
        assert float(difference.mean()) == pytest.approx(float(formula), abs=5 * standard_error)

    one_code, x = model_and_images(generator, latent_dim=1)
    mean, cov = one_code.posterior(x)
    kl = kl_divergence(Normal(mean, cov[:, :, 0].sqrt()), Normal(0.0, 1.0)).sum(dim=1)
    above = one_code.log_likelihood(x, mean) - kl - log_evidence(one_code, x)
    expected = 0.5 * cov[0, 0, 0] * one_code.weight.square().sum() / one_code.sigma**2
    torch.testing.assert_close(above, expected.expand(3))
    assert expected > 0.1
