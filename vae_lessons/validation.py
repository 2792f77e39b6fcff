"""Checks of arguments. Each error says in one sentence what was wrong and what to do."""

import math
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset


def check_tensors(**values: object) -> None:
    """Raise TypeError, naming the argument, for what is not a tensor."""
    for name, value in values.items():
        if not isinstance(value, Tensor):
            of_tensors = isinstance(value, list) and any(isinstance(one, Tensor) for one in value)
            hint = loader_hint(name, value) or f": use torch.{'stack' if of_tensors else 'as_tensor'}"
            raise TypeError(f"{name} must be a tensor, got {type(value).__name__}{hint}")


def check_floating(**tensors: Tensor) -> None:
    """Raise TypeError for what is not a tensor, ValueError for integers and booleans."""
    check_tensors(**tensors)
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            bytes_hint = f"{name} / 255, or for 0 and 1 " if tensor.dtype == torch.uint8 else ""
            raise ValueError(f"{name} must have a floating dtype, got {tensor.dtype}: use {bytes_hint}{name}.float()")


def check_shapes(**tensors: Tensor) -> None:
    """Raise TypeError for what is not a tensor, ValueError for integers and unless all have the same shape (B, K)."""
    check_floating(**tensors)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(set(shapes.values())) > 1 or any(len(shape) != 2 for shape in shapes.values()):
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"{' and '.join(shapes)} must have the same shape (B, K), got {found}")


def check_rows(name: str, value: Tensor, kind: str, shape: Sequence[int], dtype: torch.dtype) -> None:
    """Raise TypeError for what is not a tensor, ValueError for a shape other than (B, *shape) or another dtype."""
    check_tensors(**{name: value})
    if value.dim() == 0 or value.shape[1:] != tuple(shape):
        hint = f": use {name}.unsqueeze(0), a batch of one" if value.shape == tuple(shape) else ""
        if kind == "images" and (value.dim() == 4 or value.shape[1:] == (math.prod(shape),)):
            hint = f": use {grey_layout(name, value.shape)}"
        wanted = f"{kind} of shape (B, {', '.join(map(str, shape))})"
        raise ValueError(f"{name} must be {wanted}, got {tuple(value.shape)}{hint}")
    if value.dtype != dtype:
        of_bytes = " / 255, unless pixels are 0 and 1" if value.dtype == torch.uint8 else ""
        remedy = f"use {name}.to({dtype}){of_bytes}"
        raise ValueError(f"{name} must be {dtype}, as the model is, got {value.dtype}: {remedy}")


def grey_layout(name: str, shape: Sequence[int]) -> str:
    """Write what turns images `name` of another shape into (M, H, W); colours come one below the other."""
    if len(shape) == 2:
        return f"{name}.unflatten(1, (H, W))"
    if len(shape) != 4:
        return name
    if 1 in (shape[1], shape[3]):
        return f"{name}.squeeze({1 if shape[1] == 1 else 3})"
    return f"{name}{'.permute(0, 3, 1, 2)' if shape[3] <= 4 else ''}.flatten(1, 2)"


def loader_hint(name: str, value: object) -> str:
    """Say how to take the tensors out of PyTorch's loaders and data sets of pairs (image, label)."""
    if not isinstance(value, DataLoader | Dataset):
        return ""
    loader = name if isinstance(value, DataLoader) else f"DataLoader({name}, 256)"
    return f": collect its batches first, x, labels = map(torch.cat, zip(*{loader}))"


def check_finite(name: str, value: Tensor, row: str = "row") -> None:
    """Raise ValueError for NaN and infinity in `value` (B, ...), naming the first row that has one."""
    finite = value.isfinite()
    if not finite.all():
        raise ValueError(f"{name} must be finite, {row} {first_row(~finite)} is not")


def check_same_length(**tensors: Tensor) -> None:
    """Raise ValueError unless all have as many rows, TypeError for what is not a tensor."""
    check_tensors(**tensors)
    if len({len(tensor) for tensor in tensors.values()}) > 1:
        found = ", ".join(f"{name} {len(tensor)}" for name, tensor in tensors.items())
        raise ValueError(f"{' and '.join(tensors)} must have as many rows, got {found}")


def check_generator(generator: Generator | None) -> None:
    """Raise TypeError for what is neither a generator nor None."""
    if generator is not None and not isinstance(generator, Generator):
        raise TypeError(f"generator must be a torch.Generator, got {generator!r}: use torch.Generator().manual_seed(0)")


def check_int(name: str, value: int, minimum: int = 1, maximum: int | None = None) -> int:
    """Return `value` as an int; ValueError for what is not a whole number from `minimum` to `maximum`."""
    if not is_int(value):
        raise ValueError(f"{name} must be a whole number, got {_shown(value)}")
    if value < minimum or (maximum is not None and value > maximum):
        limits = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        raise ValueError(f"{name} must be {limits}, got {value}")
    return int(value)


def check_positive(name: str, value: float, or_zero: bool = False) -> float:
    """Return `value` as a float; ValueError for what is not a positive, finite number, or 0 if that is allowed."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not (is_number and math.isfinite(value) and (value > 0 or (or_zero and value == 0))):
        raise ValueError(f"{name} must be a positive number{' or 0' if or_zero else ''}, got {_shown(value)}")
    return float(value)


def is_int(value: object) -> bool:
    """Whether it is a whole number, NumPy's included; True and False are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def first_row(mask: Tensor) -> int:
    """Give the index of the first row of `mask` (B, ...) in which something is true."""
    return int(mask.flatten(1).any(dim=1).nonzero()[0]) if mask.dim() > 1 else int(mask.nonzero()[0])


def _shown(value: object) -> str:
    if not isinstance(value, Tensor | np.ndarray):
        return repr(value)
    kind, shape = "a tensor" if isinstance(value, Tensor) else "an array", tuple(value.shape)
    return f"{value}: take its .item()" if math.prod(shape) == 1 else f"{kind} of shape {shape}"
