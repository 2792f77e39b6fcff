"""Answers and solutions, which the site folds away, are for the end of the book: nobody is to read one by accident."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from bs4 import Tag

from paper.links import anchor, page_number, written

TITLES = {"Answer": "Answers to the quick questions", "A solution": "Solutions of the exercises"}
QUESTION = ".question"


class Answer(NamedTuple):
    """kind : its title on the page; of : what it answers; lesson : its page; question, here : the names of both"""

    kind: str
    lesson: str
    of: str
    question: str
    here: str
    text: Tag


def take_answers(article: Tag, name: str) -> list[Answer]:
    """Take the folded answers off the page `name`, and say in their places where they are."""
    number_questions(article)
    return list(taken(article, name))


def number_questions(article: Tag) -> None:
    """`Quick question 4.2`, for the second of lesson 4."""
    number = article.select_one(".section-number")
    lesson = number.get_text().strip() if number else ""
    for count, question in enumerate(article.select(QUESTION), 1):
        title = question.select_one(".admonition-title")
        title.string = f"{title.get_text()} {lesson}{count}"


def taken(article: Tag, name: str) -> Iterator[Answer]:
    lesson = article.h1.get_text()
    for count, box in enumerate(article.select(".dropdown"), 1):
        title = box.select_one(".admonition-title")
        kind = title.get_text()
        if kind not in TITLES:
            continue
        here, question = anchor(name, f"answer-{count}"), anchor(name, f"question-{count}")
        box.replace_with(where_it_is(kind, question, here))
        title.decompose()
        box.name, box.attrs = "div", {"class": "answer"}
        yield Answer(kind, lesson, asked_by(article, question), question, here, box)


def where_it_is(kind: str, question: str, here: str) -> Tag:
    place = written("p", f"{kind}: p.\N{NO-BREAK SPACE}", "see-answer")
    place["id"] = question
    place.append(page_number(here))
    return place


def asked_by(article: Tag, question: str) -> str:
    """The title of the box in which the place is, or of the section, without points and minutes."""
    place = article.find(id=question)
    box = place.find_parent(class_=QUESTION.removeprefix("."))
    title = box.select_one(".admonition-title") if box else place.find_previous(re.compile("h[1-6]"))
    return re.sub(r" \([^()]*\)$", "", title.get_text().strip())
