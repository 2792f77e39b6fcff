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
EXERCISES_OF = re.compile(r"^# Exercises \d+: ")
EXERCISE = re.compile(r"^## Exercise (\d+)\.(\d+):.*$", re.MULTILINE)
CHECK = re.compile(r'^check\("([\w-]+)"', re.MULTILINE)
DOTS = re.compile(r"^\w+ = \.\.\..*\n", re.MULTILINE)  # where an answer is to be written
SOLUTION = ":::{{admonition}} A solution\n:class: dropdown\n\n{what}\n:::"


def exercise_page(path: Path, solutions: bool = True) -> str:
    """An exercise notebook as a page of the book, in MyST: stubs, and solutions folded away if they may be shown."""
    notebook = nbformat.read(path, as_version=4)
    for_students, solved = without_solutions(assignment(path)), without_markers(notebook)
    parts, checks = [], iter(CHECK.findall("\n".join(cell.source for cell in notebook.cells)))
    for source, stub, whole in zip(notebook.cells, for_students.cells, solved.cells, strict=True):
        if "remove-cell" in source.metadata.get("tags", []):
            continue
        if source.cell_type == "markdown":
            text = LESSON_LINK.sub(r"[\1](../../notebooks/\2.ipynb)", source.source)
            parts.append(EXERCISE.sub(place_of_exercise, text))
            continue
        parts.append(f"```python\n{stub.source}\n```")
        if solutions and BEGIN in source.source:
            code = f"```python\n{DOTS.sub('', whole.source)}\n```"
            words = what_to_say_of(CATALOGUE[next(checks)])
            parts.append(SOLUTION.format(what="\n\n".join(filter(None, [code, *words]))))
    title, *rest = parts
    title = EXERCISES_OF.sub("# Exercises: ", title)  # the book numbers its pages itself
    handout = f"Here they can be read; {{download}}`take the notebook <{HANDOUTS}/{path.name}>` to work on them."
    return "\n\n".join([title, handout, *rest]) + "\n"


def place_of_exercise(heading: re.Match[str]) -> str:
    """The heading as a place that other pages may lead to, and with what is in its brackets on one line."""
    words, bracket, what = heading[0].rpartition("(")
    kept = what.replace(" ", "\N{NO-BREAK SPACE}")
    return f"(exercise-{heading[1]}-{heading[2]})=\n{words}{bracket}{kept}"


def what_to_say_of(exercise: Exercise) -> tuple[str, str]:
    """What its check says of a right answer, and, in a list, of each wrong one among several."""
    wrong = exercise.wrong.items() if isinstance(exercise, Choice) else ()
    return exercise.remark, "\n".join(f"- **{letter}** {why}" for letter, why in sorted(wrong))


def write_pages(folder: Path, solutions: bool = True) -> None:
    """The pages of all exercises, and the student's notebooks beside them, where no page is looked for."""
    for path in exercise_notebooks():
        write_notebook(without_solutions(assignment(path)), folder / HANDOUTS / path.name)
        write_if_new(exercise_page(path, solutions), folder / f"{path.stem}.md")
