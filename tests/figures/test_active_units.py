"""ActiveUnits: its numbers against the linear-Gaussian model, its line and its images on the page."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from live_figures import (
    assert_handles_follow_a_finger,
    assert_handles_follow_the_mouse,
    digits,
    grid,
    numbers_below,
    printed,
)
from torch.distributions import Normal, kl_divergence

from vae_lessons import ImageData
from vae_lessons.figures import ActiveUnits
from vae_lessons.models import LinearGaussian

IMAGES_OF_CANVASES = """all => all.map(canvas => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    return Array.from({ length: height * width }, (_, i) => data[4 * i + 3] / 255);
})"""


def eigen(images: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of the covariance, the largest first, and their eigenvectors as columns, by singular values."""
    flat = images.flatten(1).double().numpy()
    _, singular, directions = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    return singular**2 / len(flat), directions.T


def linear_vae(images: torch.Tensor, variance: float) -> LinearGaussian:
    """The model with the largest likelihood for noise of this variance, by Tipping and Bishop's formula."""
    eigenvalues, directions = eigen(images)
    stretch = np.sqrt(np.maximum(eigenvalues[:20] - variance, 0))
    mean = images.double().mean(dim=0)
    return LinearGaussian(torch.from_numpy(directions[:, :20] * stretch), mean, math.sqrt(variance))


@pytest.mark.parametrize(("log_sigma", "beta"), [(-2.0, 1.0), (-1.0, 0.5), (-1.0, 4.0), (-0.2, 1.0), (0.5, 2.0)])
def test_numbers_are_those_of_the_linear_gaussian_model(log_sigma, beta):
    x = digits().train.double()
    found = ActiveUnits(digits(), log_sigma=log_sigma, beta=beta).numbers()
    variance = beta * math.exp(log_sigma) ** 2
    model = linear_vae(digits().train, variance)
    mu, logvar = model.encode(x)
    kl = kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(torch.zeros(()).double(), 1.0)).mean(dim=0)
    spread = (model.weight.square() * logvar[0].exp()).sum()
    error = (x - model.decode(mu)).square().sum(dim=(1, 2)).mean() + spread
    assert found["threshold"] == pytest.approx(variance)
    assert found["active"] == float((kl > 1e-9).sum())
    assert found["rate"] == pytest.approx(float(kl.sum()), abs=1e-4)
    assert found["error"] == pytest.approx(float(error), rel=1e-5)


def test_the_model_is_the_best_for_its_noise():
    x, figure = digits().train.double(), ActiveUnits(digits(), log_sigma=-1.5)
    best = figure.model
    reached = best.log_evidence(x).mean()
    torch.testing.assert_close(best.elbo(x, *best.encode(x)).value.mean(), reached)  # q is exact
    generator = torch.Generator().manual_seed(0)
    for scale in (0.003, 0.03):
        nearby = best.weight + scale * torch.randn(best.weight.shape, generator=generator).double()
        assert LinearGaussian(nearby, best.bias, best.sigma).log_evidence(x).mean() < reached


def test_only_the_product_of_beta_and_the_variance_counts():
    first, second = (
        ActiveUnits(digits(), log_sigma=log_sigma, beta=beta).numbers()
        for log_sigma, beta in ((-1.0, 4.0), (-1.0 + math.log(2), 1.0))
    )
    del first["sigma"], second["sigma"]
    assert first == pytest.approx(second)


def test_units_die_one_by_one_as_sigma_grows():
    figure, counts = ActiveUnits(digits()), []
    for figure.log_sigma in np.linspace(-2.5, 0.0, 51).round(2).tolist():
        counts.append(figure.numbers()["active"])
    assert counts[0] == 20
    assert counts[-1] == 0
    assert all(0 <= before - after <= 3 for before, after in pairwise(counts))


def test_the_still_prints_the_numbers():
    for values in grid(ActiveUnits(digits()), points=3):
        figure = ActiveUnits(digits(), **values)
        sigma, _, active, rate, error = figure.snapshot().printed().values()
        numbers = figure.numbers()
        assert float(sigma) == pytest.approx(math.exp(values["log_sigma"]), abs=6e-4)
        assert int(active) == numbers["active"]
        assert [float(rate.removesuffix(" nats")), float(error)] == pytest.approx(
            [numbers["rate"], numbers["error"]], abs=6e-3
        )


@pytest.mark.parametrize("log_sigma", [-2.5, -1.0, 1.0])
def test_labels_of_the_still_lie_apart(log_sigma, assert_labels_lie_apart):
    assert_labels_lie_apart(ActiveUnits(digits(), log_sigma=log_sigma))


def test_data_that_do_not_fit_are_named():
    with pytest.raises(TypeError, match="data must be an ImageData"):
        ActiveUnits(digits().train)
    few = ImageData("few", digits().train, digits().train_labels, digits().test[:5], digits().test_labels[:5])
    with pytest.raises(ValueError, match="at least 6 test images to show, got 5"):
        ActiveUnits(few)
    flat = digits().train[:12], digits().train_labels[:12]
    with pytest.raises(ValueError, match="vary in at least 20 directions, one for each unit, got 11"):
        ActiveUnits(ImageData("flat", *flat, *flat))


# In a browser.


def test_the_still_prints_what_the_page_prints(drawing_of, open_page):
    page, _ = open_page(ActiveUnits(digits(), log_sigma=-1.0))
    texts = printed(page.locator("figure"))
    del texts["active"]
    assert numbers_below(drawing_of(ActiveUnits(digits(), log_sigma=-1.0))) == [float(text) for text in texts.values()]


def test_the_page_reconstructs_as_pytorch_does(open_page):
    x = torch.stack([digits().test[digits().test_labels == digit][0] for digit in range(6)])
    for log_sigma in (-2.5, -1.0, 1.0):
        page, _ = open_page(ActiveUnits(digits(), log_sigma=log_sigma))
        found = torch.tensor(page.locator("canvas").evaluate_all(IMAGES_OF_CANVASES)).view(6, 2, 8, 8)
        model = linear_vae(digits().train, math.exp(2 * log_sigma))
        expected = model.decode(model.encode(x.double())[0]).clamp(0, 1)
        torch.testing.assert_close(found[:, 0], x, atol=0.01, rtol=0)
        torch.testing.assert_close(found[:, 1].double(), expected, atol=0.02, rtol=0)


def test_the_line_follows_the_mouse(open_page):
    page, troubles = open_page(ActiveUnits(digits(), log_sigma=-1.0))
    assert_handles_follow_the_mouse(page, 1)
    assert not troubles


def test_the_line_follows_a_finger(open_page):
    page, _ = open_page(ActiveUnits(digits(), log_sigma=-1.0), ActiveUnits(digits()), width=390, has_touch=True)
    assert_handles_follow_a_finger(page)
