"""Exercise notebooks, each in its forms: the source, what nbgrader takes, what students get, what teachers get."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import ClearSolutions

from vae_exercises import CATALOGUE
from vae_lessons.data import course_root

STUB = "...  # your answer here"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
CHECKED = re.compile(r'^check\("([\w-]+)", \w+\)$')
LESSON_LINK = re.compile(r"\[([^\]]+)\]\(\.\./([\w-]+)\.ipynb\)")


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


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    write_if_new(nbformat.writes(notebook) + "\n", path)


def write_if_new(content: str, path: Path) -> None:
    """Leave a file alone that has this content already: what is not new is not built again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        path.write_text(content, encoding="utf-8")


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
