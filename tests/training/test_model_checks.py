"""The checks of model and data before training."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from training_helpers import OneNumber, autoencoder

from vae_lessons import VAE, Autoencoder, Classifier, Gaussian, ImageData, TensorData, fit
from vae_lessons.training.model_checks import check_arguments


def test_model_for_other_image_shape_is_named(few):
    with pytest.raises(ValueError, match=r"made for images of \(28, 28\) pixels.*image_shape=data\.image_shape"):
        fit(Autoencoder((28, 28), 2), few)


def test_model_without_loss_is_named(few):
    with pytest.raises(TypeError, match="model must have a method loss"):
        fit(nn.Linear(2, 2), few)
    with pytest.raises(TypeError, match=r"DataParallel has none: give its \.module, which fit trains on one device"):
        fit(nn.DataParallel(autoencoder(few)), few)


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


def test_loader_and_its_data_set_are_named_with_a_remedy(few):
    pairs = TensorDataset(few.train, few.train_labels)
    for given, loader in ((DataLoader(pairs, 30, shuffle=True), "data"), (pairs, "DataLoader(data, 256)")):
        with pytest.raises(TypeError, match=r"got \w+: collect its batches first, x, labels = map") as error:
            fit(autoencoder(few), given)
        assert str(error.value).endswith(f"map(torch.cat, zip(*{loader}))")
        x, labels = map(torch.cat, zip(*eval(loader, {"DataLoader": DataLoader, "data": given}), strict=True))
        data = ImageData("own", x, labels, few.test, few.test_labels)
        assert fit(autoencoder(few), data, epochs=1).epochs == 1


@pytest.mark.parametrize("split", ["train", "test"])
def test_label_that_the_classifier_has_no_class_for_is_named(few, split):
    """Of 26 letters, say: also where it is not among the first rows, and only in the test split."""
    labels = getattr(few, f"{split}_labels").clone()
    labels[-1] = 25
    letters = replace(few, **{f"{split}_labels": labels})
    with pytest.raises(ValueError, match=r"labels must be below the model's n_classes=10, got 25: .* n_classes=26"):
        fit(Classifier(few.image_shape), letters)
    assert fit(Classifier(few.image_shape, n_classes=26), letters, epochs=1).epochs == 1


def test_one_class_is_enough_to_train_a_classifier(few):
    only = replace(few, train_labels=few.train_labels * 0, test_labels=few.test_labels * 0)
    model = Classifier(few.image_shape)
    fit(model, only, epochs=20)
    assert model.probabilities(few.test)[:, 0].min() > 0.9


@pytest.mark.parametrize(
    ("scale", "limits"),
    [(lambda x: 255 * x, "from 0 to"), (lambda x: (x - 0.3) / 0.35, "from -0.8"), (lambda x: 2 * x - 1, "from -1 to")],
    ids=["bytes", "standardised", "from -1 to 1"],
)
def test_tensors_whose_mean_no_sigmoid_reaches_are_named(few, scale, limits):
    data = TensorData("own", (scale(few.train),), (scale(few.test),))
    for model in (autoencoder(few), VAE(few.image_shape, 2, likelihood=Gaussian(0.5))):
        with pytest.raises(
            ValueError, match=rf"mean of the data must lie in \[0, 1\], got values {limits}.*bytes by 255"
        ):
            fit(model, data)
        assert fit(model, data, epochs=1, start_at_mean=False).epochs == 1


def test_images_of_another_layout_in_tensor_data_are_named_with_a_remedy(few):
    for images, remedy in ((few.train[:, None], r"x\.squeeze\(1\)"), (few.train.flatten(1), r"x\.unflatten\(1, ")):
        data = TensorData("own", (images,), (images,))
        with pytest.raises(ValueError, match=rf"x must be images of shape \(B, 8, 8\), got .*: use {remedy}"):
            fit(autoencoder(few), data)


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
    check_arguments(model, few)
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
    check_arguments(model, few)
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
