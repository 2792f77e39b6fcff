"""Which way of multiplying is taken, and that what comes out does not depend on it."""

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from vae_lessons import VAE, Bernoulli, products
from vae_lessons.networks import Linear
from vae_lessons.products import LEAST_ROWS, LEAST_WEIGHTS, gains_by_bfloat16, gains_by_onednn, linear

N_IN = 64
N_OUT = LEAST_WEIGHTS // N_IN  # as much as counts as large

needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch has no oneDNN here")


class Watched(TorchFunctionMode):
    """Remembers how each linear product was computed."""

    def __init__(self):
        super().__init__()
        self.ways = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is nn.functional.linear:
            self.ways.append("oneDNN" if args[0].is_mkldnn else "BLAS")
        return func(*args, **(kwargs or {}))


@pytest.fixture
def seconds(monkeypatch):
    """Makes the ways take as long as it is told, on a processor that can do bfloat16."""

    def take(blas: float, onednn: float, bfloat16: float = 1.0) -> None:
        told = {"BLAS": blas, "oneDNN": onednn, "bfloat16": bfloat16}
        monkeypatch.setattr(products, "_seconds_of_products", lambda: told)

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    return take


def tensors(rows: int = LEAST_ROWS, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = (rows, N_IN), (N_OUT, N_IN), (N_OUT,)
    return [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in shapes]


def ways(call, *arguments) -> list[str]:
    with Watched() as watched:
        call(*arguments)
    return watched.ways


@needs_onednn
@pytest.mark.parametrize(("blas", "onednn", "gains"), [(2.0, 1.0, True), (1.1, 1.0, False), (1.0, 2.0, False)])
def test_onednn_is_taken_where_it_was_seen_to_be_faster(seconds, blas, onednn, gains):
    seconds(blas, onednn)
    assert gains_by_onednn() is gains


@needs_onednn
def test_onednn_can_be_switched_off(seconds, monkeypatch):
    seconds(2.0, 1.0, 0.1)
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    assert gains_by_onednn() is False
    assert gains_by_bfloat16() is False
    assert ways(linear, *tensors()) == ["BLAS"]


@pytest.mark.parametrize(
    ("has", "blas", "onednn", "gains"),
    [
        ("avx512_bf16", 2.0, 2.0, True),
        ("amx_bf16", 2.0, 2.0, True),
        ("avx512_bf16", 0.5, 0.5, False),
        ("avx512_bf16", 2.0, 1.1, False),
        ("avx512", 2.0, 2.0, False),
    ],
)
def test_bfloat16_is_taken_where_it_was_seen_to_be_faster(seconds, monkeypatch, has, blas, onednn, gains):
    """Instructions for it are needed, and are not enough: float32 has two libraries to be faster with."""
    seconds(blas, onednn, bfloat16=1.0)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {has: True}, raising=False)
    assert gains_by_bfloat16() is gains


@needs_onednn
@pytest.mark.parametrize("default", [torch.float32, torch.float64])
def test_each_way_is_tried_out(monkeypatch, default):
    """Also where new tensors are in another precision, or products in a lower one."""
    monkeypatch.setattr(products, "TRIALS", 2)
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        with torch.autocast("cpu", torch.bfloat16):
            tried = products._tried_out.__wrapped__(1)
    finally:
        torch.set_default_dtype(before)
    assert set(tried) == {"BLAS", "oneDNN", "bfloat16"}
    assert all(0 < seconds < 10 for seconds in tried.values())


@needs_onednn
def test_with_another_number_of_threads_it_is_tried_out_again(monkeypatch):
    asked = []
    monkeypatch.setattr(products, "_tried_out", lambda threads: asked.append(threads) or {})
    for threads in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        products._seconds_of_products()
    assert asked == [1, 3]


@needs_onednn
@pytest.mark.parametrize("without", [None, 0, 1, 2], ids=["all slopes", "not of x", "not of weight", "not of bias"])
@pytest.mark.parametrize("biased", [True, False], ids=["bias", "no bias"])
def test_values_and_slopes_differ_in_rounding_alone(seconds, without, biased):
    found = []
    for way, onednn in {"oneDNN": 1.0, "BLAS": 9.0}.items():
        seconds(2.0, onednn)
        arguments = tensors()[: 3 if biased else 2]
        if without is not None and without < len(arguments):
            arguments[without].requires_grad_(False)
        with Watched() as watched:
            outputs = linear(*arguments)
        assert watched.ways == [way]
        (outputs.sin() + outputs).sum().backward()
        found.append([outputs.detach(), *(argument.grad for argument in arguments)])
    for one, other in zip(*found, strict=True):
        assert (one is None) == (other is None)
        assert one is None or torch.allclose(one, other, rtol=1e-4, atol=1e-5 * float(other.abs().max()))


@needs_onednn
def test_second_derivatives_pass(seconds):
    """A penalty on a slope, and the slope of a slope of it."""
    found = []
    for onednn in (1.0, 9.0):
        seconds(2.0, onednn)
        x, weight, bias = tensors()
        (slopes,) = torch.autograd.grad(linear(x, weight, bias).sigmoid().sum(), x, create_graph=True)
        found.append(torch.autograd.grad(slopes.square().sum(), (x, weight, bias)))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-5 * float(other.abs().max()))


@needs_onednn
def test_what_only_the_usual_way_can_do_is_done(seconds):
    """Derivatives by torch.func and forward mode; and a mistake is told in the words that everyone knows."""
    seconds(2.0, 1.0)
    x, weight, bias = (argument.detach() for argument in tensors())
    slopes = torch.func.grad(lambda weight: linear(x, weight, bias).sum())(weight)
    assert torch.allclose(slopes, x.sum(dim=0).expand_as(weight), atol=1e-4)
    _, moved = torch.func.jvp(lambda x: linear(x, weight, bias), (x,), (torch.ones_like(x),))
    assert torch.allclose(moved, weight.sum(dim=1).expand_as(moved), atol=1e-4)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        linear(x[:, 1:], weight, bias)


@needs_onednn
def test_only_what_is_large_and_in_float32_on_a_cpu_changes_over(seconds):
    seconds(2.0, 1.0)
    assert ways(linear, *tensors()) == ["oneDNN"]
    assert ways(linear, *tensors(LEAST_ROWS - 1)) == ["BLAS"]
    assert ways(linear, *tensors(dtype=torch.float64)) == ["BLAS"]
    x, weight, bias = tensors()
    assert ways(linear, x, weight[1:], bias[1:]) == ["BLAS"]
    assert ways(linear, x[None], weight, bias) == ["BLAS"]
    assert ways(linear, *(argument.to("meta") for argument in (x, weight, bias))) == ["BLAS"]
    with torch.autocast("cpu", torch.bfloat16):
        assert ways(linear, x, weight, bias) == ["BLAS"]
    seconds(1.0, 1.0)
    assert ways(linear, x, weight, bias) == ["BLAS"]


@needs_onednn
def test_the_networks_of_the_course_take_the_faster_way(seconds):
    """What looks on at a layer sees tensors as ever."""
    seconds(2.0, 1.0)
    model, seen = VAE((8, 8), 2, (N_OUT,), likelihood=Bernoulli()), []
    assert isinstance(model.encoder[0], Linear)
    model.encoder[0].register_forward_hook(lambda _, inputs, output: seen.extend([*inputs, output]))
    assert ways(model.encode, torch.rand(LEAST_ROWS, 8, 8)) == ["oneDNN", "BLAS"]
    assert [tensor.is_mkldnn for tensor in seen] == [False, False]
