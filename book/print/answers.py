"""Answers and solutions, which the site folds away, go to the end: nobody is to read one by accident."""

import re
from collections import Counter

from docutils import nodes

from book.print.pages import SPACE, ancestor, is_page, new_chapter, page_number, title_of

TITLES = {"Answer": "Answers to the quick questions", "A solution": "Solutions of the exercises"}
POINTS_OR_MINUTES = re.compile(r" \([^()]*\)$")


def move_answers(tree: nodes.Element) -> list[nodes.section]:
    """Number the quick questions, put page numbers in the places of answers, and return the chapters of answers."""
    answers: dict[str, dict[str, list[nodes.section]]] = {kind: {} for kind in TITLES}
    questions = Counter()
    for number, box in enumerate(list(tree.findall(nodes.admonition))):
        page, kind = ancestor(box, is_page), title_of(box).astext()
        if is_question(box):
            questions[page["ids"][0]] += 1
            title_of(box).append(nodes.Text(f" {lesson_number(page)}{questions[page['ids'][0]]}"))
        elif "dropdown" in box["classes"] and kind in TITLES:
            of_page = answers[kind].setdefault(title_of(page).astext(), [])
            of_page.append(move_answer(box, kind, f"answer-{number}"))
    return [answers_chapter(TITLES[kind], by_page) for kind, by_page in answers.items() if by_page]


def move_answer(box: nodes.admonition, kind: str, name: str) -> nodes.section:
    """Put a page number in the place of an answer, and return the answer as a section with the id `name`."""
    question = ancestor(box, is_question) or ancestor(box, lambda element: isinstance(element, nodes.section))
    if not question["ids"]:
        question["ids"].append(f"question-of-{name}")
    place = nodes.paragraph("", f"{kind}: p.{SPACE}", page_number(name), classes=["see-answer"])
    box.parent.replace(box, place)
    asked = POINTS_OR_MINUTES.sub("", title_of(question).astext())
    title = nodes.title("", f"{asked} (p.{SPACE}", page_number(question["ids"][0]), nodes.Text(")"))
    return nodes.section("", title, *box.children[1:], ids=[name], classes=["answer"])


def answers_chapter(title: str, by_page: dict[str, list[nodes.section]]) -> nodes.section:
    """Return the chapter of the answers of one kind."""
    chapter = new_chapter(title, nodes.make_id(title), "answers")
    for page, answers in by_page.items():
        chapter += nodes.section("", nodes.title("", page), *answers, ids=[nodes.make_id(f"{title} {page}")])
    return chapter


def is_question(element: nodes.Element) -> bool:
    """Whether something is the box of a quick question."""
    return "question" in element["classes"]


def lesson_number(page: nodes.section) -> str:
    """Return the number of a lesson as its title has it, `4.`, or nothing for another page."""
    number = title_of(page)[0]
    return number.astext().strip() if isinstance(number, nodes.inline) else ""
