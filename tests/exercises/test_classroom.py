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
from traitlets.config import PyFileConfigLoader

from vae_exercises import LESSONS, classroom
from vae_exercises.classroom import Mark
from vae_exercises.classroom.__main__ import main, report
from vae_exercises.classroom.course import settings
from vae_exercises.classroom.notebooks import BEGIN, END, STUB

ROOT = Path(__file__).parents[2]
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


def test_nbgrader_itself_finds_the_settings_that_marking_has(folder):
    assert PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config() == settings()


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


def place_of(notebook, grade_id):
    return [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells].index(grade_id)


def without_a_check(notebook):
    del notebook.cells[place_of(notebook, "check-kl")]
    return notebook


def broken_code(notebook):
    """A syntax error loses its own points and no others."""
    first_answer(notebook).source = "def kl(mu, logvar:\n    return"
    return notebook


def with_a_missing_package(notebook):
    """No import after it is made; and a cell of the student's own goes wrong as well."""
    imports = next(cell for cell in notebook.cells if cell.source.startswith("import torch"))
    imports.source = "import no_such_package\n" + imports.source
    notebook.cells.append(nbformat.v4.new_code_cell("1 / 0"))
    return notebook


def with_a_copied_check(notebook):
    """The copy would find another answer, one that is wrong."""
    copied = notebook.cells[place_of(notebook, "check-kl")] | {"id": "a-copy"}
    notebook.cells += [nbformat.v4.new_code_cell("kl = None"), nbformat.from_dict(copied)]
    return notebook


def with_a_check_of_its_own(notebook):
    first_answer(notebook).source = "def kl(mu, logvar):\n    return mu\n\n\ndef check(*arguments):\n    return 3"
    return notebook


def that_ends_the_kernel(notebook):
    first_answer(notebook).source = "import os\n\nos._exit(1)"
    return notebook


def beside_the_stubs(blank, answers):
    """Answers in cells of their own."""
    for stub, answer in zip(blank.cells.copy(), answers.cells, strict=True):
        if STUB in stub.source:
            blank.cells.insert(blank.cells.index(stub) + 1, nbformat.v4.new_code_cell(answer.source))
    return blank


FAULTS = {
    "slip": with_a_slip,
    "syntax": broken_code,
    "loop": with_a_loop,
    "deleted": without_a_check,
    "package": with_a_missing_package,
    "copied": with_a_copied_check,
    "own-check": with_a_check_of_its_own,
    "ended": that_ends_the_kernel,
}
GOOD = ["Öznur", "Petra", "otto", "beside", *(f"good-{i}" for i in range(6))]


@pytest.fixture(scope="module")
def class_of_thirty(folder):
    """Ten without a fault, a blank one, eight with faults of their own, and eleven of which there is nothing to run."""
    answers, blank = (read(folder / part / QUICK / f"{QUICK}.ipynb") for part in ("source", "release"))
    submissions = dict.fromkeys(GOOD, answers) | {"blank": blank}
    submissions |= {"beside": beside_the_stubs(copy.deepcopy(blank), answers)}
    submissions |= {student: fault(copy.deepcopy(answers)) for student, fault in FAULTS.items()}
    texts = {student: nbformat.writes(notebook) for student, notebook in submissions.items()}
    texts |= {"empty": "", "letter": "Dear teacher,", "list": "[1, 2]", "number": "7", "old": '{"cells": 3}'}
    for student, text in texts.items():
        hand_in(folder, f"{student}/{QUICK}/{QUICK}.ipynb", text)
    hand_in(folder, f"renamed/{QUICK}/kl final (2).ipynb", nbformat.writes(answers))
    put_in_wrong_places(folder)
    assert len(list((folder / "submitted").glob("[!.]*"))) == 30
    return {mark.student: mark for mark in classroom.mark(folder, QUICK, SECONDS)}


def put_in_wrong_places(folder):
    for path in (f"dora/{QUICK}.ipynb", f"emil/{QUICK.upper()}/{QUICK}.ipynb", f"fritz_{QUICK}.ipynb"):
        hand_in(folder, path, "mine")
    hand_in(folder, "gus/04-elbo/04-elbo.ipynb", "mine")
    hand_in(folder, "hans/04-elbo/04-elbo.ipynb", "mine")
    hand_in(folder, f"hans/{QUICK} (1)/{QUICK}.ipynb", "mine")
    hand_in(folder, ".DS_Store", "nobody's")


def hand_in(folder, path, text):
    place = folder / "submitted" / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")


WORTH = {exercise.name: exercise.points for exercise in LESSONS[6]}


def test_a_class_is_marked_in_one_run_whatever_was_handed_in(class_of_thirty):
    marks = dict(class_of_thirty)
    assert len(marks) == 30
    for student in GOOD:
        assert marks.pop(student) == Mark(student, WORTH, "", WORTH)
    assert {student: mark.earned for student, mark in marks.items() if mark.earned} == {
        "blank": dict.fromkeys(WORTH, 0),
        **dict.fromkeys(("slip", "syntax", "loop", "deleted", "own-check"), WORTH | {"kl": 0}),
        "package": WORTH | {"kl-general": 0, "kl-bits": 0, "kl-monte-carlo": 0},  # which need torch
        "copied": WORTH,
    }
    assert {mark.points for mark in marks.values()} == {sum(WORTH.values())}


@pytest.mark.parametrize(
    ("student", "said"),
    [
        ("empty", "the file is empty"),
        ("letter", "not a notebook"),
        ("list", "not a notebook"),
        ("number", "not a notebook"),
        ("old", "not a notebook"),
        ("renamed", "there is no 06-kl.ipynb; handed in: kl final (2).ipynb"),
        ("dora", "nothing handed in where it is looked for; found: 06-kl.ipynb"),
        ("emil", "nothing handed in where it is looked for; found: 06-KL"),
        ("hans", "nothing handed in where it is looked for; found: 06-kl (1)"),
        ("fritz_06-kl.ipynb", "a loose file: it is looked for as submitted/STUDENT/06-kl/06-kl.ipynb"),
        ("deleted", "deleted: check-kl"),
        ("copied", "copied: check-kl"),
        ("loop", "1 cell(s) ran too long"),
        ("ended", "nbgrader could not mark it: Kernel died"),
    ],
)
def test_each_broken_submission_is_reported_by_name(class_of_thirty, student, said):
    assert said in class_of_thirty[student].problem


@pytest.mark.parametrize(
    ("student", "problem"),
    [
        ("gus", "nothing handed in"),
        ("blank", "blank"),
        ("slip", ""),
        ("own-check", ""),
        ("package", "cell 2 raised ModuleNotFoundError: No module named 'no_such_package'"),
        ("syntax", "cell 3 raised SyntaxError: '(' was never closed (line 1)"),
    ],
)
def test_what_is_reported_is_the_first_thing_to_look_at_and_no_more(class_of_thirty, student, problem):
    assert class_of_thirty[student].problem == problem


def test_students_are_sorted_as_in_a_register(class_of_thirty):
    assert [student for student in class_of_thirty if student in GOOD[:3]] == ["otto", "Öznur", "Petra"]


def test_a_marked_notebook_has_the_message_of_a_wrong_answer_and_the_check_as_it_was(class_of_thirty, folder):
    slip, own_check = (
        read(folder / "autograded" / student / QUICK / f"{QUICK}.ipynb") for student in ("slip", "own-check")
    )
    assert "The sign is flipped" in nbformat.writes(slip)
    assert own_check.cells[place_of(own_check, "check-kl")].source == 'check("kl", kl)'


def test_a_check_deleted_from_a_second_submission_brings_no_points_of_the_first(class_of_thirty, folder, tmp_path):
    again = shutil.copytree(folder, tmp_path / "again", ignore=shutil.ignore_patterns("submitted"))
    deleted = (folder / "submitted" / "deleted" / QUICK / f"{QUICK}.ipynb").read_text(encoding="utf-8")
    hand_in(again, f"otto/{QUICK}/{QUICK}.ipynb", deleted)
    assert classroom.mark(again, QUICK, SECONDS) == [Mark("otto", WORTH, "deleted: check-kl", WORTH | {"kl": 0})]


def test_marks_are_printed_and_written_as_a_table_with_the_points_of_each_exercise(tmp_path, capsys):
    worth = {"kl": 3, "kl-bits": 1}
    marks = [
        Mark("Müller", worth, earned={"kl": 3.0, "kl-bits": 1.0}),
        Mark("Ng", worth, earned={"kl": 0.0, "kl-bits": 0.5}),
        Mark("bob", worth, "the file is empty"),
    ]
    report(marks, tmp_path / "marks.csv")
    said = capsys.readouterr().out
    assert "bob        0 of 4  the file is empty" in said
    assert said.endswith("by exercise: kl 50%, kl-bits 75%\n")
    assert (tmp_path / "marks.csv").read_bytes().startswith(b"\xef\xbb\xbf")  # or a spreadsheet takes it for Latin-1
    with (tmp_path / "marks.csv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [
            ["student", "score", "points", "kl", "kl-bits", "problem"],
            ["Müller", "4", "4", "3", "1", ""],
            ["Ng", "0.5", "4", "0", "0.5", ""],
            ["bob", "0", "4", "", "", "the file is empty"],
        ]


def test_what_cannot_be_marked_at_all_is_named(folder, tmp_path):
    with pytest.raises(ValueError, match=r"'07-kl' must be an assignment of .*06-kl"):
        classroom.mark(folder, "07-kl")
    shutil.copytree(folder / "source", tmp_path / "source")
    with pytest.raises(ValueError, match=r"must hold submissions.*submitted holds: nothing"):
        classroom.mark(tmp_path, QUICK)
    put_in_wrong_places(tmp_path)
    found = "dora/06-kl.ipynb, emil/06-KL, fritz_06-kl.ipynb, gus/04-elbo, hans/04-elbo, "
    with pytest.raises(ValueError, match=rf"must hold submissions.*submitted holds: {re.escape(found)}"):
        classroom.mark(tmp_path, QUICK)


def test_a_mistake_on_the_command_line_is_answered_in_a_sentence(folder, tmp_path):
    with pytest.raises(SystemExit, match=r"say which assignment: `make mark ASSIGNMENT=06-kl`; .*05-.*06-kl, 07-"):
        main(["mark", str(folder)])
    for arguments in ([], [QUICK]):
        with pytest.raises(SystemExit, match="run `make classroom` first"):
            main(["mark", str(tmp_path), *arguments])
    with pytest.raises(SystemExit, match="'07-kl' must be an assignment"):
        main(["mark", str(folder), "07-kl"])


def test_the_timetable_of_a_week_adds_up():
    """Three quarters of an hour of talk a lesson, and its exercises, in 210 minutes less a break of ten."""
    text = (ROOT / "book" / "teaching.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (\d) .* (\d+) min \|$", text, re.MULTILINE)
    exercises = {lesson: int(minutes) for lesson, minutes in table}
    days = re.findall(r"^\| \w+day \|(.*)\| (\d+) min", text, re.MULTILINE)
    lessons = [re.findall(r"lesson (\d)", halves) for halves, _ in days]
    assert [int(minutes) for _, minutes in days] == [sum(45 + exercises[i] for i in day) for day in lessons]
    assert [lesson for day in lessons for lesson in day] == sorted(exercises)
    assert max(int(minutes) for _, minutes in days) <= 210 - 10


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
