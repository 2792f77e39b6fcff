"""Ways into a lesson with nothing installed: its first cell, the buttons on its page, Binder, the dev container."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from course.content import address
from IPython.core.inputtransformer2 import TransformerManager
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from playwright.sync_api import expect

from vae_lessons.figures import GaussianKL

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]
NOTEBOOKS = [path for folder in address.FOLDERS for path in sorted((ROOT / folder).glob("*.ipynb"))]
PUBLIC = "https://github.com/you/course"
UNSET = '# Repository = "https://github.com/OWNER/NAME"'
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# Colab's runtime 2026.01, by pip-freeze.txt in googlecolab/backend-info. What it had later was no older.
IN_COLAB = {
    "anywidget": "0.9.21",
    "filelock": "3.20.3",
    "ipywidgets": "7.7.1",
    "matplotlib": "3.10.0",
    "numpy": "2.0.2",
    "pillow": "11.3.0",
    "python": "3.12.12",
    "safetensors": "0.7.0",
    "scikit-learn": "1.6.1",
    "scipy": "1.16.3",
    "threadpoolctl": "3.6.0",
    "torch": "2.9.0",
    "torchvision": "0.24.0",
    "tqdm": "4.67.1",
}


@pytest.fixture
def course(tmp_path):
    """Return the folder of a copy of the notebooks and of pyproject.toml."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    set_address(tmp_path, "")
    return tmp_path


def set_address(course, value):
    """Write the address where a person would."""
    file = course / "pyproject.toml"
    line = f'Repository = "{value}"' if value else UNSET
    text, changed = re.subn(r'(?m)^(# )?Repository = "[^"]*"$', line, file.read_text(encoding="utf-8"))
    assert changed == 1
    file.write_text(text, encoding="utf-8")


def contents(course):
    return {path.relative_to(course): path.read_bytes() for path in course.rglob("*.ipynb")}


def run(source):
    """Run a cell as IPython would, and return its magic commands, which are not carried out."""
    commands = []
    shell = SimpleNamespace(run_line_magic=lambda *command: commands.append(command))
    exec(TransformerManager().transform_cell(source), {"get_ipython": lambda: shell})
    return commands


# The first cell.


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_notebook_begins_with_the_cell_for_the_address(path):
    first = next(cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
    assert first.source == address.first_cell(address.repository(ROOT)), "`make address` writes it"
    assert (first.id, first.metadata) == ("ways-in", {"tags": ["remove-cell"]})


@pytest.mark.parametrize("value", ["", PUBLIC])
def test_first_cell_does_nothing_where_the_package_is_installed(value):
    assert run(address.first_cell(value)) == []


@pytest.fixture
def without_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "vae_lessons", None)


def test_first_cell_installs_a_missing_package(without_package):
    assert run(address.first_cell(PUBLIC)) == [("pip", f"install --quiet git+{PUBLIC}")]


def test_first_cell_without_address_says_what_to_run(without_package):
    with pytest.raises(ModuleNotFoundError, match=r"`make lab`, or `pip install -e \.`"):
        run(address.first_cell(""))


def test_new_address_changes_only_first_cells(course):
    address.write_first_cells(course)
    before = contents(course)
    set_address(course, PUBLIC)
    assert address.write_first_cells(course) == PUBLIC
    after = contents(course)
    assert before.keys() == after.keys()
    for path in before:
        old, new = (json.loads(notebooks[path]) for notebooks in (before, after))
        assert PUBLIC in "".join(new["cells"].pop(1)["source"])
        assert PUBLIC not in "".join(old["cells"].pop(1)["source"])
        assert old == new
    set_address(course, "")
    address.write_first_cells(course)
    assert contents(course) == before


def test_up_to_date_notebooks_are_not_written(course):
    address.write_first_cells(course)
    before = {path: path.stat().st_mtime_ns for path in course.rglob("*.ipynb")}
    address.write_first_cells(course)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_new_notebook_gets_its_first_cell_below_the_title(course):
    path = course / "notebooks/10-new.ipynb"
    cells = [nbformat.v4.new_markdown_cell("# New"), nbformat.v4.new_code_cell("1 + 1")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    address.write_first_cells(course)
    sources = [cell.source for cell in nbformat.read(path, as_version=4).cells]
    assert sources == ["# New", address.first_cell(""), "1 + 1"]


@pytest.mark.parametrize(
    "value",
    [
        "http://github.com/you/course",
        "https://example.org/you/course",
        "https://github.com/you",
        "https://github.com/you/course/",
        "https://github.com/you/course/tree/main",
        "https://github.com/you/course; rm -r ~",
    ],
)
def test_address_that_colab_cannot_open_is_refused(course, value):
    set_address(course, value)
    before = contents(course)
    with pytest.raises(ValueError, match=re.escape(f"must be https://github.com/OWNER/NAME, got {value!r}")):
        address.write_first_cells(course)
    assert contents(course) == before


@pytest.mark.parametrize("needed", [f"python {PROJECT['requires-python']}", *PROJECT["dependencies"]])
def test_colab_has_all_dependencies(needed):
    requirement = Requirement(needed.replace(" ", ""))
    assert requirement.specifier.contains(IN_COLAB[requirement.name])


def test_installed_package_has_all_its_files():
    """Without the course around it, the package is what setuptools packs."""
    patterns = SETTINGS["tool"]["setuptools"]["package-data"]
    packaged = {
        path
        for package, globs in patterns.items()
        for glob in globs
        for path in (ROOT / package.replace(".", "/")).glob(glob)
    }
    files = {path for path in (ROOT / "vae_lessons").rglob("*") if path.is_file()}
    assert {path for path in files - packaged if path.suffix not in (".py", ".pyc")} == set()


def test_live_figure_enables_widgets_in_colab(monkeypatch):
    """anywidget does it, so the first cell need not."""
    monkeypatch.delenv("VAE_LESSONS_STATIC", raising=False)
    calls, manager = [], SimpleNamespace(_installed_url="manager.js")
    colab = SimpleNamespace(enable_custom_widget_manager=lambda: calls.append("on"), _widgets=manager)
    monkeypatch.setitem(sys.modules, "google.colab.output", colab)
    _, metadata = GaussianKL()._repr_mimebundle_()
    assert calls == ["on"]
    assert metadata[WIDGET_VIEW] == {"colab": {"custom_widget_manager": {"url": "manager.js"}}}


# The buttons.

CONF = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "book/_ext")!r}]
extensions = ["myst_nb", "course.content.launch_buttons"]
templates_path = [{str(ROOT / "book/_templates")!r}]
html_theme = "sphinx_book_theme"
nb_execution_mode = "off"
"""
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
PAGES = {
    "index.md": "---\nkernelspec: {name: python3, display_name: Python 3}\n---\n\n# First\n\n"
    "```{toctree}\nnotebooks/01-lesson\nexercises\n```\n",
    "exercises.md": "# Exercises\n",
    "conf.py": CONF,
}
LESSON, OTHERS = "notebooks/01-lesson.html", ("index.html", "exercises.html")


@pytest.fixture
def small_site(tmp_path):
    """Return a function that builds a book of three pages, one of them a lesson, and returns the site's folder."""
    course, site = tmp_path / "course", tmp_path / "built/html"
    (course / "notebooks").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", course)
    cells = [nbformat.v4.new_markdown_cell("# A lesson"), nbformat.v4.new_code_cell("print(42)")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), course / "notebooks/01-lesson.ipynb")
    for name, text in PAGES.items():
        (course / name).write_text(text, encoding="utf-8")

    def build(value, **environment):
        set_address(course, value)
        address.write_first_cells(course)
        program = shutil.which("sphinx-build", path=Path(sys.executable).parent)
        settings = os.environ | {"NO_COLOR": "1", "SOLUTIONS": "1"} | environment
        command = [program, "-q", "-W", "-b", "html", str(course), str(site)]
        done = subprocess.run(command, env=settings, capture_output=True, encoding="utf-8")
        assert not done.returncode, done.stderr
        return site

    return build


def parsed(page):
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def launch_links(page):
    return {link.get_text(strip=True): link["href"] for link in parsed(page).select(".dropdown-launch-buttons a")}


@pytest.mark.check
def test_only_lessons_have_buttons_once_there_is_an_address(small_site, browser):
    site = small_site(PUBLIC)
    assert launch_links(site / LESSON) == {
        "Colab": "https://colab.research.google.com/github/you/course/blob/main/notebooks/01-lesson.ipynb",
        "Binder": "https://mybinder.org/v2/gh/you/course/main?urlpath=lab/tree/notebooks/01-lesson.ipynb",
    }
    assert [launch_links(site / name) for name in OTHERS] == [{}, {}]
    page, requests = browser.new_page(), []
    page.on("request", lambda request: requests.append(request.url))
    page.goto((site / LESSON).as_uri())
    page.get_by_role("button", name="Run this lesson in the browser").click()
    for name in ("Colab", "Binder"):
        link = page.get_by_role("link", name=name)
        expect(link).to_be_visible()
        assert link.locator("img").evaluate("image => image.naturalWidth") > 0
    expect(page.locator(".dropdown-launch-buttons button i")).to_be_visible()
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    page.close()


@pytest.mark.check
def test_no_page_has_a_button_without_an_address(small_site):
    site = small_site("")
    assert [launch_links(site / name) for name in (LESSON, *OTHERS)] == [{}, {}, {}]
    assert launch_links(small_site(PUBLIC) / LESSON) != {}


@pytest.mark.check
def test_book_without_solutions_has_no_buttons(small_site):
    site = small_site(PUBLIC, SOLUTIONS="0")
    assert [launch_links(site / name) for name in (LESSON, *OTHERS)] == [{}, {}, {}]


@pytest.mark.check
def test_page_shows_the_cells_after_the_first(small_site):
    cells = parsed(small_site("") / LESSON).select(".cell_input")
    assert [cell.get_text(strip=True) for cell in cells] == ["print(42)"]


# Binder and the dev container.


def test_binder_has_the_python_and_torch_of_the_package():
    needed = yaml.safe_load((ROOT / "binder/environment.yml").read_text(encoding="utf-8"))["dependencies"]
    python, *others = needed
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))
    assert {name.replace("pytorch-cpu", "torch") for name in others} <= set(PROJECT["dependencies"])


def test_binder_ends_with_the_package_installed():
    script = ROOT / "binder/postBuild"
    assert os.access(script, os.X_OK)
    assert '--editable ".[lab]"' in script.read_text(encoding="utf-8")
    assert "lab" in PROJECT["optional-dependencies"]
    subprocess.run(["bash", "-n", script], check=True)


@pytest.mark.check
def test_binder_starts_lessons_on_the_digits():
    script = ROOT / "binder/start"
    assert os.access(script, os.X_OK)
    command = [sys.executable, "-c", "from vae_lessons import load_images; print(load_images().name)"]
    environment = os.environ | {"VAE_LESSONS_DATASET": "mnist"}
    done = subprocess.run(["bash", script, *command], env=environment, capture_output=True, encoding="utf-8")
    assert done.stdout == "digits\n", done.stderr


def test_the_dev_container_sets_up_what_make_does():
    folder = ROOT / ".devcontainer"
    container = json.loads((folder / "devcontainer.json").read_text(encoding="utf-8"))
    image = (folder / container["build"]["dockerfile"]).read_text(encoding="utf-8")
    assert SpecifierSet(PROJECT["requires-python"]).contains(re.search(r"^FROM python:([\d.]+)", image, re.M)[1])
    assert f"useradd --create-home --shell /bin/bash {container['remoteUser']}\n" in image
    subprocess.run([*container["postCreateCommand"].split(), "--dry-run"], cwd=ROOT, check=True, capture_output=True)
    interpreter = container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    environment = container["postCreateCommand"].split()[1].removesuffix("/.installed")
    assert interpreter == f"${{containerWorkspaceFolder}}/{environment}/bin/python"
    assert str(container["forwardPorts"][0]) in (ROOT / "Makefile").read_text(encoding="utf-8")
