"""The live figures in JupyterLab: drawing, sliders and Python move together."""

import pytest
from live_figures import MAKERS, next_place, sliders_of
from playwright.sync_api import expect
from sample_figure import SampleFigure

pytestmark = pytest.mark.check

ALL = {"SampleFigure": SampleFigure, **MAKERS}
PATIENCE = 60_000  # ms, of a busy machine


def test_drawing_sliders_and_python_move_together(lab):
    page, written = lab(*ALL)
    outputs = page.locator(".jp-OutputArea-output:has(.live-figure-view)")
    expect(outputs.locator(".live-figure-view")).to_have_count(len(ALL) + 1, timeout=4 * PATIENCE)  # the last one twice
    for i, (name, make) in enumerate(ALL.items()):
        output = outputs.nth(i)
        assert output.locator("input[type=range]").count() == 0
        before = output.locator(".live-figure-panels").inner_html()
        output.get_by_role("slider").first.focus()
        page.keyboard.press("ArrowRight")
        (first, slider), *others = sliders_of(make()).items()
        for _, other in others[:1]:
            end = f"{other.high:.{0 if other.step == 1 else 2}f}"
            expect(output.locator(".widget-readout").nth(1)).to_have_text(end, timeout=PATIENCE)
        assert float(written(name)) == pytest.approx(next_place(slider, getattr(make(), first)))
        assert output.locator(".live-figure-panels").inner_html() != before
    outputs.first.locator(".knob").last.hover()
    page.mouse.down()
    outputs.first.locator(".knob").first.hover()
    page.mouse.up()
    expect(outputs.first.locator(".widget-readout").first).not_to_have_text("1.05", timeout=PATIENCE)
    again = [outputs.nth(k).locator(".live-figure-panels").inner_html() for k in (len(ALL) - 1, len(ALL))]
    assert again[0] == again[1]
