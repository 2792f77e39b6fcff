"""Submissions before they run: where they lie, and what became of the cells that were handed out."""

import unicodedata
from collections import Counter
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from vae_exercises.classroom.notebooks import without_solutions

NOTHING = "nothing handed in"
MAX_LENGTH = 80  # characters of an error's message


def misplaced(submitted: Path, name: str, assignments: list[str]) -> dict[str, str]:
    """Say for each entry of `submitted`, sorted, why there is nothing to mark; '' if there is submitted/ENTRY/NAME."""
    entries = sorted(visible(submitted), key=lambda entry: sort_key(entry.name))
    return {entry.name: _why_nothing(entry, name, assignments) for entry in entries}


def _why_nothing(entry: Path, name: str, assignments: list[str]) -> str:
    if not entry.is_dir():
        return f"a loose file: it is looked for as submitted/STUDENT/{name}/{name}.ipynb"
    within = visible(entry)
    if any(path.name == name and path.is_dir() for path in within):
        return ""
    others = sorted(path.name for path in within if not (path.is_dir() and path.name in assignments))
    return f"{NOTHING} where it is looked for; found: {', '.join(others)}" if others else NOTHING


def visible(folder: Path) -> list[Path]:
    """List a folder without hidden files."""
    return [path for path in folder.glob("*") if not path.name.startswith(".")]


def paths_in(submitted: Path) -> list[str]:
    """List all submissions, down to the entries of each student's folder."""
    paths = [path for entry in visible(submitted) for path in visible(entry) or [entry]]
    return sorted(path.relative_to(submitted).as_posix() for path in paths)


def sort_key(name: str) -> str:
    """Ignore case when sorting, and put letters with accents beside those without."""
    return unicodedata.normalize("NFKD", name).casefold()


def submission(path: Path) -> NotebookNode:
    """Read a submitted notebook.

    Raises
    ------
    ValueError
        If it is not there, or not a notebook.
    """
    if not path.exists():
        others = ", ".join(sorted(other.name for other in visible(path.parent)))
        raise ValueError(f"there is no {path.name}; handed in: {others}. Was it renamed?" if others else NOTHING)
    if not path.stat().st_size:
        raise ValueError("the file is empty")
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        grade_ids(notebook)
    except (ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError) as error:
        raise ValueError(f"the file is not a notebook ({first_line(str(error))})") from error
    return notebook


def first_line(text: str) -> str:
    """Return the first line of a text, shortened."""
    return text.strip().partition("\n")[0][:MAX_LENGTH]


def grade_ids(notebook: NotebookNode) -> Counter[str]:
    """Count the cells by the names that nbgrader knows them by."""
    return Counter(_about(cell)["grade_id"] for cell in notebook.cells if "grade_id" in _about(cell))


def graded(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells that bring points: the checks."""
    return [cell for cell in notebook.cells if _about(cell).get("grade")]


def changes(notebook: NotebookNode, source: NotebookNode) -> list[str]:
    """Say which checks were deleted, and which cells copied."""
    present, checks = grade_ids(notebook), [_about(cell)["grade_id"] for cell in graded(source)]
    deleted = [check for check in checks if check not in present]
    copied = [name if name in checks else "an answer" for name, times in present.items() if times > 1]
    found = {"deleted": deleted, "copied": dict.fromkeys(copied)}
    return [f"{what}: {', '.join(names)}" for what, names in found.items() if names]


def is_blank(notebook: NotebookNode, source: NotebookNode) -> bool:
    """Whether each answer is still the stub that was handed out."""
    stubs = {_about(cell)["grade_id"]: cell.source for cell in _answers(without_solutions(source))}
    return all(cell.source.strip() == stubs.get(_about(cell).get("grade_id")) for cell in _answers(notebook))


def _answers(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if _about(cell).get("solution")]


def _about(cell: NotebookNode) -> dict:
    return cell.metadata.get("nbgrader", {})
