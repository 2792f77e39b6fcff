"""Matrix products on a CPU: which of PyTorch's ways to compute them is the quickest here.

In float32 they go to a BLAS library, in most builds MKL, which is not the quickest on every processor. oneDNN, which
PyTorch has too, may be; it takes tensors in a layout of its own. In bfloat16 products are oneDNN's in any case.
"""

import math
import time
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional as nnf

IS_BUILT_IN = torch.backends.mkldnn.is_available()
TRIED = (512, 784, 400)  # images, inputs and outputs of a layer
TRIALS = 7
WORTH_IT = 1.25  # times as fast: far enough from 1 that two runs on one machine choose alike
SLOPES_OF_INPUTS = torch.ops.aten.mkldnn_linear_backward_input.default  # looked up once: that takes a while
SLOPES_OF_WEIGHTS = torch.ops.aten.mkldnn_linear_backward_weights.default
LEAST_ROWS, LEAST_WEIGHTS = 64, 2**16  # with fewer, to change the layout takes longer than it gains


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x weightᵀ + bias, in float32 on a CPU by the quicker library: they differ in rounding alone.

    x : (B, n_in); weight : (n_out, n_in); bias : (n_out,). Returns (B, n_out). It is the BLAS where oneDNN is switched
    off, by `torch.backends.mkldnn.enabled = False`.
    """
    if _is_large(x, weight) and gains_by_onednn():
        try:
            return _ByOneDNN.apply(x, weight, bias)
        except RuntimeError:  # of what only the usual way can do, such as torch.func; or it says better what is wrong
            pass
    return nnf.linear(x, weight, bias)


def gains_by_bfloat16() -> bool:
    """Whether this processor multiplies faster in it. One may have the instructions and still take longer."""
    has = getattr(torch.cpu, "get_capabilities", dict)()  # an older torch cannot say
    if not _has_onednn() or not any(has.get(instructions, False) for instructions in ("amx_bf16", "avx512_bf16")):
        return False
    seconds = _seconds_of_products()
    return min(seconds["BLAS"], seconds["oneDNN"]) > WORTH_IT * seconds["bfloat16"]


def gains_by_onednn() -> bool:
    """Whether oneDNN multiplies faster in float32 here."""
    if not _has_onednn():
        return False
    seconds = _seconds_of_products()
    return seconds["BLAS"] > WORTH_IT * seconds["oneDNN"]


class _ByOneDNN(torch.autograd.Function):
    """`linear`, and its slopes. Theirs, for a second derivative, are the BLAS's: oneDNN has none."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        inputs = x.to_mkldnn()
        ctx.save_for_backward(x, weight, inputs)
        ctx.has_bias = bias is not None
        return nnf.linear(inputs, weight, bias).to_dense()

    @staticmethod
    def backward(ctx: FunctionCtx, slopes: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, inputs = ctx.saved_tensors
        if torch.is_grad_enabled():
            return slopes @ weight, slopes.T @ x, slopes.sum(dim=0) if ctx.has_bias else None
        slopes = slopes.to_mkldnn()
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        of_x = of_weight = of_bias = None
        if needs_x:
            of_x = SLOPES_OF_INPUTS(x.shape, slopes, weight).to_dense()
        if needs_weight or needs_bias:
            of_weight, of_bias = SLOPES_OF_WEIGHTS(slopes, inputs, weight, ctx.has_bias)
        return of_x, of_weight, of_bias if ctx.has_bias else None


def _is_large(x: Tensor, weight: Tensor) -> bool:
    return (
        weight.numel() >= LEAST_WEIGHTS  # which most layers have not
        and x.is_cpu
        and x.dim() == 2
        and x.shape[0] >= LEAST_ROWS
        and x.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


def _has_onednn() -> bool:
    return IS_BUILT_IN and torch.backends.mkldnn.enabled


def _seconds_of_products() -> dict[str, float]:
    """Of a layer's product in each way, with as many threads as there are now."""
    return _tried_out(torch.get_num_threads())


@cache
def _tried_out(_: int) -> dict[str, float]:
    """By turns, and the best counts: whatever else runs slows all."""
    rows, n_in, n_out = TRIED
    x = torch.ones(rows, n_in, dtype=torch.float32, device="cpu")
    weight = torch.ones(n_out, n_in, dtype=torch.float32, device="cpu")
    in_bfloat16 = x.bfloat16(), weight.bfloat16()
    ways = {
        "BLAS": lambda: nnf.linear(x, weight),
        "oneDNN": lambda: nnf.linear(x.to_mkldnn(), weight).to_dense(),
        "bfloat16": lambda: nnf.linear(*in_bfloat16),
    }
    seconds = dict.fromkeys(ways, math.inf)
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        for _ in range(TRIALS):
            for way, product in ways.items():
                seconds[way] = min(seconds[way], _seconds_of(product))
    return seconds


def _seconds_of(product: Callable[[], Tensor]) -> float:
    start = time.perf_counter()
    product()
    return time.perf_counter() - start
