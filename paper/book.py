"""The whole book as one document: title page, contents, parts and chapters, answers and index."""

import json
from collections.abc import Iterator
from pathlib import Path

from bs4 import Tag

from paper.answers import TITLES, Answer, take_answers
from paper.back import answers, index
from paper.front import contents, title_page
from paper.links import anchor, relink, rename, written
from paper.order import Chapter, Part, parts_of
from paper.pages import SitePage, read_page
from paper.still import hold_still, set_headings_below

ROOT = Path(__file__).parents[1]
TOC, CITATION, STYLE = ROOT / "book/_toc.yml", ROOT / "CITATION.cff", Path(__file__).with_name("paper.css")
PREFACE, INDEX = "Preface", "genindex"
LISTED = ":is(h1.part, .chapter:not(.contents) h2, .chapter:not(.answers) h3)"
DOCUMENT = """<!doctype html>
<html lang="en" data-theme="light" data-mode="light">
<head>
<meta charset="utf-8">
<title>{title}</title>
{head}
<style>
{style}
</style>
</head>
<body><div class="bd-content"><article class="bd-article">
{text}
</article></div></body>
</html>
"""


def assemble(site: Path) -> str:
    """The document, with a placeholder for each page number. FileNotFoundError where the site lacks a page."""
    parts = parts_of(TOC)
    names = [name for part in parts for chapter in part.chapters for name, _ in chapter.pages]
    pages = {name: read_page(site, name) for name in [*names, INDEX]}
    front = title_page(CITATION, site, pages[names[0]].article)
    pages[names[0]].article.h1.string = PREFACE
    taken = for_paper(pages)
    chapters = list(chapters_of(parts, pages))
    chapters += filter(None, [*(answers(kind, taken) for kind in TITLES), index(pages[INDEX].article, INDEX)])
    sections = [contents(heading for chapter in chapters for heading in chapter.select(LISTED)), *chapters]
    head = dict.fromkeys(element for page in pages.values() for element in page.head)
    style = STYLE.read_text("utf-8") + "".join(running_title(*numbered) for numbered in enumerate(sections))
    text = "\n".join(map(str, [front, *sections]))
    return DOCUMENT.format(title=front.h1.get_text(), head="\n".join(head), style=style, text=text)


def for_paper(pages: dict[str, SitePage]) -> list[Answer]:
    """Prepare the text of all pages but the index. Returns the answers that were taken from them, in their order."""
    taken = []
    for name, page in pages.items():
        if name != INDEX:
            hold_still(page.article)
            rename(page.article, name)
            relink(page.article, name, pages)
            taken += take_answers(page.article, name)
    return taken


def chapters_of(parts: list[Part], pages: dict[str, SitePage]) -> Iterator[Tag]:
    """Each chapter, the first of a part below the part's title."""
    for part in parts:
        caption = part.caption
        for chapter in part.chapters:
            section = written("section", "", "chapter")
            if caption:
                section.append(part_title(caption, chapter))
                caption = None
            section.extend([page_of(pages[name], depth) for name, depth in chapter.pages])
            yield section


def part_title(caption: str, chapter: Chapter) -> Tag:
    title = written("h1", caption, "part")
    title["id"] = anchor(chapter.name, "part")
    return title


def page_of(page: SitePage, depth: int) -> Tag:
    """The page's text as a section of the book. depth : below its chapter"""
    set_headings_below(page.article, depth + 1)
    page.article.name, page.article.attrs = "section", {"id": anchor(page.name), "class": "page"}
    return page.article


def running_title(number: int, chapter: Tag) -> str:
    """A style for the chapter's pages: its title at their foot."""
    chapter["style"] = f"page: chapter-{number}"
    title = json.dumps(chapter.h2.get_text(), ensure_ascii=False)
    return f"@page chapter-{number} {{ @bottom-left {{ content: {title}; }} }}\n"
