"""Where a reader is in the course: a strip above each lesson and its exercises, and sentences at the end of each page
that say what comes before and after it.

A lesson's question and time stand in its first cell and are taken from there. The templates are in `_templates`.
"""

import html
import re
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from docutils.nodes import document
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.nodes import clean_astext

TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
QUESTION = re.compile(r"^\*([^*\n]+)\*$", re.MULTILINE)
MINUTES = re.compile(r"\*\*Time\*\*\s+(?:about\s+)?(\d+)\s+minutes")
FORMULA = re.compile(r"\$([^$]+)\$")
AS_MATH = r'<span class="math notranslate nohighlight">\\(\1\\)</span>'


class Lesson(NamedTuple):
    """What a lesson says of itself. page, exercises : names of pages; title, question : HTML"""

    number: int
    page: str
    exercises: str
    title: str
    question: str
    minutes: str
    exercise_minutes: str


class Way(NamedTuple):
    """A link to another page: `lead` and `title` read as one sentence. kind : back, exercises or on; title : HTML"""

    kind: str
    page: str
    lead: str
    title: str
    note: str = ""


class Course(NamedTuple):
    """The lessons in order, the page before and after each page, and titles as text."""

    lessons: list[Lesson]
    neighbours: dict[str, tuple[str | None, str | None]]
    titles: dict[str, str]


def read_lesson(number: int, page: str, source: Path) -> Lesson:
    """ExtensionError, with what is missing, where a first cell does not say it. source : the folder of the course"""
    folder, _, name = page.rpartition("/")
    notebook, exercises = (source / place / f"{name}.ipynb" for place in (folder, f"{folder}/exercises"))
    title, question = html.escape(said_in(notebook, TITLE)), in_html(said_in(notebook, QUESTION))
    times = (said_in(path, MINUTES) for path in (notebook, exercises))
    return Lesson(number, page, f"book/exercises/{name}", title, question, *times)


def said_in(notebook: Path, what: re.Pattern[str]) -> str:
    found = what.search(nbformat.read(notebook, as_version=4).cells[0].source)
    if not found:
        raise ExtensionError(f"the first cell of {notebook.name} must have something that matches {what.pattern}")
    return found[1]


def in_html(markdown: str) -> str:
    """A line of text that may have formulas in it, as MathJax finds them in a page."""
    return FORMULA.sub(AS_MATH, html.escape(markdown, quote=False))


def lesson_pages(app: Sphinx) -> list[str]:
    return [name for name in app.config.external_site_map if name.startswith("notebooks/")]


def read_course(app: Sphinx) -> Course:
    lessons = [read_lesson(number, name, Path(app.srcdir)) for number, name in enumerate(lesson_pages(app), 1)]
    neighbours = {page: (before, after) for page, (_, before, after) in app.env.collect_relations().items()}
    return Course(lessons, neighbours, {page: clean_astext(title) for page, title in app.env.titles.items()})


def ways(page: str, course: Course) -> list[Way]:
    """The links at the end of a page; none for one that is not in the table of contents."""
    before, after = course.neighbours.get(page, (None, None))
    if before is None:
        return [way("on", "To begin", after, course)] if after else []
    for lesson in course.lessons:
        if page == lesson.page:
            return ways_from_lesson(lesson, course)
    on = way("on", "Next", after, course) if after else way("on", "To begin again", course.lessons[0].page, course)
    return [on, way("back", "Before this", before, course)]


def ways_from_lesson(lesson: Lesson, course: Course) -> list[Way]:
    """Exercises stand between two lessons. Who leaves them for later goes on to the lesson all the same."""
    before = course.lessons[lesson.number - 2].page if lesson.number > 1 else course.neighbours[lesson.page][0]
    after = course.neighbours[lesson.exercises][1]
    time = f"about {lesson.exercise_minutes} minutes"
    return [
        Way("exercises", lesson.exercises, "Try it yourself:", "Exercises for this lesson.", time),
        *([way("on", "Next", after, course)] if after else []),
        way("back", "Before this", before, course),
    ]


def way(kind: str, opening: str, page: str, course: Course) -> Way:
    for lesson in course.lessons:
        if page == lesson.page:
            note = f"{lesson.title}, {lesson.minutes} minutes"
            return Way(kind, page, f"{opening}, lesson {lesson.number}:", lesson.question, note)
        if page == lesson.exercises:
            return Way(kind, page, f"{opening}:", f"Exercises for lesson {lesson.number}.", lesson.title)
    title = course.titles[page].rstrip(".")
    return Way(kind, page, f"{opening}:", html.escape(title, quote=False) + "." * (title[-1] not in "?!"))


def place(page: str, course: Course) -> dict[str, Any] | None:
    """What the strip says on a page of a lesson or its exercises: where the reader is, and how long it takes."""
    for lesson in course.lessons:
        where = f"{lesson.number} of {len(course.lessons)}"
        if page == lesson.page:
            time = f"{lesson.minutes} minutes, and about {lesson.exercise_minutes} for the exercises"
            return {"here": f"Lesson {where}", "time": time, "lesson": lesson, "current": "page"}
        if page == lesson.exercises:
            time = f"about {lesson.exercise_minutes} minutes"
            return {"here": f"Exercises for lesson {where}", "time": time, "lesson": lesson, "current": "true"}
    return None


class LearningPath:
    """Reads the course once, when its first page is written."""

    course: Course | None = None

    def add(self, app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: document | None) -> None:
        self.course = self.course or read_course(app)
        context["ways"] = ways(page, self.course)
        context["place"] = place(page, self.course)
        context["lessons"] = self.course.lessons


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", LearningPath().add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
