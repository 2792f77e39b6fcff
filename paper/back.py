"""What stands after the last chapter: answers, solutions and the index."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from bs4 import Tag

from paper.answers import TITLES, Answer
from paper.links import destination, page_number, written


def answers(kind: str, taken: Iterable[Answer]) -> Tag | None:
    """A chapter of the answers of one kind, by lesson; None where there is none."""
    mine = [answer for answer in taken if answer.kind == kind]
    if not mine:
        return None
    chapter = written("section", "", "chapter", "answers")
    chapter["id"] = mine[0].here + "-and-others"
    chapter.append(written("h2", TITLES[kind]))
    for lesson, of_lesson in groupby(mine, key=lambda answer: answer.lesson):
        chapter.append(written("h3", lesson))
        chapter.extend([element for answer in of_lesson for element in entry(answer)])
    return chapter


def entry(answer: Answer) -> Iterator[Tag]:
    title = written("h4", f"{answer.of} (p.\N{NO-BREAK SPACE}")
    title["id"] = answer.here
    title.append(page_number(answer.question))
    title.append(")")
    yield from (title, answer.text)


def index(article: Tag, name: str) -> Tag:
    """The site's index of terms, with a page number for each place."""
    chapter = written("section", "", "chapter", "index")
    chapter["id"] = name
    chapter.append(written("h2", article.h1.get_text()))
    for place in article.select("li a[href]"):
        place.replace_with(page_number(destination(place["href"], name)))
    chapter.extend(article.select("ul.terms"))
    return chapter
