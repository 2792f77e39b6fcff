"""RateDistortion: its numbers by another route, what it refuses, and what the page shows at each β."""

import base64
import itertools
import math
from decimal import Decimal

import numpy as np
import pytest
import torch
from live_figures import digits, html_of, numbers_below, painted, printed, rate_distortion, set_sliders, small_sweep
from matplotlib.transforms import Bbox
from torch import Generator
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits
from traitlets import TraitError

from vae_lessons import VAE, Autoencoder, Bernoulli
from vae_lessons.figures import RateDistortion

BETAS = [0.25, 1.0, 8.0]


def posterior_of(model, images):
    with torch.no_grad():
        mu, logvar = model.encoder(images.flatten(1)).double().chunk(2, dim=1)
    return Normal(mu, (logvar / 2).exp())


@pytest.mark.parametrize("beta", BETAS)
def test_the_numbers_by_another_route(beta):
    model, x = small_sweep()[beta], digits().test
    q = posterior_of(model, x)
    rate = kl_divergence(q, Normal(0.0, 1.0)).sum(dim=1)
    torch.manual_seed(1)
    with torch.no_grad():
        logits = model.decoder(q.sample((50,)).float())
    pixels = binary_cross_entropy_with_logits(logits, x.flatten(1).expand_as(logits), reduction="none").sum(dim=2)
    error = float(pixels.std(dim=0).mean()) / math.sqrt(50 * len(x))
    numbers = rate_distortion(beta=beta).numbers()
    assert numbers["beta"] == beta
    assert numbers["rate"] == pytest.approx(float(rate.mean()), abs=1e-4)
    assert abs(numbers["distortion"] - float(pixels.mean())) < 8 * error  # both are estimates
    assert numbers["negative_elbo"] == numbers["rate"] + numbers["distortion"]
    assert numbers["active_units"] == int((q.mean.var(dim=0) > 0.01).sum())


def test_rate_falls_and_distortion_rises_along_beta():
    first, *_, last = (rate_distortion(beta=beta).numbers() for beta in BETAS)
    assert first["rate"] > last["rate"]
    assert first["distortion"] < last["distortion"]


def test_models_are_in_order_of_beta_and_that_of_one_is_chosen():
    sweep = small_sweep()
    figure = RateDistortion(dict(reversed(sweep.items())), digits())
    assert [point["beta"] for point in figure.state()["_points"]] == BETAS
    assert figure.beta == 1
    with pytest.raises(TraitError, match=r"beta must be one of 0.25, 8, got 1"):
        RateDistortion({beta: sweep[beta] for beta in (0.25, 8.0)}, digits())
    with pytest.raises(TraitError, match=r"beta must be one of 0.25, 1, 8, got 2"):
        figure.beta = 2
    figure.beta = 8
    assert figure.numbers()["beta"] == 8


def test_the_models_stay_as_they_were():
    model = small_sweep()[1.0]
    model.train()
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    RateDistortion({1.0: model, 2.0: model}, digits())
    assert model.training
    assert all(torch.equal(before[name], weights) for name, weights in model.state_dict().items())


def small_vae(latent_dim=2, shape=(8, 8)):
    return VAE(shape, latent_dim, (4,), likelihood=Bernoulli(), generator=Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("models", "error", "words"),
    [
        (small_vae(), TypeError, "models_by_beta must be a dict of VAEs by β, got VAE"),
        ({1: small_vae()}, ValueError, "models_by_beta must hold two models or more, got 1"),
        ({"1": small_vae(), 2: small_vae()}, TypeError, r"models_by_beta\['1'\] = VAE"),
        ({1: Autoencoder((8, 8), 2), 2: small_vae()}, TypeError, r"models_by_beta\[1\] = Autoencoder"),
        ({0: small_vae(), 2: small_vae()}, ValueError, "positive numbers as β, got 0"),
        ({math.nan: small_vae(), 2: small_vae()}, ValueError, "positive numbers as β, got nan"),
        ({1: small_vae(), 2: small_vae(3)}, ValueError, r"models_by_beta\[2\] must have two latent dimensions.*got 3"),
        ({1: small_vae(), 2: small_vae(shape=(4, 4))}, ValueError, r"shape \(8, 8\), got \(4, 4\)"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(models, error, words):
    with pytest.raises(error, match=words):
        RateDistortion(models, digits())


def test_data_of_another_class_is_refused():
    with pytest.raises(TypeError, match="data must be an ImageData"):
        RateDistortion(small_sweep(), digits().test)


def test_codes_and_pictures_are_those_of_the_models():
    figure = rate_distortion(beta=0.25)
    point, model = figure.snapshot().sweep[0], small_sweep()[0.25]
    q = posterior_of(model, digits().test)
    assert len(digits().test) <= 400
    assert point.means == pytest.approx(q.mean.numpy(), abs=1e-5)
    standard = (point.draws - q.mean) / q.stddev
    assert abs(float(standard.mean())) < 4 / math.sqrt(standard.numel())
    assert float(standard.std()) == pytest.approx(1, abs=0.15)
    with torch.no_grad():
        pictures = torch.sigmoid(model.decoder(model.encoder(figure.snapshot().images.flatten(1))[:, :2]))
    assert point.reconstructions.flatten(1) == pytest.approx(pictures.numpy(), abs=1e-5)
    packed = np.frombuffer(base64.b64decode(figure.state()["_points"][0]["means"]), dtype=np.uint8)
    reach = figure.state()["_constants"]["reach"]
    read = (packed / 255 * 2 - 1) * reach
    assert read.reshape(-1, 2) == pytest.approx(point.means.clamp(-reach, reach).numpy(), abs=reach / 200)


def test_it_is_light(for_a_page):
    assert len(html_of(rate_distortion())) < 100_000


@pytest.mark.parametrize("values", [{"beta": beta} for beta in BETAS] + [{"drawn_codes": True}])
def test_labels_of_the_still_lie_apart(values, assert_labels_lie_apart):
    assert_labels_lie_apart(rate_distortion(**values))


def test_sums_hold_in_the_still_and_on_the_page(drawing_of, open_page):
    page, troubles = open_page(rate_distortion())
    for i, beta in enumerate(BETAS):
        set_sliders(page, page.locator("figure"), [i])
        texts = {name: Decimal(text) for name, text in printed(page.locator("figure")).items()}
        assert texts["rate"] + texts["distortion"] == texts["negative_elbo"]
        below = numbers_below(drawing_of(rate_distortion(beta=beta)))
        assert below[-3:] == [float(texts[name]) for name in ("rate", "distortion", "negative_elbo")]
    assert not troubles


INK = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return [...data].filter((_, i) => i % 4 === 3);
}"""


def test_the_page_shows_the_pictures_of_the_chosen_model(open_page):
    page, _ = open_page(rate_distortion())
    figure = page.locator("figure")
    for i, beta in enumerate(BETAS):
        set_sliders(page, figure, [i])
        snapshot = rate_distortion(beta=beta).snapshot()
        point = snapshot.sweep[snapshot.chosen]
        blocks = figure.locator(".sweep-block").all()
        assert [block.get_attribute("aria-label") for block in blocks] == [
            "6 test images",
            "6 reconstructions",
            "6 draws from the prior",
        ]
        for block, images in zip(blocks, (snapshot.images, point.reconstructions, point.samples), strict=True):
            shown = [canvas.evaluate(INK) for canvas in block.locator("canvas").all()]
            assert np.array(shown) / 255 == pytest.approx(images.flatten(1).numpy(), abs=1 / 25)


def test_a_point_of_the_plane_can_be_chosen_by_pointer(open_page):
    page, troubles = open_page(rate_distortion(beta=0.25))
    knob, plane = page.locator(".knob"), page.locator(".live-figure-panels > svg").first.bounding_box()
    box = knob.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(plane["x"] + 50, plane["y"] + 34, steps=4)  # where nothing is coded
    page.mouse.up()
    painted(page)
    slider = page.get_by_role("slider", name="β")
    assert slider.get_attribute("aria-valuetext") == "beta 8"
    slider.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") == "beta 1"
    assert not troubles


def test_no_name_lies_on_another(open_page):
    page, _ = open_page(rate_distortion(), width=800)
    figure = page.locator("figure")
    for i in range(len(BETAS)):
        set_sliders(page, figure, [i])
        seen = [name for name in figure.locator("svg .name").all() if name.is_visible()]
        boxes = {name.inner_html(): Bbox.from_bounds(*name.bounding_box().values()).padded(-2) for name in seen}
        assert f"β = {BETAS[i]:g}" in boxes
        for (name, one), (other, second) in itertools.combinations(boxes.items(), 2):
            assert Bbox.intersection(one, second) is None, (i, name, other)


def test_numerals_are_hidden_where_all_codes_are_one(open_page):
    collapsed = small_vae()
    with torch.no_grad():
        for weights in list(collapsed.encoder.parameters())[-2:]:
            weights.zero_()
    page, _ = open_page(RateDistortion({1: small_sweep()[0.25], 16: collapsed}, digits()))
    numerals = page.locator(".numeral:visible")
    assert numerals.count() == 10
    set_sliders(page, page.locator("figure"), [1])
    assert numerals.count() == 0
    page.get_by_label("draws from q, not means").press("Space")
    painted(page)
    assert numerals.count() == 10
