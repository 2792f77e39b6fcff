"""Exercise notebooks as pages of the book."""

import re
from pathlib import Path

import nbformat

from vae_exercises import CATALOGUE
from vae_exercises.classroom.notebooks import (
    BEGIN,
    LESSON_LINK,
    assignment,
    exercise_notebooks,
    without_markers,
    without_solutions,
    write_if_new,
    write_notebook,
)
from vae_exercises.engine.kinds import Choice, Exercise

HANDOUTS = ".handouts"
EXERCISE = re.compile(r"^## Exercise \d+:.*$", re.MULTILINE)
CHECK = re.compile(r'^check\("([\w-]+)"', re.MULTILINE)
DOTS = re.compile(r"^\w+ = \.\.\..*\n", re.MULTILINE)  # the place for an answer
SOLUTION = ":::{{admonition}} A solution\n:class: dropdown\n\n{what}\n:::"


def exercise_page(path: Path, solutions: bool = True) -> str:
    """Return an exercise notebook as a page of the book, in MyST.

    Other pages may link to an exercise as `exercise-NAME`.

    Parameters
    ----------
    solutions
        Whether to show the solutions, folded away; the stubs are there in any case.

    Raises
    ------
    ValueError
        If an exercise has no heading `## Exercise N: title`, or a heading no check.
    """
    notebook = nbformat.read(path, as_version=4)
    for_students, solved = without_solutions(assignment(path)), without_markers(notebook)
    names = CHECK.findall("\n".join(cell.source for cell in notebook.cells))
    n_headings = sum(len(EXERCISE.findall(cell.source)) for cell in notebook.cells)
    if n_headings != len(names):
        raise ValueError(f"{path.name} must have a heading for each check, got {n_headings} and {len(names)}")
    headings, checks = iter(names), iter(names)
    parts = []
    for source, stub, whole in zip(notebook.cells, for_students.cells, solved.cells, strict=True):
        if "remove-cell" in source.metadata.get("tags", []):
            continue
        if source.cell_type == "markdown":
            text = LESSON_LINK.sub(r"[\1](../../notebooks/\2.ipynb)", source.source)
            parts.append(EXERCISE.sub(lambda heading: labelled(heading[0], next(headings)), text))
            continue
        parts.append(f"```python\n{stub.source}\n```")
        if solutions and BEGIN in source.source:
            code = f"```python\n{DOTS.sub('', whole.source)}\n```"
            remarks = explanations(CATALOGUE[next(checks)])
            parts.append(SOLUTION.format(what="\n\n".join(filter(None, [code, *remarks]))))
    title, *rest = parts
    handout = f"Here you can read them. To work on them, {{download}}`take the notebook <{HANDOUTS}/{path.name}>`."
    return "\n\n".join([title, handout, *rest]) + "\n"


def labelled(heading: str, name: str) -> str:
    """Return a heading with a label that other pages can link to, and with no line break in its brackets."""
    title, bracket, rest = heading.rpartition("(")
    kept = rest.replace(" ", "\N{NO-BREAK SPACE}")
    return f"(exercise-{name})=\n{title}{bracket}{kept}"


def explanations(exercise: Exercise) -> tuple[str, str]:
    """Return what the check says of a right answer and, as a list, of each wrong choice."""
    wrong = exercise.wrong.items() if isinstance(exercise, Choice) else ()
    return exercise.remark, "\n".join(f"- **{letter}** {why}" for letter, why in sorted(wrong))


def write_pages(folder: Path, solutions: bool = True) -> None:
    """Write the pages of all exercises, and the student's notebooks in a hidden folder beside them."""
    for path in exercise_notebooks():
        write_notebook(without_solutions(assignment(path)), folder / HANDOUTS / path.name)
        write_if_new(exercise_page(path, solutions), folder / f"{path.stem}.md")
