"""Show where a reader is in the course: a strip above each lesson and its exercises, and sentences at the end of each
page about what comes before and after it.

A lesson's question and time are read from its first cell. The templates are in `_templates`.
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
    """A lesson: the names of its page and of its exercises' page; its title and question as HTML; its minutes."""

    number: int
    page: str
    exercises: str
    title: str
    question: str
    minutes: str
    exercise_minutes: str


class Way(NamedTuple):
    """A link to another page; `lead` and `title`, which is HTML, read as one sentence."""

    kind: str  # back, exercises or on
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
    """Read a lesson from the first cells of its notebook and of its exercises.

    Parameters
    ----------
    number : int
    page : str
        The name of its page.
    source : Path
        The folder of the course.

    Raises
    ------
    ExtensionError
        With what is missing in the first cell.
    """
    folder, _, name = page.rpartition("/")
    notebook, exercises = (source / place / f"{name}.ipynb" for place in (folder, f"{folder}/exercises"))
    title, question = html.escape(in_first_cell(notebook, TITLE)), to_html(in_first_cell(notebook, QUESTION))
    times = (in_first_cell(path, MINUTES) for path in (notebook, exercises))
    return Lesson(number, page, f"book/exercises/{name}", title, question, *times)


def in_first_cell(notebook: Path, pattern: re.Pattern[str]) -> str:
    """Return the first group of a pattern that the first cell must match."""
    match = pattern.search(nbformat.read(notebook, as_version=4).cells[0].source)
    if not match:
        raise ExtensionError(f"the first cell of {notebook.name} must have text that matches {pattern.pattern}")
    return match[1]


def to_html(markdown: str) -> str:
    """Convert a line of text that may contain formulas to HTML that MathJax typesets."""
    return FORMULA.sub(AS_MATH, html.escape(markdown, quote=False))


def lesson_pages(app: Sphinx) -> list[str]:
    """Return the names of the lessons' pages, in the order of the table of contents."""
    return [name for name in app.config.external_site_map if name.startswith("notebooks/")]


def read_course(app: Sphinx) -> Course:
    """Read all lessons and the order of all pages."""
    lessons = [read_lesson(number, name, Path(app.srcdir)) for number, name in enumerate(lesson_pages(app), 1)]
    neighbours = {page: (before, after) for page, (_, before, after) in app.env.collect_relations().items()}
    return Course(lessons, neighbours, {page: clean_astext(title) for page, title in app.env.titles.items()})


def ways(page: str, course: Course) -> list[Way]:
    """Return the links at the end of a page; none for a page that is not in the table of contents."""
    before, after = course.neighbours.get(page, (None, None))
    if before is None:
        return [way("on", "To begin", after, course)] if after else []
    for lesson in course.lessons:
        if page == lesson.page:
            return ways_from_lesson(lesson, course)
    on = way("on", "Next", after, course) if after else way("on", "To begin again", course.lessons[0].page, course)
    return [on, way("back", "Before this", before, course)]


def ways_from_lesson(lesson: Lesson, course: Course) -> list[Way]:
    """Return links from a lesson to its exercises, and past them to the next lesson."""
    before = course.lessons[lesson.number - 2].page if lesson.number > 1 else course.neighbours[lesson.page][0]
    after = course.neighbours[lesson.exercises][1]
    time = f"about {lesson.exercise_minutes} minutes"
    return [
        Way("exercises", lesson.exercises, "Try it yourself:", "Exercises for this lesson.", time),
        *([way("on", "Next", after, course)] if after else []),
        way("back", "Before this", before, course),
    ]


def way(kind: str, opening: str, page: str, course: Course) -> Way:
    """Return a link in words: a lesson by its question, exercises by their lesson, another page by its title."""
    for lesson in course.lessons:
        if page == lesson.page:
            note = f"{lesson.title}, {lesson.minutes} minutes"
            return Way(kind, page, f"{opening}, lesson {lesson.number}:", lesson.question, note)
        if page == lesson.exercises:
            return Way(kind, page, f"{opening}:", f"Exercises for lesson {lesson.number}.", lesson.title)
    title = course.titles[page].rstrip(".")
    return Way(kind, page, f"{opening}:", html.escape(title, quote=False) + "." * (title[-1] not in "?!"))


def place(page: str, course: Course) -> dict[str, Any] | None:
    """Return what the strip shows on a page of a lesson or its exercises; None for any other page."""
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
    """The handler that reads the course once, when its first page is written."""

    course: Course | None = None

    def add(self, app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: document | None) -> None:
        """Give the templates what they show on this page."""
        self.course = self.course or read_course(app)
        context["ways"] = ways(page, self.course)
        context["place"] = place(page, self.course)
        context["lessons"] = self.course.lessons


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.connect("html-page-context", LearningPath().add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
