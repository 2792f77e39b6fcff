"""Sliders in a live kernel, still figures on a page."""

import pytest

from vae_lessons import explore, live


def test_a_page_gets_one_still_figure_at_the_start_values(monkeypatch):
    monkeypatch.setenv("VAE_LESSONS_STATIC", "1")
    drawn = []
    explore(lambda **values: drawn.append(values), z1=(-2, 2, 0.5), z2=(-1, 1, 0))
    assert drawn == [{"z1": 0.5, "z2": 0}]


def test_a_live_kernel_gets_sliders_that_redraw(monkeypatch):
    monkeypatch.delenv("VAE_LESSONS_STATIC", raising=False)
    shown, drawn = [], []
    monkeypatch.setattr("IPython.display.display", shown.append)
    explore(lambda **values: drawn.append(values), z1=(-2, 2, 0.5), z2=(-1, 1, 0))
    sliders = shown[0].children[:2]
    assert [(s.description, s.min, s.max, s.value) for s in sliders] == [("z1", -2, 2, 0.5), ("z2", -1, 1, 0)]
    sliders[0].value = 1.5
    assert drawn[-1] == {"z1": 1.5, "z2": 0}


def test_a_start_outside_its_range_is_named():
    with pytest.raises(ValueError, match=r"z1 must start within \[-2, 2\], got 3"):
        explore(lambda z1: None, z1=(-2, 2, 3))


@pytest.mark.parametrize(("value", "expected"), [("", True), ("0", True), ("1", False)])
def test_a_page_is_told_by_the_environment(monkeypatch, value, expected):
    monkeypatch.setenv("VAE_LESSONS_STATIC", value)
    assert live.is_live() is expected
