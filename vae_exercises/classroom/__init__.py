"""The exercises for a class: what students get, the pages of the book, and the marks.

There is one source, `notebooks/exercises`, with solutions between markers. Everything else is made from it:

    python -m vae_exercises.classroom make FOLDER             make a course folder for nbgrader
    python -m vae_exercises.classroom mark FOLDER ASSIGNMENT  mark all submissions
"""

from vae_exercises.classroom.course import make_classroom
from vae_exercises.classroom.marking import Mark, mark
from vae_exercises.classroom.notebooks import (
    assignment,
    exercise_notebooks,
    topic_of,
    without_markers,
    without_solutions,
)
from vae_exercises.classroom.pages import exercise_page, write_pages

__all__ = [
    "Mark",
    "assignment",
    "exercise_notebooks",
    "exercise_page",
    "make_classroom",
    "mark",
    "topic_of",
    "without_markers",
    "without_solutions",
    "write_pages",
]
