"""The index of terms, made from the glossary's links.

A glossary entry links to the lesson, or to the section of a lesson, that explains the term. That place is listed in
the index and found by a search for the term, without any markup in the lesson.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.nodes import clean_astext

from course.content.learning_path import lesson_pages

GLOSSARY = "book/glossary"
INDEX = "genindex"  # Sphinx's own name for it
ENTRY = re.compile(r"((?:^\S.*\n)+)((?:^[ ]+\S.*\n)+)", re.MULTILINE)  # terms that share an explanation
PLACE = re.compile(r"\(\.\./(notebooks/[\w-]+)\.ipynb(?:#([\w-]+))?\)")
AFTER_IDS_BEFORE_DOMAINS = 840  # Sphinx collects entries of the index at 850
AFTER_TOCTREES = 200


class Explanation(NamedTuple):
    """A term, and the page and the section that explain it."""

    term: str
    page: str
    section: str


def explanations(glossary: str) -> Iterator[Explanation]:
    """Yield the explanations that the text of the glossary links to."""
    for terms, text in ENTRY.findall(glossary.partition("{glossary}\n")[2]):
        for page, section in PLACE.findall(text):
            yield from (Explanation(term, page, section) for term in terms.splitlines())


class AddLessonTerms(SphinxTransform):
    """The transform that puts entries for the index at the top of a lesson."""

    default_priority = AFTER_IDS_BEFORE_DOMAINS

    def apply(self, **_options: object) -> None:
        """Add an entry for each explanation in this lesson."""
        if not self.env.docname.startswith("notebooks/"):
            return
        glossary = Path(self.env.doc2path(GLOSSARY))
        self.env.note_dependency(str(glossary))
        places = (place for place in explanations(glossary.read_text("utf-8")) if place.page == self.env.docname)
        entries = [("single", place.term, self.sphinx_id(place.section), "main", None) for place in places]
        self.document.insert(0, addnodes.index(entries=entries))

    def sphinx_id(self, section: str) -> str:
        """Return Sphinx's id of a section; links are written with MyST's."""
        sections = self.env.metadata[self.env.docname].get("myst_slugs", {})
        return sections[section][1] if section in sections else ""


class PointPageEntriesAtPage(SphinxTransform):
    """The transform for entries under a page's title: they are about the whole page, so they lead to its top."""

    default_priority = AFTER_IDS_BEFORE_DOMAINS

    def apply(self, **_options: object) -> None:
        """Remove the anchor from these entries."""
        for node in self.document.findall(addnodes.index):
            if node.parent.parent is self.document and node.parent.index(node) == 1:
                node["entries"] = [(kind, term, "", *rest) for kind, term, _, *rest in node["entries"]]


class AddIndexToContents(SphinxTransform):
    """The transform that lists the index in the contents; it has no source that the table of contents could name."""

    default_priority = AFTER_TOCTREES

    def apply(self, **_options: object) -> None:
        """Add it to the last part."""
        if self.env.docname == self.config.root_doc:
            last = list(self.document.findall(addnodes.toctree))[-1]
            last["entries"].append(("Index of terms", INDEX))


def add_place_names(
    app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: nodes.document | None
) -> None:
    """Give the template of the index a name for every place, in the order of the book: lessons come first."""
    if page != INDEX:
        return
    order, names = list(app.config.external_site_map), place_names(app)

    def places(links: list[tuple[str, str]]) -> list[tuple[str, str]]:
        pages = {link.removesuffix("#"): page_of(link) for _, link in links}
        return [(names[pages[link]], link) for link in sorted(pages, key=lambda link: order.index(pages[link]))]

    context["places"] = places


def page_of(link: str) -> str:
    """Return the name of the page that a link leads to."""
    return link.partition("#")[0].removesuffix(".html")


def place_names(app: Sphinx) -> dict[str, str]:
    """Return what each page is called in the index."""
    names = {page: clean_astext(title) for page, title in app.env.titles.items()}
    for number, page in enumerate(lesson_pages(app), 1):
        names |= {page: f"lesson {number}", page.replace("notebooks/", "book/exercises/"): f"exercises {number}"}
    return names | {GLOSSARY: "glossary"}


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.add_transform(AddLessonTerms)
    app.add_transform(PointPageEntriesAtPage)
    app.add_transform(AddIndexToContents)
    app.connect("html-page-context", add_place_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
