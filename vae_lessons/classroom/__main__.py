"""The command line: `python -m vae_lessons.classroom`."""

import argparse
import csv
import sys
from dataclasses import astuple, fields
from pathlib import Path

from vae_lessons import classroom
from vae_lessons.classroom.course import make_classroom
from vae_lessons.classroom.marking import Mark, mark
from vae_lessons.classroom.notebooks import exercise_notebooks


def main(arguments: list[str]) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m vae_lessons.classroom", description=classroom.__doc__.splitlines()[0]
    )
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
        report(mark(told.folder, told.assignment), told.folder / f"marks-{told.assignment}.csv")


def report(marks: list[Mark], path: Path) -> None:
    """Print the marks, and write them as a table, CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(field.name for field in fields(Mark))
        table.writerows(map(astuple, marks))
    width = max(len(entry.student) for entry in marks)
    for entry in marks:
        print(f"{entry.student:{width}} {entry.score:5g} of {entry.points:g}  {entry.problem}".rstrip())
    print(f"{sum(not entry.problem for entry in marks)} of {len(marks)} without a problem; written to {path}")


if __name__ == "__main__":
    main(sys.argv[1:])
