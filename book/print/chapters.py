"""The order of the book: contents, preface, parts and chapters, and an index at the end."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from docutils import nodes
from sphinx import addnodes

from book.print.pages import new_chapter, page_number, target_name, title_of


def split_into_chapters(preface: nodes.section, parts: Mapping[str, str]) -> list[nodes.section]:
    """Return the preface and the chapters, each with the pages below it.

    Parameters
    ----------
    preface
        The first page, with all others inlined.
    parts
        The title of each part, by the first page in it.
    """
    chapters = [preface]
    for file in list(preface.findall(addnodes.start_of_file)):
        page, above = next(file.findall(nodes.section)), file.parent.parent
        if file["docname"] in parts:
            page.insert(0, part_title(parts[file["docname"]], page))
        if above is preface:
            chapters.append(page)
        else:
            above.append(page)
    for toctree in [toctree for toctree in preface.findall(nodes.compound) if "toctree-wrapper" in toctree["classes"]]:
        toctree.parent.remove(toctree)
    for chapter in chapters:
        chapter["classes"].append("chapter")
    return chapters


def part_title(title: str, page: nodes.section) -> nodes.rubric:
    """Return the title of a part, for above that of its first chapter; `level` makes it a heading."""
    return nodes.rubric("", title, ids=[f"{page['ids'][0]}--part"], classes=["part"], level=1)


def contents(book: nodes.section) -> nodes.section:
    """Return the contents: parts, chapters and their sections, each with its page number."""
    listed = new_chapter("Contents", "contents", "contents")
    listed.extend(line(*heading) for chapter in book for heading in headings(chapter))
    return listed


def headings(chapter: nodes.section) -> Iterator[tuple[str, nodes.Element, str]]:
    """Yield what the contents list of a chapter: the kind of heading, its text, and what it is the heading of."""
    for child in chapter.children:
        if isinstance(child, nodes.rubric):
            yield "a-part", child, child["ids"][0]
        elif isinstance(child, nodes.title):
            yield "a-chapter", child, chapter["ids"][0]
        elif isinstance(child, nodes.section) and "answers" not in chapter["classes"]:
            yield "a-section", title_of(child), child["ids"][0]


def line(kind: str, heading: nodes.Element, target: str) -> nodes.paragraph:
    """Return a line of the contents."""
    title = nodes.reference("", "", *(child.deepcopy() for child in heading), refid=target, classes=["title"])
    return nodes.paragraph("", "", title, nodes.inline(classes=["leader"]), page_number(target), classes=[kind])


def index(letters: list[tuple[str, Any]], book: nodes.Element) -> nodes.section:
    """Return the index of terms with page numbers, from Sphinx's entries by letter."""
    ids = (name for element in book.findall(nodes.Element) for name in element["ids"])
    order = {name: place for place, name in enumerate(ids)}

    def term(name: str, links: list[tuple[Any, str]], below: Iterable[tuple[str, Any]] = ()) -> nodes.list_item:
        places = sorted({target_name(address) for _, address in links}, key=order.__getitem__)
        numbers = [element for place in places for element in (nodes.Text(", "), page_number(place))]
        item = nodes.list_item("", nodes.paragraph("", name.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}"), *numbers))
        if below:
            item += nodes.bullet_list("", *(term(*entry) for entry in below))
        return item

    chapter = new_chapter("Index of terms", "genindex", "index")
    for _, entries in letters:
        terms = (term(name, links, below) for name, (links, below, _) in entries)
        chapter += nodes.bullet_list("", *terms, classes=["terms"])
    return chapter
