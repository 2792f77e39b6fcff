"""Interpolation: its distances by another route, its pictures against PyTorch, and how it behaves under a hand."""

import itertools
import re

import numpy as np
import pytest
import torch
from live_figures import assert_every_control_moves, painted, printed, set_sliders, swipe
from playwright.sync_api import expect
from traitlets import TraitError

from vae_lessons import VAE, Autoencoder, Bernoulli, Classifier, ContinuousBernoulli, Gaussian, fit, load_images
from vae_lessons.data import ImageData
from vae_lessons.evaluation.metrics import nearest_distance, off_manifold
from vae_lessons.figures.interpolation.figure import Interpolation
from vae_lessons.figures.interpolation.walks import choose_images

ENDS = [(1, 2), (2, 1), (11, 0), (5, 5)]
PIXELS_OF = """all => all.map(canvas => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    const ink = Array.from({ length: height * width }, (_, i) => data[4 * i + 3]);
    return Array.from({ length: height }, (_, y) => ink.slice(y * width, (y + 1) * width));
})"""


@pytest.fixture(scope="module")
def data():
    return load_images("digits")


@pytest.fixture(scope="module")
def models(data):
    """An autoencoder and a VAE with different latent dimensions, trained for a moment."""
    generator = torch.Generator().manual_seed(0)
    models = {
        "autoencoder": Autoencoder(data.image_shape, 2, (32,), generator=generator),
        "VAE": VAE(data.image_shape, 5, (32,), likelihood=ContinuousBernoulli(), generator=generator),
    }
    for model in models.values():
        fit(model, data, epochs=5, seed=0)
        model.requires_grad_(False)
    return models


def pictures(model, images, first, second, t):
    """The walk of one model, or with none of the pixels, from its definition: (T, H, W)."""
    t = torch.tensor(t).view(-1, 1)
    if model is None:
        return (1 - t[..., None]) * images[first] + t[..., None] * images[second]
    z = model.encode(images)
    z = z[0] if isinstance(z, tuple) else z
    return model.decode((1 - t) * z[first] + t * z[second])


@pytest.fixture(scope="module")
def chosen(data):
    return data.test[choose_images(data.test_labels)]


# The images, and the distances.


def test_there_is_the_first_image_of_each_class_and_then_the_second_of_some(data):
    chosen = choose_images(data.test_labels)
    labels = data.test_labels.tolist()
    assert chosen[:10] == [labels.index(digit) for digit in range(10)]
    assert chosen[10:] == [labels.index(digit, labels.index(digit) + 1) for digit in range(2)]


def test_images_of_few_classes_take_turns_until_one_has_none_left():
    labels = torch.tensor([7, 7, 3] + 12 * [7])
    assert choose_images(labels) == [2, 0, 1, *range(3, 12)]


def test_distances_are_those_to_the_nearest_training_image(models, data, chosen):
    figure = Interpolation(models, data)
    t = [0.0, 0.05, 0.5, 0.85, 1.0]
    for figure.first, figure.second in ENDS:
        for name, model in {"pixels": None, **models}.items():
            walk = pictures(model, chosen, figure.first, figure.second, t)
            for figure.t, distance in zip(t, nearest_distance(walk, data.train).tolist(), strict=True):
                assert figure.numbers()[name] == pytest.approx(distance, abs=0.0051), (name, repr(figure))


def test_between_two_places_the_distance_is_interpolated(models, data):
    ends = [Interpolation(models, data, t=t).numbers() for t in (0.35, 0.4)]
    between = Interpolation(models, data, t=0.36).numbers()
    for name, value in between.items():
        assert value == pytest.approx(0.8 * ends[0][name] + 0.2 * ends[1][name])


def test_the_way_back_has_the_same_distances(models, data):
    figure = Interpolation(models, data)
    for figure.first, figure.second in itertools.combinations(range(12), 2):
        figure.t = 0.3
        there = figure.numbers()
        figure.first, figure.second, figure.t = figure.second, figure.first, 0.7
        assert figure.numbers() == pytest.approx(there)


def test_a_walk_that_goes_nowhere_is_flat(models, data):
    start, *later = [Interpolation(models, data, first=4, second=4, t=t).numbers() for t in (0, 0.33, 1)]
    for numbers in later:
        assert numbers == pytest.approx(start)


def test_the_limit_is_where_holes_begin_for_the_model_that_has_the_larger_one(models, data):
    limits = {name: Interpolation(model, data).numbers()["limit"] for name, model in models.items()}
    assert Interpolation(models, data).numbers()["limit"] == max(limits.values())
    for name, model in models.items():
        copies = model(data.test[:500])
        distances = nearest_distance(copies, data.train)
        clear = (distances - limits[name]).abs() > 0.01  # the limit is rounded
        holes = off_manifold(copies, copies, data.train)
        assert torch.equal(holes[clear], (distances > limits[name])[clear])


def test_one_model_is_named_for_what_it_is(models, data):
    for name, model in models.items():
        assert list(Interpolation(model, data).numbers()) == ["pixels", name, "limit"]


def test_it_tells_what_it_shows_and_can_be_observed(models, data):
    figure, seen = Interpolation(models, data, first=3, second=8, t=0.25), []
    assert repr(figure) == "Interpolation(first=3, second=8, t=0.25)"
    assert "of class 3 to one of class 8: pixels, autoencoder, VAE." in figure.alt()
    assert f"VAE {figure.numbers()['VAE']:.2f}" in figure.alt()
    before = figure.still()
    figure.observe(lambda change: seen.append(change["new"]), ["first", "t"])
    figure.t = 0.5
    assert figure.still() != before
    figure.first = np.int64(5)
    assert seen == [0.5, 5]
    assert type(figure.first) is int


# Errors.


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"t": 1.01}, "t must be a number from 0 to 1, got 1.01"),
        ({"first": 12}, "first must be a whole number from 0 to 11, got 12"),
        ({"second": 2.5}, "second must be a whole number from 0 to 11, got 2.5"),
        ({"second": "2"}, "second must be a whole number from 0 to 11, got '2'"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(values, message, models, data):
    with pytest.raises(TraitError, match=re.escape(message)):
        Interpolation(models, data, **values)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda m: Classifier((8, 8)), TypeError, "an Autoencoder or a VAE of this package, got Classifier"),
        (lambda m: m | {"judge": Classifier((8, 8))}, TypeError, "models['judge'] must be an Autoencoder or a VAE"),
        (lambda m: list(m.values()), TypeError, "got list"),
        (lambda m: {}, ValueError, "models must hold at least one model"),
        (lambda m: dict.fromkeys("abcde", m["VAE"]), ValueError, "models must be at most 4, got 5"),
        (lambda m: {"pixels": m["VAE"]}, ValueError, "must not be named 'pixels' or 'limit', got 'pixels'"),
        (lambda m: {1: m["VAE"]}, TypeError, "models must have strings as names, got 1"),
        (
            lambda m: m | {"large": Autoencoder((28, 28), 2)},
            ValueError,
            "models['large'] must be for images of the shape",
        ),
    ],
)
def test_models_that_cannot_be_walked_through_are_refused(change, error, message, models, data):
    with pytest.raises(error, match=re.escape(message)):
        Interpolation(change(models), data)


def test_data_without_images_to_choose_from_are_refused(models, data):
    with pytest.raises(TypeError, match="data must be an ImageData"):
        Interpolation(models, data.train)
    few = ImageData("few", data.train, data.train_labels, data.test[:11], data.test_labels[:11])
    with pytest.raises(ValueError, match="at least 12 test images of two or more classes, got 11 images of"):
        Interpolation(models, few)
    zeros = data.test[data.test_labels == 0][:20]
    alike = ImageData("alike", data.train, data.train_labels, zeros, torch.zeros(20, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"of two or more classes, got 20 images of 1 class$"):
        Interpolation(models, alike)


# In a browser.


@pytest.fixture
def on_page(open_page, models, data):
    """A page of one figure. Returns the page, the figure on it, and what went wrong."""

    def open_one(shown=models, values={}, **options):  # noqa: B006
        page, troubles = open_page(Interpolation(shown, data, **values), **options)
        return page, page.locator("figure.live-figure"), troubles

    return open_one


def images_on(figure, selector):
    """What canvases show, as ink (M, H, W)."""
    return torch.tensor(figure.locator(selector).evaluate_all(PIXELS_OF)) / 255


def standing(figure):
    return [slider.input_value() for slider in figure.get_by_role("slider").all()]


def test_javascript_computes_the_same_numbers(models, data, numbers_in_javascript):
    points = [
        Interpolation(models, data, first=first, second=second, t=t)
        for first, second in ENDS
        for t in (0.0, 0.07, 0.5, 0.93, 1.0)
    ]
    for point, found in zip(points, numbers_in_javascript(points), strict=True):
        assert found == pytest.approx(point.numbers(), rel=1e-9)


def test_every_control_moves_pictures_and_numbers(on_page):
    page, figure, troubles = on_page()
    assert_every_control_moves(page, figure)
    assert not troubles, "\n".join(troubles)


@pytest.mark.parametrize("t", [0.0, 0.37, 1.0])
def test_pictures_are_those_of_pytorch(t, on_page, models, data, chosen):
    page, figure, _ = on_page()
    for first, second in ENDS:
        set_sliders(page, figure, [first, second, t])
        shown = images_on(figure, ".walk > canvas")
        strips = images_on(figure, ".walk-strip > canvas")
        strips = strips.unflatten(2, (11, -1)).transpose(1, 2)[..., 1:-1, 1:-1]  # (walks, 11, H, W)
        for i, model in enumerate([None, *models.values()]):
            expected = pictures(model, chosen, first, second, [t])[0]
            assert (shown[i] - expected).abs().mean() < 1 / 255
            walk = pictures(model, chosen, first, second, torch.linspace(0, 1, 11).tolist())
            assert (strips[i] - walk).abs().mean() < 1 / 255


def test_a_walk_begins_and_ends_with_reconstructions(on_page, models, chosen):
    page, figure, _ = on_page()
    for t, end in [(0, 3), (1, 8)]:
        set_sliders(page, figure, [3, 8, t])
        shown = images_on(figure, ".walk > canvas")
        for picture, expected in zip(shown, [chosen, *(model(chosen) for model in models.values())], strict=True):
            assert (picture - expected[end]).abs().mean() < 1 / 255


@pytest.mark.parametrize("touch", [False, True])
def test_thumbnails_choose_the_ends(touch, on_page, chosen):
    page, figure, _ = on_page(has_touch=touch)
    rows = figure.locator(".walk-choices").all()
    assert (images_on(figure, ".walk-choices > canvas") - torch.cat([chosen, chosen])).abs().max() < 1 / 255
    numbers = printed(figure)
    for row, image in zip(rows, (7, 10), strict=True):
        thumbnail = row.locator("canvas").nth(image)
        thumbnail.tap() if touch else thumbnail.click()
        painted(page)
        assert row.locator(".chosen").count() == 1
        expect(thumbnail).to_have_class(re.compile("chosen"))
        assert printed(figure) != numbers
        numbers = printed(figure)
    assert standing(figure) == ["7", "10", "0.5"]


@pytest.mark.parametrize("finger", [False, True])
@pytest.mark.parametrize("place", [".walk-area >> nth=0", ".walk-area >> nth=2", "svg"])
def test_t_can_be_dragged_along_the_strips_and_the_curves(place, finger, on_page):
    page, figure, _ = on_page(has_touch=finger)
    figure.locator(place).scroll_into_view_if_needed()
    strip, area = (figure.locator(name).bounding_box() for name in (".walk-strip >> nth=0", place))
    y = area["y"] + area["height"] / 2
    middles = [strip["x"] + strip["width"] * (i + 0.5) / 11 for i in range(11)]
    if finger:
        swipe(page, [(x, y) for x in middles[5:8]])
    else:
        page.mouse.move(middles[5], y)
        page.mouse.down()
        page.mouse.move(middles[7], y, steps=4)
        page.mouse.up()
    painted(page)
    assert standing(figure) == ["1", "2", "0.7"]
    if not finger:
        page.mouse.move(middles[1], y)  # let go
        painted(page)
        assert standing(figure) == ["1", "2", "0.7"]
        page.mouse.click(middles[2], y)
        painted(page)
        assert standing(figure) == ["1", "2", "0.2"]


def test_what_is_written_beside_the_curves_moves_nothing_and_no_other_button_does(on_page):
    page, figure, _ = on_page()
    for name in ("limit", "VAE", "distance to the nearest training image"):
        figure.locator("svg").get_by_text(name, exact=True).click(position={"x": 9, "y": 5})
    box = figure.locator(".walk-area").first.bounding_box()
    for place in (box, figure.locator("svg .grip").bounding_box()):
        x, y = place["x"] + place["width"] / 4, place["y"] + place["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down(button="right")
        page.mouse.move(x + 40, y, steps=3)
        page.mouse.up(button="right")
    painted(page)
    assert standing(figure) == ["1", "2", "0.5"]


def test_sliders_tell_images_by_their_class(on_page):
    _, figure, _ = on_page(values={"first": 3, "second": 10})
    second = figure.get_by_role("slider", name="second")
    assert figure.locator(".live-figure-value").all_inner_texts() == ["3", "0 (2)", "0.50"]
    assert second.get_attribute("aria-valuetext") == "second image 0 (2)"
    second.press("ArrowLeft")
    assert second.get_attribute("aria-valuetext") == "second image 9"


def test_a_finger_that_scrolls_past_leaves_t_alone(on_page):
    page, figure, _ = on_page(width=360, has_touch=True)
    area = figure.locator(".walk-area").nth(1)
    area.scroll_into_view_if_needed()
    box, top = area.bounding_box(), page.evaluate("scrollY")
    x = box["x"] + box["width"] / 4
    swipe(page, [(x, box["y"] + 20 - step) for step in range(0, 200, 20)])
    page.wait_for_function("top => scrollY > top + 50", arg=top)
    assert standing(figure) == ["1", "2", "0.5"]


def assert_places_are_aligned(page, figure):
    """The frames on the strips and the line through the curves stand at one place, that of t."""
    strip = figure.locator(".walk-strip").first.bounding_box()
    marks = figure.locator(".walk-frame, svg .knob").all()
    middles = [box["x"] + box["width"] / 2 for box in (mark.bounding_box() for mark in marks)]
    t = float(standing(figure)[2])
    assert middles == pytest.approx([strip["x"] + strip["width"] * (10 * t + 0.5) / 11] * 4, abs=1.5)


def test_on_a_phone_all_is_legible_and_within_reach(on_page):
    page, figure, _ = on_page(width=360)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    texts = figure.locator("svg text")
    assert min(texts.evaluate_all("all => all.map(e => 13 * e.getScreenCTM().a)")) >= 11
    for target in figure.locator(".walk-choices > canvas, .walk-area, .live-figure-controls > *").all():
        box = target.bounding_box()
        assert min(box["width"], box["height"]) >= 43.9
    right = max(texts.evaluate_all("all => all.map(e => e.getBoundingClientRect().right)"))
    assert right <= 360
    areas = figure.locator(".walk-area, .walks > svg")
    actions = areas.evaluate_all("all => all.map(e => getComputedStyle(e).touchAction)")
    assert set(actions) == {"pan-y"}  # up and down scrolls the page
    assert_places_are_aligned(page, figure)


def test_places_stay_aligned_when_the_page_is_made_wider_or_narrower(on_page):
    page, figure, troubles = on_page(values={"t": 0.2})
    for width in (1200, 700, 420):
        page.set_viewport_size({"width": width, "height": 900})
        painted(page)
        assert_places_are_aligned(page, figure)
    set_sliders(page, figure, [1, 2, 0.8])
    assert_places_are_aligned(page, figure)
    assert not troubles


@pytest.mark.parametrize("count", [1, 4])
def test_one_model_and_four(count, on_page, models, data):
    likelihoods = [ContinuousBernoulli(), Bernoulli(), Gaussian()]
    others = [VAE(data.image_shape, 1 + i, (16,), likelihood=each) for i, each in enumerate(likelihoods)]
    names = ["autoencoder", "<b>VAE</b>", "limits", "toString"]
    shown = dict(list(zip(names, [models["autoencoder"], *others], strict=True))[:count])
    page, figure, troubles = on_page(shown)
    assert list(printed(figure)) == ["pixels", *names[:count], "limit"]
    assert figure.locator(".walk-name").all_inner_texts() == ["pixels", *names[:count]]
    heights = sorted(figure.locator("svg .name").evaluate_all("all => all.map(e => +e.getAttribute('y'))"))[1:-1]
    assert min(np.diff(heights)) > 12  # names lie beside one another, not on
    assert_every_control_moves(page, figure)
    assert not troubles, "\n".join(troubles)
