"""Equations of the Gaussian decoder: its loss, the noise levels hidden in it, and which directions are worth a code.

Images of the linear models have a covariance that is known exactly, not only in expectation.
"""

import math

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from sklearn.decomposition import PCA
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as nnf

from equations import equation
from vae_lessons import VAE, Gaussian, elbo
from vae_lessons.evaluation.metrics import active_units
from vae_lessons.inference import elbo_quadrature
from vae_lessons.models import LinearGaussian


def draw(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Draw from the standard normal distribution."""
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def directions(generator: torch.Generator, n: int) -> torch.Tensor:
    """Draw an orthogonal matrix, whose columns are the directions."""
    return torch.linalg.qr(draw(generator, n, n)).Q


def images_with(eigenvalues: list[float], axes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draw 500 images whose covariance (over M) has these eigenvalues along the columns of `axes`."""
    noise = draw(generator, 500, len(axes))
    white = torch.linalg.qr(noise - noise.mean(dim=0)).Q * 500**0.5
    return white * torch.tensor(eigenvalues, dtype=torch.float64).sqrt() @ axes.T


@equation("eq-gaussian-log-likelihood")
def log_likelihood(generator):
    """Compare the right-hand side in numpy, and the package, with scipy's multivariate normal."""
    x, mean = torch.rand(2, 6, generator=generator).double().numpy()
    variance = 0.3
    expected = stats.multivariate_normal(mean, variance * np.eye(6)).logpdf(x)
    formula = -(np.linalg.norm(x - mean) ** 2) / (2 * variance) - 6 / 2 * math.log(2 * math.pi * variance)
    package = Gaussian(variance**0.5).log_prob(torch.from_numpy(x)[None], torch.from_numpy(mean)[None])
    assert [formula, float(package)] == pytest.approx([expected] * 2, rel=1e-12)


@equation("eq-mse-vae-loss")
def loss(generator):
    """Compare the right-hand side, by quadrature over one code, with the mean of 20,000 draws of -ELBO."""
    vae = VAE((2, 3), 1, (5,), likelihood=Gaussian(0.4), generator=generator).double()
    x = torch.rand(1, 2, 3, generator=generator).double()
    with torch.no_grad():
        mu, logvar = vae.encode(x)
        losses = -elbo(vae, x.expand(20_000, 2, 3), generator=generator).value
        nodes, weights = (torch.from_numpy(a) for a in np.polynomial.hermite_e.hermegauss(60))
        mean_images = vae.decode(mu + torch.exp(logvar / 2) * nodes.unsqueeze(1))
    squared_error = float(weights @ (x - mean_images).square().sum(dim=(1, 2)) / weights.sum())
    kl = float(kl_divergence(Normal(mu, torch.exp(logvar / 2)), Normal(0.0, 1.0)))
    formula = squared_error / (2 * 0.4**2) + kl + 6 / 2 * math.log(2 * math.pi * 0.4**2)
    assert float(losses.mean()) == pytest.approx(formula, abs=5 * float(losses.std()) / len(losses) ** 0.5)


@equation("eq-pixel-mean")
def pixel_mean(generator):
    """Compare PyTorch's mean-reduced squared error with the package's likelihood at σ² = D/2, and their gradients."""
    x, x_hat = torch.rand(2, 1, 7, 5, generator=generator).double()
    x_hat.requires_grad_()
    mean = nnf.mse_loss(x_hat, x)
    sigma = math.sqrt(35 / 2)
    scaled = -Gaussian(sigma).log_prob(x, x_hat) - 35 / 2 * math.log(2 * math.pi * sigma**2)
    torch.testing.assert_close(scaled[0], mean)
    torch.testing.assert_close(*(torch.autograd.grad(value.sum(), x_hat)[0] for value in (mean, scaled)))


def evidence_along(variance: float, model_variance: float) -> float:
    """Compute the right-hand side."""
    return -0.5 * (math.log(2 * math.pi * model_variance) + variance / model_variance)


@equation("eq-direction-evidence")
def direction_evidence(generator):
    """Compare the sum over one direction with a weight and three without with the evidence of a linear model."""
    eigenvalues, axes = [2.0, 1.1, 0.4, 0.3], directions(generator, 4)
    x = images_with(eigenvalues, axes, generator)
    for weight, sigma in [(0.8, 0.5), (0.0, 0.9), (3.0, 1.5)]:
        model = LinearGaussian(weight * axes[:, :1], torch.zeros(4).double(), sigma)
        added_up = evidence_along(2.0, weight**2 + sigma**2) + sum(
            evidence_along(other, sigma**2) for other in eigenvalues[1:]
        )
        assert float(model.log_evidence(x).mean()) == pytest.approx(added_up, rel=1e-10)


@equation("eq-threshold")
def threshold(generator):
    """Compare the formula with the weights that maximise the evidence: for one direction, for two, in closed form.

    In the case of two, the optimiser has to find the directions; one has more variance than the noise, one has less.
    """

    def minus_evidence(squared_weight, variance, noise):
        return -evidence_along(variance, squared_weight + noise)

    settings = {"bounds": (0, 5), "method": "bounded", "options": {"xatol": 1e-9}}
    for variance, noise in [(2.0, 0.5), (2.0, 1.9), (2.0, 2.1), (0.1, 3.0)]:
        best = optimize.minimize_scalar(minus_evidence, args=(variance, noise), **settings)
        assert best.x == pytest.approx(max(variance - noise, 0), abs=1e-5)

    x = images_with([2.0, 0.9, 0.4, 0.3], directions(generator, 4), generator)

    def loss(flat):
        weight = torch.from_numpy(flat).view(4, 2).requires_grad_()
        value = -LinearGaussian(weight, torch.zeros(4).double(), 1.0).log_evidence(x).mean()
        return value.item(), torch.autograd.grad(value, weight)[0].flatten().numpy()

    best_weights = optimize.minimize(loss, draw(generator, 8).numpy(), jac=True, options={"gtol": 1e-9}).x
    squared_weights = np.linalg.svd(best_weights.reshape(4, 2), compute_uv=False) ** 2
    np.testing.assert_allclose(squared_weights, [2.0 - 1.0, 0], atol=1e-6)

    fitted, eigenvalues = LinearGaussian.fit(x, 2), PCA().fit(x).explained_variance_ * (499 / 500)
    np.testing.assert_allclose(fitted.weight.square().sum(dim=0), eigenvalues[:2] - fitted.sigma**2, rtol=1e-8)


@equation("eq-active-unit")
def active_unit(generator):
    """Compare the package's active units of a linear model with the variance of its codes, (λ - σ²) / λ."""
    eigenvalues, axes = np.array([2.0, 1.02, 1.005, 1.0, 0.5]), directions(generator, 5)
    x = images_with(eigenvalues.tolist(), axes, generator)
    model = LinearGaussian(axes[:, :3] * torch.from_numpy((eigenvalues[:3] - 1) ** 0.5), torch.zeros(5).double(), 1.0)
    mu, _ = model.encode(x)
    variances = (eigenvalues[:3] - 1) / eigenvalues[:3]
    np.testing.assert_allclose(np.var(mu.numpy(), axis=0), variances, rtol=1e-8)
    assert active_units(mu).tolist() == (variances > 0.01).tolist() == [True, True, False]


@equation("eq-best-sigma")
def best_sigma(generator):
    """Compare the σ² that maximises the package's bound over 20 images with the mean expected squared error."""
    weight, bias = draw(generator, 6, 2), draw(generator, 6)
    x, (mu, logvar) = draw(generator, 20, 6), draw(generator, 2, 20, 2)

    def loss(log_variance):
        return -float(
            elbo_quadrature(LinearGaussian(weight, bias, math.exp(log_variance / 2)), x, mu, logvar).value.mean()
        )

    result = optimize.minimize_scalar(loss, bounds=(-8, 8), method="bounded", options={"xatol": 1e-9})
    squared_error = np.linalg.norm(x - mu @ weight.T - bias, axis=1) ** 2  # of the mean's image
    spread = (logvar.exp().numpy() * np.linalg.norm(weight, axis=0) ** 2).sum(axis=1)  # of the draws around it
    assert math.exp(result.x) == pytest.approx((squared_error + spread).mean() / 6, rel=1e-6)
