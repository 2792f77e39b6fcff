"""The latent explorer: its frames and numbers, what it refuses, and how its maps behave in a browser."""

import itertools
import math
import re

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from live_figures import (
    assert_every_control_moves,
    contrast,
    digits,
    drawn,
    html_of,
    latent_explorer,
    painted,
    printed,
    scrolled,
    set_sliders,
    sliders_of,
    small_models,
    swipe,
)
from playwright.sync_api import expect
from sklearn.decomposition import PCA
from torch import Generator
from torch.distributions import Normal
from traitlets import TraitError

from vae_lessons import VAE, Autoencoder, Bernoulli, Classifier, ContinuousBernoulli, ImageData
from vae_lessons.figures import LatentExplorer
from vae_lessons.figures.latent_explorer.latent_maps import coordinates, map_codes, principal_directions
from vae_lessons.figures.runtime.controls import controls_of
from vae_lessons.figures.runtime.pack import pack_decoder

HOSTILE = "</script><script>window.hacked = 1</script><!-- <b> \" ' $x$ &amp;"


def models_of(latent_dim=2):
    return small_models(latent_dim)


def explorer(latent_dim=2, names=("autoencoder", "MSE VAE", "BCE VAE"), **values):
    models = models_of(latent_dim)
    return LatentExplorer({name: models[name] for name in names}, digits(), **values)


def codes_of(model, images):
    """The test codes, by the network itself."""
    with torch.no_grad():
        return model.encoder(images.flatten(1))[:, : model.latent_dim].double()


# Frames.


def test_a_vae_is_explored_in_z_itself():
    model = models_of()["MSE VAE"]
    frame = coordinates(model, codes_of(model, digits().test))
    z = torch.randn(5, 2, generator=Generator().manual_seed(0), dtype=torch.float64)
    assert torch.equal(frame.code_at(z), z)
    assert torch.equal(frame.position_of(z), z)


@pytest.mark.check
def test_an_autoencoder_is_explored_in_standard_deviations_of_its_codes():
    model = models_of(5)["autoencoder"]
    codes = codes_of(model, digits().test)
    frame = coordinates(model, codes)
    positions = frame.position_of(codes)
    assert positions.mean(dim=0) == pytest.approx(np.zeros(5), abs=1e-9)
    assert positions.std(dim=0, correction=0) == pytest.approx(np.ones(5), abs=1e-9)
    one = torch.eye(5, dtype=torch.float64)[2]
    assert frame.code_at(one) - codes.mean(dim=0) == pytest.approx((codes.std(dim=0, correction=0) * one).numpy())


def test_principal_directions_are_those_of_sklearn():
    codes = codes_of(models_of(5)["BCE VAE"], digits().test)
    frame, pca = principal_directions(codes), PCA().fit(codes.numpy())
    directions = frame.directions.numpy()
    assert np.abs(directions @ pca.components_.T) == pytest.approx(np.eye(5), abs=1e-6)
    assert directions @ directions.T == pytest.approx(np.eye(5), abs=1e-9)
    assert (directions[np.arange(5), np.abs(directions).argmax(axis=1)] > 0).all()
    biased = pca.explained_variance_ * (len(codes) - 1) / len(codes)
    assert frame.scales.square() == pytest.approx(biased, rel=1e-9)
    assert (frame.scales.diff() < 0).all()
    assert frame.code_at(frame.position_of(codes)) == pytest.approx(codes.numpy())
    assert frame.position_of(codes).T.cov(correction=0) == pytest.approx(np.eye(5), abs=1e-9)


def test_codes_that_do_not_vary_have_a_frame_too():
    codes = torch.zeros(4, 3, dtype=torch.float64)
    codes[:, 0] = torch.arange(4)
    for frame in (principal_directions(codes), coordinates(models_of(5)["autoencoder"], codes[:, :1].expand(4, 5))):
        assert (frame.scales > 0).all()
    assert principal_directions(codes).scales[1:].tolist() == [1, 1]
    assert principal_directions(codes[:1]).scales.tolist() == [1, 1, 1]


def test_a_map_takes_codes_from_any_precision_of_model():
    model = VAE((8, 8), 2, (4,), likelihood=Bernoulli()).double()
    latent = map_codes(model, digits().test, torch.arange(3))
    assert latent.codes.shape == (3, 2)
    assert latent.image_at("coordinates", torch.zeros(2, dtype=torch.float64)).shape == (8, 8)


# Values and numbers.


@pytest.mark.check
def test_there_is_a_slider_for_each_dimension():
    assert list(controls_of(explorer(1))) == ["z1", "test_codes"]
    assert list(controls_of(explorer(2))) == ["z1", "z2", "test_codes"]
    five = controls_of(explorer(5))
    directions, zs = [f"direction{i}" for i in range(1, 6)], [f"z{i}" for i in range(1, 6)]
    assert list(five) == [*directions, *zs, "principal_directions", "test_codes"]
    assert [five[name].shown_if for name in (directions[0], zs[0])] == [
        ("principal_directions", True),
        ("principal_directions", False),
    ]
    assert [five[name].label for name in ("direction2", "z2")] == ["direction 2", "z₂"]
    assert controls_of(explorer(1))["z1"].label == "z"


def test_each_explorer_has_its_own_sliders():
    small, large = explorer(1), explorer(5)
    assert not hasattr(small, "z2")
    large.z5 = 2.0
    assert isinstance(small, LatentExplorer)
    assert isinstance(large, LatentExplorer)


def test_python_sees_the_codes():
    figure = explorer(2, z1=0.5, z2=-1.0)
    codes = figure.codes
    assert list(codes) == ["autoencoder", "MSE VAE", "BCE VAE"]
    assert codes["MSE VAE"].tolist() == codes["BCE VAE"].tolist() == [0.5, -1.0]
    own = codes_of(models_of()["autoencoder"], digits().test)
    expected = own.mean(dim=0) + torch.tensor([0.5, -1.0]) * own.std(dim=0, correction=0)
    assert codes["autoencoder"] == pytest.approx(expected.numpy(), abs=1e-5)
    assert codes["autoencoder"].dtype == torch.float32  # what `decode` takes
    models_of()["autoencoder"].decode(codes["autoencoder"].unsqueeze(0))


def test_a_single_model_has_the_name_of_its_kind():
    for name, kind in (("autoencoder", "autoencoder"), ("BCE VAE", "VAE")):
        figure = LatentExplorer(models_of()[name], digits())
        assert list(figure.codes) == [kind]


def test_with_principal_directions_the_sliders_lead_along_them():
    figure = explorer(5, names=("MSE VAE",), direction2=1.0)
    own = codes_of(models_of(5)["MSE VAE"], digits().test)
    pca = PCA().fit(own.numpy())
    step = figure.codes["MSE VAE"].numpy() - own.mean(dim=0).numpy()
    assert abs(step @ pca.components_[1]) == pytest.approx(np.linalg.norm(step), rel=1e-4)
    assert np.linalg.norm(step) == pytest.approx(math.sqrt(pca.explained_variance_[1]), rel=0.01)
    figure.principal_directions = False
    assert figure.codes["MSE VAE"].tolist() == [0.0] * 5
    figure.z4 = -2.0
    assert figure.codes["MSE VAE"].tolist() == [0, 0, 0, -2.0, 0]


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_the_numbers_by_another_route(latent_dim):
    figure = explorer(latent_dim)
    names = [name for name in sliders_of(figure) if latent_dim < 3 or name.startswith("direction")]
    for name, value in zip(names, (0.65, -1.2, 0.3, 2, -0.1), strict=False):
        setattr(figure, name, value)
    for name, model in models_of(latent_dim).items():
        codes, code = codes_of(model, digits().test).numpy(), figure.codes[name].double().numpy()
        if latent_dim > 2:
            spread = PCA(whiten=True).fit(codes)
            codes, code = spread.transform(codes), spread.transform(code[None])[0]
        elif isinstance(model, Autoencoder):
            codes, code = codes / codes.std(axis=0), code / codes.std(axis=0)
        distances = np.linalg.norm(codes - code, axis=1)
        numbers = figure.numbers()
        assert numbers[f"{name}: distance"] == pytest.approx(distances.min(), rel=0.01, abs=1e-4)
        assert numbers[f"{name}: nearest class"] == digits().test_labels[distances.argmin()]
        if isinstance(model, VAE):
            expected = Normal(0.0, 1.0).log_prob(figure.codes[name]).sum()
            assert numbers[f"{name}: log p(z)"] == pytest.approx(float(expected), abs=1e-4)
        else:
            assert f"{name}: log p(z)" not in numbers


def test_five_hundred_images_are_shown_at_most_from_all_of_the_test_set():
    data = digits()
    many = ImageData("many", data.train, data.train_labels, data.train, data.train_labels)
    figure = LatentExplorer(models_of()["MSE VAE"], many)
    assert figure.state()["_test"]["labels"][-1] == int(many.test_labels[-1])
    assert len(figure.state()["_test"]["labels"]) == 500
    few = ImageData("few", data.train, data.train_labels, data.test[:2], data.test_labels[:2])
    assert len(LatentExplorer(models_of(5)["MSE VAE"], few).state()["_test"]["labels"]) == 2


@pytest.mark.parametrize("latent_dim", [2, 5])
@pytest.mark.parametrize("names", [("autoencoder",), ("autoencoder", "BCE VAE")])
def test_caption_alt_and_still_fit_the_models(latent_dim, names):
    figure = explorer(latent_dim, names)
    assert ("z itself" in figure.caption) == any("VAE" in name for name in names)
    assert ("standard deviations of its codes" in figure.caption) == ("autoencoder" in names)
    assert ("principal directions" in figure.caption.lower()) == (latent_dim > 2)
    assert all(name in figure.alt() for name in names)
    before = figure.still()
    figure.test_codes = False
    assert figure.still() != before


# What is refused.


def not_finite():
    model = VAE((8, 8), 2, (4,), likelihood=Bernoulli())
    with torch.no_grad():
        model.decoder[0].weight[0, 0] = math.nan
    return model


def two(one, other):
    return lambda: {"one": one, "other": other}


REFUSED = [
    (lambda: [1], digits, TypeError, "models must be an Autoencoder, a VAE, or a dict of some by name, got list"),
    (lambda: Classifier((8, 8)), digits, TypeError, "models must be an Autoencoder or a VAE of this package"),
    (
        lambda: {"a": None},
        digits,
        TypeError,
        "models['a'] must be an Autoencoder or a VAE of this package, got NoneType",
    ),
    (dict, digits, ValueError, "models must hold at least one model, got an empty dict"),
    (not_finite, digits, ValueError, "models must have finite weights, got decoder.0.weight with NaN or infinity"),
    (
        two(Autoencoder((8, 8), 2), Autoencoder((8, 8), 3)),
        digits,
        ValueError,
        "models must have one latent_dim, got {'one': 2, 'other': 3}",
    ),
    (
        two(Autoencoder((8, 8), 2), Autoencoder((8, 4), 2)),
        digits,
        ValueError,
        "models must have one image_shape, got {'one': (8, 8), 'other': (8, 4)}",
    ),
    (
        lambda: Autoencoder((28, 28), 2),
        digits,
        ValueError,
        "data must have images of the models' shape (28, 28), got (8, 8)",
    ),
    (
        lambda: Autoencoder((8, 8), 2),
        lambda: digits().test,
        TypeError,
        "data must be an ImageData, such as load_images() gives, got Tensor",
    ),
]


@pytest.mark.parametrize(("make_models", "make_data", "error", "message"), REFUSED)
def test_what_cannot_be_explored_is_refused_and_said_why(make_models, make_data, error, message):
    with pytest.raises(error, match=re.escape(message)):
        LatentExplorer(make_models(), make_data())


def test_positions_are_checked():
    with pytest.raises(TypeError, match=re.escape("positions must be of z1, z2, test_codes, got q, z3")):
        explorer(2, z3=1.0, q=0)
    with pytest.raises(TraitError, match=r"z1 must be a number from -3 to 3, got 3\.1"):
        explorer(2, z1=3.1)
    with pytest.raises(TraitError, match="test_codes"):
        explorer(2, test_codes="yes")


# In a browser.

INK = """canvas => Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data)
    .filter((_, i) => i % 4 === 3)"""


def ink(canvas):
    """The pixels of a canvas, 0 paper and 1 ink: (H * W,)."""
    return np.array(canvas.evaluate(INK)) / 255


def assert_images_are_pytorchs(figure, page, view):
    painted(page)
    images = figure.snapshot().images.values()
    for image, columns in zip(images, view.locator(".live-figure-model").all(), strict=True):
        shown = ink(columns.locator(".live-figure-images canvas").first)
        assert np.abs(shown - image.flatten().numpy()).mean() < 1.5 / 255  # of which one is the canvas's own rounding


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_with_any_dimension_the_page_shows_what_pytorch_decodes(latent_dim, open_page):
    figure = explorer(latent_dim)
    page, troubles = open_page(figure)
    view = page.locator("figure.live-figure")
    for values in ([0] * 10, [1.5, -0.5, 2, 0.25, -2, 0, 0, 1, 1, 1], [-3] * 10, [3] * 10):
        chosen = dict(zip(sliders_of(figure), values, strict=False))
        set_sliders(page, view, list(chosen.values()))
        for name, value in chosen.items():
            setattr(figure, name, value)
        assert_images_are_pytorchs(figure, page, view)
    if latent_dim > 2:
        page.get_by_label("principal directions").uncheck()
        figure.principal_directions = False
        assert_images_are_pytorchs(figure, page, view)
    assert not troubles


@pytest.mark.parametrize(
    ("latent_dim", "names"), [(1, ("BCE VAE",)), (5, ("autoencoder",)), (5, ("autoencoder", "MSE VAE"))]
)
def test_every_control_does_something_in_other_dimensions_too(latent_dim, names, open_page):
    figure = explorer(latent_dim, names)
    for name in sliders_of(figure):
        setattr(figure, name, 2.0)
    page, troubles = open_page(figure, reduced_motion="reduce")
    assert_every_control_moves(page, page.locator("figure.live-figure"))
    assert not troubles


def test_labels_are_those_of_the_sliders_in_use(open_page):
    page, _ = open_page(explorer(5))
    axes = page.locator(".live-figure-map").first.locator(".live-figure-axis")
    assert axes.first.locator("span").all_inner_texts() == ["−3", "direction 2", "3"]
    assert axes.last.locator("span").all_inner_texts() == ["−3", "direction 1", "3"]
    expect(page.get_by_role("slider", name="direction 5")).to_be_visible()
    page.get_by_label("principal directions").uncheck()
    assert [axis.locator("span").nth(1).inner_text() for axis in axes.all()] == ["z₂", "z₁"]
    expect(page.get_by_role("slider", name="z₅")).to_be_visible()
    assert page.get_by_role("slider").count() == 5


def place_on(pad, x, y):
    """Where on the page a position is that a pad shows."""
    box = pad.bounding_box()
    return box["x"] + (x + 3) / 6 * box["width"], box["y"] + (3 - y) / 6 * box["height"]


def values_of(page):
    shown = page.locator(".live-figure-value:visible").all_inner_texts()
    return [float(text.replace("\N{MINUS SIGN}", "-")) for text in shown]


@pytest.mark.parametrize("means", ["mouse", "finger"])
@pytest.mark.parametrize("which", [0, 2])
def test_all_of_a_map_can_be_dragged_on(means, which, open_page):
    page, troubles = open_page(explorer(2), has_touch=means == "finger", width=390 if means == "finger" else 1000)
    view = page.locator("figure.live-figure")
    pad = view.locator(".pad").nth(which)
    pad.scroll_into_view_if_needed()
    before, scrolled = drawn(view), page.evaluate("scrollY")
    points = [place_on(pad, -1, 2), place_on(pad, 0.5, 1), place_on(pad, 2, -1.5)]
    if means == "finger":
        swipe(page, points)
    else:
        page.mouse.move(*points[0])
        page.mouse.down()
        painted(page)
        assert values_of(page) == pytest.approx([-1, 2], abs=0.05)  # it need not be dragged to
        page.mouse.move(*points[1], steps=3)
        page.mouse.move(*points[2], steps=3)
        page.mouse.up()
        page.mouse.move(*points[0])
    painted(page)
    assert values_of(page) == pytest.approx([2, -1.5], abs=0.08)
    assert drawn(view) != before
    assert page.evaluate("scrollY") == scrolled
    rings = view.locator(".knob").all()
    at = {(ring.get_attribute("cx"), ring.get_attribute("cy")) for ring in rings}
    assert len(at) == 1 < len(rings)  # the cross-hairs of all maps went along
    figure = explorer(2, z1=values_of(page)[0], z2=values_of(page)[1])
    assert_images_are_pytorchs(figure, page, view)
    assert not troubles


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_a_finger_far_from_the_point_scrolls_the_page_or_taps(latent_dim, open_page):
    page, troubles = open_page(explorer(latent_dim), explorer(latent_dim), width=360, has_touch=True)
    view = page.locator("figure.live-figure").first
    pad, start = view.locator(".pad").nth(1), [0.0] * latent_dim
    picture, numbers = drawn(view), printed(view)
    for across in (5, -5, 20):  # fingers do not go straight up
        x, y = place_on(pad, -2.4, -2.4)
        swipe(page, [(x + across * step / 12, y - 12 * step) for step in range(13)])
        scrolled(page, 80)
        page.evaluate("scrollTo(0, 0)")
        assert (values_of(page)[:latent_dim], drawn(view), printed(view)) == (start, picture, numbers)
    page.touchscreen.tap(*place_on(pad, -2.4, -2.4))
    painted(page)
    assert values_of(page)[:latent_dim] == pytest.approx([-2.4] * latent_dim, abs=0.06)
    x, y = place_on(pad, 2.4, 2.4)
    swipe(page, [(x - step, y + step / 3) for step in range(0, 60, 5)])
    painted(page)
    box = pad.bounding_box()
    end = [2.4 - 55 * 6 / box["width"], 2.4 - 55 / 3 * 6 / box["height"]]
    assert values_of(page)[:latent_dim] == pytest.approx(end[:latent_dim], abs=0.06)
    assert page.evaluate("scrollY") == 0
    assert not troubles


def test_a_finger_near_the_point_drags_it_up_and_down(open_page):
    page, _ = open_page(explorer(2), explorer(2), width=360, has_touch=True)
    pad = page.locator(".pad").first
    x, y = place_on(pad, 1, 1)
    swipe(page, [(x, y + step) for step in range(0, 61, 10)])
    painted(page)
    assert values_of(page)[:2] == pytest.approx([1, 1 - 60 * 6 / pad.bounding_box()["height"]], abs=0.06)
    assert page.evaluate("scrollY") == 0


def test_a_mouse_moves_the_point_at_once_wherever_it_is_pressed(open_page):
    page, _ = open_page(explorer(2), width=360, has_touch=True)
    page.mouse.move(*place_on(page.locator(".pad").first, -2.4, 2.4))
    page.mouse.down()
    painted(page)
    assert values_of(page) == pytest.approx([-2.4, 2.4], abs=0.06)


def test_a_strip_is_dragged_along(open_page):
    page, _ = open_page(explorer(1))
    pad = page.locator(".pad").first
    page.mouse.move(*place_on(pad, 0, -2.5))
    page.mouse.down()
    page.mouse.move(*place_on(pad, -1.5, 2.5), steps=3)
    page.mouse.up()
    painted(page)
    assert values_of(page) == pytest.approx([-1.5], abs=0.05)


def test_beyond_the_edge_the_position_stays_at_it(open_page):
    page, _ = open_page(explorer(2))
    pad = page.locator(".pad").first
    page.mouse.move(*place_on(pad, 2, 2))
    page.mouse.down()
    page.mouse.move(*place_on(pad, 4, 3.4), steps=3)
    page.mouse.up()
    painted(page)
    assert values_of(page) == [3, 3]


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_at_the_edge_the_ring_is_seen_whole(latent_dim, open_page):
    page, _ = open_page(explorer(latent_dim))
    view, ends = page.locator("figure.live-figure"), [3.0, -3.0][:latent_dim]
    set_sliders(page, view, ends)
    for field in view.locator(".live-figure-field").all():
        box, ring = field.bounding_box(), field.locator(".knob").bounding_box()
        for side, length in (("x", "width"), ("y", "height")):
            assert box[side] <= ring[side] <= box[side] + box[length] - ring[length]
    assert page.locator(".hair").first.get_attribute("d").startswith("M200,0V")  # the lines show where it is


def test_numerals_lie_apart(open_page):
    page, _ = open_page(explorer(2))
    for svg in page.locator(".live-figure-field > svg").all():
        at = svg.locator(".numeral").evaluate_all("all => all.map(e => ['x', 'y'].map(a => +e.getAttribute(a)))")
        assert min(math.dist(one, other) for one, other in itertools.combinations(at, 2)) > 10


def test_a_screen_reader_is_told_of_each_model_by_name(open_page):
    page, _ = open_page(explorer(2))
    page.get_by_role("slider").first.press("ArrowRight")
    vae = r"MSE VAE: nearest class .*; MSE VAE: log prior -1\.839 nats; .*"
    spoken = r"autoencoder: nearest class \d, [\d.]+ away; " + vae
    expect(page.locator("[aria-live=polite]")).to_have_text(re.compile(spoken))
    expect(page.locator("[aria-live=polite]")).not_to_contain_text("no prior")


def shown_images(figure):
    """The test images on the maps."""
    images = digits().test
    return images[torch.linspace(0, len(images) - 1, len(figure.snapshot().labels)).round().long()]


def a_lonely_dot(figure, name):
    """Index and position of a test image that no other is near to, and well inside the map."""
    snapshot = figure.snapshot()
    latent = snapshot.maps[name]
    positions = latent.frames[snapshot.frame].position_of(latent.codes)[:, :2]
    distances = torch.cdist(positions, positions).fill_diagonal_(math.inf).min(dim=1).values
    distances[(positions.abs() > 2.5).any(dim=1)] = 0
    return int(distances.argmax()), positions[distances.argmax()].tolist()


@pytest.mark.parametrize("means", ["mouse", "finger"])
def test_pointing_at_a_dot_shows_its_image(means, open_page):
    figure = explorer(2)
    page, troubles = open_page(figure, has_touch=means == "finger")
    column = page.locator(".live-figure-model").nth(1)
    tip, pad = column.locator(".live-figure-tip"), column.locator(".pad")
    expect(tip).to_be_hidden()
    index, position = a_lonely_dot(figure, "MSE VAE")
    place = place_on(pad, *position)
    if means == "finger":
        page.touchscreen.tap(*place)
        assert values_of(page) == pytest.approx(position, abs=0.06)
    else:
        page.mouse.move(*place)
        assert values_of(page) == [0, 0]  # pointing moves nothing
    expect(tip).to_be_visible()
    expect(tip).to_have_text(str(int(figure.snapshot().labels[index])))
    painted(page)
    image = figure.state()["_test"]["images"]
    assert image["shape"] == [8, 8]
    shown = shown_images(figure)[index]
    assert np.abs(ink(tip.locator("canvas")) - shown.flatten().numpy()).max() < 1 / 28
    page.get_by_role("checkbox", name="test codes").uncheck()
    expect(tip).to_be_hidden()
    page.mouse.move(place[0] + 1, place[1])
    page.mouse.move(*place)
    expect(tip).to_be_hidden()
    assert not troubles


def test_the_image_goes_when_the_mouse_does(open_page):
    figure = explorer(2)
    page, _ = open_page(figure)
    column = page.locator(".live-figure-model").first
    page.mouse.move(*place_on(column.locator(".pad"), *a_lonely_dot(figure, "autoencoder")[1]))
    expect(column.locator(".live-figure-tip")).to_be_visible()
    page.mouse.move(5, 5)
    expect(column.locator(".live-figure-tip")).to_be_hidden()


def test_after_a_tap_the_image_goes_when_anything_else_is_pressed(open_page):
    figure = explorer(2)
    page, _ = open_page(figure, has_touch=True)
    first, second = (page.locator(".live-figure-model").nth(i) for i in (0, 1))
    tips = [column.locator(".live-figure-tip") for column in (first, second)]
    places = [
        place_on(column.locator(".pad"), *a_lonely_dot(figure, name)[1])
        for column, name in ((first, "autoencoder"), (second, "MSE VAE"))
    ]
    for elsewhere in (page.locator("figcaption"), page.get_by_role("slider").first, first.locator("canvas").nth(1)):
        page.touchscreen.tap(*places[0])
        expect(tips[0]).to_be_visible()
        elsewhere.tap()
        expect(tips[0]).to_be_hidden()
    page.touchscreen.tap(*places[0])
    page.touchscreen.tap(*places[1])
    expect(tips[0]).to_be_hidden()
    expect(tips[1]).to_be_visible()


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_the_image_is_on_the_map_and_not_on_what_was_touched(latent_dim, open_page):
    figure = explorer(latent_dim)
    page, _ = open_page(figure, width=360, has_touch=True)
    column = page.locator(".live-figure-model").first
    pad, tip = column.locator(".pad"), column.locator(".live-figure-tip")
    box = pad.bounding_box()
    shown = 0
    for u, v in itertools.product((0.02, 0.2, 0.35, 0.5, 0.65, 0.8, 0.98), repeat=2):
        x, y = box["x"] + u * box["width"], box["y"] + v * box["height"]
        page.touchscreen.tap(x, y)
        painted(page)
        if not tip.is_visible():
            continue
        shown += 1
        image = tip.bounding_box()
        for side, length in (("x", "width"), ("y", "height")):
            assert box[side] - 2 <= image[side] <= box[side] + box[length] - image[length] + 2
        assert not image["y"] - 4 <= y <= image["y"] + image["height"] + 4
    assert shown > 10


def test_beside_the_decoded_image_is_the_test_image_with_the_nearest_code(open_page):
    figure = explorer(2, z1=0.8, z2=0.4)
    page, _ = open_page(figure)
    painted(page)
    position = torch.tensor([0.8, 0.4], dtype=torch.float64)
    for name, column in zip(figure.snapshot().maps, page.locator(".live-figure-model").all(), strict=True):
        index, distance = figure.snapshot().maps[name].nearest("coordinates", position)
        shown = shown_images(figure)[index]
        assert np.abs(ink(column.locator(".live-figure-images canvas").last) - shown.flatten().numpy()).max() < 1 / 28
        text = printed(page.locator("figure.live-figure"))[f"{name}: nearest"]
        assert text == f"{figure.snapshot().labels[index]}, {distance:.3f} away"


def test_hostile_names_are_only_text(open_page):
    model = models_of()["MSE VAE"]
    figure = LatentExplorer({HOSTILE: model, "__proto__": model}, digits(), caption=HOSTILE)
    page, troubles = open_page(figure)
    view = page.locator("figure.live-figure")
    assert view.locator(".live-figure-name").all_inner_texts() == [HOSTILE, "__proto__"]
    assert page.evaluate("window.hacked") is None
    set_sliders(page, view, (1, 1))
    assert printed(view)["__proto__: log p(z)"] == printed(view)[f"{HOSTILE}: log p(z)"]
    assert not troubles


def test_other_models_and_sizes(open_page):
    wide = ImageData(
        "wide", torch.rand(4, 3, 7), torch.tensor([0, 1, 2, 3]), torch.rand(3, 3, 7), torch.tensor([11, 2, 105])
    )
    models = {
        "deep": VAE((3, 7), 2, (6, 5, 4), likelihood=ContinuousBernoulli()),
        "straight": Autoencoder((3, 7), 2, ()),
    }
    figure = LatentExplorer(models, wide)
    page, troubles = open_page(figure)
    view = page.locator("figure.live-figure")
    assert_images_are_pytorchs(figure, page, view)
    assert view.locator(".live-figure-map").first.locator(".numeral").all_text_contents() == ["2", "11", "105"]
    assert not troubles


def test_all_is_within_reach_on_a_phone(open_page):
    page, _ = open_page(latent_explorer(), explorer(5, ("BCE VAE",)), explorer(1), width=360)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    for pad in page.locator(".pad").all():
        box = pad.bounding_box()
        assert min(box["width"], box["height"]) > 120
        assert pad.evaluate("e => getComputedStyle(e).touchAction") == "pan-y pinch-zoom"
    small = "all => all.map(e => parseFloat(getComputedStyle(e).fontSize))"
    assert min(page.locator(".live-figure-panels span").evaluate_all(small)) >= 11


# Its weights on a page, which other figures share.


def test_a_page_holds_each_network_once_for_each_figure(for_a_page):
    model = small_models()["MSE VAE"]
    html = html_of(latent_explorer())
    elements = BeautifulSoup(html, "html.parser").select("figure > script.live-figure-weights")
    assert len(elements) == 3
    assert pack_decoder(model).content in [element.string for element in elements]
    assert [html.count(element.string) for element in elements] == [1, 1, 1]  # not in the state too


def pixels(figure):
    return figure.locator("canvas").evaluate_all("all => all.map(canvas => canvas.toDataURL())")


def test_figures_on_one_page_find_weights_that_one_of_them_brought(open_page, tmp_path):
    page, troubles = open_page(latent_explorer(z1=1.0), latent_explorer(z1=-1.0))
    whole = (tmp_path / "0.html").read_text(encoding="utf-8")
    soup = BeautifulSoup(whole, "html.parser")
    for element in soup.select("figure")[1].select("script.live-figure-weights"):
        element.decompose()
    assert len(str(soup)) < len(whole)
    (tmp_path / "0.html").write_text(str(soup), encoding="utf-8")
    page.reload()
    first, second = page.locator("figure.live-figure").all()
    expect(second.locator(".live-figure-still")).to_be_hidden()
    for figure in (first, second):
        set_sliders(page, figure, (0.4, -0.6))
    painted(page)
    assert printed(first) == printed(second)
    assert pixels(first) == pixels(second)
    assert not troubles


def test_without_its_weights_a_figure_stays_still(open_page, tmp_path):
    page, troubles = open_page(latent_explorer())
    whole = (tmp_path / "0.html").read_text(encoding="utf-8")
    (tmp_path / "0.html").write_text(whole.replace('class="live-figure-weights"', ""), encoding="utf-8")
    with page.expect_console_message():
        page.reload()
    expect(page.locator("figure img")).to_be_visible()
    assert len(troubles) == 1


def test_dragging_on_a_map_in_jupyterlab_moves_sliders_and_python(lab):
    page, written = lab("LatentExplorer")
    output = page.locator(".jp-OutputArea-output:has(.live-figure-models)").first
    output.locator(".pad").nth(1).click(position={"x": 30, "y": 30}, timeout=60_000)
    readouts = output.locator(".widget-readout")
    expect(readouts.nth(1)).to_have_text("3.00", timeout=60_000)  # Python has seen z1, and moved z2
    z1 = float(readouts.first.inner_text().replace("\N{MINUS SIGN}", "-"))
    assert z1 < -1
    assert float(written("LatentExplorer")) == pytest.approx(z1)


def test_numerals_can_be_read(open_page):
    page, _ = open_page(latent_explorer())
    fills = page.locator(".numeral").evaluate_all("all => all.map(e => getComputedStyle(e).fill)")
    colours = [[255 * float(part) for part in re.findall(r"\d?\.\d+|\d+", fill)] for fill in fills]
    assert contrast(colours, [255, 255, 255]).min() >= 4.5
