"""Matrix products on a CPU: which of PyTorch's ways to compute them is the quickest here.

In float32 they go to a BLAS library, in most builds MKL, which does not use all that every processor has. oneDNN, which
PyTorch has too, often does; it takes tensors in a layout of its own. In bfloat16 products are oneDNN's in any case.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

TRIED = (512, 784, 400)  # images, inputs and outputs of a layer
TRIALS = 7
WORTH_IT = 1.25  # times as fast: far enough from 1 that two runs on one machine choose alike
LEAST_ROWS, LEAST_WEIGHTS = 64, 2**16  # with fewer, to change the layout takes longer than it gains


def gains_by_bfloat16() -> bool:
    """Whether this processor multiplies faster in it. One may have the instructions and still take longer."""
    has = getattr(torch.cpu, "get_capabilities", dict)()  # an older torch cannot say
    if not any(has.get(instructions, False) for instructions in ("amx_bf16", "avx512_bf16")):
        return False
    seconds = _seconds_of_products()
    return min(seconds["BLAS"], seconds["oneDNN"]) > WORTH_IT * seconds["bfloat16"]


def gains_by_onednn() -> bool:
    """Whether oneDNN multiplies faster in float32 here; False where `torch.backends.mkldnn` is switched off."""
    if not (torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled):
        return False
    seconds = _seconds_of_products()
    return seconds["BLAS"] > WORTH_IT * seconds["oneDNN"]


def large_layers(model: nn.Module) -> list[nn.Linear]:
    """The linear layers of `model` for which the library matters."""
    layers = [layer for layer in model.modules() if type(layer) is nn.Linear]
    return [layer for layer in layers if layer.weight.numel() >= LEAST_WEIGHTS]


@contextmanager
def by_onednn(model: nn.Module) -> Iterator[None]:
    """Inside, the large layers of `model` compute by oneDNN what they are given in float32 on a CPU.

    Results differ in rounding alone. No second derivatives pass through oneDNN.
    """
    hooks = []
    for layer in large_layers(model):
        hooks.append(layer.register_forward_pre_hook(_to_onednn))
        hooks.append(layer.register_forward_hook(_from_onednn, prepend=True))  # other hooks see the usual layout
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _to_onednn(layer: nn.Linear, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    if len(inputs) != 1 or inputs[0].dim() != 2 or len(inputs[0]) < LEAST_ROWS:
        return inputs
    (x,) = inputs
    in_float32 = x.dtype == layer.weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return (x.to_mkldnn(),) if in_float32 and x.device.type == "cpu" else inputs


def _from_onednn(_: nn.Linear, __: tuple[Tensor, ...], outputs: Tensor) -> Tensor:
    return outputs.to_dense() if outputs.is_mkldnn else outputs


@cache
def _seconds_of_products() -> dict[str, float]:
    """Of a layer's product in each way. By turns, and the best counts: whatever else runs slows all."""
    rows, n_in, n_out = TRIED
    x, weights = torch.ones(rows, n_in), torch.ones(n_out, n_in)
    in_bfloat16 = x.bfloat16(), weights.bfloat16()
    ways = {"BLAS": lambda: linear(x, weights), "bfloat16": lambda: linear(*in_bfloat16)}
    if torch.backends.mkldnn.is_available():
        ways["oneDNN"] = lambda: linear(x.to_mkldnn(), weights).to_dense()
    seconds = dict.fromkeys([*ways, "oneDNN"], math.inf)
    for _ in range(TRIALS):
        for way, product in ways.items():
            seconds[way] = min(seconds[way], _seconds_of(product))
    return seconds


def _seconds_of(product: Callable[[], Tensor]) -> float:
    start = time.perf_counter()
    product()
    return time.perf_counter() - start
