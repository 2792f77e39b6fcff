"""What a measurement says, as a sentence with its number in it.

The author of a lesson writes a sentence for each way in which a measurement can come out, and the run chooses the one
that holds. So the text around it needs no "if".
"""

import math
import re
from collections.abc import Mapping

from vae_lessons.evaluation.metrics import Estimate

N_ERRORS = 2.0  # standard errors by which two values must differ to be told apart
HYPHEN = re.compile(r"(?<![^\s(])-(?=[\d.])")  # as Python writes a negative number


class Finding(str):
    """Text that a notebook shows as prose rather than as a string, with minus signs before negative numbers."""

    def _repr_markdown_(self) -> str:
        return HYPHEN.sub("\N{MINUS SIGN}", self)


def paragraph(*sentences: str) -> Finding:
    """Join sentences into one paragraph."""
    return Finding(" ".join(sentences))


def against(value: Estimate, limit: float, *, above: str, near: str, below: str, n_errors: float = N_ERRORS) -> Finding:
    """Say that an estimate is `above` or `below` a limit, or within `n_errors` standard errors `near` it.

    For a difference measured image by image the limit is 0. Raises ValueError for an estimate that is not finite.
    """
    if not (math.isfinite(value.value) and math.isfinite(value.error)):
        raise ValueError(f"value must be finite to say something about it, got {value}")
    difference = value.value - limit
    if abs(difference) <= n_errors * value.error:
        return Finding(near)
    return Finding(above if difference > 0 else below)


def compare(
    first: Estimate, second: Estimate, *, higher: str, alike: str, lower: str, n_errors: float = N_ERRORS
) -> Finding:
    """Say that the first of two independent estimates is `higher` or `lower`, or that the two are `alike`.

    They are alike if they are within `n_errors` standard errors of their difference. Raises as `against`.
    """
    return against(first - second, 0, above=higher, near=alike, below=lower, n_errors=n_errors)


def lowest(values: Mapping[str, Estimate], *, one: str, tied: str, n_errors: float = N_ERRORS) -> Finding:
    """Say which `one` of several estimates is the lowest, or that it is `tied` with the next, as `compare` has it.

    The name of the lowest takes the place of {name} in both sentences, its value that of {value}, and those of the one
    after it the places of {next} and {next_value}. Raises ValueError for fewer than two values, and as `against`.
    """
    return _extreme(sorted(values, key=lambda name: values[name].value), values, one, tied, n_errors)


def highest(values: Mapping[str, Estimate], *, one: str, tied: str, n_errors: float = N_ERRORS) -> Finding:
    """Say which `one` of several estimates is the highest, as `lowest` does of the lowest."""
    return _extreme(sorted(values, key=lambda name: -values[name].value), values, one, tied, n_errors)


def count(n: int, total: int, *, every: str, some: str, none: str) -> Finding:
    """Say that `every` one, `some` or `none` of several things are of one kind.

    Raises ValueError unless 0 <= n <= total and there is at least one thing.
    """
    if not 0 <= n <= total or not total:
        raise ValueError(f"n must be from 0 to a total of at least 1, got {n} of {total}")
    return Finding({total: every, 0: none}.get(int(n), some))


def whether(holds: object, *, yes: str, no: str) -> Finding:
    """Say which of two things is true, where no error is involved."""
    return Finding(yes if holds else no)


def _extreme(order: list[str], values: Mapping[str, Estimate], one: str, tied: str, n_errors: float) -> Finding:
    if len(order) < 2:
        raise ValueError(f"values must have at least two estimates, got {order}")
    name, following, *_ = order
    difference = values[name] - values[following]
    numbers = {"name": name, "value": values[name], "next": following, "next_value": values[following]}
    apart, together = one.format(**numbers), tied.format(**numbers)
    return against(difference, 0, above=apart, near=together, below=apart, n_errors=n_errors)
