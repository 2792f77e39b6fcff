"""The shapes: every combination once, drawn where and as large as their factors say, and ready to train on."""

import math

import pytest
import torch

from vae_lessons import VAE, Bernoulli, fit
from vae_lessons.data import load_shapes
from vae_lessons.data.shapes import SHAPES, WIDTHS


@pytest.fixture(scope="module")
def shapes():
    return load_shapes()


@pytest.fixture(scope="module")
def grey():
    return load_shapes(32, binary=False)


def rows(data, **values) -> torch.Tensor:
    """Find the images whose factors have these values."""
    chosen = torch.ones(len(data.train), dtype=torch.bool)
    for name, value in values.items():
        chosen &= data.factors[:, data.factor_names.index(name)] == value
    return data.train[chosen].double()


def centre_of_mass(images: torch.Tensor) -> torch.Tensor:
    """Compute x and y, (N, 2), in pixels."""
    ticks = torch.arange(images.shape[-1]).double() + 0.5
    ink = images.sum(dim=(1, 2))
    return torch.stack([(images * ticks).sum(dim=(1, 2)) / ink, (images * ticks[:, None]).sum(dim=(1, 2)) / ink], dim=1)


def test_each_combination_occurs_once_and_all_images_differ(shapes):
    assert shapes.factors.shape == (729, 4)
    assert len(shapes.factors.unique(dim=0)) == 3 * 3 * 9 * 9
    assert len(shapes.train.flatten(1).unique(dim=0)) == 729
    assert (shapes.factors.amax(dim=0) + 1).tolist() == [3, 3, 9, 9]
    assert torch.equal(shapes.train_labels, shapes.factors[:, 0])
    assert set(shapes.train.unique().tolist()) == {0.0, 1.0}
    assert "729 images of 16 × 16 pixels; values of each factor: shape 3, scale 3, x 9, y 9" in str(shapes)


@pytest.mark.parametrize(("shape", "share"), [("disc", math.pi / 4), ("square", 1), ("triangle", 1 / 2)])
def test_the_ink_is_the_area(shape, share, grey):
    for scale, width in enumerate(WIDTHS):
        ink = rows(grey, shape=SHAPES.index(shape), scale=scale).sum(dim=(1, 2))
        assert ink.tolist() == pytest.approx([share * (2 * width) ** 2] * 81, rel=0.01)


def test_binary_pixels_are_those_that_are_covered_by_half(shapes):
    assert torch.equal(shapes.train, (load_shapes(binary=False).train >= 0.5).float())


def test_one_place_on_moves_the_image_by_a_pixel(shapes):
    for x in range(8):
        assert torch.equal(rows(shapes, x=x).roll(1, dims=2), rows(shapes, x=x + 1))
        assert torch.equal(rows(shapes, y=x).roll(1, dims=1), rows(shapes, y=x + 1))


@pytest.mark.parametrize("size", [16, 32])
def test_the_centre_of_mass_is_where_the_factors_say(size):
    data = load_shapes(size, binary=False)
    unit = size / 16
    place = (data.factors[:, 2:] + 4) * unit
    centre = centre_of_mass(data.train.double())
    discs_and_squares = data.factors[:, 0] < 2
    torch.testing.assert_close(centre[discs_and_squares], place[discs_and_squares].double())
    below = (torch.tensor(WIDTHS)[data.factors[:, 1]] / 6 * unit)[~discs_and_squares]  # two thirds from the tip
    torch.testing.assert_close(centre[~discs_and_squares, 0], place[~discs_and_squares, 0].double())
    torch.testing.assert_close(
        centre[~discs_and_squares, 1] - place[~discs_and_squares, 1], below.double(), atol=0.05, rtol=0
    )


def test_shapes_are_the_same_each_time(shapes):
    assert load_shapes().fingerprint == shapes.fingerprint
    assert load_shapes(binary=False).fingerprint != shapes.fingerprint


def test_a_vae_trains_on_them(shapes):
    model = VAE(shapes.image_shape, 2, (16,), likelihood=Bernoulli())
    history = fit(model, shapes, epochs=3)
    assert history.train_loss[-1] < history.train_loss[0]


@pytest.mark.parametrize("size", [0, 8, 24, 16.0])
def test_a_size_that_does_not_hold_the_grid_is_named(size):
    with pytest.raises(ValueError, match="size must be"):
        load_shapes(size)
