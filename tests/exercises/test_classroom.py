"""The classroom: no solution is handed out, and every submission is marked or reported."""

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
from traitlets.config import PyFileConfigLoader

from vae_exercises import TOPICS, classroom
from vae_exercises.classroom import Mark, topic_of
from vae_exercises.classroom.__main__ import main, report
from vae_exercises.classroom.course import settings
from vae_exercises.classroom.notebooks import BEGIN, END, STUB

ROOT = Path(__file__).parents[2]
QUICK = "06-kl"  # an assignment that trains nothing
SOLUTION = re.compile(rf"{BEGIN}\n(.*?)\n *{END}", re.DOTALL)
SECONDS = 30
STRAIGHT = str.maketrans("‘’“”–…", "''\"\"-.", "\\`*")  # undoes the typesetting of a page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    course = tmp_path_factory.mktemp("classroom")
    classroom.make_classroom(course)
    return course


def read(path):
    return nbformat.read(path, as_version=4)


def squeezed(text):
    return re.sub(r"\s", "", text)


def secret_lines(path):
    """Lines of the solutions without white space, except short ones and those that the notebook shows anyway."""
    cells = [cell.source for cell in read(path).cells]
    shown = squeezed("".join(SOLUTION.sub("", source) for source in cells))
    lines = [squeezed(line) for source in cells for part in SOLUTION.findall(source) for line in part.splitlines()]
    return {line for line in lines if len(line) > 8 and line not in shown}


each_notebook = pytest.mark.parametrize("path", classroom.exercise_notebooks(), ids=lambda path: path.stem)


def explanations(path):
    """What the checks of a notebook say of right answers, and of wrong choices."""
    exercises = TOPICS[topic_of(path)]
    texts = [text for exercise in exercises for text in [exercise.remark, *getattr(exercise, "wrong", {}).values()]]
    return {squeezed(text) for text in texts if text}


@each_notebook
def test_released_notebook_has_no_solution(folder, path):
    released = folder / "release" / path.stem / path.name
    text = squeezed(released.read_text(encoding="utf-8").replace('\\"', '"'))
    assert [line for line in secret_lines(path) if line in text] == []
    for word in ("BEGINSOLUTION", "ENDSOLUTION", "HIDDENTESTS"):
        assert word not in text
    cells = read(released).cells
    assert sum(STUB in cell.source for cell in cells) == sum(BEGIN in cell.source for cell in read(path).cells)
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


@each_notebook
def test_teachers_notebook_has_solutions_without_markers(folder, path):
    solved = squeezed("\n".join(cell.source for cell in read(folder / "solutions" / path.name).cells))
    assert [line for line in secret_lines(path) if line not in solved] == []
    assert "SOLUTION" not in solved


@pytest.mark.check
def test_making_a_classroom_again_keeps_submissions(folder, tmp_path):
    course = shutil.copytree(folder, tmp_path / "course")
    hand_in(course, f"ada/{QUICK}/{QUICK}.ipynb", "an answer")
    classroom.make_classroom(course)
    assert (course / "submitted" / "ada" / QUICK / f"{QUICK}.ipynb").read_text() == "an answer"


def test_nbgrader_reads_the_settings_that_marking_uses(folder):
    assert PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config() == settings()


# Marking


def first_answer(notebook):
    return next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("solution"))


def with_a_loop(notebook):
    first_answer(notebook).source = "while True:\n    pass"
    return notebook


def with_a_mistake(notebook):
    """Flip the sign of the KL: three points less."""
    answer = first_answer(notebook)
    answer.source = answer.source.replace("return 0.5", "return -0.5")
    return notebook


def place_of(notebook, grade_id):
    return [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells].index(grade_id)


def with_a_log(notebook):
    """Write to the kernel's own error stream, to a log that was opened before, and past Python."""
    answer = first_answer(notebook)
    notebook.cells.insert(1, nbformat.v4.new_code_cell("import logging, os, sys\n\nlogging.basicConfig()"))
    loud = "print(1, file=sys.__stderr__); logging.warning('slow'); os.write(2, b'2')"
    answer.source = answer.source.replace("    return 0.5", f"    {loud}\n    return 0.5")
    return notebook


def without_a_check(notebook):
    del notebook.cells[place_of(notebook, "check-kl")]
    return notebook


def broken_code(notebook):
    """A syntax error loses its own points and no others."""
    first_answer(notebook).source = "def kl(mu, logvar:\n    return"
    return notebook


def with_a_missing_package(notebook):
    """The imports after it are not made; and one of the student's own cells goes wrong as well."""
    imports = next(cell for cell in notebook.cells if cell.source.startswith("import torch"))
    imports.source = "import no_such_package\n" + imports.source
    notebook.cells.append(nbformat.v4.new_code_cell("1 / 0"))
    return notebook


def with_a_copied_check(notebook):
    """The copy would see another answer, a wrong one."""
    copied = notebook.cells[place_of(notebook, "check-kl")] | {"id": "a-copy"}
    notebook.cells += [nbformat.v4.new_code_cell("kl = None"), nbformat.from_dict(copied)]
    return notebook


def with_a_split_answer(notebook):
    """JupyterLab leaves nbgrader's metadata to both halves of a cell that is split."""
    place = notebook.cells.index(first_answer(notebook))
    half = nbformat.from_dict(notebook.cells[place] | {"id": "a-half", "source": "half = 0.5"})
    notebook.cells.insert(place, half)
    return notebook


def with_a_check_of_its_own(notebook):
    first_answer(notebook).source = "def kl(mu, logvar):\n    return mu\n\n\ndef check(*arguments):\n    return 3"
    return notebook


def that_ends_the_kernel(notebook):
    first_answer(notebook).source = "import os\n\nos._exit(1)"
    return notebook


def beside_the_stubs(blank, answers):
    """Put answers into cells of their own."""
    for stub, answer in zip(blank.cells.copy(), answers.cells, strict=True):
        if STUB in stub.source:
            blank.cells.insert(blank.cells.index(stub) + 1, nbformat.v4.new_code_cell(answer.source))
    return blank


FAULTS = {
    "mistake": with_a_mistake,
    "syntax": broken_code,
    "loop": with_a_loop,
    "deleted": without_a_check,
    "package": with_a_missing_package,
    "copied": with_a_copied_check,
    "split": with_a_split_answer,
    "own-check": with_a_check_of_its_own,
    "ended": that_ends_the_kernel,
}
GOOD = ["Öznur", "Petra", "otto", "beside", "logging"]


def mark_the_class(folder):
    """Return the marks of five submissions without fault, a blank one, nine with faults, eleven with nothing to run."""
    answers, blank = (read(folder / part / QUICK / f"{QUICK}.ipynb") for part in ("source", "release"))
    submissions = dict.fromkeys(GOOD, answers) | {"blank": blank}
    submissions |= {"beside": beside_the_stubs(copy.deepcopy(blank), answers)}
    submissions |= {"logging": with_a_log(copy.deepcopy(answers))}
    submissions |= {student: fault(copy.deepcopy(answers)) for student, fault in FAULTS.items()}
    texts = {student: nbformat.writes(notebook) for student, notebook in submissions.items()}
    texts |= {"empty": "", "letter": "Dear teacher,", "list": "[1, 2]", "number": "7", "old": '{"cells": 3}'}
    for student, text in texts.items():
        hand_in(folder, f"{student}/{QUICK}/{QUICK}.ipynb", text)
    hand_in(folder, f"renamed/{QUICK}/kl final (2).ipynb", nbformat.writes(answers))
    put_in_wrong_places(folder)
    assert len(list((folder / "submitted").glob("[!.]*"))) == 26
    return {mark.student: mark for mark in classroom.mark(folder, QUICK, SECONDS)}


def put_in_wrong_places(folder):
    for path in (f"dora/{QUICK}.ipynb", f"emil/{QUICK.upper()}/{QUICK}.ipynb", f"fritz_{QUICK}.ipynb"):
        hand_in(folder, path, "an answer")
    hand_in(folder, "gus/04-elbo/04-elbo.ipynb", "an answer")
    hand_in(folder, "hans/04-elbo/04-elbo.ipynb", "an answer")
    hand_in(folder, f"hans/{QUICK} (1)/{QUICK}.ipynb", "an answer")
    hand_in(folder, ".DS_Store", "not a submission")


def hand_in(folder, path, text):
    place = folder / "submitted" / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")


WORTH = {exercise.name: exercise.points for exercise in TOPICS["kl"]}


# What the row of a submission says: that it is so, or a part of it.
PROBLEMS = {
    **dict.fromkeys(("mistake", "own-check", *GOOD), ""),
    "gus": "nothing handed in",
    "blank": "blank",
    "package": "cell 2 raised ModuleNotFoundError: No module named 'no_such_package'",
    "syntax": "cell 3 raised SyntaxError: '(' was never closed (line 1)",
}
PARTS_OF_PROBLEMS = {
    "empty": "the file is empty",
    **dict.fromkeys(("letter", "list", "number", "old"), "not a notebook"),
    "renamed": "there is no 06-kl.ipynb; handed in: kl final (2).ipynb",
    "dora": "nothing handed in where it is looked for; found: 06-kl.ipynb",
    "emil": "nothing handed in where it is looked for; found: 06-KL",
    "hans": "nothing handed in where it is looked for; found: 06-kl (1)",
    "fritz_06-kl.ipynb": "a loose file: it is looked for as submitted/STUDENT/06-kl/06-kl.ipynb",
    "deleted": "deleted: check-kl",
    "copied": "copied: check-kl",
    "split": "copied: an answer",
    "loop": "1 cell(s) ran too long",
    "ended": "nbgrader could not mark it: Kernel died",
}


@pytest.mark.check
def test_whole_class_is_marked_in_one_run(folder, tmp_path):
    """All that marking a class takes long for is one test, so that no other process marks it again."""
    class_marked = mark_the_class(folder)
    assert_points(dict(class_marked))
    assert {student: class_marked[student].problem for student in PROBLEMS} == PROBLEMS
    parts = {student: part for student, part in PARTS_OF_PROBLEMS.items() if part in class_marked[student].problem}
    assert parts == PARTS_OF_PROBLEMS
    assert len(PROBLEMS) + len(PARTS_OF_PROBLEMS) == len(class_marked) == 26
    assert [student for student in class_marked if student in GOOD[:3]] == ["otto", "Öznur", "Petra"]
    mistake, own_check = (
        read(folder / "autograded" / student / QUICK / f"{QUICK}.ipynb") for student in ("mistake", "own-check")
    )
    assert "The sign is flipped" in nbformat.writes(mistake)
    assert own_check.cells[place_of(own_check, "check-kl")].source == 'check("kl", kl)'
    assert_a_check_deleted_later_earns_nothing(folder, tmp_path)


def assert_points(marks):
    for student in GOOD:
        assert marks.pop(student) == Mark(student, WORTH, "", WORTH)
    assert {student: mark.earned for student, mark in marks.items() if mark.earned} == {
        "blank": dict.fromkeys(WORTH, 0),
        **dict.fromkeys(("mistake", "syntax", "loop", "deleted", "own-check"), WORTH | {"kl": 0}),
        "package": WORTH | {"kl-general": 0, "kl-bits": 0, "kl-monte-carlo": 0},  # which need torch
        "copied": WORTH,
        "split": WORTH,
    }
    assert {mark.points for mark in marks.values()} == {sum(WORTH.values())}


def assert_a_check_deleted_later_earns_nothing(folder, tmp_path):
    again = shutil.copytree(folder, tmp_path / "again", ignore=shutil.ignore_patterns("submitted"))
    deleted = (folder / "submitted" / "deleted" / QUICK / f"{QUICK}.ipynb").read_text(encoding="utf-8")
    hand_in(again, f"otto/{QUICK}/{QUICK}.ipynb", deleted)
    assert classroom.mark(again, QUICK, SECONDS) == [Mark("otto", WORTH, "deleted: check-kl", WORTH | {"kl": 0})]


def test_marks_are_printed_and_written_as_csv(tmp_path, capsys):
    worth = {"kl": 3, "kl-bits": 1}
    marks = [
        Mark("Müller", worth, earned={"kl": 3.0, "kl-bits": 1.0}),
        Mark("Ng", worth, earned={"kl": 0.0, "kl-bits": 0.5}),
        Mark("bob", worth, "the file is empty"),
    ]
    report(marks, tmp_path / "marks.csv")
    output = capsys.readouterr().out
    assert "bob        0 of 4  the file is empty" in output
    assert output.endswith("by exercise: kl 50%, kl-bits 75%\n")
    assert (tmp_path / "marks.csv").read_bytes().startswith(b"\xef\xbb\xbf")  # or a spreadsheet takes it for Latin-1
    with (tmp_path / "marks.csv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [
            ["student", "score", "points", "kl", "kl-bits", "problem"],
            ["Müller", "4", "4", "3", "1", ""],
            ["Ng", "0.5", "4", "0", "0.5", ""],
            ["bob", "0", "4", "", "", "the file is empty"],
        ]


def test_unmarkable_assignment_is_refused(folder, tmp_path):
    with pytest.raises(ValueError, match=r"'07-kl' must be an assignment of .*06-kl"):
        classroom.mark(folder, "07-kl")
    shutil.copytree(folder / "source", tmp_path / "source")
    with pytest.raises(ValueError, match=r"must hold submissions.*submitted holds: nothing"):
        classroom.mark(tmp_path, QUICK)
    put_in_wrong_places(tmp_path)
    found = "dora/06-kl.ipynb, emil/06-KL, fritz_06-kl.ipynb, gus/04-elbo, hans/04-elbo, "
    with pytest.raises(ValueError, match=rf"must hold submissions.*submitted holds: {re.escape(found)}"):
        classroom.mark(tmp_path, QUICK)


def test_command_line_mistakes_are_explained(folder, tmp_path):
    with pytest.raises(SystemExit, match=r"say which assignment: `make mark ASSIGNMENT=06-kl`; .*05-.*06-kl, 07-"):
        main(["mark", str(folder)])
    for arguments in ([], [QUICK]):
        with pytest.raises(SystemExit, match="run `make classroom` first"):
            main(["mark", str(tmp_path), *arguments])
    with pytest.raises(SystemExit, match="'07-kl' must be an assignment"):
        main(["mark", str(folder), "07-kl"])


def test_timetable_of_a_week_adds_up():
    """A lesson takes 45 minutes of talk and its exercises; a morning has 210 minutes with a break of ten."""
    text = (ROOT / "book" / "teaching.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (\d+) .* (\d+) min \|$", text, re.MULTILINE)
    exercises = {lesson: int(minutes) for lesson, minutes in table}
    days = re.findall(r"^\| \w+day \|(.*)\| (\d+) min", text, re.MULTILINE)
    lessons = [re.findall(r"lesson (\d+)", halves) for halves, _ in days]
    assert [int(minutes) for _, minutes in days] == [sum(45 + exercises[i] for i in day) for day in lessons]
    assert [lesson for day in lessons for lesson in day] == sorted(exercises, key=int)
    assert max(int(minutes) for _, minutes in days) <= 210 - 10


# The pages of the book


@pytest.fixture(scope="module")
def small_site(tmp_path_factory):
    """A function that builds a book of exercise pages alone, with or without solutions, and returns its folder."""
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
    """The text of a site's file, without markup and white space."""
    text = file.read_bytes().decode("utf-8", errors="replace")
    text = re.sub(r"<[^>]*>", "", text) if file.suffix == ".html" else text.replace('\\"', '"')
    return squeezed(html.unescape(text))


@pytest.mark.check
def test_book_without_solutions_has_none_in_any_file(small_site):
    site = small_site(solutions=False)
    notebooks = classroom.exercise_notebooks()
    secrets = set().union(*map(secret_lines, notebooks), *map(explanations, notebooks))
    files = [file for file in site.rglob("*") if file.is_file()]
    assert {".html", ".js", ".ipynb", ".txt"} <= {file.suffix for file in files}
    found = {(file.name, line) for file in files for text in [words(file)] for line in secrets if line in text}
    assert found == set()


@pytest.mark.check
def test_book_with_solutions_folds_them(small_site):
    site = small_site(solutions=True)
    for path in classroom.exercise_notebooks():
        page = site / "book" / "exercises" / f"{path.stem}.html"
        solutions = sum(BEGIN in cell.source for cell in read(path).cells)
        folded = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").select(".admonition.dropdown")
        assert len(folded) == solutions
        assert words(page).count(squeezed(STUB)) == solutions
        text = words(page).translate(STRAIGHT)
        assert [line for line in secret_lines(path) if line not in words(page)] == []
        assert explanations(path)
        assert [said for said in explanations(path) if said.translate(STRAIGHT) not in text] == []
    handouts = {file.name for file in (site / "_downloads").rglob("*.ipynb")}
    assert handouts == {path.name for path in classroom.exercise_notebooks()}


def test_unchanged_pages_are_not_written_again(tmp_path):
    classroom.write_pages(tmp_path)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.*") if file.is_file()}
    assert {file.suffix for file in before} == {".md", ".ipynb"}
    classroom.write_pages(tmp_path)
    assert {file: file.stat().st_mtime_ns for file in before} == before
    classroom.write_pages(tmp_path, solutions=False)
    assert all((file.stat().st_mtime_ns != before[file]) == (file.suffix == ".md") for file in before)
