"""Marks for submissions."""

import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.apps import NbGraderAPI
from sqlalchemy.exc import SAWarning
from tqdm import tqdm

from vae_exercises.classroom.course import SECONDS_A_CELL, nbgrader_of
from vae_exercises.classroom.notebooks import by_number
from vae_exercises.classroom.submissions import (
    changes,
    first_line,
    grade_ids,
    graded,
    is_blank,
    misplaced,
    paths_in,
    submission,
)

TOO_LONG = {"KeyboardInterrupt", "CellTimeoutError"}  # what is raised in a cell that is stopped
FILE_NAME = re.compile(r"\(\S+\.py, (?=line)")  # one that a kernel makes up
REASON = re.compile(r"^(?:\[ERROR\] (?!There was |Traceback )| {4}(?=[\w.]+Error: ))(.+)", re.MULTILINE)


@dataclass(frozen=True)
class Mark:
    """The marks of one student's submission.

    Attributes
    ----------
    student
        The name of the student's folder.
    worth
        The points that each exercise can bring.
    problem
        What the teacher should look at; empty if all went well.
    earned
        The points that each exercise brought; empty if none could be marked.
    """

    student: str
    worth: dict[str, float]
    problem: str = ""
    earned: dict[str, float] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """The sum of all points earned."""
        return sum(self.earned.values())

    @property
    def points(self) -> float:
        """The sum of all points that can be earned."""
        return sum(self.worth.values())


def assignments(folder: Path) -> list[str]:
    """Return the names of the assignments in a course folder, in the order of their numbers.

    Raises
    ------
    ValueError
        If the folder has no assignments.
    """
    made = [path.stem for path in by_number(folder.glob("source/*/*.ipynb"))]
    if not made:
        raise ValueError(f"{folder} has no assignments yet: run `make classroom` first")
    return made


def mark(folder: Path, name: str, seconds: int = SECONDS_A_CELL) -> list[Mark]:
    """Mark all submissions of an assignment: folder/submitted/STUDENT/NAME/NAME.ipynb.

    A submission that cannot be marked, or only in part, is reported and does not stop the others. The details are in
    nbgrader's `autograded` folder and grade book.

    Parameters
    ----------
    folder
        The course folder.
    name
        The assignment, for example "06-kl".
    seconds
        How long a cell may run.

    Returns
    -------
    list of Mark
        One for each entry of folder/submitted, sorted by name.

    Raises
    ------
    ValueError
        If the assignment has not been made, or if it has no submissions.
    """
    made = assignments(folder)
    if name not in made:
        raise ValueError(f"{name!r} must be an assignment of {folder}, which has: {', '.join(made)}")
    entries = misplaced(folder / "submitted", name, made)
    if all(entries.values()):
        there = ", ".join(paths_in(folder / "submitted")) or "nothing"
        where = f"submitted/STUDENT/{name}/{name}.ipynb"
        raise ValueError(f"{folder} must hold submissions, as {where}, and has none; submitted holds: {there}")
    source = nbformat.read(folder / "source" / name / f"{name}.ipynb", as_version=4)
    api = nbgrader_of(folder, seconds)
    with tqdm(entries.items(), desc="marking", disable=None) as bar, warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # about nbgrader's own use of its grade book
        return [
            Mark(student, _worth(source), problem) if problem else _mark(api, folder, name, student, source)
            for student, problem in bar
        ]


def _mark(api: NbGraderAPI, folder: Path, name: str, student: str, source: NotebookNode) -> Mark:
    submitted, marked = (folder / part / student / name / f"{name}.ipynb" for part in ("submitted", "autograded"))
    try:
        notebook = submission(submitted)
    except ValueError as reason:
        return Mark(student, _worth(source), str(reason))
    result = api.autograde(name, student)
    if not result["success"]:
        return Mark(student, _worth(source), f"nbgrader could not mark it: {_reason(result)}")
    earned = _earned(api, name, student, present=set(grade_ids(notebook)))
    problems = [*changes(notebook, source), *_errors(nbformat.read(marked, as_version=4))]
    if is_blank(notebook, source) and not any(earned.values()):
        problems.insert(0, "blank")
    return Mark(student, _worth(source), "; ".join(problems), earned)


def _worth(source: NotebookNode) -> dict[str, float]:
    return {_exercise(cell.metadata.nbgrader.grade_id): cell.metadata.nbgrader.points for cell in graded(source)}


def _exercise(grade_id: str) -> str:
    return grade_id.removeprefix("check-")


def _earned(api: NbGraderAPI, name: str, student: str, present: set[str]) -> dict[str, float]:
    """Read the grade book; a check that is not `present` earns nothing, even if an earlier submission had it."""
    with api.gradebook as book:
        grades = book.find_submission_notebook(name, name, student).grades
        for grade in grades:
            if grade.name not in present:
                grade.auto_score = 0
        book.db.commit()
        return {_exercise(grade.name): grade.score for grade in grades}


def _reason(result: dict) -> str:
    """Say why nbgrader refused: the first error in its log, or else the end of a traceback."""
    found = REASON.search(result.get("log") or "")
    return first_line(found[1]) if found else "no reason given"


def _errors(marked: NotebookNode) -> list[str]:
    """Say how many cells were stopped, and which one raised first; what a check raises is about its answer."""
    errors = [(cell, output) for cell in marked.cells for output in cell.get("outputs", []) if "ename" in output]
    stopped = {cell.execution_count for cell, error in errors if error.ename in TOO_LONG}
    checks = {cell.execution_count for cell in graded(marked)}
    raised = [(cell, error) for cell, error in errors if cell.execution_count not in stopped | checks]
    problems = [f"{len(stopped)} cell(s) ran too long and were stopped"] if stopped else []
    return problems + [f"cell {cell.execution_count} raised {_account(error)}" for cell, error in raised[:1]]


def _account(error: NotebookNode) -> str:
    message = FILE_NAME.sub("(", error.evalue)
    return f"{error.ename}: {first_line(message)}" if message else error.ename
