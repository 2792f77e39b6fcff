"""Which way of multiplying is taken, and that what comes out does not depend on it."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from vae_lessons import VAE, Bernoulli, ImageData, fit, load_images, products, training
from vae_lessons.products import LEAST_ROWS, LEAST_WEIGHTS, by_onednn, gains_by_bfloat16, gains_by_onednn

WIDE = LEAST_WEIGHTS // 64  # from images of 64 pixels, as much as counts as large

needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch has no oneDNN here")


class Watched(TorchFunctionMode):
    """Remembers the rows of each linear layer's product, how it was computed, and the outputs' width."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is nn.functional.linear:
            self.seen.append((len(args[0]), "oneDNN" if args[0].is_mkldnn else "BLAS", len(args[1])))
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope="module")
def few() -> ImageData:
    digits = load_images("digits")
    return replace(
        digits,
        train=digits.train[:200],
        train_labels=digits.train_labels[:200],
        test=digits.test[:100],
        test_labels=digits.test_labels[:100],
    )


@pytest.fixture
def seconds(monkeypatch):
    """Makes the ways take as long as it is told, on a processor that can do bfloat16."""

    def take(blas: float, onednn: float, bfloat16: float = 1.0) -> None:
        told = {"BLAS": blas, "oneDNN": onednn, "bfloat16": bfloat16}
        monkeypatch.setattr(products, "_seconds_of_products", lambda: told)

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    return take


def vae(data: ImageData, kind: type[VAE] = VAE) -> VAE:
    return kind(data.image_shape, 2, (WIDE,), likelihood=Bernoulli(), generator=torch.Generator().manual_seed(0))


def ways(model: nn.Module, data: ImageData, precision: str = "float32") -> set[str]:
    """In which the products of training and evaluation were computed; there are hundred images in each."""
    with Watched() as watched:
        fit(model, data, epochs=1, batch_size=100, device="cpu", precision=precision)
    return {way for rows, way, _ in watched.seen if rows == 100}


@needs_onednn
@pytest.mark.parametrize(("blas", "onednn", "gains"), [(2.0, 1.0, True), (1.1, 1.0, False), (1.0, 2.0, False)])
def test_onednn_is_taken_where_it_was_seen_to_be_faster(seconds, blas, onednn, gains):
    seconds(blas, onednn)
    assert gains_by_onednn() is gains


@needs_onednn
def test_onednn_can_be_switched_off(seconds, monkeypatch):
    seconds(2.0, 1.0)
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    assert gains_by_onednn() is False


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


def test_each_way_is_tried_out():
    tried = products._seconds_of_products.__wrapped__()
    assert set(tried) == {"BLAS", "oneDNN", "bfloat16"}
    assert all(value > 0 for value in tried.values())
    assert tried["BLAS"] < 10


@needs_onednn
def test_loss_and_gradients_differ_in_rounding_alone(few):
    usual, by_other = vae(few), vae(few)
    found = []
    for model in (usual, by_other):
        torch.manual_seed(0)
        with by_onednn(model) if model is by_other else torch.enable_grad():
            loss = model.loss(few.train)
            loss.mean().backward()
        found.append([loss.detach(), *(p.grad for p in model.parameters())])
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5 * float(one.abs().max()))
    assert not all(map(torch.equal, *found)), "the other library was not used"


@needs_onednn
def test_only_what_is_large_and_in_float32_changes_its_layout(few):
    model = vae(few)
    calls = [
        (torch.float32, LEAST_ROWS, False, {("oneDNN", WIDE), ("BLAS", 4)}),
        (torch.float32, LEAST_ROWS - 1, False, {("BLAS", WIDE), ("BLAS", 4)}),
        (torch.float64, LEAST_ROWS, False, {("BLAS", WIDE), ("BLAS", 4)}),
        (torch.float32, LEAST_ROWS, True, {("BLAS", WIDE), ("BLAS", 4)}),
    ]
    for dtype, rows, lower, expected in calls:
        model.to(dtype)
        with by_onednn(model), torch.autocast("cpu", torch.bfloat16, enabled=lower), Watched() as watched:
            model.encode(few.train[:rows].to(dtype))
        assert {seen[1:] for seen in watched.seen} == expected
    with Watched() as watched:
        model.float().encode(few.train)
    assert {way for _, way, _ in watched.seen} == {"BLAS"}, "what is over must leave nothing behind"


@needs_onednn
def test_who_looks_on_sees_tensors_as_ever(few):
    """A hook of somebody else's on the same layer, that came before."""
    model, seen = vae(few), []
    model.encoder[0].register_forward_hook(lambda _, inputs, output: seen.extend([*inputs, output]))
    with by_onednn(model):
        model.encode(few.train)
    assert not seen[1].is_mkldnn


@needs_onednn
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_fit_takes_the_faster_one(few, seconds, precision):
    """In bfloat16 it is oneDNN in any case, and what changes is the evaluation in float32."""
    seconds(2.0, 1.0)
    assert ways(vae(few), few, precision) == {"BLAS", "oneDNN"}
    seconds(1.0, 1.0)
    assert ways(vae(few), few, precision) == {"BLAS"}


@needs_onednn
def test_a_model_that_onednn_cannot_train_is_trained_without(few, seconds):
    """Second derivatives do not pass through it, and a penalty on a derivative is made of them."""

    class Smooth(VAE):
        def loss(self, x):
            z = self.code(x).detach().requires_grad_()
            with torch.enable_grad():
                (slopes,) = torch.autograd.grad(self.decode(z).sum(), z, create_graph=True)
            return super().loss(x) + slopes.square().sum(dim=1)

    seconds(2.0, 1.0)
    model, usual = vae(few, Smooth), vae(few, Smooth)
    assert ways(model, few) == {"BLAS"}
    seconds(1.0, 1.0)
    ways(usual, few)
    assert all(map(torch.equal, model.parameters(), usual.parameters()))


@needs_onednn
def test_trying_a_model_out_leaves_no_trace(few, seconds):
    """Neither on the model nor on the random numbers."""
    seconds(2.0, 1.0)
    model, state = vae(few), torch.random.get_rng_state()
    before = copy.deepcopy(model.state_dict())
    assert training._trains_by_onednn(model, few)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert model.encoder[0]._forward_hooks == model.encoder[0]._forward_pre_hooks == {}
