"""Checks of what `fit` is given, before anything is trained: each error says in one sentence what is missing."""

import torch
from torch import Tensor, nn

from vae_lessons.data import ImageData


def loss_of(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Compute `model.loss` of these images, (B,); a model with `uses_labels` gets the labels too."""
    return model.loss(images, labels) if getattr(model, "uses_labels", False) else model.loss(images)


def check_arguments(model: nn.Module, data: ImageData) -> None:
    """Raise TypeError for what is not a model with a `loss`, and for data that are not `ImageData`."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be an object such as Autoencoder(...) or VAE(...), got {_describe(model)}")
    if not callable(getattr(model, "loss", None)):
        raise TypeError(
            f"model must have a method loss(x) that gives one value per image, {type(model).__name__} has none"
        )
    if not isinstance(data, ImageData):
        hint = ": pass the whole data set, not one of its splits" if isinstance(data, Tensor) else ""
        raise TypeError(f"data must be an ImageData, such as load_images() gives, got {type(data).__name__}{hint}")


def check_loss(model: nn.Module, data: ImageData) -> None:
    """Try the loss on two images; ValueError or TypeError for a loss that `fit` cannot minimise."""
    if not list(model.parameters()):
        raise ValueError(f"model must have parameters to train, {type(model).__name__} has none")
    expected = getattr(model, "image_shape", data.image_shape)
    if tuple(expected) != data.image_shape:
        raise ValueError(
            f"model was made for images of {tuple(expected)} pixels, {data.title} has {data.image_shape}: "
            "make it with image_shape=data.image_shape"
        )
    loss = _loss_of_two(model, data)
    if not isinstance(loss, Tensor):
        hint = "is a return missing?" if loss is None else "return one tensor, with nothing beside it and no .item()"
        raise TypeError(f"model.loss must give a tensor, one value per image, got {type(loss).__name__}: {hint}")
    n_images = len(data.train[:2])
    if loss.shape != (n_images,):
        raise ValueError(
            f"model.loss must give one value per image, shape ({n_images},) for {n_images} images, "
            f"got {tuple(loss.shape)}: sum over pixels, leave the mean to fit"
        )


def check_gradient(loss: Tensor) -> None:
    """Raise ValueError for a loss from which no gradient reaches the parameters."""
    if not loss.requires_grad:
        raise ValueError(
            "model.loss must depend on the model's parameters, and no gradient passes through this one to any of them: "
            "is there a detach, a no_grad, an .item() or a .numpy() on the way?"
        )


@torch.no_grad()
def _loss_of_two(model: nn.Module, data: ImageData) -> object:
    """Compute the loss of two images in evaluation mode, leaving modes and PyTorch's generator as they were."""
    device = next(model.parameters()).device
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            return loss_of(model, data.train[:2].to(device), data.train_labels[:2].to(device))
    except RuntimeError as error:
        if "does not require grad" in str(error):
            raise ValueError(
                "model.loss takes a derivative, and fit evaluates without gradients: put that line under "
                "`with torch.enable_grad():`"
            ) from error
        raise
    finally:
        for module, mode in modes.items():
            module.training = mode


def _describe(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}: make an object of it, {value.__name__}(...)"
    if isinstance(value, ImageData):
        return "ImageData: the model comes first, then the data"
    return type(value).__name__
