"""Tests of the book's labelled equations: one module for each topic, one function for each label.

Each test computes both sides of its equation by independent routes, in float64.
"""

from collections.abc import Callable

import torch

EquationTest = Callable[[torch.Generator], None]
EQUATIONS: dict[str, EquationTest] = {}


def equation(label: str) -> Callable[[EquationTest], EquationTest]:
    """Register a function as the test of the equation with this label."""

    def register(test: EquationTest) -> EquationTest:
        assert label not in EQUATIONS, f"{label} has two tests"
        EQUATIONS[label] = test
        return test

    return register
