"""The exercises on their way to a class and back: what students get, the pages of the book, and the marks.

There is one source, `notebooks/exercises`, with solutions between markers. All else is made of it:

    python -m vae_lessons.classroom make FOLDER             a course folder for nbgrader
    python -m vae_lessons.classroom mark FOLDER ASSIGNMENT  marks for all that has been handed in
"""

import argparse
import copy
import csv
import os
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearSolutions
from sqlalchemy.exc import SAWarning
from tqdm import tqdm
from traitlets.config import Config

from vae_lessons.checks import CATALOGUE
from vae_lessons.data import course_root

HANDOUTS = ".handouts"
STUB = "...  # your answer here"
SECONDS_A_CELL = 120
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
CHECKED = re.compile(r'^check\("([\w-]+)", \w+\)$')
EXERCISES_OF = re.compile(r"^# Exercises \d+: ")
LESSON_LINK = re.compile(r"\[([^\]]+)\]\(\.\./([\w-]+)\.ipynb\)")
CONFIG = '''"""nbgrader's settings for this course; made by `make classroom`."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "vae-lessons"
c.ClearSolutions.code_stub = {{"python": {stub!r}}}
c.ExecutePreprocessor.timeout = {seconds}  # seconds for each cell
c.ExecutePreprocessor.interrupt_on_timeout = True
'''


@dataclass(frozen=True)
class Mark:
    """What became of one student's submission. `problem` is empty if all went well."""

    student: str
    score: float
    points: float
    problem: str = ""


def exercise_notebooks() -> list[Path]:
    """The sources, in order of lessons."""
    return sorted((course_root() / "notebooks" / "exercises").glob("*.ipynb"))


def assignment(path: Path) -> NotebookNode:
    """An exercise notebook with what nbgrader needs to know of its cells, solutions included."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LESSON_LINK.sub(r"\1", cell.source)  # the lesson does not lie beside it
            continue
        checked = CHECKED.match(cell.source)
        if checked:
            _describe(cell, f"check-{checked[1]}", grade=True, points=CATALOGUE[checked[1]].points)
        elif BEGIN in cell.source:
            _describe(cell, f"answer-{cell.id}", solution=True)
    return notebook


def without_solutions(notebook: NotebookNode) -> NotebookNode:
    """The student's version: a stub in place of each solution."""
    cleared, _ = ClearSolutions(code_stub={"python": STUB}).preprocess(copy.deepcopy(notebook), {})
    return cleared


def without_markers(notebook: NotebookNode) -> NotebookNode:
    """The teacher's version: solutions, and nothing that says where they begin and end."""
    solved = copy.deepcopy(notebook)
    for cell in solved.cells:
        cell.source = "\n".join(_lines_of_solved(cell.source))
    return solved


def make_classroom(folder: Path) -> None:
    """Write a course folder that nbgrader takes as it is: `source`, `release`, `solutions`, and its settings.

    What students have handed in, and the grade book, stay. RuntimeError, in nbgrader's words, if it refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nbgrader_config.py").write_text(CONFIG.format(stub=STUB, seconds=SECONDS_A_CELL), encoding="utf-8")
    api = _api(folder)
    for path in exercise_notebooks():
        notebook = assignment(path)
        _write(notebook, folder / "source" / path.stem / path.name)
        _write(without_markers(notebook), folder / "solutions" / path.name)
        result = api.generate_assignment(path.stem)
        if not result["success"]:
            raise RuntimeError(f"nbgrader refuses {path.name}: {result.get('error') or result['log']}")


def mark(folder: Path, name: str, seconds: int = SECONDS_A_CELL) -> list[Mark]:
    """Mark all submissions of an assignment: folder/submitted/STUDENT/NAME/NAME.ipynb. One for each student, by name.

    seconds : how long a cell may run. A submission that cannot be marked, or not in all its parts, is reported and
        stops nothing. nbgrader's `autograded` folder and grade book have the details.

    Raises ValueError for an assignment that has not been made, or for which nothing has been handed in.
    """
    source = folder / "source" / name / f"{name}.ipynb"
    students = sorted(path.parent.name for path in folder.glob(f"submitted/*/{name}"))
    if not source.exists():
        made = ", ".join(path.name for path in sorted(folder.glob("source/*"))) or "none"
        raise ValueError(f"{name!r} must be an assignment of {folder}, which has: {made}")
    if not students:
        raise ValueError(f"{folder} must hold submissions, as submitted/STUDENT/{name}/{name}.ipynb, and has none")
    api = _api(folder, seconds)
    with tqdm(students, desc="marking", disable=None) as bar, warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # about nbgrader's own use of its grade book
        return [_mark(api, folder, name, student) for student in bar]


def exercise_page(path: Path, solutions: bool = True) -> str:
    """An exercise notebook as a page of the book, in MyST: stubs, and solutions folded away if they may be shown."""
    notebook = nbformat.read(path, as_version=4)
    for_students, solved = without_solutions(assignment(path)), without_markers(notebook)
    parts = []
    for source, stub, whole in zip(notebook.cells, for_students.cells, solved.cells, strict=True):
        if source.cell_type == "markdown":
            parts.append(LESSON_LINK.sub(r"[\1](../../notebooks/\2.ipynb)", source.source))
            continue
        parts.append(f"```python\n{stub.source}\n```")
        if solutions and BEGIN in source.source:
            parts.append(f":::{{admonition}} A solution\n:class: dropdown\n\n```python\n{whole.source}\n```\n:::")
    title, *rest = parts
    title = EXERCISES_OF.sub("# Exercises: ", title)  # the book numbers its pages itself
    handout = f"Here they can be read; {{download}}`take the notebook <{HANDOUTS}/{path.name}>` to work on them."
    return "\n\n".join([title, handout, *rest]) + "\n"


def write_pages(folder: Path, solutions: bool = True) -> None:
    """The pages of all exercises, and the student's notebooks beside them, where no page is looked for."""
    for path in exercise_notebooks():
        _write(without_solutions(assignment(path)), folder / HANDOUTS / path.name)
        page, content = folder / f"{path.stem}.md", exercise_page(path, solutions)
        if not page.exists() or page.read_text(encoding="utf-8") != content:  # what is not new is not built again
            page.write_text(content, encoding="utf-8")


def _describe(cell: NotebookNode, name: str, grade: bool = False, solution: bool = False, points: int = 0) -> None:
    """nbgrader's metadata, schema 3."""
    cell.metadata["nbgrader"] = {
        "schema_version": 3,
        "grade_id": name,
        "grade": grade,
        "solution": solution,
        "locked": grade,
        "task": False,
    } | ({"points": points} if grade else {})


def _lines_of_solved(source: str) -> Iterator[str]:
    return (line for line in source.splitlines() if line.strip() not in (BEGIN, END))


def _write(notebook: NotebookNode, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def _api(folder: Path, seconds: int = SECONDS_A_CELL) -> NbGraderAPI:
    own_commands = str(Path(sys.executable).parent)  # nbgrader calls alembic by name, in an environment active or not
    if own_commands not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([own_commands, os.environ["PATH"]])
    config = Config()
    config.CourseDirectory.root = str(folder.resolve())
    config.CourseDirectory.course_id = "vae-lessons"
    config.ClearSolutions.code_stub = {"python": STUB}
    config.ExecutePreprocessor.timeout = seconds
    config.ExecutePreprocessor.interrupt_on_timeout = True
    return NbGraderAPI(CourseDirectory(config=config), config=config)


def _mark(api: NbGraderAPI, folder: Path, name: str, student: str) -> Mark:
    points = sum(cell.metadata.nbgrader.points for cell in _graded(folder / "source" / name / f"{name}.ipynb"))
    handed_in = folder / "submitted" / student / name
    try:
        problem = _missing_checks(handed_in / f"{name}.ipynb", folder / "source" / name / f"{name}.ipynb")
    except ValueError as reason:
        return Mark(student, 0, points, str(reason))
    result = api.autograde(name, student)
    if not result["success"]:
        last = (result.get("error") or result.get("log") or "").strip().splitlines()
        return Mark(student, 0, points, f"nbgrader could not mark it: {last[-1] if last else 'no reason given'}")
    marked = folder / "autograded" / student / name / f"{name}.ipynb"
    score = api.get_submission(name, student)["score"]
    return Mark(student, score, points, "; ".join(filter(None, [problem, _stopped_cells(marked)])))


def _missing_checks(path: Path, source: Path) -> str:
    """What was deleted; ValueError for a submission that is no notebook, or not the one that was handed out."""
    if not path.exists():
        others = ", ".join(sorted(other.name for other in path.parent.iterdir())) or "nothing"
        raise ValueError(f"there is no {path.name}; handed in: {others}. Was it renamed?")
    if not path.stat().st_size:
        raise ValueError("the file is empty")
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except (ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError) as error:
        raise ValueError(f"the file is not a notebook ({str(error).splitlines()[0][:80]})") from error
    here = {cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells}
    missing = [cell.metadata.nbgrader.grade_id for cell in _graded(source)]
    missing = [grade_id for grade_id in missing if grade_id not in here]
    return f"deleted: {', '.join(missing)}" if missing else ""


def _graded(path: Path) -> list[NotebookNode]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("grade")]


def _stopped_cells(path: Path) -> str:
    """Which cells ran too long and were interrupted."""
    cells = nbformat.read(path, as_version=4).cells
    stopped = [
        cell.execution_count
        for cell in cells
        if any(output.get("ename") == "KeyboardInterrupt" for output in cell.get("outputs", []))
    ]
    return f"{len(stopped)} cell(s) ran too long and were stopped" if stopped else ""


def _report(marks: list[Mark], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(field.name for field in fields(Mark))
        table.writerows(map(astuple, marks))
    width = max(len(entry.student) for entry in marks)
    for entry in marks:
        print(f"{entry.student:{width}} {entry.score:5g} of {entry.points:g}  {entry.problem}".rstrip())
    print(f"{sum(not entry.problem for entry in marks)} of {len(marks)} without a problem; written to {path}")


def main(arguments: list[str]) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m vae_lessons.classroom", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("make", help="make a course folder for nbgrader")
    marked = commands.add_parser("mark", help="mark all that has been handed in")
    for command in (made, marked):
        command.add_argument("folder", type=Path)
    marked.add_argument("assignment")
    told = parser.parse_args(arguments)
    if told.command == "make":
        make_classroom(told.folder)
        print(f"{len(exercise_notebooks())} assignments in {told.folder}; hand out what is in release")
    else:
        _report(mark(told.folder, told.assignment), told.folder / f"marks-{told.assignment}.csv")


if __name__ == "__main__":
    main(sys.argv[1:])
