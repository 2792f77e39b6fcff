"""Equations of the autoencoder and its latent space: squared error, PCA, BIC, interpolation, entropy."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from torch.nn import functional as nnf

from equations import equation
from vae_lessons import Autoencoder
from vae_lessons.evaluation import metrics


def autoencoder_and_images(generator: torch.Generator) -> tuple[Autoencoder, torch.Tensor]:
    """Return an untrained autoencoder and six images."""
    model = Autoencoder((4, 5), 2, (7,), generator).double()
    return model, torch.rand(6, 4, 5, generator=generator, dtype=torch.float64)


@equation("eq-squared-error")
def squared_error(generator):
    """Compare the loss of each image with numpy's norm of the difference."""
    model, x = autoencoder_and_images(generator)
    difference = (x - model(x)).detach().flatten(1).numpy()
    np.testing.assert_allclose(model.loss(x).detach().numpy(), np.linalg.norm(difference, axis=1) ** 2, rtol=1e-12)


@equation("eq-autoencoder-loss")
def autoencoder_loss(generator):
    """Compare the mean over images with PyTorch's sum-reduced squared error divided by M."""
    model, x = autoencoder_and_images(generator)
    torch.testing.assert_close(model.loss(x).mean(), nnf.mse_loss(model(x), x, reduction="sum") / len(x))


@equation("eq-mean-over-pixels")
def mean_over_pixels(generator):
    """Compare PyTorch's mean-reduced squared error of one image with the summed loss over D, and their gradients."""
    model, x = autoencoder_and_images(generator)
    mean, summed = nnf.mse_loss(model(x[:1]), x[:1]), model.loss(x[:1]).sum()
    torch.testing.assert_close(mean, summed / 20)
    of_mean, of_sum = (torch.autograd.grad(loss, model.parameters(), retain_graph=True) for loss in (mean, summed))
    torch.testing.assert_close(of_mean, tuple(g / 20 for g in of_sum))


@equation("eq-pca")
def pca(generator):
    """Compare PCA's error with the eigenvalues left out, and check that no projection of that rank does better."""
    x = torch.randn(400, 6, generator=generator, dtype=torch.float64) @ torch.randn(
        6, 6, generator=generator, dtype=torch.float64
    )
    eigenvalues = np.linalg.eigvalsh(np.cov(x.numpy(), rowvar=False, bias=True))[::-1]
    for rank in range(1, 6):
        fitted = PCA(rank).fit(x.numpy())
        copies = fitted.inverse_transform(fitted.transform(x.numpy()))
        least = eigenvalues[rank:].sum()
        assert ((x.numpy() - copies) ** 2).sum(axis=1).mean() == pytest.approx(least, rel=1e-10)
        centred = x - x.mean(dim=0)
        for _ in range(20):
            basis, _ = torch.linalg.qr(torch.randn(6, rank, generator=generator, dtype=torch.float64))
            assert float((centred - centred @ basis @ basis.T).square().sum(dim=1).mean()) >= least


@equation("eq-bic")
def bic(generator):
    """Compare scikit-learn's BIC with the likelihood of a Gaussian fitted in closed form: P = 5 in two dimensions."""
    x = torch.randn(300, 2, generator=generator, dtype=torch.float64).numpy() * [1.0, 3.0]
    log_likelihood = stats.multivariate_normal(x.mean(axis=0), np.cov(x, rowvar=False, bias=True)).logpdf(x).sum()
    fitted = GaussianMixture(1, reg_covar=0).fit(x)
    assert fitted.bic(x) == pytest.approx(5 * math.log(300) - 2 * log_likelihood, rel=1e-9)


@equation("eq-interpolation")
def interpolation(generator):
    """Check that the line has the right ends and the constant velocity z_2 - z_1."""
    z1, z2 = torch.randn(2, 3, generator=generator, dtype=torch.float64)
    t = torch.linspace(0, 1, 11, dtype=torch.float64)[:, None]
    line = (1 - t) * z1 + t * z2
    torch.testing.assert_close(line[[0, -1]], torch.stack([z1, z2]))
    torch.testing.assert_close(line.diff(dim=0), ((z2 - z1) / 10).expand(10, 3))


@equation("eq-entropy")
def entropy(generator):
    """Compare the package with scipy, and with the extremes: 0 for certainty, log C for C equal shares."""
    p = torch.rand(5, 10, generator=generator, dtype=torch.float64).softmax(dim=1)
    np.testing.assert_allclose(metrics.entropy(p).numpy(), stats.entropy(p.numpy(), axis=1), rtol=1e-12)
    certain, equal = torch.eye(10, dtype=torch.float64), torch.full((1, 10), 0.1, dtype=torch.float64)
    assert not metrics.entropy(certain).any()
    assert float(metrics.entropy(equal)) == pytest.approx(math.log(10), rel=1e-12)
