"""The parts of the models: layers, starting points and checks of their inputs."""

import itertools
import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from vae_lessons.models.layers import as_codes, as_images, mlp, positive_ints, run_network, start_at_mean


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# Layers


@given(st.lists(st.integers(1, 8), min_size=2, max_size=5))
def test_mlp_has_widths_and_relus_between(widths):
    layers = list(mlp(widths))
    assert [(layer.in_features, layer.out_features) for layer in layers[::2]] == list(itertools.pairwise(widths))
    assert all(isinstance(layer, nn.ReLU) for layer in layers[1::2])
    assert len(layers) == 2 * len(widths) - 3


def test_weights_are_uniform_and_biases_zero():
    layer = mlp([400, 300], seeded())[0]
    bound = 1 / math.sqrt(400)
    assert layer.weight.abs().max() <= bound
    assert float(layer.weight.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert not layer.bias.any()


def test_generator_fixes_weights_without_global_state():
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first, second, other = (mlp([4, 3, 2], seeded(seed)) for seed in (3, 3, 4))
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first[0].weight, other[0].weight)
    assert not torch.equal(first[2].weight, other[2].weight)


# Where a decoder starts


def test_zero_code_decodes_to_mean_image():
    decoder, mean_image = mlp([2, 5, 9], seeded()), torch.linspace(0.01, 0.99, 9).view(3, 3)
    start_at_mean(decoder, mean_image)
    outputs = decoder(torch.zeros(1, 2))  # the other biases are zero too
    torch.testing.assert_close(torch.sigmoid(outputs).view(3, 3), mean_image)


def test_constant_pixels_start_at_the_margin():
    decoder = mlp([1, 2])
    start_at_mean(decoder, torch.tensor([[0.0, 1.0]]), margin=0.01)
    torch.testing.assert_close(torch.sigmoid(decoder[-1].bias.detach()), torch.tensor([0.01, 0.99]))


def test_trained_decoder_keeps_its_bias():
    decoder = mlp([1, 4])
    nn.init.constant_(decoder[-1].bias, 0.5)
    start_at_mean(decoder, torch.full((2, 2), 0.1))
    assert (decoder[-1].bias == 0.5).all()


@pytest.mark.parametrize(
    "decoder",
    [
        nn.Sequential(nn.Linear(2, 4, bias=False)),
        nn.Sequential(nn.Linear(2, 1), nn.Unflatten(1, (1, 1, 1)), nn.ConvTranspose2d(1, 1, 2), nn.Flatten()),
        nn.Sequential(nn.Linear(2, 4), nn.Sigmoid()),
    ],
    ids=["no bias", "a convolution", "no linear layer"],
)
def test_decoder_without_a_bias_per_pixel_is_left_alone(decoder):
    before = [parameter.clone() for parameter in decoder.parameters()]
    start_at_mean(decoder, torch.full((2, 2), 0.1))
    assert all(map(torch.equal, decoder.parameters(), before))


# Checks


def test_positive_integers_become_a_tuple():
    assert positive_ints("widths", [3, 1]) == (3, 1)
    assert positive_ints("widths", []) == ()
    assert positive_ints("widths", 7) == (7,)
    assert list(map(type, positive_ints("widths", np.array([3, 1])))) == [int, int]
    assert positive_ints("widths", (n for n in (8, 8)), length=2) == (8, 8)


@pytest.mark.parametrize("values", [[3, 0], [-1], [2.0], [True], ["3"], -7, None, [np.float64(2)]], ids=repr)
def test_non_positive_integer_is_named(values):
    with pytest.raises(ValueError, match="widths must be made of positive whole numbers, got"):
        positive_ints("widths", values)


@pytest.mark.parametrize("values", [[], [1], [1, 2, 3], 2], ids=repr)
def test_wrong_number_of_integers_is_named(values):
    with pytest.raises(ValueError, match="widths must be made of 2 positive whole numbers, got"):
        positive_ints("widths", values, length=2)


@pytest.mark.parametrize("values", [[torch.tensor(2)], torch.tensor([2, 3])], ids=["one", "two"])
def test_tensor_among_integers_suggests_item(values):
    with pytest.raises(ValueError, match=r"positive whole numbers, got .*: take the \.item\(\) of a tensor"):
        positive_ints("widths", values)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_valid_images_and_codes_are_returned(dtype):
    x, z, network = torch.zeros(5, 2, 3, dtype=dtype), torch.zeros(5, 4, dtype=dtype), mlp([1, 1]).to(dtype)
    assert as_images(x, (2, 3), network) is x
    assert as_codes(z, 4, network) is z


@pytest.mark.parametrize("shape", [(6,), (5, 6), (5, 1, 2, 3), (2, 3), (5, 3, 2)])
def test_images_of_wrong_shape_are_named(shape):
    with pytest.raises(ValueError, match=re.escape(f"x must be images of shape (B, 2, 3), got {shape}")):
        as_images(torch.zeros(shape), (2, 3), mlp([1, 1]))


@pytest.mark.parametrize(
    "images",
    [torch.rand(5, 6), torch.rand(5, 1, 2, 3), torch.rand(5, 2, 3, 1), torch.rand(2, 3)],
    ids=["flat", "one channel", "one channel at the end", "one image"],
)
def test_remedy_gives_images_of_another_layout_the_right_shape(images):
    with pytest.raises(ValueError, match="x must be images") as error:
        as_images(images, (2, 3), mlp([1, 1]))
    remedy = re.search(r": use (x\.\w+\(.*?\)+)(, a batch of one)?$", str(error.value))[1]
    x = as_images(eval(remedy, {"x": images, "H": 2, "W": 3}), (2, 3), mlp([1, 1]))
    assert torch.equal(x.flatten(), images.flatten())


def test_remedy_for_colour_is_that_of_image_shape():
    colour = torch.rand(5, 3, 4, 7)
    with pytest.raises(
        ValueError, match=r"must be made of 2 .*got \(3, 4, 7\): for colour, \(C \* H, W\) and images x"
    ):
        positive_ints("image_shape", tuple(colour.shape[1:]), length=2)
    for images, remedy in (
        (colour, "x.flatten(1, 2)"),
        (colour.permute(0, 2, 3, 1), "x.permute(0, 3, 1, 2).flatten(1, 2)"),
    ):
        with pytest.raises(ValueError, match=re.escape(f": use {remedy}") + "$"):
            as_images(images, (12, 7), mlp([1, 1]))
        assert torch.equal(eval(remedy, {"x": images}), colour.view(5, 12, 7))


@pytest.mark.parametrize("shape", [(2,), (5, 3), (1, 5, 2)])
def test_codes_of_wrong_shape_are_named(shape):
    with pytest.raises(ValueError, match=re.escape(f"z must be codes of shape (B, 2), got {shape}")):
        as_codes(torch.zeros(shape), 2, mlp([1, 1]))


@pytest.mark.parametrize("dtype", [torch.float64, torch.uint8, torch.int64, torch.bool], ids=str)
def test_images_and_codes_of_wrong_dtype_are_named(dtype):
    message = f"must be torch.float32, as the model is, got {dtype}"
    with pytest.raises(ValueError, match=f"x {message}: use x.to\\(torch.float32\\)"):
        as_images(torch.zeros(5, 2, 3, dtype=dtype), (2, 3), mlp([1, 1]))
    with pytest.raises(ValueError, match=f"z {message}: use z.to\\(torch.float32\\)"):
        as_codes(torch.zeros(5, 2, dtype=dtype), 2, mlp([1, 1]))


@pytest.mark.parametrize("value", [[[0.0, 0.0]], np.zeros((1, 2)), 0.5], ids=["list", "ndarray", "float"])
def test_non_tensor_images_and_codes_are_named(value):
    for name, check in (
        ("x", lambda: as_images(value, (2,), mlp([1, 1]))),
        ("z", lambda: as_codes(value, 2, mlp([1, 1]))),
    ):
        with pytest.raises(TypeError, match=f"{name} must be a tensor, got {type(value).__name__}"):
            check()


def test_tuple_instead_of_code_suggests_code_method():
    with pytest.raises(
        TypeError, match=r"z must be a tensor of codes, got a tuple, .* use `code\(x\)`, or draw z with"
    ):
        as_codes((torch.zeros(1, 2), torch.zeros(1, 2)), 2, mlp([1, 1]))


def test_invalid_generator_is_named():
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator, got 0"):
        mlp([2, 3], 0)


def test_network_without_parameters_takes_any_dtype():
    for dtype in (torch.float32, torch.float64):
        x = torch.zeros(5, 2, 3, dtype=dtype)
        assert as_images(x, (2, 3), nn.Flatten()) is x


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_network_of_another_width_is_named(n_outputs):
    with pytest.raises(
        ValueError, match=rf"encoder must map \(5, 4\) to \(5, {n_outputs}\), got \(5, 2\): its last layer"
    ):
        run_network("encoder", mlp([4, 2]), torch.zeros(5, 4), n_outputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_network_keeps_input_dtype_under_autocast(dtype):
    network = mlp([4, 3, 2], seeded()).to(dtype)
    x = torch.rand(5, 4, dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = run_network("network", network, x, 2)
    assert rounded.dtype == network(x).dtype == dtype
    torch.testing.assert_close(rounded, network(x), rtol=0.05, atol=0.02)
    assert torch.equal(rounded, network(x)) == (dtype == torch.float64)  # autocast leaves float64 alone
