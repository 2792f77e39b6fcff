"""Checks of what `fit` is given, before anything is trained: each error says in one sentence what is missing."""

from collections.abc import Sequence
from inspect import Parameter, signature

import torch
from torch import Tensor, nn

from vae_lessons.data import Dataset
from vae_lessons.data.dataset import SPLITS
from vae_lessons.validation import loader_hint

POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def columns_for_loss(model: nn.Module, data: Dataset, split: str) -> tuple[Tensor, ...]:
    """Take the first columns of a split, one for each parameter of `model.loss` that has no default.

    Raises ValueError for a loss that asks for more columns than there are.
    """
    asked = [
        parameter.name
        for parameter in signature(model.loss).parameters.values()
        if parameter.kind in POSITIONAL and parameter.default is parameter.empty
    ]
    columns = data.columns(split)
    if len(asked) > len(columns):
        raise ValueError(
            f"data must have a column for each argument of model.loss({', '.join(asked)}), "
            f"{data.name} has {len(columns)}"
        )
    return columns[: max(1, len(asked))]


def check_arguments(model: nn.Module, data: Dataset) -> None:
    """Raise TypeError for what is not a model with a `loss`, and for data that are not a `Dataset`; try the loss."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be an object such as Autoencoder(...) or VAE(...), got {_describe(model)}")
    if not callable(getattr(model, "loss", None)):
        raise TypeError(
            f"model must have a method loss(x) that gives one value per image, {type(model).__name__} has none"
            + (": give its .module, which fit trains on one device" if hasattr(model, "module") else "")
        )
    if not _is_dataset(data):
        split_hint = ": pass the whole data set, not one of its splits" if isinstance(data, Tensor) else ""
        hint = split_hint or loader_hint("data", data)
        raise TypeError(
            "data must be an ImageData, such as load_images() gives, or TensorData(name, train=(x,), test=(x_test,)), "
            f"got {type(data).__name__}{hint}"
        )
    _check_loss(model, data)


def _check_loss(model: nn.Module, data: Dataset) -> None:
    """Try the loss on two rows; ValueError or TypeError for a loss that `fit` cannot minimise."""
    if not list(model.parameters()):
        raise ValueError(f"model must have parameters to train, {type(model).__name__} has none")
    shape = getattr(data, "image_shape", None)
    expected = getattr(model, "image_shape", shape)
    if shape and tuple(expected) != shape:
        raise ValueError(
            f"model was made for images of {tuple(expected)} pixels, {data.title} has {shape}: "
            "make it with image_shape=data.image_shape"
        )
    columns = columns_for_loss(model, data, "train")
    if n_classes := getattr(model, "n_classes", None):
        highest = max(int(columns_for_loss(model, data, split)[-1].max()) for split in SPLITS)
        if highest >= n_classes:  # found in the middle of training otherwise, on CUDA by ending the process
            fix = f"make it with n_classes={highest + 1}"
            raise ValueError(f"labels must be below the model's n_classes={n_classes}, got {highest}: {fix}")
    if data.whole:
        wanted = "one value or more, shape (n,)"
    else:
        columns = [column[:2] for column in columns]
        n = len(columns[0])
        wanted = f"one value per {data.unit}, shape ({n},) for {n} {data.unit}s"
    loss = _try_loss(model, columns)
    if not isinstance(loss, Tensor):
        hint = "is a return missing?" if loss is None else "return one tensor, with nothing beside it and no .item()"
        raise TypeError(f"model.loss must give a tensor, {wanted}, got {type(loss).__name__}: {hint}")
    if loss.dim() != 1 or not len(loss) or (len(loss) != len(columns[0]) and not data.whole):
        raise ValueError(
            f"model.loss must give {wanted}, got {tuple(loss.shape)}: "
            "sum over pixels or dimensions, leave the mean to fit"
        )


def check_gradient(loss: Tensor) -> None:
    """Raise ValueError for a loss from which no gradient reaches the parameters."""
    if not loss.requires_grad:
        raise ValueError(
            "model.loss must depend on the model's parameters, and no gradient passes through this one to any of them: "
            "is there a detach, a no_grad, an .item() or a .numpy() on the way?"
        )


@torch.no_grad()
def _try_loss(model: nn.Module, columns: Sequence[Tensor]) -> object:
    """Compute the loss in evaluation mode, leaving modes and PyTorch's generator as they were."""
    device = next(model.parameters()).device
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            return model.loss(*[column.to(device) for column in columns])
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
    if _is_dataset(value):
        return f"{type(value).__name__}: the model comes first, then the data"
    return type(value).__name__


def _is_dataset(value: object) -> bool:
    return callable(getattr(value, "columns", None)) and not isinstance(value, type)
