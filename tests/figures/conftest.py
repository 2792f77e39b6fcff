"""What the tests of live figures share: stills as drawn, numbers as JavaScript computes them, and JupyterLab."""

import itertools
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from vae_lessons.figures.runtime.modules import join_modules
from vae_lessons.figures.runtime.widget import DOTS_PER_PIXEL

ROOT = Path(__file__).parents[2]
IN_JAVASCRIPT = """async ([module, states, weights]) => {
    const { numbers, prepare } = await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
    const prepared = prepare?.({ get: name => (name === "_weights" ? weights : states[0][name]) });
    return states.map(state => numbers(state, prepared));
}"""

# Of what is done with figures in a browser, the tests that `make test` runs. `make check` runs all others; on the pages
# of the book, every control is moved in each run.
IN_EVERY_RUN = ("test_javascript_computes_the_same_numbers",)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        in_browser = {"open_page", "lab"} & set(getattr(item, "fixturenames", ()))
        if in_browser and not item.name.startswith(IN_EVERY_RUN):
            item.add_marker(pytest.mark.check)


@pytest.fixture
def for_a_kernel(monkeypatch):
    monkeypatch.delenv("VAE_LESSONS_STATIC", raising=False)


@pytest.fixture
def drawing_of(monkeypatch):
    """Make the still picture of a figure, and return what matplotlib drew it from."""
    saved, save = [], Figure.savefig

    def keep(drawing, *args, **options):
        saved.append(drawing)
        save(drawing, *args, **options)

    def draw(figure):
        figure.still()
        return saved[-1]

    monkeypatch.setattr(Figure, "savefig", keep)
    return draw


@pytest.fixture
def assert_labels_lie_apart(monkeypatch):
    """Draw the still picture of a figure, in which no label may lie on another."""
    boxes, draw_text = {}, Text.draw

    def note(text, renderer):
        draw_text(text, renderer)
        if text.get_visible() and text.get_text().strip():
            boxes[text] = text.get_window_extent(renderer).padded(-DOTS_PER_PIXEL)

    def check(figure):
        boxes.clear()
        figure.still()
        assert len(boxes) > 5
        for (text, box), (other, second) in itertools.combinations(boxes.items(), 2):
            assert Bbox.intersection(box, second) is None, f"{text.get_text()} and {other.get_text()}"

    monkeypatch.setattr(Text, "draw", note)
    return check


@pytest.fixture
def numbers_in_javascript(open_page):
    """Compute the numbers of some figures of one class by its module, in a browser."""
    page, _ = open_page()

    def compute(points):
        module = join_modules(points[0].folder / "figure.js")
        return page.evaluate(IN_JAVASCRIPT, [module, [point.state() for point in points], points[0].weights])

    return compute


# JupyterLab.

CELL = f"""\
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT / "tests")!r})
from live_figures import MAKERS, sliders_of
from sample_figure import SampleFigure

def watch(figure, name):
    sliders = sliders_of(figure)
    first, *others = sliders

    def record(change):
        if abs(change["new"] - change["old"]) < 1e-9:  # an ipywidgets slider rounds where it stands when it is drawn
            return
        Path(name).write_text(str(change["new"]))
        for other in others[:1]:
            setattr(figure, other, sliders[other].high)  # from Python to the browser

    figure.observe(record, first)
    if hasattr(figure, "drawing"):
        figure.observe(lambda change: Path("drawing").write_text(change["new"]), "drawing")

for name, make in {{"SampleFigure": SampleFigure, **MAKERS}}.items():
    if name in NAMES:
        figure = make()
        watch(figure, name)
        display(figure)
display(figure)
"""


LAB_SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"autoStartDefaultKernel": True, "windowingMode": "none"},
}


LAB_OPTIONS = ["--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token="]


PATIENCE = 60_000  # ms, of a busy machine


@pytest.fixture
def jupyterlab(tmp_path, for_a_kernel):
    """JupyterLab with settings of its own. Returns its address and the folder that it shows."""
    program = Path(sys.executable).with_name("jupyter-lab")
    if not program.exists():
        stop = pytest.fail if os.environ.get("VAE_LESSONS_REQUIRE_BROWSER") == "1" else pytest.skip
        stop("JupyterLab is not installed; the extra [lab] has it")
    for name, settings in LAB_SETTINGS.items():
        path = tmp_path / "config/lab/user-settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))
    root = tmp_path / "notebooks"
    root.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "run",
        "IPYTHONDIR": "ipython",
    }
    environment = os.environ | {name: str(tmp_path / folder) for name, folder in own.items()} | {"OMP_NUM_THREADS": "1"}
    command = [program, *LAB_OPTIONS, f"--port={port}", f"--ServerApp.root_dir={root}"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for_server(f"http://127.0.0.1:{port}/api", server, tmp_path / "log")
        yield f"http://127.0.0.1:{port}/lab/tree", root
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_for_server(address, server, log):
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(address)
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}", pytrace=False)


@pytest.fixture
def lab(jupyterlab, browser):
    """Display some figures by name in JupyterLab, the last one twice. Returns the page, and what Python wrote."""
    address, root = jupyterlab
    page = browser.new_page(viewport={"width": 1440, "height": 1000})

    def display(*names):
        kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
        cells = [nbformat.v4.new_code_cell(f"NAMES = {names!r}\n{CELL}")]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), root / "figures.ipynb")
        page.set_default_timeout(PATIENCE)
        dialog = page.locator(".jp-Dialog")
        page.add_locator_handler(dialog, lambda: dialog.locator(".jp-mod-accept").click())
        page.goto(f"{address}/figures.ipynb")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        return page, lambda name: text_of(root / name, page)

    yield display
    page.close()


def text_of(path, page):
    """What Python has written there, once it has."""
    for _ in range(PATIENCE // 100):
        if path.exists() and path.read_text():
            return path.read_text()
        page.wait_for_timeout(100)
    pytest.fail(f"nothing was written to {path.name}", pytrace=False)
