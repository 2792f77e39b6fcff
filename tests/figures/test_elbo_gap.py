"""ElboGap: its numbers by another route, its sums, and names and handles that keep apart."""

import itertools
import math
from decimal import Decimal

import numpy as np
import pytest
from live_figures import (
    assert_handles_follow_a_finger,
    assert_handles_follow_the_mouse,
    assert_spread_stays_with_the_pointer,
    assert_sums_hold_everywhere,
    grid,
    numbers_below,
    printed,
    set_sliders,
)
from matplotlib.transforms import Bbox
from scipy.integrate import quad
from scipy.stats import norm
from torch import float64, tensor
from torch.distributions import Normal, kl_divergence

from vae_lessons.figures import ElboGap


def elbo_by_quadrature(mu, logvar, x, bend):
    """Reconstruction term, gap and log p(x), by adaptive quadrature of SciPy's densities."""
    q, prior = norm(mu, math.exp(logvar / 2)), norm()

    def log_likelihood(z):
        return norm.logpdf(x, z + bend * z**2 / 2, 0.7)

    def mean(f):
        within = (mu - 12 * q.std(), mu + 12 * q.std())
        return quad(lambda z: q.pdf(z) * f(z), *within, points=[mu], limit=200, epsabs=1e-9, epsrel=1e-10)[0]

    inside = np.linspace(-10, 10, 41)[1:-1]
    evidence = quad(
        lambda z: math.exp(log_likelihood(z)) * prior.pdf(z), -10, 10, points=inside, limit=500, epsabs=0, epsrel=1e-11
    )[0]
    log_posterior = lambda z: log_likelihood(z) + prior.logpdf(z) - math.log(evidence)  # noqa: E731
    return mean(log_likelihood), mean(lambda z: q.logpdf(z) - log_posterior(z)), math.log(evidence)


@pytest.mark.check
@pytest.mark.parametrize("bend", [0.0, 0.7, 2.0])
def test_numbers_agree_with_adaptive_quadrature(bend):
    for mu, logvar, x in [(0.3, -2.0, 1.5), (-3.0, 1.5, -3.0), (3.0, -4.0, 3.0), (-1.2, 0.4, 0.0)]:
        numbers = ElboGap(mu=mu, logvar=logvar, x=x, bend=bend).numbers()
        reconstruction, gap, log_evidence = elbo_by_quadrature(mu, logvar, x, bend)
        assert numbers["reconstruction"] == pytest.approx(reconstruction, abs=1e-6)
        assert numbers["gap"] == pytest.approx(gap, abs=1e-6)
        assert numbers["log_evidence"] == pytest.approx(log_evidence, abs=1e-8)
        assert numbers["elbo"] == pytest.approx(numbers["reconstruction"] - numbers["kl"], abs=1e-12)
        q, prior = (Normal(*tensor(pair, dtype=float64)) for pair in ([mu, math.exp(logvar / 2)], [0.0, 1.0]))
        assert numbers["kl"] == pytest.approx(float(kl_divergence(q, prior)), abs=1e-12)


def test_the_gap_leads_to_the_evidence_and_is_never_negative():
    for values in grid(ElboGap()):
        numbers = ElboGap(**values).numbers()
        assert numbers["elbo"] + numbers["gap"] == pytest.approx(numbers["log_evidence"], abs=1e-8)
        assert numbers["gap"] >= 0


def test_a_gaussian_closes_the_gap_of_a_linear_decoder():
    variance = 1 / (1 + 1 / ElboGap.NOISE**2)
    q = {"mu": 1.5 * variance / ElboGap.NOISE**2, "logvar": math.log(variance)}
    assert ElboGap(x=1.5, bend=0.0, **q).numbers()["gap"] == pytest.approx(0, abs=1e-12)
    assert ElboGap(x=1.5, bend=1.0, **q).numbers()["gap"] > 0.1


def test_the_still_prints_what_the_page_prints(drawing_of, open_page):
    below = numbers_below(drawing_of(ElboGap()))
    page, _ = open_page(ElboGap())
    texts = printed(page.locator("figure")).values()
    assert len(below) == 5
    assert below == [float(text) for text in texts]


def test_sums_hold_in_the_still():
    for values in grid(ElboGap(), points=4):
        texts = ElboGap(**values).snapshot().printed().values()
        reconstruction, kl, elbo, gap, evidence = (Decimal(text.removesuffix(" nats")) for text in texts)
        assert "-0.000" not in texts
        assert reconstruction - kl == elbo
        assert elbo + gap == evidence


def test_sums_hold_on_the_page(open_page):
    page, _ = open_page(ElboGap())
    assert_sums_hold_everywhere(page, ElboGap())


@pytest.mark.parametrize("values", [{}, {"bend": 2.0}])
def test_labels_of_the_still_lie_apart(values, assert_labels_lie_apart):
    assert_labels_lie_apart(ElboGap(**values))


def test_the_terms_have_names_that_lie_apart(open_page):
    page, _ = open_page(ElboGap())
    bars, names = page.locator("svg").last, ("nats", "reconstruction", "− KL", "+ gap")
    boxes = [bars.get_by_text(name, exact=True).bounding_box() for name in names]
    for left, right in itertools.pairwise(boxes):
        assert left["x"] + left["width"] + 3 < right["x"]


def test_handles_follow_the_mouse(open_page):
    page, troubles = open_page(ElboGap())
    assert_handles_follow_the_mouse(page, 3)
    assert not troubles


def test_handles_follow_a_finger(open_page):
    page, _ = open_page(ElboGap(), ElboGap(), width=390, has_touch=True)
    assert_handles_follow_a_finger(page)


@pytest.mark.parametrize("mu", [3.0, -3.0])
def test_the_spread_handle_stays_with_the_pointer(mu, open_page):
    page, _ = open_page(ElboGap(mu=mu, logvar=0.0))
    assert_spread_stays_with_the_pointer(page, 2)


NEAR_THE_PRIOR_S_NAME = [(-2.5, 1.5, 3, 0.5), (0, 1.5, -3, 2), (0, 1.5, 0, 1), (0.5, 1.5, -3, 0.5), (1, -0.05, 3, 2)]


def test_no_handle_lies_on_the_name_of_the_prior(open_page):
    page, _ = open_page(ElboGap(), width=800)
    figure = page.locator("figure.live-figure")
    name, handles = figure.get_by_text("p(z)", exact=True), figure.locator(".handle.encoder .knob").all()
    for values in NEAR_THE_PRIOR_S_NAME:
        set_sliders(page, figure, values)
        box = name.bounding_box()
        for knob in (handle.bounding_box() for handle in handles):
            assert not all(box[a] - knob[b] < knob[a] < box[a] + box[b] for a, b in (("x", "width"), ("y", "height")))


SMALL_BENT = [(2, -4, -1.5, 0.5), (2, -4, 0, 2), (3, -4, 0, 2), (3, 1.5, 3, 2), (-2, -4, 1.5, 0)]


def test_no_name_of_a_density_lies_on_another(open_page):
    page, _ = open_page(ElboGap(), width=800)
    figure = page.locator("figure.live-figure")
    names = [figure.get_by_text(name, exact=True) for name in ("p(z)", "p(z | x)", "q(z)")]
    for values in SMALL_BENT:
        set_sliders(page, figure, values)
        boxes = [Bbox.from_bounds(*name.bounding_box().values()).padded(-1.5) for name in names]
        for one, other in itertools.combinations(boxes, 2):
            assert Bbox.intersection(one, other) is None, values
