"""What has been handed in, as it is before it runs: where it lies, and what became of the cells handed out."""

import unicodedata
from collections import Counter
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from vae_exercises.classroom.notebooks import without_solutions

NOTHING = "nothing handed in"
WORTH_SAYING = 80  # characters of an error's message


def misplaced(submitted: Path, name: str, assignments: list[str]) -> dict[str, str]:
    """Of each entry of `submitted`, sorted, why there is nothing to mark; '' if there is submitted/ENTRY/NAME."""
    entries = sorted(visible(submitted), key=lambda entry: as_sorted(entry.name))
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
    """What lies there, but for what a system or an editor hides."""
    return [path for path in folder.glob("*") if not path.name.startswith(".")]


def paths_in(submitted: Path) -> list[str]:
    """What lies there, down to what lies in a student's folder."""
    paths = [path for entry in visible(submitted) for path in visible(entry) or [entry]]
    return sorted(path.relative_to(submitted).as_posix() for path in paths)


def as_sorted(name: str) -> str:
    """Without regard to case, and letters with accents beside those without."""
    return unicodedata.normalize("NFKD", name).casefold()


def submission(path: Path) -> NotebookNode:
    """ValueError for what is no notebook, or not where it was handed out."""
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
    return text.strip().partition("\n")[0][:WORTH_SAYING]


def grade_ids(notebook: NotebookNode) -> Counter[str]:
    """nbgrader's names of cells, and how often each is there."""
    return Counter(_about(cell)["grade_id"] for cell in notebook.cells if "grade_id" in _about(cell))


def graded(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells that bring points: the checks."""
    return [cell for cell in notebook.cells if _about(cell).get("grade")]


def changes(notebook: NotebookNode, source: NotebookNode) -> list[str]:
    """Which checks were deleted, and which cells copied."""
    here, checks = grade_ids(notebook), [_about(cell)["grade_id"] for cell in graded(source)]
    deleted = [check for check in checks if check not in here]
    copied = [name if name in checks else "an answer" for name, times in here.items() if times > 1]
    said = {"deleted": deleted, "copied": dict.fromkeys(copied)}
    return [f"{what}: {', '.join(names)}" for what, names in said.items() if names]


def is_blank(notebook: NotebookNode, source: NotebookNode) -> bool:
    """Whether each answer is still the stub that was handed out."""
    stubs = {_about(cell)["grade_id"]: cell.source for cell in _answers(without_solutions(source))}
    return all(cell.source.strip() == stubs.get(_about(cell).get("grade_id")) for cell in _answers(notebook))


def _answers(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if _about(cell).get("solution")]


def _about(cell: NotebookNode) -> dict:
    return cell.metadata.get("nbgrader", {})
