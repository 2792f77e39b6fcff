"""What stands before the first chapter: a title page and the contents."""

from collections.abc import Iterable
from copy import copy
from datetime import date
from html import escape
from pathlib import Path

import yaml
from bs4 import BeautifulSoup, Tag

from paper.links import page_number, written

LOGO = "_static/logo-light.svg"
DATA = "#the-data-of-this-build strong"  # on the first page
TITLE_PAGE = """
<section class="title-page">
  <img src="{logo}" alt="">
  <h1>{title}</h1>
  <p>{authors}</p>
  <p class="imprint">Version {version}, built on {day.day} {day:%B %Y}.<br>
  Everything in it was computed on {data}.<br>
  Text, equations and figures under CC BY 4.0, code under the MIT licence.</p>
</section>
"""
LISTED = {"h1": "a-part", "h2": "a-chapter", "h3": "a-section"}


def title_page(citation: Path, site: Path, first_page: Tag) -> Tag:
    """From the file that says how to cite the course, and from the site and its first page."""
    cited = yaml.safe_load(citation.read_text("utf-8"))
    facts = {
        "title": cited["title"],
        "authors": ", ".join(author["name"] for author in cited["authors"]),
        "version": cited["version"],
        "data": first_page.select_one(DATA).get_text(),
    }
    day = date.fromtimestamp((site / "index.html").stat().st_mtime)
    written_facts = {name: escape(fact) for name, fact in facts.items()}
    page = TITLE_PAGE.format(**written_facts, day=day, logo=(site / LOGO).as_uri())
    return BeautifulSoup(page, "html.parser").section.extract()


def contents(headings: Iterable[Tag]) -> Tag:
    """A line, with a page number, for each heading: a part, a chapter or a section, named by its level."""
    section = written("section", "", "chapter", "contents")
    section["id"] = "contents"
    section.append(written("h2", "Contents"))
    section.extend([line(heading) for heading in headings])
    return section


def line(heading: Tag) -> Tag:
    entry = written("p", "", LISTED[heading.name])
    title = written("a", "", "title")
    title["href"] = "#" + name_of(heading)
    title.extend([copy(child) for child in heading.contents])
    for link in title.select("a"):
        link.unwrap()
    entry.extend([title, written("span", "", "leader"), page_number(name_of(heading))])
    return entry


def name_of(heading: Tag) -> str:
    """Its own, or that of the section that it opens."""
    return heading.get("id") or heading.parent["id"]
