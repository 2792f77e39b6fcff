"""ConditionalDigits: its numbers by another route, what it refuses, and what the page shows in every class."""

import copy
import math

import numpy as np
import pytest
import torch
from live_figures import (
    assert_handles_follow_a_finger,
    conditional_digits,
    digits,
    html_of,
    middle_of,
    numbers_below,
    painted,
    printed,
    set_sliders,
    small_classifier,
    small_conditional,
)
from torch import Generator, nn
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import linear
from traitlets import TraitError

from vae_lessons import VAE, Bernoulli, ImageData
from vae_lessons.figures import ConditionalDigits
from vae_lessons.models import Classifier, ConditionalVAE

POSITIONS = [{}, {"label": 8, "across": -1.4, "up": 2.05, "draws": 3}, {"label": 1, "across": 3.0, "draws": 14}]
INK = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return [...data].filter((_, i) => i % 4 === 3);
}"""


def figure_of(conditional_prior=False, **values):
    return ConditionalDigits(small_conditional(3, conditional_prior), small_classifier(), digits(), **values)


def forward(network, inputs):
    """The outputs of linear layers with a ReLU between two, by their weights."""
    for layer in list(network)[:-1:2]:
        inputs = linear(inputs, layer.weight, layer.bias).clamp(min=0)
    return linear(inputs, network[-1].weight, network[-1].bias)


def prior_of(model):
    """p(z | c) of every class."""
    if model.prior_network is None:
        return Normal(torch.zeros(10, model.latent_dim), 1.0)
    mu, logvar = forward(model.prior_network, torch.eye(10)).chunk(2, dim=1)
    return Normal(mu, (logvar / 2).exp())


def posteriors_of(model):
    """q(z | x, c) of the test images."""
    with torch.no_grad():
        own = torch.eye(10)[digits().test_labels]
        mu, logvar = forward(model.encoder, torch.cat([digits().test.flatten(1), own], dim=1)).chunk(2, dim=1)
    return Normal(mu, (logvar / 2).exp())


@pytest.mark.parametrize("values", POSITIONS)
@pytest.mark.parametrize("conditional_prior", [False, True])
@torch.no_grad()
def test_the_numbers_by_another_route(conditional_prior, values):
    figure = figure_of(conditional_prior, **values)
    prior, state = prior_of(small_conditional(3, conditional_prior)), figure.state()
    eps = torch.zeros(3)
    if values.get("draws"):
        eps = torch.cat([torch.zeros(1, 3), torch.randn(12, 3, generator=Generator().manual_seed(0))[1:]])[
            figure.draws % 12
        ]
    eps[state["_model"]["axes"]] = torch.tensor([figure.across, figure.up])
    z = prior.mean + prior.stddev * eps
    images = torch.sigmoid(forward(small_conditional(3, conditional_prior).decoder, torch.cat([z, torch.eye(10)], 1)))
    shares = forward(small_classifier().network, images).softmax(dim=1)
    chosen, numbers = figure.label, figure.numbers()
    assert numbers["read"] == int(shares[chosen].argmax())
    assert numbers["probability"] == pytest.approx(float(shares[chosen, chosen]), abs=1e-5)
    assert numbers["right"] == int((shares.argmax(dim=1) == torch.arange(10)).sum())
    assert numbers["log_prior"] == pytest.approx(float(prior.log_prob(z)[chosen].sum()), abs=1e-4)
    assert figure.snapshot().images.flatten(1) == pytest.approx(images.numpy(), abs=1e-5)


@pytest.mark.parametrize("conditional_prior", [False, True])
def test_the_plane_shows_the_two_dimensions_with_the_largest_kl(conditional_prior):
    model, figure = small_conditional(3, conditional_prior), figure_of(conditional_prior)
    with torch.no_grad():
        own = prior_of(model)
    labels, q = digits().test_labels, posteriors_of(model)
    prior = Normal(own.mean[labels], own.stddev[labels])
    kl = kl_divergence(q, prior).mean(dim=0)
    axes = kl.argsort(descending=True)[:2].tolist()
    letter = "ε" if conditional_prior else "z"
    assert figure.snapshot().axis_names == [letter + "₁₂₃"[axis] for axis in axes]
    assert len(labels) <= 400
    codes = ((q.mean - prior.mean) / prior.stddev)[:, axes]
    assert figure.snapshot().map.codes == pytest.approx(codes.numpy(), abs=1e-4)


def test_the_rest_of_z_is_redrawn_and_the_place_on_the_plane_stays():
    figure = figure_of(across=1.0, up=-0.5)
    eps, axes = [], figure.state()["_model"]["axes"]
    for figure.draws in range(13):
        eps.append(figure.snapshot().map.position(figure.across, figure.up, figure.draws))
    rest = next(axis for axis in range(3) if axis not in axes)
    assert all(each[axes].tolist() == [1.0, -0.5] for each in eps)
    values = [float(each[rest]) for each in eps]
    assert values[0] == values[12] == 0
    assert len(set(values)) == 12


def test_with_two_dimensions_there_is_nothing_to_redraw():
    figure = ConditionalDigits(small_model(latent_dim=2), small_classifier(), digits())
    assert repr(figure) == "ConditionalDigits(label=0, across=0.0, up=0.0)"


def test_what_happens_to_the_models_later_does_not_matter():
    model, classifier = copy.deepcopy(small_conditional()), copy.deepcopy(small_classifier())
    model.train()
    figure = ConditionalDigits(model, classifier, digits())
    assert model.training
    before = figure.numbers()
    for network in (model, classifier):
        nn.init.zeros_(next(network.parameters()))
    assert figure.numbers() == before


def small_model(latent_dim=3, condition_dim=10, shape=(8, 8)):
    return ConditionalVAE(
        shape, latent_dim, condition_dim, (4,), likelihood=Bernoulli(), generator=Generator().manual_seed(0)
    )


class ItsOwnDecode(ConditionalVAE):
    def decode(self, z, condition):
        return super().decode(z, condition) / 2


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        (VAE((8, 8), 2, likelihood=Bernoulli()), TypeError, "model must be a ConditionalVAE of this package, got VAE"),
        (ItsOwnDecode((8, 8), 2, 10, likelihood=Bernoulli()), TypeError, "a ItsOwnDecode with its own decode"),
        (small_model(condition_dim=32), ValueError, "from 2 to 10 classes as condition, got condition_dim 32"),
        (small_model(latent_dim=1), ValueError, "two latent dimensions or more, which the plane shows, got 1"),
        (small_model(condition_dim=9), ValueError, "classifier must have the model's 9 classes, got 10"),
        (
            small_model(shape=(4, 4)),
            ValueError,
            r"classifier must be for images of the model's shape \(4, 4\), got \(8, 8\)",
        ),
    ],
)
def test_models_that_cannot_be_shown_are_refused_by_name(model, error, words):
    with pytest.raises(error, match=words):
        ConditionalDigits(model, small_classifier(), digits())


def test_classifiers_and_data_that_do_not_fit_are_refused_by_name():
    with pytest.raises(TypeError, match="classifier must be a Classifier of this package, got ConditionalVAE"):
        ConditionalDigits(small_model(), small_model(), digits())
    with pytest.raises(TypeError, match="data must be an ImageData"):
        ConditionalDigits(small_model(), small_classifier(), digits().test)
    few = Classifier((8, 8), 5)
    with pytest.raises(ValueError, match="data must have classes from 0 to 4, got 9"):
        ConditionalDigits(small_model(condition_dim=5), few, digits())
    one, other = digits().test[:, :4], digits().test_labels
    with pytest.raises(ValueError, match=r"data must be for images of the model's shape \(8, 8\), got \(4, 8\)"):
        ConditionalDigits(small_model(), small_classifier(), ImageData("half", one, other, one, other))
    with pytest.raises(TraitError, match="label must be a whole number from 0 to 9, got 10"):
        figure_of(label=10)


def test_it_is_light(for_a_page):
    assert len(html_of(conditional_digits())) < 100_000


@pytest.mark.check
@pytest.mark.parametrize("values", POSITIONS)
def test_labels_of_the_still_lie_apart(values, assert_labels_lie_apart):
    assert_labels_lie_apart(conditional_digits(**values))


def test_the_words_name_class_and_position():
    words = conditional_digits(label=8, across=-1.4, up=2.05).alt()
    assert "those of class 8 in colour" in words
    assert "cross-hair at (-1.40, 2.05)" in words


# In a browser.


def test_the_still_prints_what_the_page_prints(drawing_of, open_page):
    page, _ = open_page(conditional_digits())
    texts = printed(page.locator("figure"))
    still = conditional_digits().snapshot().printed()
    assert next(iter(still.values())) == texts["read"]
    assert numbers_below(drawing_of(conditional_digits()))[-1] == float(texts["log_prior"])
    assert still["read right"] == f"{texts['right']} of 10"
    assert abs(float(still["its probability"].removesuffix(" %")) - float(texts["probability"])) < 2  # rounded weights


@pytest.mark.parametrize("conditional_prior", [False, True])
def test_the_page_decodes_every_class_as_pytorch_does(conditional_prior, open_page):
    for values in POSITIONS:
        figure = figure_of(conditional_prior, **values)
        page, troubles = open_page(figure)
        snapshot = figure.snapshot()
        tiles = page.locator(".class-tile canvas")
        found = np.array([canvas.evaluate(INK) for canvas in tiles.all()]) / 255
        assert found == pytest.approx(snapshot.images.flatten(1).numpy(), abs=0.03)
        large = np.array(page.locator(".class-image canvas").evaluate(INK)) / 255
        assert large.tolist() == found[figure.label].tolist()
        said = [f"class {label}, read as {read}" for label, read in enumerate(snapshot.read)]
        assert tiles.evaluate_all("all => all.map(e => e.ariaLabel)") == said
        assert not troubles


def test_a_misread_image_says_as_what(open_page):
    figure = figure_of(across=3.0, up=-3.0)
    wrong = [label for label, read in enumerate(figure.snapshot().read) if read != label]
    page, _ = open_page(figure)
    names = page.locator(".class-tile").all_inner_texts()
    expected = [f"{c}, as {read}" if c in wrong else f"{c}" for c, read in enumerate(figure.snapshot().read)]
    assert [name.strip() for name in names] == expected
    assert page.locator(".misread").count() == len(wrong)


def test_the_position_is_dragged_and_a_class_is_pressed(open_page):
    page, troubles = open_page(conditional_digits())
    figure = page.locator("figure")
    x, y = middle_of(page.locator(".knob"))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 60, steps=4)
    page.mouse.up()
    painted(page)
    values = [slider.input_value() for slider in figure.get_by_role("slider").all()]
    assert float(values[1]) > 0.3
    assert float(values[2]) < -0.5
    assert math.dist(middle_of(page.locator(".knob")), (x + 40, y + 60)) < 3
    page.locator(".class-tile").nth(7).click()
    painted(page)
    assert figure.get_by_role("slider", name="class").input_value() == "7"
    assert page.locator(".class-tile.chosen").inner_text().startswith("7")
    assert page.get_by_text("decoded as class 7").is_visible()
    assert page.get_by_text("test images of class 7").is_visible()
    dragged = printed(figure)
    set_sliders(page, figure, [7, *map(float, values[1:])])
    assert printed(figure) == dragged
    assert not troubles


def test_dots_of_the_chosen_class_are_in_its_colour(open_page):
    page, _ = open_page(conditional_digits(label=4))
    own, others = page.locator(".codes.own"), page.locator(".codes.others")
    labels = digits().test_labels
    dots = "e => e.getAttribute('d').split('M').length - 1"
    assert own.evaluate(dots) == int((labels == 4).sum())
    assert others.evaluate(dots) == int((labels != 4).sum())
    assert own.evaluate("e => e.style.getPropertyValue('--ink')") == "var(--class-4)"


def test_a_finger_drags_the_position(open_page):
    page, _ = open_page(conditional_digits(), conditional_digits(), width=390, has_touch=True)
    assert_handles_follow_a_finger(page)
