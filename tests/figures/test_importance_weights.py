"""ImportanceWeights: its numbers by another route, what it refuses, and how its bounds are drawn."""

import itertools
import math

import numpy as np
import pytest
from live_figures import (
    numbers_below,
    painted,
    printed,
    set_sliders,
)
from matplotlib.transforms import Bbox
from playwright.sync_api import expect
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import norm
from traitlets import TraitError

from vae_lessons.figures import ImportanceWeights
from vae_lessons.figures.importance_weights.figure import noise_sets

TYPICAL = [{}, {"mu": 1.0, "logvar": 0.0, "bend": 1.5}, {"mu": -0.5, "logvar": -3.0, "bend": 0.0}]

Q_AND_BEND = [
    {"mu": mu, "logvar": logvar, "bend": bend} for mu, logvar, bend in itertools.product((-2, 2), (-4, 0.5), (0, 1.5))
]


def log_weight(z, mu, logvar, bend):
    """log p(x, z) / q(z), by SciPy's densities."""
    joint = norm.logpdf(1.5, z + bend * z**2 / 2, 0.7) + norm.logpdf(z)
    return joint - norm.logpdf(z, mu, math.exp(logvar / 2))


def q_and_bend(figure):
    return figure.mu, figure.logvar, figure.bend


@pytest.mark.parametrize("values", TYPICAL)
def test_weights_of_the_draws_by_another_route(values):
    for samples, draws in itertools.product((1, 8, 1024), (0, 11)):
        figure = ImportanceWeights(**values, samples=samples, draws=draws)
        eps = noise_sets()[draws % 8, :samples].double().numpy()
        log_weights = log_weight(figure.mu + math.exp(figure.logvar / 2) * eps, *q_and_bend(figure))
        weights = np.exp(log_weights)
        numbers = figure.numbers()
        assert numbers["bound"] == pytest.approx(logsumexp(log_weights) - math.log(samples), abs=1e-9)
        assert numbers["ess"] == pytest.approx(weights.sum() ** 2 / (weights**2).sum(), rel=1e-9)
        assert numbers["largest"] == pytest.approx(weights.max() / weights.sum(), rel=1e-9)


@pytest.mark.parametrize("values", TYPICAL)
def test_elbo_and_evidence_agree_with_adaptive_quadrature(values):
    figure = ImportanceWeights(**values)
    mu, sd = figure.mu, math.exp(figure.logvar / 2)
    within = (mu - 10 * sd, mu + 10 * sd)
    elbo = quad(lambda z: norm.pdf(z, mu, sd) * log_weight(z, *q_and_bend(figure)), *within, points=[mu], limit=200)[0]
    evidence = quad(lambda z: norm.pdf(z) * norm.pdf(1.5, z + figure.bend * z**2 / 2, 0.7), -9, 9, limit=200)[0]
    numbers = figure.numbers()
    assert numbers["elbo"] == pytest.approx(elbo, abs=1e-6)
    assert numbers["log_evidence"] == pytest.approx(math.log(evidence), abs=1e-6)


def test_with_one_sample_the_expected_bound_is_the_elbo():
    for values in Q_AND_BEND:
        numbers = ImportanceWeights(**values, samples=1).numbers()
        assert numbers["expected_bound"] == pytest.approx(numbers["elbo"], rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("values", TYPICAL)
def test_with_two_samples_it_agrees_with_quadrature_in_two_dimensions(values):
    figure = ImportanceWeights(**values, samples=2)
    sd = math.exp(figure.logvar / 2)

    eps = np.linspace(-8, 8, 1601)
    density, weights = norm.pdf(eps), log_weight(figure.mu + sd * eps, *q_and_bend(figure))
    bounds = np.logaddexp(weights[:, None], weights) - math.log(2)
    expected = np.trapezoid(np.trapezoid(density[:, None] * density * bounds, eps), eps)
    assert figure.numbers()["expected_bound"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("samples", [16, 256])
@pytest.mark.parametrize("values", TYPICAL)
def test_with_many_samples_it_agrees_with_simulation(values, samples):
    figure = ImportanceWeights(**values, samples=samples)
    eps = np.random.default_rng(0).standard_normal((400_000 // samples, samples))
    log_weights = log_weight(figure.mu + math.exp(figure.logvar / 2) * eps, *q_and_bend(figure))
    bounds = logsumexp(log_weights, axis=1) - math.log(samples)
    error = bounds.std(ddof=1) / math.sqrt(len(bounds))
    assert abs(figure.numbers()["expected_bound"] - bounds.mean()) < 4 * error


def test_the_expected_bound_rises_to_the_evidence():
    for values in Q_AND_BEND:
        snapshot = ImportanceWeights(**values).snapshot()
        bounds = snapshot.expected.numpy()
        assert (np.diff(bounds) > -1e-6).all()
        assert bounds[-1] < snapshot.numbers["log_evidence"] + 1e-6


def test_a_q_that_is_the_posterior_has_equal_weights():
    variance = 1 / (1 + 1 / ImportanceWeights.NOISE**2)
    q = {"mu": ImportanceWeights.DATUM * variance / ImportanceWeights.NOISE**2, "logvar": math.log(variance)}
    numbers = ImportanceWeights(**q, bend=0.0, samples=64).numbers()
    assert numbers["ess"] == pytest.approx(64)
    assert numbers["largest"] == pytest.approx(1 / 64)
    for bound in ("elbo", "bound", "expected_bound"):
        assert numbers[bound] == pytest.approx(numbers["log_evidence"], abs=1e-6)


def test_what_is_no_power_of_two_is_refused_with_those_that_are():
    figure = ImportanceWeights()
    for value in (3, 1000):
        with pytest.raises(TraitError, match=f"samples must be one of 1, 2, 4, .*, 1024, got {value}"):
            figure.samples = value
    assert figure.samples == 16


def test_new_draws_change_the_bound_of_these_draws_alone():
    first, second, again = (ImportanceWeights(draws=draws).numbers() for draws in (0, 1, 8))
    assert first == again
    assert first["bound"] != second["bound"]
    for name in ("elbo", "expected_bound", "log_evidence"):
        assert first[name] == second[name]


@pytest.mark.parametrize("values", [{}, {"samples": 1}, {"samples": 1024, "bend": 1.5}, {"mu": -2.0, "logvar": 0.5}])
def test_labels_of_the_still_lie_apart(values, assert_labels_lie_apart):
    assert_labels_lie_apart(ImportanceWeights(**values))


def test_the_still_prints_what_the_page_prints(drawing_of, open_page):
    below = numbers_below(drawing_of(ImportanceWeights()))
    page, _ = open_page(ImportanceWeights())
    texts = printed(page.locator("figure"))
    bounds = [float(texts[name]) for name in ("elbo", "bound", "expected_bound", "log_evidence")]
    assert below == bounds


def test_the_number_of_samples_is_said_and_can_be_dragged(open_page):
    page, troubles = open_page(ImportanceWeights())
    slider = page.get_by_role("slider", name="samples")
    slider.press("ArrowRight")
    painted(page)
    assert slider.get_attribute("aria-valuetext") == "samples 32"
    assert slider.locator("xpath=..").inner_text().split() == ["samples", "32"]
    box = page.locator(".handle .knob").last.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 1000, box["y"], steps=3)
    page.mouse.up()
    painted(page)
    assert slider.get_attribute("aria-valuetext") == "samples 1024"
    expect(page.locator("[aria-live=polite]")).to_contain_text("effective sample size")
    assert not troubles


EXTREMES = list(itertools.product((-2, 0.3, 2), (-2, 0.5), (0, 0.5, 1.5), (0, 4, 7)))


def test_no_name_lies_on_another(open_page):
    page, troubles = open_page(ImportanceWeights(), width=800)
    figure = page.locator("figure.live-figure")
    names = figure.locator("svg .name")
    for values in EXTREMES:
        set_sliders(page, figure, values)
        seen = [name for name in names.all() if name.is_visible()]
        boxes = {name.inner_html(): Bbox.from_bounds(*name.bounding_box().values()).padded(-2) for name in seen}
        for (name, one), (other, second) in itertools.combinations(boxes.items(), 2):
            assert Bbox.intersection(one, second) is None, (values, name, other)
        paths = figure.locator("svg path").evaluate_all("all => all.map(path => path.getAttribute('d') ?? '')")
        assert not any("NaN" in path or "Infinity" in path for path in paths), values
    assert not troubles
