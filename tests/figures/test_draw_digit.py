"""Draw a digit: how a drawing becomes an image, its numbers by another route, and hands on the pad."""

import base64
import io
import math
import re

import numpy as np
import pytest
import torch
from live_figures import (
    assert_every_control_moves,
    contrast,
    draw_digit,
    numbers_below,
    painted,
    printed,
    scrolled,
    swipe,
)
from PIL import Image
from playwright.sync_api import expect
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Independent, Normal, kl_divergence
from torch.nn.functional import interpolate
from traitlets import TraitError

from vae_lessons import VAE, Autoencoder, Bernoulli, ContinuousBernoulli, Gaussian, ImageData, fit, load_images
from vae_lessons.figures import DrawDigit
from vae_lessons.figures.draw_digit.drawing_pad import measure_recipe
from vae_lessons.figures.draw_digit.figure import N_DRAWS, N_IMAGES, choose_images
from vae_lessons.figures.runtime.images import from_bytes, to_bytes
from vae_lessons.figures.runtime.modules import join_modules
from vae_lessons.models import Classifier

LIKELIHOODS = [Gaussian(0.3), Bernoulli(), ContinuousBernoulli()]
SEVEN = [(0.3, 0.25), (0.7, 0.25), (0.45, 0.8)]  # of the pad's width and height, from its upper left corner
PIXELS = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return Array.from({ length: canvas.width * canvas.height }, (_, i) => data[4 * i + 3]);
}"""


@pytest.fixture(scope="module")
def data():
    return load_images("digits")


@pytest.fixture(scope="module")
def model(data):
    return trained(data, Bernoulli(), 2, epochs=40)


def trained(data, likelihood, latent_dim, epochs=5):
    model = VAE(
        data.image_shape, latent_dim, (32, 16), likelihood=likelihood, generator=torch.Generator().manual_seed(0)
    )
    fit(model, data, epochs=epochs, seed=0)
    return model.requires_grad_(False)


def like_mnist(images):
    """Digits (M, 8, 8) put into 28 × 28 by MNIST's recipe, with Pillow: their box scaled to 20, their mass centred."""
    made = torch.zeros(len(images), 28, 28)
    for image, target in zip(images, made, strict=True):
        rows, columns = (image > 0.1).any(dim=1).nonzero(), (image > 0.1).any(dim=0).nonzero()
        box = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        scale = 20 / max(box.shape)
        size = [max(1, round(length * scale)) for length in (box.shape[1], box.shape[0])]
        smooth = np.asarray(Image.fromarray(box.numpy()).resize(size, Image.Resampling.BILINEAR))
        height, width = smooth.shape
        mass = smooth.sum()
        middle = [(smooth.sum(axis=1 - i) * (np.arange(n) + 0.5)).sum() / mass for i, n in enumerate((height, width))]
        top, left = (round(14.5 - m) for m in middle)
        target[top : top + height, left : left + width] = torch.from_numpy(smooth.copy())
    return made


def random_data(image_shape, count=100):
    images = torch.rand(count, *image_shape, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(count) % 10
    return ImageData("noise", images, labels, images, labels)


# What is usual among images.


def test_the_recipe_of_images_made_like_mnist_is_mnist_s(data):
    images = data.test[:200]
    recipe = measure_recipe(like_mnist(torch.cat([images, images.transpose(1, 2)])))  # tall ones and wide ones
    assert recipe["shape"] == [28, 28]
    assert recipe["box"] == [20, 20]
    assert recipe["by"] == "mass"
    assert recipe["at"] == pytest.approx([14.5, 14.5], abs=0.1)


def test_the_recipe_of_images_that_fill_their_frame(data):
    recipe = measure_recipe(data.test)
    assert recipe["box"] == [8, 7]
    assert recipe["by"] == "box"
    assert recipe["at"] == pytest.approx([4, 4], abs=0.1)


@pytest.mark.parametrize(("width", "blurred"), [(2, False), (3, False), (3, True), (6, True)])
def test_the_width_of_a_line(width, blurred):
    image = torch.zeros(1, 40, 400)
    image[0, 15 : 15 + width, 10:390] = 1
    if blurred:
        image = (image + image.roll(1, 1) + image.roll(-1, 1)) / 3
    assert measure_recipe(image)["stroke"] == pytest.approx(width, rel=0.02)


def test_without_ink_there_is_no_recipe():
    with pytest.raises(ValueError, match="images must have ink"):
        measure_recipe(torch.full((3, 8, 8), 0.05))


# How a drawing becomes an image.


@pytest.fixture
def in_module(open_page, model, data):
    """Evaluate an expression in JavaScript, in the scope of what the figure's module exports, given `x`."""
    page, _ = open_page()
    page.evaluate(
        """async module => {
            window.figure = await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
        }""",
        join_modules(DrawDigit.folder / "drawing_pad.js", DrawDigit.folder / "figure.js"),
    )
    return lambda expression, x: page.evaluate(f"x => (({{ {EXPORTS} }}) => {expression})(window.figure)", x)


EXPORTS = "centred, sketch, prepare, look, numbers"
# Images are enlarged on a larger blank sheet, away from its middle, and brought back.
BACK = """x.images.map(image => {
    const { times, shift: [down, across], recipe } = x;
    const [height, width] = recipe.shape.map(length => (length + 10) * times);
    const ink = Array.from({ length: height * width }, (_, i) => {
        const row = Math.floor((Math.floor(i / width) - down) / times);
        const column = Math.floor(((i % width) - across) / times);
        const isInside = row >= 0 && row < recipe.shape[0] && column >= 0 && column < recipe.shape[1];
        return isInside ? image[row * recipe.shape[1] + column] : 0;
    });
    return Array.from(centred(ink, [height, width], recipe));
})"""
SKETCHED = """x.drawings.map(strokes => {
    const drawing = sketch(x.recipe);
    const [height, width] = drawing.size;
    const at = ([u, v]) => [u * width, v * height];
    for (const stroke of strokes) stroke.forEach((end, i) => drawing.addLine(at(stroke[Math.max(0, i - 1)]), at(end)));
    return Array.from(drawing.image());
})"""


def bring_back(in_module, images, recipe, times, shift):
    """Images (M, H, W), enlarged, put somewhere, and centred and scaled again."""
    arguments = {"images": images.flatten(1).tolist(), "times": times, "shift": shift, "recipe": recipe}
    return torch.tensor(in_module(BACK, arguments)).view_as(images)


@pytest.mark.parametrize(("times", "shift"), [(1, (0, 9)), (5, (12, 3)), (8, (70, 41))])
def test_an_image_of_the_data_comes_back(times, shift, in_module, data):
    images = like_mnist(data.test[:40])
    difference = (bring_back(in_module, images, measure_recipe(images), times, shift) - images).abs().mean(dim=(1, 2))
    assert (difference < 1e-6).double().mean() > 0.9  # the others lay a pixel away from where they are put
    assert difference.max() < 0.15


def test_an_image_that_fills_its_frame_comes_back_up_to_a_pixel(in_module, data):
    images = data.test[:40]
    back = bring_back(in_module, images, measure_recipe(data.test), 6, (4, 31))
    moved = torch.stack([back.roll(shift, 2) for shift in (-1, 0, 1)])
    difference = (moved - images).abs().mean(dim=(2, 3)).amin(dim=0)
    assert difference.median() < 1e-6
    assert difference.quantile(0.95) < 0.02


def test_any_scale_keeps_the_mass_of_ink_in_proportion(in_module):
    ink = np.zeros((100, 100))
    ink[20:77, 30:52] = 0.8
    recipe = {"shape": [28, 28], "ink": 0.1, "box": [20, 20], "by": "mass", "at": [14.5, 14.5], "stroke": 2}
    image = in_module(
        "Array.from(centred(x.ink, [100, 100], x.recipe))", {"ink": ink.ravel().tolist(), "recipe": recipe}
    )
    assert sum(image) == pytest.approx(ink.sum() * (20 / 57) ** 2, rel=1e-5)
    assert max(image) == pytest.approx(0.8, rel=1e-5)


@pytest.fixture(params=["8 × 8", "28 × 28", "12 × 20"])
def recipe(request, data):
    if request.param == "12 × 20":
        return {"shape": [12, 20], "ink": 0.1, "box": [10, 16], "by": "box", "at": [6, 10], "stroke": 1.5}
    return measure_recipe(data.test if request.param == "8 × 8" else like_mnist(data.test[:200]))


def placed(stroke, size, left, top):
    return [[left + size * u, top + size * v] for u, v in stroke]


def test_a_drawing_is_centred_and_scaled_and_has_lines_like_the_data_s(recipe, in_module):
    drawings = [[placed(SEVEN, size, *corner)] for size, *corner in [(1, 0, 0), (0.7, 0.25, 0.1), (0.5, 0, 0.5)]]
    images = torch.tensor(in_module(SKETCHED, {"drawings": drawings, "recipe": recipe}))
    images = images.view(3, *recipe["shape"])
    assert (images[1:] - images[0]).abs().mean() < 0.06  # of a whole pixel more or less, or none
    for image in images:
        found = measure_recipe(image.unsqueeze(0))
        assert max(f / b for f, b in zip(found["box"], recipe["box"], strict=True)) == pytest.approx(1, abs=0.13)
        assert found["stroke"] == pytest.approx(recipe["stroke"], rel=0.25)
        assert 0 <= image.min() <= image.max() <= 1


def test_strokes_add_up_and_a_dot_stays_one(recipe, in_module):
    cross = [[(0.3, 0.3), (0.7, 0.7)], [(0.7, 0.3), (0.3, 0.7)]]
    drawings = [[], [[(0.9, 0.1)]], cross[:1], cross]
    blank, dot, line, both = torch.tensor(in_module(SKETCHED, {"drawings": drawings, "recipe": recipe})).view(
        4, *recipe["shape"]
    )
    assert not blank.any()
    assert 0 < dot.sum() < 2.5 * recipe["stroke"] ** 2
    assert line.sum() < both.sum() < 2.1 * line.sum()
    assert not torch.allclose(both, line)


def test_ink_at_the_edge_of_the_pad_is_not_cut_off(recipe, in_module):
    drawings = [[placed([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)], 1, 0, 0)]]
    (image,) = torch.tensor(in_module(SKETCHED, {"drawings": drawings, "recipe": recipe}))
    assert measure_recipe(image.view(1, *recipe["shape"]))["stroke"] == pytest.approx(recipe["stroke"], rel=0.25)


# Numbers.


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=lambda likelihood: type(likelihood).__name__)
@pytest.mark.parametrize("latent_dim", [2, 20])
def test_numbers_by_another_route(likelihood, latent_dim, data):
    model = trained(data, likelihood, latent_dim)
    figure = DrawDigit(model, data, chosen=33)
    figure.draws = N_DRAWS + 5
    q = Normal(figure.mu, (figure.logvar / 2).exp())
    assert figure.mu.shape == figure.logvar.shape == (latent_dim,)
    z = q.mean + q.stddev * torch.tensor(figure.state()["_noise"])
    outputs = model.decoder(z).double()
    x = figure.image.flatten().double()
    if isinstance(likelihood, Gaussian):
        p = Normal(outputs.sigmoid(), likelihood.sigma)
    elif isinstance(likelihood, ContinuousBernoulli):
        p = torch.distributions.ContinuousBernoulli(logits=outputs, validate_args=False)
    else:
        p = TorchBernoulli(logits=outputs, validate_args=False)
    each = Independent(p, 1, validate_args=False).log_prob(x.expand_as(outputs))
    numbers = figure.numbers()
    assert numbers["reconstruction"] == pytest.approx(float(each.mean()), abs=1e-3)
    assert numbers["reconstruction_of_z"] == pytest.approx(float(each[5]), abs=1e-3)
    kl = kl_divergence(q, Normal(torch.zeros(latent_dim), 1.0)).sum()
    assert numbers["kl"] == pytest.approx(float(kl), abs=1e-4)
    assert numbers["elbo"] == numbers["reconstruction"] - numbers["kl"]


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=lambda likelihood: type(likelihood).__name__)
@pytest.mark.parametrize("latent_dim", [2, 20])
def test_javascript_agrees_with_pytorch_on_fifty_images(likelihood, latent_dim, data, in_module):
    assert_agreement(DrawDigit(trained(data, likelihood, latent_dim), data), in_module)


def test_javascript_agrees_with_pytorch_on_networks_as_large_as_mnist_s(in_module):
    noise = random_data((28, 28))
    generator = torch.Generator().manual_seed(1)
    assert_agreement(DrawDigit(VAE((28, 28), 2, likelihood=Bernoulli(), generator=generator), noise), in_module)


LOOK = """(model => {
    const prepared = prepare(model);
    const plain = seen => Object.fromEntries(Object.entries(seen).map(([key, values]) => [key, Array.from(values)]));
    return x.chosen.map(chosen => {
        const state = { ...x.state, chosen };
        return { ...plain(look(state, prepared)), numbers: numbers(state, prepared) };
    });
})({ get: name => (name === "_weights" ? x.weights : x.state[name]) })"""


def assert_agreement(figure, in_module):
    found = in_module(LOOK, {"state": figure.state(), "weights": figure.weights, "chosen": list(range(50))})
    with torch.no_grad():
        for chosen, seen in enumerate(found):
            figure.chosen = chosen
            assert seen["image"] == pytest.approx(figure.image.flatten().tolist(), abs=1e-6)
            assert seen["mu"] == pytest.approx(figure.mu.tolist(), abs=0.03)
            assert seen["logvar"] == pytest.approx(figure.logvar.tolist(), abs=0.03)
            from_mu = figure.snapshot().from_mu
            assert np.abs(np.array(seen["from_mu"]) - from_mu.flatten().numpy()).mean() < 1 / 255
            for name, expected in figure.numbers().items():
                tolerance = 0.05 if name == "kl" else 0.05 + 2e-3 * abs(expected)
                assert seen["numbers"][name] == pytest.approx(expected, abs=tolerance), f"{name} of image {chosen}"


# What Python sees.


def test_a_drawing_takes_the_place_of_the_test_image_until_another_is_chosen(model, data):
    figure = DrawDigit(model, data, chosen=7)
    assert figure.drawing == ""
    assert torch.allclose(figure.image, from_bytes(figure.state()["_images"][7], (8, 8)))
    drawing = torch.rand(8, 8, generator=torch.Generator().manual_seed(0))
    figure.drawing = to_bytes(drawing)
    assert (figure.image - drawing).abs().max() <= 0.5 / 255 + 1e-6
    assert figure.mu.tolist() == model.encode(figure.image.unsqueeze(0))[0][0].tolist()
    assert "a drawing" in figure.alt()
    figure.chosen = 8
    assert figure.drawing == ""
    assert "test image 8, of class" in figure.alt()
    figure.cleared += 1
    assert not figure.image.any()
    assert all(map(math.isfinite, figure.numbers().values()))


@pytest.mark.parametrize("value", ["abcd", "not base64", to_bytes(torch.zeros(9, 9)), 3, None], ids=repr)
def test_what_is_no_drawing_of_this_size_is_refused(value, model, data):
    figure = DrawDigit(model, data)
    with pytest.raises(TraitError, match="drawing"):
        figure.drawing = value
    assert figure.drawing == ""


def test_test_images_of_every_class_are_offered_class_by_class(model, data):
    images = DrawDigit(model, data).state()["_images"]
    offered = choose_images(data.test_labels)
    assert images == [to_bytes(image) for image in data.test[offered]]
    assert len(set(images)) == N_IMAGES
    classes = data.test_labels[offered].tolist()
    assert classes == sorted(classes)
    assert set(np.bincount(classes)) == {6}


def test_a_small_class_offers_all_it_has():
    labels = torch.tensor([0] * 3 + [1] * 97)
    assert labels[choose_images(labels)].tolist() == [0] * 3 + [1] * 57


def test_of_many_dimensions_the_plane_has_the_two_that_say_most(data):
    model = VAE((8, 8), 5, (16,), likelihood=Gaussian(), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.encoder[-1].weight[[1, 3]] *= 30  # of mu
    figure = DrawDigit(model, data)
    assert figure.state()["_plane"]["dimensions"] == [1, 3]
    assert "The plane has z₂ and z₄ among 5 dimensions" in figure.caption
    assert "z₂ and z₄" in figure.alt()
    assert "dimensions" not in DrawDigit(VAE((8, 8), 2, (4,), likelihood=Bernoulli()), data).caption


def test_the_caption_tells_a_gaussian_s_constant(data):
    figure = DrawDigit(VAE((8, 8), 2, (4,), likelihood=Gaussian(0.5)), data)
    at_mean = Normal(torch.zeros(64), 0.5).log_prob(torch.zeros(64)).sum()
    assert f"constant, {at_mean:.1f} nats".replace("-", "\N{MINUS SIGN}") in figure.caption
    assert "constant" not in DrawDigit(VAE((8, 8), 2, (4,), likelihood=Bernoulli()), data).caption


def test_the_figure_keeps_the_model_as_it_was(data):
    model = VAE((8, 8), 2, (4,), likelihood=Bernoulli())
    figure = DrawDigit(model, data)
    before = figure.numbers()
    with torch.no_grad():
        model.encoder[0].weight.add_(1)
    assert figure.numbers() == before


def test_a_model_in_double_precision_will_do(data):
    figure = DrawDigit(VAE((8, 8), 2, (4,), likelihood=Bernoulli()).double(), data)
    assert all(map(math.isfinite, figure.numbers().values()))
    assert figure.still()


def test_what_cannot_be_drawn_with_is_explained(model, data):
    def vae(shape=(8, 8), latent_dim=2):
        return VAE(shape, latent_dim, (4,), likelihood=Bernoulli())

    broken = vae()
    torch.nn.init.constant_(broken.encoder[0].bias, math.nan)
    few = ImageData("few", data.train, data.train_labels, data.test[:59], data.test_labels[:59])
    for error, message, *arguments in [
        (TypeError, "model must be a VAE, .*got Autoencoder", Autoencoder((8, 8), 2), data),
        (TypeError, "model must be a VAE, .*got Classifier", Classifier((8, 8)), data),
        (TypeError, "model must be a VAE, .*got the class VAE", VAE, data),
        (TypeError, "model must be a VAE, .*got NoneType", None, data),
        (TypeError, "data must be an ImageData.*got Tensor", vae(), data.test),
        (ValueError, re.escape("model's shape (9, 8), got (8, 8)"), vae((9, 8)), data),
        (ValueError, "latent_dim of at least 2", vae(latent_dim=1), data),
        (ValueError, "at least 60 test images to choose from, got 59", vae(), few),
        (ValueError, "finite weights", broken, data),
    ]:
        with pytest.raises(error, match=message):
            DrawDigit(*arguments)
    with pytest.raises(TraitError, match="chosen must be a whole number from 0 to 59"):
        DrawDigit(model, data, chosen=60)


# Hands on the pad.


def points_on(pad, strokes):
    box = pad.bounding_box()
    return [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in strokes]


def draw_by_mouse(page, strokes=SEVEN):
    first, *others = points_on(page.locator(".drawing-pad"), strokes)
    page.mouse.move(*first)
    page.mouse.down()
    for point in others:
        page.mouse.move(*point, steps=5)
    page.mouse.up()
    painted(page)


def seen(page):
    """Pixels of the picture named, 0 to 255; `.drawing-pad` has the image chosen."""
    names = ("input x", "decoded μ", "decoded z")
    return {name: page.get_by_role("img", name=name, exact=True).evaluate(PIXELS) for name in names}


def ellipse(page):
    """Centre and radii of q in the plane, as text."""
    return page.locator("ellipse.encoder").first.evaluate("e => ['cx', 'cy', 'rx', 'ry'].map(a => e.getAttribute(a))")


def assert_drawn(page, figure, before):
    """The posterior, the pictures and the numbers on the page are those of what its network was given."""
    pictures, quantities, place = before
    assert seen(page)["input x"] != pictures["input x"]
    assert seen(page)["decoded μ"] != pictures["decoded μ"]
    assert seen(page)["decoded z"] != pictures["decoded z"]
    assert ellipse(page) != place
    assert printed(page.locator("figure")) != quantities
    figure.drawing = base64.b64encode(bytes(seen(page)["input x"])).decode()
    numbers = figure.numbers()
    for name, text in printed(page.locator("figure")).items():
        assert float(text) == pytest.approx(numbers[name], abs=0.3), name
    from_mu = figure.snapshot().from_mu
    assert np.abs(np.array(seen(page)["decoded μ"]) / 255 - from_mu.flatten().numpy()).mean() < 2 / 255


def test_drawing_by_mouse(model, data, open_page):
    figure = DrawDigit(model, data, chosen=12)
    page, troubles = open_page(figure)
    before = seen(page), printed(page.locator("figure")), ellipse(page)
    draw_by_mouse(page)
    assert_drawn(page, figure, before)
    recipe = measure_recipe(torch.tensor(seen(page)["input x"]).view(1, 8, 8) / 255)
    assert max(recipe["box"]) >= 7
    once = seen(page)["input x"]
    draw_by_mouse(page, [(0.35, 0.55), (0.65, 0.55)])  # a second stroke adds to the first
    assert seen(page)["input x"] != once
    assert page.locator(".strokes path").count() == 2
    assert not troubles


def test_drawing_by_finger_on_a_phone(model, data, open_page):
    figure = DrawDigit(model, data, chosen=12)
    page, troubles = open_page(figure, width=390, has_touch=True, is_mobile=True, device_scale_factor=3)
    before = seen(page), printed(page.locator("figure")), ellipse(page)
    down = [(0.5, 0.1 + 0.08 * i) for i in range(11)]  # along which the page would scroll
    swipe(page, points_on(page.locator(".drawing-pad"), down))
    painted(page)
    assert page.evaluate("scrollY") == 0
    assert_drawn(page, figure, before)
    assert not troubles


def test_a_finger_that_scrolls_the_page_leaves_the_drawing_alone(model, data, open_page):
    figure = DrawDigit(model, data, chosen=12)
    page, _ = open_page(figure, figure, width=360, has_touch=True)
    swipe(page, points_on(page.locator(".drawing-pad").first, SEVEN))
    painted(page)
    assert page.locator(".strokes path").count() == 1
    box = page.get_by_role("slider").first.bounding_box()
    x, y = box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2
    swipe(page, [(x, y - step) for step in range(0, 120, 10)])
    scrolled(page, 50)
    assert page.locator(".strokes path").count() == 1
    assert page.get_by_role("slider").first.input_value() == "12"


def test_the_first_stroke_replaces_the_test_image_and_the_slider_brings_it_back(model, data, open_page):
    page, _ = open_page(DrawDigit(model, data, chosen=12))
    shown = page.locator(".drawing-pad canvas")
    chosen, images = shown.evaluate(PIXELS), seen(page)
    assert chosen == images["input x"]
    draw_by_mouse(page)
    assert not any(shown.evaluate(PIXELS))
    page.get_by_role("slider").press("ArrowRight")
    page.get_by_role("slider").press("ArrowLeft")
    painted(page)
    assert seen(page) == images
    assert shown.evaluate(PIXELS) == chosen
    assert page.locator(".strokes path").count() == 0


def test_a_button_brings_the_test_image_back_and_nothing_moves_under_the_pen(model, data, open_page):
    figure = DrawDigit(model, data, chosen=59)
    for width in (1000, 390, 320):
        page, _ = open_page(figure, width=width)
        button, pad = page.get_by_role("button", name="show image"), page.locator(".drawing-pad")
        images, place = seen(page), pad.bounding_box()
        expect(button).to_be_hidden()
        for spoil in (lambda page=page: draw_by_mouse(page), page.get_by_role("button", name="clear").click):
            spoil()
            painted(page)
            assert pad.bounding_box() == place
            assert seen(page) != images
            button.click()
            painted(page)
            assert seen(page) == images
            expect(button).to_be_hidden()
    assert page.get_by_role("slider").get_attribute("aria-valuetext") == "test image 9 (6)"
    figure.drawing = to_bytes(torch.ones(8, 8))
    figure.restored += 1
    assert figure.drawing == ""


def test_clear_leaves_a_blank_sheet_and_an_invitation(model, data, open_page):
    figure = DrawDigit(model, data)
    page, troubles = open_page(figure)
    invitation = page.get_by_text("draw something")
    expect(invitation).to_be_hidden()
    draw_by_mouse(page)
    expect(invitation).to_be_hidden()
    page.get_by_role("button", name="clear").click()
    painted(page)
    expect(invitation).to_be_visible()
    assert page.locator(".strokes path").count() == 0
    assert not any(seen(page)["input x"])
    figure.cleared += 1
    for name, text in printed(page.locator("figure")).items():
        assert float(text) == pytest.approx(figure.numbers()[name], abs=0.3)
    draw_by_mouse(page, [(0.5, 0.5)])  # a dot
    expect(invitation).to_be_hidden()
    assert any(seen(page)["input x"])
    assert "NaN" not in page.locator("figure").inner_text()
    assert not troubles


def test_sample_again_changes_z_and_not_q(model, data, open_page):
    figure = DrawDigit(model, data, chosen=30)
    page, _ = open_page(figure)
    pictures, numbers, place = seen(page), printed(page.locator("figure")), ellipse(page)
    page.get_by_role("button", name="sample again").press("Space")
    painted(page)
    again, then = seen(page), printed(page.locator("figure"))
    assert again["decoded z"] != pictures["decoded z"]
    assert again["decoded μ"] == pictures["decoded μ"]
    assert ellipse(page) == place
    assert {name for name in then if then[name] != numbers[name]} == {"reconstruction_of_z"}
    figure.draws += 1
    assert float(then["reconstruction_of_z"]) == pytest.approx(figure.numbers()["reconstruction_of_z"], abs=0.3)


def test_every_control_moves_by_key(model, data, open_page):
    page, troubles = open_page(DrawDigit(model, data))
    assert_every_control_moves(page, page.locator("figure"))
    assert not troubles


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=lambda likelihood: type(likelihood).__name__)
def test_printed_numbers_add_up(likelihood, data, open_page):
    page, _ = open_page(DrawDigit(trained(data, likelihood, 3), data))
    for _ in range(20):
        page.get_by_role("slider").press("ArrowRight")
        painted(page)
        n = {name: round(100 * float(text)) for name, text in printed(page.locator("figure")).items()}
        assert n["reconstruction"] - n["kl"] == n["elbo"]


def test_one_pointer_draws_at_a_time_and_only_its_main_button(model, data, open_page):
    page, troubles = open_page(DrawDigit(model, data))
    before = seen(page)
    (x, y), (u, v) = points_on(page.locator(".drawing-pad"), [(0.3, 0.3), (0.6, 0.6)])
    page.mouse.move(x, y)
    page.mouse.down(button="right")
    page.mouse.move(u, v)
    page.mouse.up(button="right")
    page.mouse.move(x, y)
    painted(page)
    assert seen(page) == before
    page.mouse.down()
    page.mouse.move(u, v + 2000)  # beyond the edge, where it draws along it
    page.mouse.up()
    page.mouse.move(u, v)
    painted(page)
    assert page.locator(".strokes path").count() == 1
    lowest = page.locator(".strokes path").evaluate("path => path.getBBox().y + path.getBBox().height")
    assert lowest == pytest.approx(page.locator(".paper").evaluate("paper => paper.height.baseVal.value"))
    assert not troubles


@pytest.mark.parametrize("size", [1e-3, 30, 1e4])
def test_the_plane_holds_q_wherever_it_is(size, data, open_page):
    model = VAE((8, 8), 2, (16,), likelihood=Bernoulli(), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.encoder[-1].weight[:2] *= size
        model.encoder[-1].bias[2:] -= 4
    page, troubles = open_page(DrawDigit(model, data))
    draw_by_mouse(page)
    if size < 1e3:  # beyond, there is no scale for it
        x, y = (float(value) for value in ellipse(page)[:2])
        assert 30 <= x <= 322
        assert 26 <= y <= 318
    assert "NaN" not in page.locator("figure").inner_html()
    assert not troubles


def test_the_lens_is_there_for_a_narrow_posterior_alone(data, open_page):
    model = VAE((8, 8), 2, (16,), likelihood=Bernoulli(), generator=torch.Generator().manual_seed(0))
    wide = DrawDigit(model, data)
    with torch.no_grad():
        model.encoder[-1].bias[2:] -= 7
    page, _ = open_page(wide, DrawDigit(model, data))
    lenses = page.locator(".lens").all()
    expect(lenses[0]).to_be_hidden()
    expect(lenses[1]).to_be_visible()
    radii = [
        float(r)
        for r in page.locator("figure")
        .nth(1)
        .locator("svg svg svg ellipse")
        .evaluate_all("all => all.map(e => e.getAttribute('rx'))")
    ]
    assert min(radii) > 5


def test_the_html_carries_all_it_needs_once(model, data, for_a_page):
    figure = DrawDigit(model, data)
    html = figure._repr_mimebundle_()[0]["text/html"]
    for content in figure.weights.values():
        assert html.count(content) == 1
    assert len(html) < 350_000


def test_images_of_any_shape(open_page):
    noise = random_data((12, 20))
    page, troubles = open_page(DrawDigit(VAE((12, 20), 2, (16,), likelihood=Bernoulli()), noise))
    box = page.locator(".drawing-pad").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(20 / 12, rel=0.03)
    draw_by_mouse(page)
    assert len(seen(page)["input x"]) == 240
    assert not troubles


def test_the_still_picture_follows_what_is_drawn(model, data):
    figure = DrawDigit(model, data)
    before = figure.still()
    assert Image.open(io.BytesIO(before)).size == (1400, 700)
    figure.drawing = to_bytes(interpolate(torch.eye(4)[None, None], size=(8, 8))[0, 0])
    assert figure.still() != before


def test_the_still_prints_what_the_page_prints(model, data, drawing_of, open_page):
    figure = DrawDigit(model, data)
    below = numbers_below(drawing_of(figure))
    page, _ = open_page(figure)
    texts = printed(page.locator("figure")).values()
    assert len(below) == 4
    assert below == pytest.approx([float(text) for text in texts], abs=0.1)  # the page has rounded weights


def test_numerals_of_the_still_can_be_read(model, data, drawing_of):
    axes = drawing_of(DrawDigit(model, data)).axes
    numerals = [text for ax in axes for text in ax.texts if text.get_text().isdigit()]
    assert len(numerals) == 10
    for numeral in numerals:
        assert contrast(255 * np.array(numeral.get_color()), [255, 255, 255]) >= 4.5


def test_numerals_of_the_page_can_be_read(model, data, open_page):
    page, _ = open_page(DrawDigit(model, data))
    fills = page.locator(".numeral").evaluate_all("all => all.map(e => getComputedStyle(e).fill)")
    colours = [[255 * float(part) for part in re.findall(r"\d?\.\d+|\d+", fill)] for fill in fills]
    assert contrast(colours, [255, 255, 255]).min() >= 4.5


def test_a_drawing_in_jupyterlab_reaches_python_and_both_views(lab):
    page, written = lab("DrawDigit")
    outputs = page.locator(".jp-OutputArea-output:has(.drawing-pad)")
    expect(outputs).to_have_count(2, timeout=60_000)
    outputs.first.locator(".paper").hover(position={"x": 60, "y": 50})
    page.mouse.down()
    outputs.first.locator(".paper").hover(position={"x": 90, "y": 150})
    page.mouse.up()
    assert len(written("drawing")) == len(draw_digit().state()["_images"][0])
    expect(outputs.first.locator(".strokes path")).to_have_count(1)
    one, other = (output.locator("dl").inner_text() for output in outputs.all())
    assert one == other
    outputs.first.get_by_role("button", name="clear").click()
    expect(outputs.first.get_by_text("draw something")).to_be_visible(timeout=60_000)
    expect(outputs.last.get_by_text("draw something")).to_be_visible(timeout=60_000)
