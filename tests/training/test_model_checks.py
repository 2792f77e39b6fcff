"""The checks of model and data before training."""

import pytest
import torch
from torch import nn
from training_helpers import OneNumber, autoencoder

from vae_lessons import Autoencoder, fit
from vae_lessons.training.model_checks import check_loss


def test_model_for_other_image_shape_is_named(few):
    with pytest.raises(ValueError, match=r"made for images of \(28, 28\) pixels.*image_shape=data\.image_shape"):
        fit(Autoencoder((28, 28), 2), few)


def test_model_without_loss_is_named(few):
    with pytest.raises(TypeError, match="model must have a method loss"):
        fit(nn.Linear(2, 2), few)


def test_wrong_model_or_data_is_named_first(few):
    model = OneNumber()
    for arguments, message in (
        (
            (OneNumber, few),
            r"model must be an object .*got the class OneNumber: make an object of it, OneNumber\(\.\.\.\)",
        ),
        ((few, model), "model must be an object .*got ImageData: the model comes first, then the data"),
        (("swapped", few), "model must be an object .*got str$"),
        ((model, few.train), "data must be an ImageData, .*got Tensor: pass the whole data set, not one of"),
        ((model, "digits"), "data must be an ImageData, .*got str$"),
        ((model, None), "data must be an ImageData, .*got NoneType$"),
    ):
        with pytest.raises(TypeError, match=message):
            fit(*arguments, epochs=0)


def test_model_without_parameters_is_named(few):
    class Nothing(nn.Module):
        def loss(self, x):
            return x.sum(dim=(1, 2))

    with pytest.raises(ValueError, match="model must have parameters to train, Nothing has none"):
        fit(Nothing(), few)


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        (lambda loss: None, TypeError, r"got NoneType: is a return missing\?"),
        (lambda loss: (loss, loss), TypeError, "got tuple: return one tensor, with nothing beside it"),
        (lambda loss: loss.mean().item(), TypeError, r"got float: return one tensor.*no \.item"),
        (lambda loss: loss.detach(), ValueError, "no gradient passes through this one .* is there a detach"),
        (lambda loss: torch.tensor(loss.tolist()), ValueError, "must depend on the model's parameters"),
    ],
    ids=["None", "a tuple", "a float", "detached", "rebuilt"],
)
def test_loss_that_cannot_be_minimised_is_named(few, result, error, message):
    class Odd(OneNumber):
        def loss(self, x):
            return result(super().loss(x))

    with pytest.raises(error, match=message):
        fit(Odd(), few)


def test_averaged_loss_is_named(few):
    class Averaged(OneNumber):
        def loss(self, x):
            return super().loss(x).mean()

    with pytest.raises(ValueError, match=r"model\.loss must give one value per image"):
        fit(Averaged(), few)


def test_loss_check_uses_the_models_device(few):
    """As after model.to("cuda"): the two images are moved to it."""
    model, seen = autoencoder(few).to("meta"), []
    model.loss = lambda x: seen.append(x.device.type) or model.decode(model.encode(x)).sum(dim=(1, 2))
    check_loss(model, few)
    assert seen == ["meta"]


def test_loss_check_leaves_no_trace(few):
    class Normed(Autoencoder):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.norm = nn.BatchNorm1d(2)

        def encode(self, x):
            return self.norm(super().encode(x))

    model = Normed(few.image_shape, 2, (8,))
    model.decoder.eval()
    state = torch.random.get_rng_state()
    check_loss(model, few)
    assert model.norm.num_batches_tracked == 0
    assert [model.training, model.norm.training, model.decoder.training] == [True, True, False]
    assert torch.equal(torch.random.get_rng_state(), state)


def test_loss_with_derivative_gets_a_hint(few):
    class Smooth(Autoencoder):
        def loss(self, x):
            z = self.encode(x).detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.decode(z).sum(), z, create_graph=True)
            return super().loss(x) + gradient.square().sum(dim=1)

    class SmoothEverywhere(Smooth):
        @torch.enable_grad()
        def loss(self, x):
            return super().loss(x)

    with pytest.raises(ValueError, match=r"model\.loss takes a derivative, and fit evaluates without gradients: "):
        fit(Smooth(few.image_shape, 2, (32,)), few, epochs=1, device="cpu")
    assert fit(SmoothEverywhere(few.image_shape, 2, (32,)), few, epochs=1, device="cpu").epochs == 1
