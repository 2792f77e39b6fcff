"""The command line of the classroom, `python -m vae_exercises.classroom`."""

import argparse
import csv
import sys
from pathlib import Path

from vae_exercises import classroom
from vae_exercises.classroom.course import make_classroom
from vae_exercises.classroom.marking import Mark, assignments, mark
from vae_exercises.classroom.notebooks import exercise_notebooks


def main(arguments: list[str]) -> None:
    """Run a command; a mistake on the command line ends the program with a sentence."""
    parser = argparse.ArgumentParser(
        prog="python -m vae_exercises.classroom", description=classroom.__doc__.splitlines()[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("make", help="make a course folder for nbgrader")
    marked = commands.add_parser("mark", help="mark all submissions")
    for command in (made, marked):
        command.add_argument("folder", type=Path)
    marked.add_argument("assignment", nargs="?")
    args = parser.parse_args(arguments)
    try:
        if args.command == "make":
            make(args.folder)
        else:
            mark_and_report(args.folder, args.assignment)
    except ValueError as error:
        sys.exit(str(error))


def make(folder: Path) -> None:
    """Make a course folder, and say what to hand out."""
    make_classroom(folder)
    print(f"{len(exercise_notebooks())} assignments in {folder}; hand out what is in release")


def mark_and_report(folder: Path, assignment: str | None) -> None:
    """Mark an assignment, print the marks and write them as a table.

    Raises
    ------
    ValueError
        If no assignment is named, or if it cannot be marked.
    """
    if assignment is None:
        made = assignments(folder)
        raise ValueError(f"say which assignment: `make mark ASSIGNMENT=06-kl`; {folder} has: {', '.join(made)}")
    report(mark(folder, assignment), folder / f"marks-{assignment}.csv")


def report(marks: list[Mark], path: Path) -> None:
    """Print the marks, and write them as a table in CSV."""
    write_table(marks, path)
    width = max(len(entry.student) for entry in marks)
    for entry in marks:
        print(f"{entry.student:{width}} {entry.score:5g} of {entry.points:g}  {entry.problem}".rstrip())
    print(f"{sum(not entry.problem for entry in marks)} of {len(marks)} without a problem; written to {path}")
    marked = [entry for entry in marks if entry.earned]
    if marked:
        print(f"Points of the {len(marked)} that were marked, by exercise: {', '.join(shares(marked))}")


def write_table(marks: list[Mark], path: Path) -> None:
    """Write a row for each mark, with the points of each exercise; empty where nothing could be marked."""
    exercises = list(marks[0].worth)
    with path.open(
        "w", encoding="utf-8-sig", newline=""
    ) as file:  # its first bytes tell a spreadsheet that it is UTF-8
        table = csv.writer(file)
        table.writerow(["student", "score", "points", *exercises, "problem"])
        for entry in marks:
            points = [f"{entry.earned[exercise]:g}" if entry.earned else "" for exercise in exercises]
            table.writerow([entry.student, f"{entry.score:g}", f"{entry.points:g}", *points, entry.problem])


def shares(marked: list[Mark]) -> list[str]:
    """Return the share of its points that each exercise brought."""
    worth = marked[0].worth
    earned = {exercise: sum(entry.earned[exercise] for entry in marked) / len(marked) for exercise in worth}
    return [f"{exercise} {earned[exercise] / worth[exercise]:.0%}" for exercise in worth]


if __name__ == "__main__":
    main(sys.argv[1:])
