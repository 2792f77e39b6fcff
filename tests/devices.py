"""A second device: CUDA where there is one, elsewhere a simulation of it on the CPU.

In the simulation a tensor carries a mark that says it is on the device. An operation on marked and unmarked tensors
raises as PyTorch does for two devices, and what it makes of marked ones is marked. Values stay those of the CPU.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Generator, Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

CUDA = torch.device("cuda")
MOVES = {"to", "cpu", "cuda", "as_tensor", "tensor"}
MAY_MIX = {"copy_", "_has_compatible_shallow_copy_type"}


def is_there(value: Any) -> bool:
    return getattr(value, "is_on_second_device", False)


def mark(value: Tensor, there: bool) -> Tensor:
    if is_there(value) != there:
        value.is_on_second_device = there
    return value


class SimulatedDevice(TorchFunctionMode):
    """Inside, `.to("cuda")` works, and tensors there do not meet those here."""

    def __torch_function__(self, func, _types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), func.__name__
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        there = any(map(is_there, tensors))
        if func == Tensor.device.__get__ and there:
            return CUDA
        if func == Tensor.data.__set__:
            func(*args)
            mark(args[0], is_there(args[1]))
            return None
        if name in ("numpy", "__array__") and there:
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.")
        if name in MOVES:
            return self._move(func, args, kwargs, there)
        if kwargs.get("device") is not None:  # a tensor is made
            there = torch.device(kwargs["device"]).type != "cpu"
            kwargs["device"] = "cpu"
        elif name in MAY_MIX or (name == "__getitem__" and is_there(args[0])):  # an index may be here
            there = is_there(args[0])
        else:
            _check_one_device(tensors, there)
        if there and any(isinstance(value, Generator) for value in (*args, *kwargs.values())):
            raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
        made = func(*args, **kwargs)
        return tree_map(lambda leaf: mark(leaf, True) if isinstance(leaf, Tensor) else leaf, made) if there else made

    def _move(self, func, args, kwargs, there):
        """Move the first argument to where the others, a tensor or a device, say."""

        def here(value: Any) -> Any:
            nonlocal there
            if isinstance(value, str | torch.device):
                there = torch.device(value).type != "cpu"
                return "cpu"
            if isinstance(value, Tensor):
                there = is_there(value)
            return value

        there = there and func.__name__ != "cpu"
        first, *others = args
        made = func(first, *map(here, others), **{name: here(value) for name, value in kwargs.items()})
        return mark(made.clone() if made is first and is_there(first) != there else made, there)


def _check_one_device(tensors: list[Tensor], there: bool) -> None:
    if there and any(not is_there(tensor) and tensor.dim() for tensor in tensors):
        raise RuntimeError("Expected all tensors to be on the same device, but found at least two devices")


@contextmanager
def second_device() -> Iterator[torch.device]:
    if torch.cuda.is_available():
        yield CUDA
    else:
        with SimulatedDevice():
            yield CUDA
