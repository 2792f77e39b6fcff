"""The autoencoder, and what it shares with the VAE: networks, starting points and errors."""

import numpy as np
import pytest
import torch
from model_helpers import SHAPE, architectures, images, seeded
from torch.nn import functional as nnf

from vae_lessons import VAE, Autoencoder, Bernoulli

MODELS = {"autoencoder": Autoencoder, "VAE": lambda *args, **kwargs: VAE(*args, **kwargs, likelihood=Bernoulli())}

every_model = pytest.mark.parametrize("make_model", MODELS.values(), ids=MODELS)


# Shared with the VAE


@every_model
def test_encoder_and_decoder_hold_all_parameters(make_model):
    model = make_model((4, 4), 2, (8, 6))
    inside = {id(p) for part in (model.encoder, model.decoder) for p in part.parameters()}
    assert inside == {id(p) for p in model.parameters()}
    widths = [layer.out_features for layer in model.decoder if hasattr(layer, "out_features")]
    assert widths == [6, 8, 16]


@every_model
def test_generator_fixes_network_without_global_state(make_model):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first, second, other = (make_model((4, 4), 2, generator=seeded(s)) for s in (3, 3, 4))
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.encoder[0].weight, other.encoder[0].weight)


@every_model
def test_zero_code_decodes_to_mean_image(make_model):
    model, mean_image = make_model((3, 3), 2, (5,)), torch.linspace(0.01, 0.99, 9).view(3, 3)
    model.start_at_mean(mean_image)
    torch.testing.assert_close(model.decode(torch.zeros(1, 2))[0], mean_image)  # the other biases are zero


@every_model
@pytest.mark.parametrize(
    ("arguments", "message"),
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
def test_impossible_architecture_is_named(make_model, arguments, message):
    with pytest.raises(ValueError, match=message):
        make_model(*arguments)


@every_model
@pytest.mark.parametrize("shape", [(784,), (5, 784), (5, 1, 28, 28), (28, 28), (5, 28, 27)])
def test_images_of_wrong_shape_are_named(make_model, shape):
    with pytest.raises(ValueError, match=r"x must be images of shape \(B, 28, 28\)"):
        make_model((28, 28), 2).encode(torch.rand(shape))


@every_model
@pytest.mark.parametrize("shape", [(2,), (5, 3), (1, 5, 2)])
def test_codes_of_wrong_shape_are_named(make_model, shape):
    with pytest.raises(ValueError, match=r"z must be codes of shape \(B, 2\)"):
        make_model((28, 28), 2).decode(torch.rand(shape))


@every_model
def test_images_and_codes_of_wrong_kind_are_named(make_model):
    model = make_model(SHAPE, 2, (7,))
    with pytest.raises(ValueError, match=r"x must be torch\.float32, as the model is, got torch\.float64"):
        model(torch.rand(3, *SHAPE, dtype=torch.float64))
    with pytest.raises(TypeError, match="x must be a tensor, got ndarray"):
        model(np.zeros((3, *SHAPE), dtype=np.float32))
    with pytest.raises(TypeError, match="z must be a tensor, got list"):
        model.decode([0.5, 0.5])
    with pytest.raises(ValueError, match=r"z must be torch\.float32, as the model is, got torch\.int64"):
        model.decode(torch.zeros(1, 2, dtype=torch.int64))


@every_model
def test_numpy_sizes_are_accepted(make_model):
    model = make_model(np.array(SHAPE), np.int64(2), np.array([7]), generator=seeded())
    same = make_model(SHAPE, 2, (7,), generator=seeded())
    assert repr(model) == repr(same)
    assert (model.image_shape, model.latent_dim, model.hidden) == (SHAPE, 2, (7,))


@every_model
def test_invalid_generator_is_named(make_model):
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator, got 0"):
        make_model(SHAPE, 2, generator=0)


# The autoencoder


@architectures
def test_shapes_follow_image_shape_and_latent_dim(height, width, latent_dim, hidden, batch):
    model = Autoencoder((height, width), latent_dim, hidden)
    x = torch.rand(batch, height, width)
    z, x_hat = model.encode(x), model(x)
    assert z.shape == (batch, latent_dim)
    assert x_hat.shape == x.shape
    assert ((x_hat >= 0) & (x_hat <= 1)).all()
    assert model.loss(x).shape == (batch,)


def test_loss_and_gradient_match_pytorch_mse():
    model, x = Autoencoder((4, 5), 2, (7,), seeded()).double(), torch.rand(3, 4, 5, generator=seeded(1)).double()
    expected = torch.stack([nnf.mse_loss(model(image[None])[0], image, reduction="sum") for image in x])
    torch.testing.assert_close(model.loss(x), expected)
    gradients = torch.autograd.grad(model.loss(x).mean(), model.parameters())
    expected_gradients = torch.autograd.grad(expected.mean(), model.parameters())
    torch.testing.assert_close(gradients, expected_gradients)


def test_code_is_the_encoders_output():
    model, x = Autoencoder(SHAPE, 2, (7,), seeded()).double(), images()
    assert torch.equal(model.code(x), model.encode(x))
