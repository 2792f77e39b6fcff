"""GaussianKL: its numbers by another route, its bars and names, and its handles."""

import io
import math
from decimal import Decimal

import numpy as np
import pytest
import torch
from live_figures import (
    assert_handles_follow_a_finger,
    assert_handles_follow_the_mouse,
    assert_spread_stays_with_the_pointer,
    assert_sums_hold_everywhere,
    contrast,
    grid,
    numbers_below,
    printed,
)
from PIL import Image
from playwright.sync_api import expect
from torch.distributions import Normal, kl_divergence

from vae_lessons.figures import GaussianKL

DARK = "<style>html[data-theme=dark] { background: #121212 }</style>"


def test_parts_add_up_to_the_kl():
    for values in grid(GaussianKL(), points=5):
        numbers = GaussianKL(**values).numbers()
        q = Normal(torch.tensor(values["mu"]).double(), torch.tensor(values["logvar"] / 2).double().exp())
        kl = float(kl_divergence(q, Normal(torch.zeros(()).double(), 1.0)))
        assert numbers["kl"] == pytest.approx(kl, abs=1e-12)
        assert numbers["mean"] + numbers["spread"] + numbers["logarithm"] == pytest.approx(kl, abs=1e-12)
        assert numbers["bits"] == pytest.approx(kl / math.log(2), abs=1e-12)
        assert numbers["mean"] == pytest.approx(values["mu"] ** 2 / 2)
        assert numbers["spread"] == pytest.approx((math.exp(values["logvar"]) - 1) / 2)


def test_it_prints_as_the_call_that_makes_it():
    assert repr(GaussianKL(mu=1, logvar=-1.0)) == "GaussianKL(mu=1.0, logvar=-1.0)"
    with pytest.raises(TypeError, match="sigma"):
        GaussianKL(sigma=1.0)


def test_the_still_prints_what_the_page_prints(drawing_of, open_page):
    below = numbers_below(drawing_of(GaussianKL()))
    page, _ = open_page(GaussianKL())
    texts = printed(page.locator("figure")).values()
    assert len(below) == 5
    assert below == [float(text) for text in texts]


def test_sums_hold_in_the_still():
    for values in grid(GaussianKL(), points=4):
        texts = GaussianKL(**values).snapshot().printed().values()
        first, second, third, total, _ = (Decimal(text.removesuffix(" nats")) for text in texts)
        assert "-0.000" not in texts
        assert first + second + third == total


def test_sums_hold_on_the_page(open_page):
    page, _ = open_page(GaussianKL())
    assert_sums_hold_everywhere(page, GaussianKL())


@pytest.mark.parametrize("values", [{}, {"mu": -1.0, "logvar": 0.5}])
def test_labels_of_the_still_lie_apart(values, assert_labels_lie_apart):
    assert_labels_lie_apart(GaussianKL(**values))


def test_a_screen_reader_hears_what_has_changed(open_page):
    page, _ = open_page(GaussianKL(mu=1.0))
    sentence = page.locator("[aria-live=polite]")
    page.wait_for_timeout(1000)
    expect(sentence).to_be_empty()
    page.get_by_role("slider", name="mean μ", exact=True).press("ArrowRight")
    expect(sentence).to_have_text("mean part 0.551 nats; KL 0.735 nats; KL 1.061 bits")


def test_handles_follow_the_mouse(open_page):
    page, troubles = open_page(GaussianKL())
    assert_handles_follow_the_mouse(page, 2)
    assert not troubles


def test_handles_follow_a_finger(open_page):
    page, _ = open_page(GaussianKL(), GaussianKL(), width=390, has_touch=True)
    assert_handles_follow_a_finger(page)


@pytest.mark.parametrize(("mu", "widest"), [(0.5, 3.5), (3.0, 4)])
def test_the_spread_handle_stays_with_the_pointer(mu, widest, open_page):
    page, _ = open_page(GaussianKL(mu=mu, logvar=0.0))
    assert_spread_stays_with_the_pointer(page, widest)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_bars_stand_out_and_parts_from_their_sum(theme, open_page):
    page, _ = open_page(GaussianKL(mu=2.0, logvar=-2.0), head=DARK, attributes=f'data-theme="{theme}"')
    inside = []
    for bar in page.locator(".bar").all():
        box = bar.bounding_box()
        clip = {"x": box["x"] - 6, "y": box["y"] + box["height"] / 2, "width": 20, "height": 1}
        ground, *others, last = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB"))[0]
        assert contrast(ground, others).max() >= 3
        inside.append(last)
    *parts, total = inside
    assert contrast(total, parts).min() >= 2


def test_bars_of_the_still_stand_out(drawing_of):
    *parts, total = drawing_of(GaussianKL()).axes[1].patches
    for bar in (*parts, total):
        colour = 255 * np.array(bar.get_edgecolor()[:3])
        assert bar.get_edgecolor()[3] == 1
        assert contrast(colour, [255, 255, 255]) >= 3
    assert {bar.get_facecolor()[3] for bar in parts} == {0.3}
    assert total.get_facecolor()[3] == 1
