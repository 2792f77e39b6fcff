"""Settings: validation and defaults."""

import math

import numpy as np
import pytest
import torch
from training_helpers import OneNumber

from vae_lessons import fit
from vae_lessons.training import Settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"epochs": 1.5}, "epochs must be"),
        ({"epochs": True}, "epochs must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"lr": 0}, "lr must be a positive number, got 0"),
        ({"lr": math.nan}, "lr must be"),
        ({"lr": "fast"}, "lr must be"),
        ({"lr": True}, "lr must be a positive number, got True"),
        ({"lr": torch.tensor(0.1)}, r"lr must be a positive number, got 0\.1\d*: take its \.item\(\)"),
        ({"epochs": torch.tensor(2)}, r"epochs must be a whole number, got 2: take its \.item"),
        ({"seed": np.array(2)}, r"seed must be a whole number, got 2: take its \.item"),
        ({"epochs": np.float64(2)}, r"epochs must be a whole number, got np\.float64\(2\.0\)$"),
        ({"seed": 0.5}, "seed must be a whole number"),
        ({"schedule": "none"}, "schedule must be one of linear, constant, got 'none'"),
        ({"precision": "float8"}, "precision must be one of auto, float32, bfloat16, got 'float8'"),
        ({"device": "abacus"}, "device must be 'auto', 'cpu', 'cuda' or 'mps', got 'abacus'"),
    ],
)
def test_settings_out_of_range_are_named(few, settings, message):
    with pytest.raises(ValueError, match=message):
        fit(OneNumber(), few, **settings)


@pytest.mark.parametrize("kind", [np.int64, np.int8, np.uint16])
def test_numpy_settings_are_accepted(kind):
    settings = Settings(epochs=kind(2), batch_size=kind(3), seed=kind(4), lr=np.float32(0.5))
    assert settings == Settings(2, 3, 0.5, seed=4)
    assert {type(value) for value in (settings.epochs, settings.batch_size, settings.seed)} == {int}
    assert type(settings.lr) is float


def test_fit_shares_defaults_with_settings():
    assert fit.__defaults__ == tuple(vars(Settings()).values())
