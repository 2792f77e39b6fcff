"""Checks of what somebody hands over, each of which says in one sentence what was wrong and what to do."""

import math
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import torch
from torch import Generator, Tensor


def check_tensors(**values: object) -> None:
    """TypeError, naming the argument, for what is no tensor."""
    for name, value in values.items():
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{name} must be a tensor, got {type(value).__name__}: torch.as_tensor makes one of numbers"
            )


def check_floating(**tensors: Tensor) -> None:
    """TypeError for what is no tensor, ValueError for whole numbers and truth values."""
    check_tensors(**tensors)
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            hint = f"{name} / 255 is, or of 0 and 1 " if tensor.dtype == torch.uint8 else ""
            raise ValueError(f"{name} must be of a floating dtype, got {tensor.dtype}: {hint}{name}.float() is")


def check_shapes(**tensors: Tensor) -> None:
    """TypeError for what is no tensor, ValueError for whole numbers, and unless all have one shape (B, K)."""
    check_floating(**tensors)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(set(shapes.values())) > 1 or any(len(shape) != 2 for shape in shapes.values()):
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"{' and '.join(shapes)} must have one shape (B, K), got {found}")


def check_rows(name: str, value: Tensor, kind: str, shape: Sequence[int], dtype: torch.dtype) -> None:
    """TypeError for what is no tensor, ValueError for one that is not (B, *shape) or not of the model's dtype."""
    check_tensors(**{name: value})
    if value.dim() == 0 or value.shape[1:] != tuple(shape):
        raise ValueError(f"{name} must be {kind} of shape (B, {', '.join(map(str, shape))}), got {tuple(value.shape)}")
    if value.dtype != dtype:
        raise ValueError(f"{name} must be {dtype}, as the model is, got {value.dtype}: {name}.to({dtype}) is")


def check_finite(name: str, value: Tensor, row: str = "row") -> None:
    """ValueError for NaN and infinity in `value` (B, ...), naming the first `row` that has one."""
    finite = value.isfinite()
    if not finite.all():
        raise ValueError(f"{name} must be finite, {row} {first_row(~finite)} is not")


def check_pairs(x: Tensor, z: Tensor) -> None:
    """ValueError unless there are as many images x as codes z."""
    if len(x) != len(z):
        raise ValueError(f"x and z must be as many images as codes, got {len(x)} and {len(z)}")


def check_generator(generator: Generator | None) -> None:
    """TypeError for what is neither a generator nor None."""
    if generator is not None and not isinstance(generator, Generator):
        raise TypeError(
            f"generator must be a torch.Generator, got {generator!r}: torch.Generator().manual_seed(0) is one"
        )


def whole_number(name: str, value: int, least: int = 1, most: int | None = None) -> int:
    """`value` as an int; ValueError for what is no whole number from `least` on, to `most` if that is given."""
    if not is_whole(value):
        raise ValueError(f"{name} must be a whole number, got {_shown(value)}")
    if value < least or (most is not None and value > most):
        limits = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be {limits}, got {value}")
    return int(value)


def positive_number(name: str, value: float) -> float:
    """`value` as a float; ValueError for what is no positive, finite number."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not (is_number and math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a positive number, got {_shown(value)}")
    return float(value)


def is_whole(value: object) -> bool:
    """Whether it is a whole number, NumPy's included; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def first_row(mask: Tensor) -> int:
    """The number of the first row of `mask` (B, ...) in which something is true."""
    return int(mask.flatten(1).any(dim=1).nonzero()[0]) if mask.dim() > 1 else int(mask.nonzero()[0])


def _shown(value: object) -> str:
    if not isinstance(value, Tensor | np.ndarray):
        return repr(value)
    kind, shape = "a tensor" if isinstance(value, Tensor) else "an array", tuple(value.shape)
    return f"{value}: take its .item()" if math.prod(shape) == 1 else f"{kind} of shape {shape}"
