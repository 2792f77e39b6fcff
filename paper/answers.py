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
        asked = box.find_parent(class_=QUESTION.removeprefix(".")) or box.find_parent("section")
        question = asked.attrs.setdefault("id", anchor(name, f"question-{count}"))
        here = anchor(name, f"answer-{count}")
        box.replace_with(where_it_is(kind, here))
        title.decompose()
        box.name, box.attrs = "div", {"class": "answer"}
        yield Answer(kind, lesson, title_of(asked), question, here, box)


def where_it_is(kind: str, here: str) -> Tag:
    place = written("p", f"{kind}: p.\N{NO-BREAK SPACE}", "see-answer")
    place.append(page_number(here))
    return place


def title_of(asked: Tag) -> str:
    """Of a box or a section, without points and minutes."""
    title = asked.select_one(".admonition-title, h1, h2, h3, h4, h5, h6")
    return re.sub(r" \([^()]*\)$", "", title.get_text().strip())
