"""A finding is the sentence that its author wrote for what was measured."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter
from scipy import stats

from vae_lessons.evaluation.findings import Finding, against, compare, count, highest, lowest, paragraph, whether
from vae_lessons.evaluation.metrics import Estimate

COMPARED = {"higher": "higher", "alike": "alike", "lower": "lower"}
MEASURED = {"above": "above", "near": "near", "below": "below"}
RANKED = {"one": "{name}: {value}, before {next}: {next_value}.", "tied": "{name} or {next}."}
COUNTED = {"every": "every", "some": "some", "none": "none"}
numbers, errors = st.floats(-100, 100), st.floats(0.01, 10)


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (Estimate(5.0, 0.3), Estimate(3.0, 0.4), "higher"),
        (Estimate(3.0, 0.4), Estimate(5.0, 0.3), "lower"),
        (Estimate(3.0, 0.4), Estimate(3.9, 0.3), "alike"),
        (Estimate(3.0, 0.0), Estimate(3.0, 0.0), "alike"),
        (Estimate(3.0, 0.0), Estimate(3.1, 0.0), "lower"),
    ],
)
def test_two_estimates_are_compared(first, second, outcome):
    assert compare(first, second, **COMPARED) == outcome


@given(numbers, numbers, errors, errors, st.sampled_from([2.0, 3.0]))
def test_estimates_are_told_apart_by_standard_errors_of_their_difference(a, b, error_a, error_b, n_errors):
    first, second = Estimate(a, error_a), Estimate(b, error_b)
    p_value = 2 * stats.norm.sf(abs(a - b), scale=(error_a**2 + error_b**2) ** 0.5)
    found = compare(first, second, **COMPARED, n_errors=n_errors)
    opposite = compare(second, first, **COMPARED, n_errors=n_errors)
    assert (found == "alike") == (p_value >= 2 * stats.norm.sf(n_errors))
    assert {found, opposite} in ({"alike"}, {"higher", "lower"})


@pytest.mark.parametrize(("value", "outcome"), [(2.5, "above"), (2.1, "near"), (1.9, "near"), (1.5, "below")])
def test_an_estimate_is_held_against_a_limit(value, outcome):
    assert against(Estimate(value, 0.1), 2, **MEASURED) == outcome


@pytest.mark.parametrize("value", [Estimate(math.nan, 0.1), Estimate(1.0, math.inf)])
def test_nothing_is_said_about_what_is_not_finite(value):
    with pytest.raises(ValueError, match="must be finite"):
        against(value, 0, **MEASURED)


def test_the_lowest_and_the_highest_of_several_are_named_if_they_are_told_apart():
    values = {"six": Estimate(6.0, 0.3), "two": Estimate(2.0, 0.3), "four": Estimate(4.0, 0.4)}
    assert lowest(values, **RANKED) == "two: 2.00 ± 0.30, before four: 4.00 ± 0.40."
    assert highest(values, **RANKED) == "six: 6.00 ± 0.30, before four: 4.00 ± 0.40."
    close = {"three": Estimate(2.9, 0.4), "five": Estimate(5.2, 0.4)}
    assert lowest(values | close, **RANKED) == "two or three."
    assert highest(values | close, **RANKED) == "six or five."
    assert lowest(values | close, **RANKED, n_errors=1.0).startswith("two: ")


def test_one_value_has_no_rank():
    with pytest.raises(ValueError, match="at least two"):
        lowest({"alone": Estimate(1.0, 0.1)}, **RANKED)


@pytest.mark.parametrize(("n", "outcome"), [(9, "every"), (4, "some"), (0, "none")])
def test_things_are_counted(n, outcome):
    assert count(n, 9, **COUNTED) == count(torch.tensor(n), 9, **COUNTED) == outcome


@pytest.mark.parametrize(("n", "total"), [(10, 9), (-1, 9), (0, 0)])
def test_a_count_that_cannot_be_is_refused(n, total):
    with pytest.raises(ValueError, match="n must be from 0"):
        count(n, total, **COUNTED)


@pytest.mark.parametrize(("holds", "outcome"), [(True, "yes"), (False, "no")])
def test_what_is_exact_is_true_or_not(holds, outcome):
    assert whether(holds, yes="yes", no="no") == outcome


def test_a_notebook_shows_a_finding_as_prose():
    text = paragraph(Finding("It *fell*."), "By half.")
    formats, _ = DisplayFormatter().format(text)
    assert formats["text/markdown"] == text == "It *fell*. By half."


def test_a_negative_number_has_a_minus_sign_and_words_keep_their_hyphens():
    text = Finding("A well-known gap (-0.5) is -2.25 ± 0.10 nats, $-1$ in `-1`, from 3-4 runs.")
    assert text._repr_markdown_() == "A well-known gap (−0.5) is −2.25 ± 0.10 nats, $-1$ in `-1`, from 3-4 runs."
