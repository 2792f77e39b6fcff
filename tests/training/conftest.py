"""What the tests of training share: data sets, and the CPU."""

from dataclasses import replace

import pytest

from vae_lessons import ImageData, load_images


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch) -> None:
    """Let "auto" be the CPU on a machine with a GPU too: tests compare bits, and tensors of their own."""
    monkeypatch.setattr("torch.accelerator.is_available", lambda: False)


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return load_images("digits")


@pytest.fixture
def few(digits) -> ImageData:
    """A hundred images: enough to see an effect."""
    return replace(
        digits,
        train=digits.train[:100],
        train_labels=digits.train_labels[:100],
        test=digits.test[:50],
        test_labels=digits.test_labels[:50],
    )
