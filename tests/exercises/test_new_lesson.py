"""A lesson numbered 10 with exercises needs two notebooks and a folder, and no change anywhere else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from vae_exercises.classroom import topic_of
from vae_exercises.classroom.notebooks import by_number

pytestmark = pytest.mark.check

ROOT = Path(__file__).parents[2]
NAME = "10-anything"
TOPIC = '''"""Exercises: anything."""

from vae_exercises.engine.kinds import Function, Mistake

TWICE = Function(
    name="twice",
    points=2,
    inputs=lambda generator: (1 + generator.initial_seed() % 7,),
    answer=lambda number: 2 * number,
    mistakes=(Mistake(lambda number: number, "That is the number itself."),),
    hint="Twice 1 is 2.",
    remark="It is an even number.",
)

EXERCISES = (TWICE,)
'''
EXERCISE = (
    "## Exercise 1: twice (2 points, 3 minutes)\n\nReturn twice a number, as in [the lesson](../10-anything.ipynb)."
)
SOLUTION = "def twice(number):\n    ### BEGIN SOLUTION\n    return number + number\n    ### END SOLUTION"
CONF = """
extensions = ["myst_nb", "sphinx_togglebutton"]
myst_enable_extensions = ["attrs_inline", "colon_fence", "dollarmath"]
nb_execution_mode = "off"
exclude_patterns = ["**/.*", "notebooks/exercises", "classroom"]
nitpicky = True
"""
INDEX = "# Course\n\nTry [the exercise](#exercise-twice).\n\n```{{toctree}}\nnotebooks/{0}\nbook/exercises/{0}\n```\n"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy of the course whose only lesson is number 10."""
    folder = tmp_path_factory.mktemp("course")
    for package in ("vae_exercises", "vae_lessons"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "vae_exercises" / "anything").mkdir()
    (folder / "vae_exercises" / "anything" / "__init__.py").write_text(TOPIC)
    (folder / "notebooks" / "exercises").mkdir(parents=True)
    write(folder / "notebooks" / f"{NAME}.ipynb", new_markdown_cell("# Anything"))
    write(
        folder / "notebooks" / "exercises" / f"{NAME}.ipynb",
        new_markdown_cell("# Exercises: anything"),
        new_code_cell("from vae_exercises import check"),
        new_markdown_cell(EXERCISE),
        new_code_cell(SOLUTION),
        new_code_cell('check("twice", twice)'),
    )
    return folder


def write(path, *cells):
    nbformat.write(new_notebook(cells=list(cells)), path)


def run(course, *command):
    environment = os.environ | {"PYTHONPATH": str(course), "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_lesson_ten_is_checked(course):
    code = """
import json
from vae_exercises import TOPICS, check

verdicts = [check("twice", answer) for answer in (lambda n: n + n, lambda n: n)]
print(json.dumps([[e.name for e in TOPICS["anything"]], *map(str, verdicts)]))
"""
    names, right, wrong = json.loads(run(course, sys.executable, "-c", code))
    assert names == ["twice"]
    assert right == "Right. It is an even number."
    assert wrong == "Not yet. That is the number itself."


def test_lesson_ten_is_marked(course):
    folder = course / "classroom"
    assert "1 assignments" in run(course, sys.executable, "-m", "vae_exercises.classroom", "make", str(folder))
    release, source = (folder / part / NAME / f"{NAME}.ipynb" for part in ("release", "source"))
    assert "number + number" not in release.read_text()
    for student, notebook in (("ada", source), ("bob", release)):
        target = folder / "submitted" / student / NAME / f"{NAME}.ipynb"
        target.parent.mkdir(parents=True)
        shutil.copy(notebook, target)
    marks = run(course, sys.executable, "-m", "vae_exercises.classroom", "mark", str(folder), NAME)
    assert [line.split() for line in marks.splitlines()[:2]] == [
        ["ada", "2", "of", "2"],
        ["bob", "0", "of", "2", "blank"],
    ]


def test_lesson_ten_builds(course):
    code = (
        "from pathlib import Path; from vae_exercises.classroom import write_pages; write_pages(Path('book/exercises'))"
    )
    run(course, sys.executable, "-c", code)
    (course / "conf.py").write_text(CONF)
    (course / "index.md").write_text(INDEX.format(NAME))
    site = course / "site"
    run(
        course, shutil.which("sphinx-build", path=Path(sys.executable).parent), "-q", "-W", "-b", "html", ".", str(site)
    )
    index, page = (
        BeautifulSoup((site / path).read_text(encoding="utf-8"), "html.parser")
        for path in ("index.html", f"book/exercises/{NAME}.html")
    )
    assert index.find("a", string="the exercise")["href"] == f"book/exercises/{NAME}.html#exercise-twice"
    assert page.find(id="exercise-twice")
    assert "Exercise 1: twice" in page.find("h2").get_text()
    assert "number + number" in page.select_one(".admonition.dropdown").get_text()
    assert page.find("a", string="the lesson")["href"] == f"../../notebooks/{NAME}.html"


def test_notebooks_are_sorted_by_number():
    paths = [Path(f"{name}.ipynb") for name in ("10-ten", "own", "17-late", "2-two", "01-one", "09-nine")]
    assert [path.stem for path in by_number(paths)] == ["01-one", "2-two", "09-nine", "10-ten", "17-late", "own"]


def test_topic_is_the_name_without_its_number():
    assert topic_of(Path("notebooks/exercises/10-vae-latent-space.ipynb")) == "vae_latent_space"
    with pytest.raises(ValueError, match=r"must be called NN-some-name.ipynb, got notes.ipynb"):
        topic_of(Path("notes.ipynb"))
