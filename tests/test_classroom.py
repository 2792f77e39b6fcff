"""What a class is given and gives back: no solution on the way out, and every submission marked or named."""

import copy
import csv
import html
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbmake.nb_run import NotebookRun

from vae_lessons import classroom
from vae_lessons.checks import CATALOGUE, LESSONS
from vae_lessons.classroom import Mark
from vae_lessons.classroom.__main__ import report
from vae_lessons.classroom.notebooks import BEGIN, END, STUB

ROOT = Path(__file__).parents[1]
QUICK = "06-kl"  # an assignment that trains nothing
SOLUTION = re.compile(rf"{BEGIN}\n(.*?)\n *{END}", re.DOTALL)
SECONDS = 30
STRAIGHT = str.maketrans("‘’“”–…", "''\"\"-.", "\\`*")  # as a page has typeset it


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("classroom")
    classroom.make_classroom(made)
    return made


def read(path):
    return nbformat.read(path, as_version=4)


def squeezed(text):
    return re.sub(r"\s", "", text)


def secret_lines(path):
    """What only a solution says, without white space: nothing that the notebook shows, and nothing short."""
    cells = [cell.source for cell in read(path).cells]
    shown = squeezed("".join(SOLUTION.sub("", source) for source in cells))
    lines = [squeezed(line) for source in cells for part in SOLUTION.findall(source) for line in part.splitlines()]
    return {line for line in lines if len(line) > 8 and line not in shown}


def names(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


def explanations(path):
    """What the checks of a notebook would say of right answers, and of wrong ones among several."""
    exercises = LESSONS[int(path.stem[:2])]
    said = [text for exercise in exercises for text in [exercise.remark, *getattr(exercise, "wrong", {}).values()]]
    return {squeezed(text) for text in said if text}


@names(classroom.exercise_notebooks())
def test_a_released_notebook_has_stubs_and_nothing_of_a_solution(folder, path):
    released = folder / "release" / path.stem / path.name
    text = squeezed(released.read_text(encoding="utf-8").replace('\\"', '"'))
    assert [line for line in secret_lines(path) if line in text] == []
    for word in ("BEGINSOLUTION", "ENDSOLUTION", "HIDDENTESTS"):
        assert word not in text
    cells = read(released).cells
    assert sum(STUB in cell.source for cell in cells) == sum(BEGIN in cell.source for cell in read(path).cells)
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


@names(classroom.exercise_notebooks())
def test_a_released_notebook_runs_with_the_model_answers_in_place_of_the_stubs(folder, path, tmp_path, monkeypatch):
    """From top to bottom, each check giving all points, as nbgrader reads them."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = read(folder / "release" / path.stem / path.name)
    for cell, source in zip(notebook.cells, read(path).cells, strict=True):
        if STUB in cell.source:
            cell.source = source.source
    nbformat.write(notebook, tmp_path / path.name)
    result = NotebookRun(tmp_path / path.name, 120).execute()
    assert result.error is None, result.error.trace
    earned = {
        cell.metadata.nbgrader.grade_id.removeprefix("check-"): float(cell.outputs[-1].data["text/plain"])
        for cell in result.nb.cells
        if cell.metadata.get("nbgrader", {}).get("grade")
    }
    lesson = LESSONS[int(path.name[:2])]
    assert earned == {exercise.name: exercise.points for exercise in lesson}


@names(classroom.exercise_notebooks())
def test_the_teachers_notebook_has_the_solutions_and_no_markers(folder, path):
    solved = squeezed("\n".join(cell.source for cell in read(folder / "solutions" / path.name).cells))
    assert [line for line in secret_lines(path) if line not in solved] == []
    assert "SOLUTION" not in solved


def test_a_course_folder_made_again_keeps_what_was_handed_in(tmp_path):
    classroom.make_classroom(tmp_path)
    handed_in = tmp_path / "submitted" / "ada" / QUICK / f"{QUICK}.ipynb"
    handed_in.parent.mkdir(parents=True)
    handed_in.write_text("mine")
    classroom.make_classroom(tmp_path)
    assert handed_in.read_text() == "mine"


# Marking


def first_answer(notebook):
    return next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("solution"))


def with_a_loop(notebook):
    first_answer(notebook).source = "while True:\n    pass"
    return notebook


def with_a_slip(notebook):
    """The KL with its sign flipped: three points less."""
    answer = first_answer(notebook)
    answer.source = answer.source.replace("return 0.5", "return -0.5")
    return notebook


def without_a_check(notebook):
    cells = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]
    del notebook.cells[cells.index("check-kl")]
    return notebook


def broken_code(notebook):
    """A syntax error loses its own points and no others."""
    first_answer(notebook).source = "def kl(mu, logvar:\n    return"
    return notebook


@pytest.fixture(scope="module")
def class_of_thirty(folder):
    """24 that can be marked, four of them with faults of their own, and six that cannot, or not wholly."""
    answers, blank = (read(folder / part / QUICK / f"{QUICK}.ipynb") for part in ("source", "release"))
    submissions = {f"good-{i:02}": answers for i in range(19)}
    submissions |= {"blank": blank, "slip": with_a_slip(copy.deepcopy(answers))}
    submissions |= {"syntax": broken_code(copy.deepcopy(answers)), "loop": with_a_loop(copy.deepcopy(answers))}
    submissions |= {"deleted": without_a_check(copy.deepcopy(answers))}
    texts = {student: nbformat.writes(notebook) for student, notebook in submissions.items()}
    texts |= {"empty": "", "letter": "Dear teacher,", "list": "[1, 2]", "number": "7", "old": '{"cells": 3}'}
    for student, text in texts.items():
        hand_in(folder, student, text)
    hand_in(folder, "renamed", nbformat.writes(answers), name="kl final (2).ipynb")
    assert len(list((folder / "submitted").iterdir())) == 30
    return {mark.student: mark for mark in classroom.mark(folder, QUICK, SECONDS)}


def hand_in(folder, student, text, name=f"{QUICK}.ipynb"):
    place = folder / "submitted" / student / QUICK
    place.mkdir(parents=True)
    (place / name).write_text(text, encoding="utf-8")


def test_a_class_is_marked_in_one_run_whatever_was_handed_in(class_of_thirty):
    full = sum(exercise.points for exercise in LESSONS[6])
    kl = CATALOGUE["kl"].points
    marks = dict(class_of_thirty)
    assert len(marks) == 30
    for i in range(19):
        assert marks.pop(f"good-{i:02}") == Mark(f"good-{i:02}", full, full)
    scores = {student: mark.score for student, mark in marks.items()}
    broken = dict.fromkeys(("empty", "letter", "list", "number", "old", "renamed"), 0)
    assert scores == broken | {"blank": 0, **dict.fromkeys(("slip", "syntax", "loop", "deleted"), full - kl)}


@pytest.mark.parametrize(
    ("student", "said"),
    [
        ("empty", "the file is empty"),
        ("letter", "not a notebook"),
        ("list", "not a notebook"),
        ("number", "not a notebook"),
        ("old", "not a notebook"),
        ("renamed", "there is no 06-kl.ipynb; handed in: kl final (2).ipynb"),
        ("deleted", "deleted: check-kl"),
        ("loop", "ran too long"),
        ("blank", ""),
        ("slip", ""),
        ("syntax", ""),
    ],
)
def test_each_broken_submission_is_reported_by_name(class_of_thirty, student, said):
    problem = class_of_thirty[student].problem
    assert said in problem if said else problem == ""


def test_the_message_of_a_wrong_answer_is_in_the_marked_notebook(class_of_thirty, folder):
    marked = (folder / "autograded" / "slip" / QUICK / f"{QUICK}.ipynb").read_text(encoding="utf-8")
    assert "The sign is flipped" in marked


def test_marks_are_printed_and_written_as_a_table(tmp_path, capsys):
    marks = [Mark("ada", 12, 12), Mark("bob", 0, 12, "the file is empty")]
    report(marks, tmp_path / "marks.csv")
    assert "bob     0 of 12  the file is empty" in capsys.readouterr().out
    with (tmp_path / "marks.csv").open(encoding="utf-8", newline="") as file:
        assert [row["problem"] for row in csv.DictReader(file)] == ["", "the file is empty"]


def test_what_cannot_be_marked_at_all_is_named(folder, tmp_path):
    with pytest.raises(ValueError, match=r"'07-kl' must be an assignment of .*06-kl"):
        classroom.mark(folder, "07-kl")
    shutil.copytree(folder / "source", tmp_path / "source")
    with pytest.raises(ValueError, match="must hold submissions"):
        classroom.mark(tmp_path, QUICK)


# The pages of the book


@pytest.fixture(scope="module")
def small_site(tmp_path_factory):
    """A function that builds a book of exercise pages alone, with or without solutions. Returns its folder."""
    program = shutil.which("sphinx-build", path=Path(sys.executable).parent)
    settings = """
extensions = ["myst_nb", "sphinx_togglebutton"]
myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "dollarmath"]
suppress_warnings = ["myst.xref_missing"]
exclude_patterns = ["**/.*"]
"""

    def build(solutions):
        source, site = (tmp_path_factory.mktemp(name) for name in ("pages", "site"))
        classroom.write_pages(source / "book" / "exercises", solutions)
        pages = "\n".join(f"book/exercises/{path.stem}" for path in classroom.exercise_notebooks())
        (source / "index.md").write_text(f"# Exercises\n\n```{{toctree}}\n{pages}\n```\n", encoding="utf-8")
        (source / "conf.py").write_text(settings, encoding="utf-8")
        command = [program, "-q", "-b", "html", str(source), str(site)]
        subprocess.run(command, check=True, env=os.environ | {"NO_COLOR": "1"}, capture_output=True)
        return site

    return build


def words(file):
    """All that a file of a site says, without markup and white space."""
    text = file.read_bytes().decode("utf-8", errors="replace")
    text = re.sub(r"<[^>]*>", "", text) if file.suffix == ".html" else text.replace('\\"', '"')
    return squeezed(html.unescape(text))


def test_a_book_for_a_class_still_at_work_has_no_solution_in_any_file(small_site):
    site = small_site(solutions=False)
    notebooks = classroom.exercise_notebooks()
    secrets = set().union(*map(secret_lines, notebooks), *map(explanations, notebooks))
    files = [file for file in site.rglob("*") if file.is_file()]
    assert {".html", ".js", ".ipynb", ".txt"} <= {file.suffix for file in files}
    found = {(file.name, line) for file in files for text in [words(file)] for line in secrets if line in text}
    assert found == set()


def test_a_book_with_solutions_has_them_folded_and_the_stubs_in_sight(small_site):
    site = small_site(solutions=True)
    for path in classroom.exercise_notebooks():
        page = site / "book" / "exercises" / f"{path.stem}.html"
        solutions = sum(BEGIN in cell.source for cell in read(path).cells)
        folded = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").select(".admonition.dropdown")
        assert len(folded) == solutions
        assert words(page).count(squeezed(STUB)) == solutions
        said = words(page).translate(STRAIGHT)
        assert [line for line in secret_lines(path) if line not in words(page)] == []
        assert explanations(path)
        assert [text for text in explanations(path) if text.translate(STRAIGHT) not in said] == []
    handouts = {file.name for file in (site / "_downloads").rglob("*.ipynb")}
    assert handouts == {path.name for path in classroom.exercise_notebooks()}


def test_a_page_that_says_the_same_is_not_written_again(tmp_path):
    classroom.write_pages(tmp_path)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.*") if file.is_file()}
    assert {file.suffix for file in before} == {".md", ".ipynb"}
    classroom.write_pages(tmp_path)
    assert {file: file.stat().st_mtime_ns for file in before} == before
    classroom.write_pages(tmp_path, solutions=False)
    assert all((file.stat().st_mtime_ns != before[file]) == (file.suffix == ".md") for file in before)
