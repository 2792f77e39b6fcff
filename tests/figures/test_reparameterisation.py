"""Reparameterisation: both estimates by another route, and what is shown of them."""

import math
import re

import numpy as np
import pytest
import torch
from live_figures import (
    assert_handles_follow_a_finger,
    assert_handles_follow_the_mouse,
    grid,
    painted,
    printed,
)
from playwright.sync_api import expect
from traitlets import TraitError

from vae_lessons.figures import Reparameterisation
from vae_lessons.figures.runtime.controls import controls_of


def noise_of(figure):
    """All batches of noise: (20, 100)."""
    return np.array(figure.state()["_noise"])


def gradients(eps, mu, logvar):
    """Both estimates in closed form, as (pathwise_mu, pathwise_logvar, score_mu, score_logvar)."""
    variance = math.exp(logvar)
    z = mu + math.sqrt(variance) * eps
    f, gradient = -0.5 * (z - 2) ** 2, 2 - z
    score_logvar = f * ((z - mu) ** 2 / variance - 1) / 2
    return gradient, gradient * (z - mu) / 2, f * (z - mu) / variance, score_logvar


@pytest.mark.parametrize("frozen", [True, False])
def test_estimates_agree_with_closed_forms(frozen):
    names = ("pathwise_mu", "pathwise_logvar", "score_mu", "score_logvar")
    for values in grid(Reparameterisation()):
        figure = Reparameterisation(**values, frozen=frozen, draws=23)
        batch = noise_of(figure)[3]  # there are 20
        shown = np.array([values["eps"]]) if frozen else batch
        numbers, expected = figure.numbers(), gradients(shown, values["mu"], values["logvar"])
        for name, estimates in zip(names, expected, strict=True):
            assert numbers[name] == pytest.approx(estimates.mean(), rel=1e-10, abs=1e-12)
        pathwise, _, score, _ = gradients(batch, values["mu"], values["logvar"])
        assert numbers["pathwise_deviation"] == pytest.approx(pathwise.std(ddof=1), rel=1e-10)
        assert numbers["score_deviation"] == pytest.approx(score.std(ddof=1), rel=1e-10)


def test_estimates_are_unbiased():
    mu, logvar = torch.tensor([-1.0, 0.5], dtype=torch.float64, requires_grad=True)
    expectation = -0.5 * ((mu - 2) ** 2 + logvar.exp())  # E[(z - 2)²] = (mu - 2)² + σ²
    exact = torch.stack(torch.autograd.grad(expectation, (mu, logvar)))
    figure = Reparameterisation(mu=-1.0, logvar=0.5)
    assert [figure.numbers()[name] for name in ("exact_mu", "exact_logvar")] == pytest.approx(exact.tolist())
    for mean, target in zip(gradients(noise_of(figure).ravel(), -1.0, 0.5), [*exact, *exact], strict=True):
        assert abs(mean.mean() - float(target)) < 4 * mean.std() / math.sqrt(mean.size)


def test_it_prints_as_the_call_that_makes_it():
    figure = Reparameterisation(frozen=False, draws=3)
    assert repr(eval(repr(figure))) == repr(figure)


def test_wrong_switches_and_counts_are_refused_by_name():
    with pytest.raises(TraitError, match="frozen"):
        Reparameterisation(frozen="yes")
    with pytest.raises(TraitError, match="draws"):
        Reparameterisation(draws=-1)


def test_javascript_agrees_while_noise_is_not_held(numbers_in_javascript):
    places = enumerate(np.linspace(-3, 3, 40))
    figures = [Reparameterisation(frozen=False, draws=i, mu=mu, logvar=1.0) for i, mu in places]
    for expected, found in zip(figures, numbers_in_javascript(figures), strict=True):
        assert found == pytest.approx(expected.numbers(), rel=1e-9, abs=1e-9)


def test_estimates_are_named_for_what_they_are(open_page):
    page, _ = open_page(Reparameterisation(mu=-1.0))
    names = page.locator("dt")
    one = ["pathwise ∂/∂μ", "pathwise ∂/∂log σ²", "sd of pathwise ∂/∂μ", "z"]
    assert set(one) <= set(names.all_inner_texts())
    held = printed(page.locator("figure"))
    assert [text for name, text in held.items() if name.endswith("deviation")] == ["–", "–"]
    page.get_by_label("hold ε").press("Space")
    painted(page)
    assert {"mean pathwise ∂/∂μ", "mean pathwise ∂/∂log σ²", "sd of pathwise ∂/∂μ", "mean z"} <= set(
        names.all_inner_texts()
    )
    expected = Reparameterisation(mu=-1.0, frozen=False).numbers()
    shown = {name: float(text) for name, text in printed(page.locator("figure")).items()}
    assert shown == pytest.approx(expected, abs=0.0051)
    spoken = re.compile("mean pathwise gradient in log variance .*; mean z")
    expect(page.locator("[aria-live=polite]")).to_have_text(spoken)


POINTS = """path => [...path.getAttribute("d").matchAll(/[ML]([-\\d.e]+),([-\\d.e]+)/g)].map(([, x, y]) => [+x, +y])"""


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("mu", [-3.0, 3.0])
def test_samples_lie_on_the_curve_or_are_marked_at_its_end(mu, frozen, open_page, drawing_of):
    figure = Reparameterisation(mu=mu, logvar=2.0, eps=math.copysign(2.5, mu), frozen=frozen)
    page, _ = open_page(figure)
    curve = np.array(page.locator(".line.decoder").evaluate(POINTS))
    samples = np.array(page.locator("svg .dots.encoder").first.evaluate(POINTS))
    inside = (samples[:, 0] >= curve[0, 0]) & (samples[:, 0] <= curve[-1, 0])
    heights = np.interp(samples[:, 0], *curve.T)
    assert samples[inside, 1] == pytest.approx(heights[inside], abs=0.1)
    eps = np.array([figure.eps]) if frozen else noise_of(figure)[0]
    z = mu + math.exp(1) * eps
    assert inside.tolist() == (abs(z) <= 8).tolist()
    marks = page.locator(".outside.encoder").get_attribute("d").count("M")
    assert marks == int((z < -8).any()) + int((z > 8).any()) > 0
    lines = [line.get_marker() for ax in drawing_of(figure).axes for line in ax.lines]
    assert marks == lines.count("<") + lines.count(">")


def test_the_still_follows_noise_that_is_not_held(assert_labels_lie_apart):
    figure = Reparameterisation(frozen=False)
    assert figure.still() != Reparameterisation().still()
    assert_labels_lie_apart(figure)


def test_handles_follow_the_mouse(open_page):
    page, troubles = open_page(Reparameterisation(eps=-1.0))
    assert_handles_follow_the_mouse(page, 3)
    assert not troubles


def test_handles_follow_a_finger(open_page):
    page, _ = open_page(Reparameterisation(), Reparameterisation(), width=390, has_touch=True)
    assert_handles_follow_a_finger(page)


def test_a_panel_shows_controls_that_do_something(for_a_kernel):
    figure = Reparameterisation()
    widgets = dict(zip(controls_of(figure), figure.panel().children[0].children, strict=True))
    assert [widgets[name].layout.display for name in ("eps", "draws")] == [None, "none"]
    figure.frozen = False
    assert [widgets[name].layout.display for name in ("eps", "draws")] == ["none", None]
    widgets["draws"].click()
    assert figure.draws == 1


def test_a_page_shows_controls_that_do_something(open_page):
    page, _ = open_page(Reparameterisation())
    noise, again = page.get_by_role("slider", name="noise ε"), page.get_by_role("button", name="draw new noise")
    expect(noise).to_be_visible()
    expect(again).to_be_hidden()
    page.get_by_label("hold ε").press("Space")
    expect(noise).to_be_hidden()
    expect(again).to_be_visible()
