"""What `fit` chooses where a setting is left open."""

import math
from dataclasses import replace

import pytest
import torch
from training_helpers import OneNumber

from vae_lessons import ImageData, TensorData, fit, mnist_epochs
from vae_lessons.training import Settings
from vae_lessons.training.defaults import resolve


def test_unset_settings_are_chosen_and_recorded(few, digits, monkeypatch):
    """An epoch has at least five steps, lr scales with the batch size's root, and bfloat16 is used with AMX only."""
    monkeypatch.setattr("vae_lessons.training.defaults.has_amx", lambda: False)
    chosen = fit(OneNumber(), digits, epochs=1, device="cpu").settings
    assert (chosen.batch_size, chosen.precision) == (192, "float32")
    assert chosen.lr == pytest.approx(0.016 * math.sqrt(192 / 512))
    assert resolve(Settings(device="cpu"), 60_000).batch_size == 384
    assert resolve(Settings(device="cpu"), 3).batch_size == 1
    monkeypatch.setattr("vae_lessons.training.defaults.has_amx", lambda: True)
    assert resolve(Settings(device="cpu"), 100).precision == "bfloat16"
    assert resolve(Settings(device="cpu"), 60_000).batch_size == 512
    requested = Settings(batch_size=7, lr=0.1, precision="float32", device="cpu", schedule="constant")
    assert fit(OneNumber(), few, **vars(requested) | {"epochs": 1}).settings == replace(requested, epochs=1)


def test_auto_takes_an_accelerator_in_float32(monkeypatch):
    monkeypatch.setattr("torch.accelerator.is_available", lambda: True)
    monkeypatch.setattr("torch.accelerator.current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr("vae_lessons.training.defaults.has_amx", lambda: True)
    chosen = resolve(Settings(), 60_000)
    assert (chosen.device, chosen.precision, chosen.batch_size) == ("cuda", "float32", 512)
    assert resolve(Settings(device="cpu"), 60_000).device == "cpu"


def test_absent_device_is_named(few):
    absent = "mps" if not torch.backends.mps.is_available() else "xpu"
    with pytest.raises(ValueError, match=f"device '{absent}' is not on this machine"):
        fit(OneNumber(), few, device=absent)


def test_epochs_scale_with_data_and_fast_mode(digits, monkeypatch):
    monkeypatch.delenv("VAE_LESSONS_FAST", raising=False)
    assert mnist_epochs(digits, 4) == 80
    many = torch.zeros(60_000, 1, 1)
    mnist_sized = ImageData("large", many, torch.zeros(60_000, dtype=torch.int64), many, torch.zeros(60_000).long())
    assert mnist_epochs(mnist_sized, 4) == 4
    points = (torch.zeros(30_000, 2),)
    assert mnist_epochs(TensorData("points", points, points), 4) == 8
    monkeypatch.setenv("VAE_LESSONS_FAST", "1")
    assert mnist_epochs(digits, 4) == 2


def test_batch_size_is_capped_at_data_size(few):
    """The learning rate is that of the capped batch size."""
    chosen = fit(OneNumber(), few, epochs=1, batch_size=10**6, device="cpu").settings
    assert chosen.batch_size == 100
    assert chosen.lr == pytest.approx(0.016 * math.sqrt(100 / 512))
