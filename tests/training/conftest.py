"""Data sets that the tests of training share."""

from dataclasses import replace

import pytest

from vae_lessons import ImageData, load_images


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
