"""Exercise notebooks in their forms: the source, nbgrader's, the student's and the teacher's."""

import copy
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import ClearSolutions

from vae_exercises import TOPICS
from vae_lessons.data import course_root

STUB = "...  # your answer here"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
NAME = re.compile(r"\d+-([a-z][a-z0-9-]*)")
CHECKED = re.compile(r'^check\("([\w-]+)", \w+\)$')
LESSON_LINK = re.compile(r"\[([^\]]+)\]\(\.\./([\w-]+)\.ipynb\)")


def exercise_notebooks() -> list[Path]:
    """Return the paths of the sources, in the order of their numbers."""
    return by_number((course_root() / "notebooks" / "exercises").glob("*.ipynb"))


def by_number(paths: Iterable[Path]) -> list[Path]:
    """Sort notebooks by the number in their names, so that 2 comes before 10; those without a number come last."""

    def key(path: Path) -> tuple[float, str]:
        number = re.match(r"\d+", path.name)
        return float(number[0]) if number else math.inf, path.name

    return sorted(paths, key=key)


def topic_of(path: Path) -> str:
    """Return the topic of an exercise notebook: `some_name` for `NN-some-name.ipynb`.

    Raises
    ------
    ValueError
        If the file has another kind of name.
    """
    match = NAME.fullmatch(path.stem)
    if not match:
        raise ValueError(f"a notebook must be called NN-some-name.ipynb, got {path.name}")
    return match[1].replace("-", "_")


def assignment(path: Path) -> NotebookNode:
    """Read an exercise notebook, solutions included, and add what nbgrader needs to know about its cells.

    Raises
    ------
    ValueError
        If it checks an exercise that its topic does not have.
    """
    exercises = {exercise.name: exercise for exercise in TOPICS.get(topic_of(path), ())}
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LESSON_LINK.sub(r"\1", cell.source)  # students do not get the lesson beside it
            continue
        checked = CHECKED.match(cell.source)
        if checked:
            name = checked[1]
            if name not in exercises:
                raise ValueError(f"{path.name} checks {name!r}, which vae_exercises.{topic_of(path)} does not have")
            _describe(cell, f"check-{name}", grade=True, points=exercises[name].points)
        elif BEGIN in cell.source:
            _describe(cell, f"answer-{cell.id}", solution=True)
    return notebook


def without_solutions(notebook: NotebookNode) -> NotebookNode:
    """Return the student's version: a stub in place of each solution."""
    cleared, _ = ClearSolutions(code_stub={"python": STUB}).preprocess(copy.deepcopy(notebook), {})
    return cleared


def without_markers(notebook: NotebookNode) -> NotebookNode:
    """Return the teacher's version: solutions without their markers."""
    solved = copy.deepcopy(notebook)
    for cell in solved.cells:
        cell.source = "\n".join(_lines_of_solved(cell.source))
    return solved


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook, unless the file has the same content already."""
    write_if_new(nbformat.writes(notebook) + "\n", path)


def write_if_new(content: str, path: Path) -> None:
    """Write a file, unless it has the same content already, so that it is not built again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        path.write_text(content, encoding="utf-8")


def _describe(cell: NotebookNode, name: str, grade: bool = False, solution: bool = False, points: int = 0) -> None:
    """Add nbgrader's metadata, schema 3."""
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
