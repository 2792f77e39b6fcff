"""Checks of arguments: what they accept, and the messages for everything else."""

import math
import re

import numpy as np
import pytest
import torch

from vae_lessons.validation import check_int, check_positive, first_row


@pytest.mark.parametrize("kind", [int, np.int64, np.uint8])
def test_any_integer_type_is_accepted(kind):
    result = check_int("n", kind(3), maximum=3)
    assert (result, type(result)) == (3, int)


@pytest.mark.parametrize("kind", [float, np.float32, np.float64, np.int64])
def test_any_positive_number_type_is_accepted(kind):
    result = check_positive("sigma", kind(2))
    assert (result, type(result)) == (2, float)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2.5, "n must be a whole number, got 2.5"),
        (3.0, "n must be a whole number, got 3.0"),
        ("3", "n must be a whole number, got '3'"),
        (True, "n must be a whole number, got True"),
        (torch.tensor(3), "n must be a whole number, got 3: take its .item()"),
        (torch.arange(5), "n must be a whole number, got a tensor of shape (5,)"),
        (0, "n must be from 1 to 4, got 0"),
        (5, "n must be from 1 to 4, got 5"),
    ],
    ids=repr,
)
def test_invalid_integer_is_named(value, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_int("n", value, maximum=4)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, "wide", None, True], ids=repr)
def test_non_positive_number_is_named(value):
    with pytest.raises(ValueError, match=f"^sigma must be a positive number, got {value!r}$"):
        check_positive("sigma", value)


def test_tensor_instead_of_number_suggests_item():
    with pytest.raises(ValueError, match=r"sigma must be a positive number, got 0\.5: take its \.item\(\)"):
        check_positive("sigma", torch.tensor(0.5))


@pytest.mark.parametrize(
    ("mask", "row"),
    [([False, True, True], 1), ([[False, False], [False, True]], 1), ([[[True]], [[True]]], 0)],
    ids=repr,
)
def test_first_row_is_found_for_any_shape(mask, row):
    assert first_row(torch.tensor(mask)) == row
