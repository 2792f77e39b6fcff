"""Marks for what has been handed in."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.apps import NbGraderAPI
from sqlalchemy.exc import SAWarning
from tqdm import tqdm

from vae_lessons.classroom.course import SECONDS_A_CELL, nbgrader_of


@dataclass(frozen=True)
class Mark:
    """What became of one student's submission. `problem` is empty if all went well."""

    student: str
    score: float
    points: float
    problem: str = ""


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
    api = nbgrader_of(folder, seconds)
    with tqdm(students, desc="marking", disable=None) as bar, warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # about nbgrader's own use of its grade book
        return [_mark(api, folder, name, student) for student in bar]


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
