"""The networks: shapes, starting points, errors, and losses against PyTorch's own."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as nnf

from vae_lessons import Autoencoder, Classifier
from vae_lessons.models import mlp


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    latent_dim=st.integers(1, 4),
    hidden=st.lists(st.integers(1, 8), max_size=3),
    batch=st.integers(1, 5),
)
def test_shapes_follow_image_shape_and_latent_dim(height, width, latent_dim, hidden, batch):
    model = Autoencoder((height, width), latent_dim, hidden)
    x = torch.rand(batch, height, width)
    z, x_hat = model.encode(x), model(x)
    assert z.shape == (batch, latent_dim)
    assert x_hat.shape == x.shape
    assert ((x_hat >= 0) & (x_hat <= 1)).all()
    assert model.loss(x).shape == (batch,)


def test_loss_and_its_gradient_are_the_sum_of_squares_of_pytorch():
    model, x = Autoencoder((4, 5), 2, (7,), seeded()).double(), torch.rand(3, 4, 5, generator=seeded(1)).double()
    expected = torch.stack([nnf.mse_loss(model(image[None])[0], image, reduction="sum") for image in x])
    torch.testing.assert_close(model.loss(x), expected)
    ours = torch.autograd.grad(model.loss(x).mean(), model.parameters())
    theirs = torch.autograd.grad(expected.mean(), model.parameters())
    torch.testing.assert_close(ours, theirs)


def test_encoder_and_decoder_are_modules_of_their_own():
    model = Autoencoder((4, 4), 2, (8, 6))
    inside = {id(p) for part in (model.encoder, model.decoder) for p in part.parameters()}
    assert inside == {id(p) for p in model.parameters()}
    widths = [layer.out_features for layer in model.decoder if hasattr(layer, "out_features")]
    assert widths == [6, 8, 16]


def test_one_seed_gives_one_network_and_leaves_the_global_generator_alone():
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first, second, other = (Autoencoder((4, 4), 2, generator=seeded(s)) for s in (3, 3, 4))
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.encoder[0].weight, other.encoder[0].weight)


def test_weights_are_uniform_with_pytorchs_bound_and_biases_zero():
    layer = mlp([400, 300], seeded())[0]
    bound = 1 / math.sqrt(400)
    assert layer.weight.abs().max() <= bound
    assert float(layer.weight.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert not layer.bias.any()


def test_a_decoder_that_gets_nothing_answers_with_the_mean_image_it_started_at():
    model, mean_image = Autoencoder((3, 3), 2, (5,)), torch.linspace(0.01, 0.99, 9).view(3, 3)
    model.start_at_mean(mean_image)
    for layer in model.decoder[:-1]:
        if hasattr(layer, "weight"):
            torch.nn.init.zeros_(layer.weight)
    torch.testing.assert_close(model.decode(torch.randn(1, 2))[0], mean_image)


def test_starting_at_the_mean_survives_pixels_that_are_always_blank_or_full():
    model = Autoencoder((1, 2), 1)
    model.start_at_mean(torch.tensor([[0.0, 1.0]]))
    assert model.decoder[-1].bias.isfinite().all()


def test_a_trained_decoder_keeps_its_bias():
    model = Autoencoder((2, 2), 1)
    torch.nn.init.constant_(model.decoder[-1].bias, 0.5)
    model.start_at_mean(torch.full((2, 2), 0.1))
    assert (model.decoder[-1].bias == 0.5).all()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (((28,), 2), "image_shape must be made of 2 positive whole numbers"),
        (((28, 0), 2), "image_shape must be"),
        (((28, 28), 0), "latent_dim must be"),
        (((28, 28), 2.5), "latent_dim must be"),
        (((28, 28), True), "latent_dim must be"),
        (((28, 28), 2, (512, -1)), "hidden must be"),
        ((28, 2), "image_shape must be"),
    ],
)
def test_impossible_networks_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        Autoencoder(*arguments)


@pytest.mark.parametrize("shape", [(784,), (5, 784), (5, 1, 28, 28), (28, 28), (5, 28, 27)])
def test_images_of_another_shape_are_named(shape):
    with pytest.raises(ValueError, match=r"x must be images of shape \(B, 28, 28\)"):
        Autoencoder((28, 28), 2).encode(torch.rand(shape))


@pytest.mark.parametrize("shape", [(2,), (5, 3), (1, 5, 2)])
def test_codes_of_another_shape_are_named(shape):
    with pytest.raises(ValueError, match=r"z must be codes of shape \(B, 2\)"):
        Autoencoder((28, 28), 2).decode(torch.rand(shape))


def test_classifier_probabilities_and_loss_agree_with_log_softmax():
    model, x = Classifier((4, 4), 3, (5,), seeded()), torch.rand(6, 4, 4)
    labels = torch.tensor([0, 1, 2, 2, 1, 0])
    log_probabilities = nnf.log_softmax(model(x), dim=1)
    torch.testing.assert_close(model.probabilities(x), log_probabilities.exp().detach())
    torch.testing.assert_close(model.loss(x, labels), -log_probabilities[range(6), labels])
