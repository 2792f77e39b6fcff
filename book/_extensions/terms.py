"""The index of terms: in the table of contents, with the name of each place, and with the lessons that terms are from.

The glossary says where a term is explained: by a link to a lesson, or to a section of one. Such a place is listed in
the index, and found by a search for the term, though nothing is written in the lesson.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from learning_path import lesson_pages
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.nodes import clean_astext

GLOSSARY = "book/glossary"
INDEX = "genindex"  # Sphinx's own name for it
ENTRY = re.compile(r"((?:^\S.*\n)+)((?:^[ ]+\S.*\n)+)", re.MULTILINE)  # terms that share an explanation
PLACE = re.compile(r"\(\.\./(notebooks/[\w-]+)\.ipynb(?:#([\w-]+))?\)")
AFTER_IDS_BEFORE_DOMAINS = 840  # of Sphinx's transforms, those that collect entries of the index are at 850
AFTER_TOCTREES = 200


class Explained(NamedTuple):
    """A term, and the page and the section that explain it."""

    term: str
    page: str
    section: str


def explained(glossary: str) -> Iterator[Explained]:
    """From the text of the glossary."""
    for terms, text in ENTRY.findall(glossary.partition("{glossary}\n")[2]):
        for page, section in PLACE.findall(text):
            yield from (Explained(term, page, section) for term in terms.splitlines())


class TermsOfLesson(SphinxTransform):
    """Entries for the index, at the top of the lesson."""

    default_priority = AFTER_IDS_BEFORE_DOMAINS

    def apply(self, **_options: object) -> None:
        if not self.env.docname.startswith("notebooks/"):
            return
        glossary = Path(self.env.doc2path(GLOSSARY))
        self.env.note_dependency(str(glossary))
        places = (place for place in explained(glossary.read_text("utf-8")) if place.page == self.env.docname)
        entries = [("single", place.term, self.name_of(place.section), "main", None) for place in places]
        self.document.insert(0, addnodes.index(entries=entries))

    def name_of(self, section: str) -> str:
        """As Sphinx calls it: a link to a section is written as MyST calls it, in a way of its own."""
        sections = self.env.metadata[self.env.docname].get("myst_slugs", {})
        return sections[section][1] if section in sections else ""


class EntriesOfPage(SphinxTransform):
    """Entries that stand under a page's title are about all of it, and lead to the page as search does otherwise."""

    default_priority = AFTER_IDS_BEFORE_DOMAINS

    def apply(self, **_options: object) -> None:
        for node in self.document.findall(addnodes.index):
            if node.parent.parent is self.document and node.parent.index(node) == 1:
                node["entries"] = [(kind, term, "", *rest) for kind, term, _, *rest in node["entries"]]


class IndexInContents(SphinxTransform):
    """The index is no page that is read, so the table of contents cannot name it."""

    default_priority = AFTER_TOCTREES

    def apply(self, **_options: object) -> None:
        if self.env.docname == self.config.root_doc:
            last = list(self.document.findall(addnodes.toctree))[-1]
            last["entries"].append(("Index of terms", INDEX))


def name_places(app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: nodes.document | None) -> None:
    """In the index, each place has a name, and they are in the order of the book, so that lessons come first."""
    if page != INDEX:
        return
    order, names = list(app.config.external_site_map), place_names(app)

    def places(links: list[tuple[str, str]]) -> list[tuple[str, str]]:
        found = {link.removesuffix("#"): page_of(link) for _, link in links}
        return [(names[found[link]], link) for link in sorted(found, key=lambda link: order.index(found[link]))]

    context["places"] = places


def page_of(link: str) -> str:
    return link.partition("#")[0].removesuffix(".html")


def place_names(app: Sphinx) -> dict[str, str]:
    """What a page is called in the index."""
    names = {page: clean_astext(title) for page, title in app.env.titles.items()}
    for number, page in enumerate(lesson_pages(app), 1):
        names |= {page: f"lesson {number}", page.replace("notebooks/", "book/exercises/"): f"exercises {number}"}
    return names | {GLOSSARY: "glossary"}


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(TermsOfLesson)
    app.add_transform(EntriesOfPage)
    app.add_transform(IndexInContents)
    app.connect("html-page-context", name_places)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
