"""Sliders in a live kernel, still figures on a page."""

import re

import nbformat
import pytest
from nbclient import NotebookClient

from vae_lessons import explore, notebook


def test_page_shows_one_still_at_start_values(monkeypatch):
    monkeypatch.setenv("VAE_LESSONS_STATIC", "1")
    drawn = []
    explore(lambda **values: drawn.append(values), z1=(-2, 2, 0.5), z2=(-1, 1, 0))
    assert drawn == [{"z1": 0.5, "z2": 0}]


def test_live_kernel_shows_sliders_that_redraw(monkeypatch):
    monkeypatch.delenv("VAE_LESSONS_STATIC", raising=False)
    shown, drawn = [], []
    monkeypatch.setattr("IPython.display.display", shown.append)
    explore(lambda **values: drawn.append(values), z1=(-2, 2, 0.5), z2=(-1, 1, 0))
    sliders = shown[0].children[:2]
    assert [(s.description, s.min, s.max, s.value) for s in sliders] == [("z1", -2, 2, 0.5), ("z2", -1, 1, 0)]
    sliders[0].value = 1.5
    assert drawn[-1] == {"z1": 1.5, "z2": 0}


def test_start_value_out_of_range_is_named():
    with pytest.raises(ValueError, match=r"z1 must start within \[-2, 2\], got 3"):
        explore(lambda z1: None, z1=(-2, 2, 3))


@pytest.mark.parametrize("numbers", [(0, 1), 3, (0, 1, 0.5, 0.1), ("0", "1", "0"), "abc"], ids=repr)
def test_slider_needs_exactly_three_numbers(numbers):
    message = re.escape(f"a must be three numbers, (lowest, highest, start), got {numbers!r}")
    with pytest.raises(ValueError, match=message):
        explore(lambda a: None, a=numbers)


BARS = (
    """
from vae_lessons import notebook

def record_published():
    sent, display_pub = [], get_ipython().display_pub
    publish = display_pub.publish
    display_pub.publish = lambda data, *args, **kwargs: (sent.append(sorted(data)), publish(data, *args, **kwargs))
    return sent

sent = record_published()
with notebook.progress_bar(3, "complete") as bar:
    for _ in range(3):
        bar.update()
""",
    """
with notebook.progress_bar(3, "interrupted") as bar:
    bar.update()
    raise KeyboardInterrupt
""",
    """
print(sent)
""",
)


@pytest.mark.check
@pytest.mark.parametrize("static", ["", "1"])
def test_progress_bar_leaves_no_output_behind(monkeypatch, static):
    """A widget left in a saved notebook would show an error about its missing model."""
    monkeypatch.setenv("VAE_LESSONS_STATIC", static)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in BARS])
    NotebookClient(notebook, timeout=300, allow_errors=True).execute()
    finished, stopped, printed = (cell.outputs for cell in notebook.cells)
    left = [output.data for output in (*finished, *stopped) if "data" in output]
    shown = [["application/vnd.jupyter.widget-view+json", "text/plain"], ["text/plain"]]
    assert left == ([] if static else 2 * [{"text/plain": ""}])
    assert printed[0].text.strip() == str([] if static else 2 * shown)
    assert stopped[-1].ename == "KeyboardInterrupt"


@pytest.mark.parametrize(("value", "expected"), [("", True), ("0", True), ("1", False)])
def test_environment_decides_between_page_and_kernel(monkeypatch, value, expected):
    monkeypatch.setenv("VAE_LESSONS_STATIC", value)
    assert notebook.is_live() is expected
