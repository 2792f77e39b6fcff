"""What can be trained, and on what: checks that say in one sentence what is missing."""

import torch
from torch import Tensor, nn

from vae_lessons.data import ImageData


def loss_of(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """What `model.loss` gives for these images, (B,); the labels are for a model that has `uses_labels`."""
    return model.loss(images, labels) if getattr(model, "uses_labels", False) else model.loss(images)


def check_arguments(model: nn.Module, data: ImageData) -> None:
    """TypeError for a model that is none, or has no `loss`, and for data that are none."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be an object such as Autoencoder(...) or VAE(...), got {_instead_of_model(model)}")
    if not callable(getattr(model, "loss", None)):
        raise TypeError(
            f"model must have a method loss(x) that gives one value per image, {type(model).__name__} has none"
        )
    if not isinstance(data, ImageData):
        hint = ": hand over the whole data set, not one of its splits" if isinstance(data, Tensor) else ""
        raise TypeError(f"data must be an ImageData, such as load_images() gives, got {type(data).__name__}{hint}")


def _instead_of_model(found: object) -> str:
    if isinstance(found, type):
        return f"the class {found.__name__}: make an object of it, {found.__name__}(...)"
    if isinstance(found, ImageData):
        return "ImageData: the model comes first, then the data"
    return type(found).__name__


def check_loss(model: nn.Module, data: ImageData) -> None:
    """ValueError for nothing to train or other images; that or TypeError for a loss that is not one value per image."""
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
    if loss.shape != (len(data.train[:2]),):
        raise ValueError(
            f"model.loss must give one value per image, shape ({len(data.train[:2])},) for "
            f"{len(data.train[:2])} images, got {tuple(loss.shape)}: sum over pixels, leave the mean to fit"
        )


@torch.no_grad()
def _loss_of_two(model: nn.Module, data: ImageData) -> object:
    """Where the model is, as in the evaluation, and with no trace in PyTorch's generator."""
    home, modes = next(model.parameters()).device, {part: part.training for part in model.modules()}
    model.eval()
    try:
        with torch.random.fork_rng(devices=[home] if home.type == "cuda" else []):
            return loss_of(model, data.train[:2].to(home), data.train_labels[:2].to(home))
    except RuntimeError as error:
        if "does not require grad" in str(error):
            raise ValueError(
                "model.loss takes a derivative, and fit evaluates without gradients: put that line under "
                "`with torch.enable_grad():`"
            ) from error
        raise
    finally:
        for part, mode in modes.items():
            part.training = mode


def check_gradient(loss: Tensor) -> None:
    """ValueError for a loss that nothing can be learned from."""
    if not loss.requires_grad:
        raise ValueError(
            "model.loss must depend on the model's parameters, and no gradient passes through this one to any of them: "
            "is there a detach, a no_grad, an .item() or a .numpy() on the way?"
        )
