"""What stands where in the printed book: the table of contents, as parts, chapters and the pages below them."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sphinx_external_toc.api import SiteMap
from sphinx_external_toc.parsing import parse_toc_yaml


class Chapter(NamedTuple):
    """A page and those below it, each with how deep it lies: 0 for the chapter's own."""

    name: str
    pages: list[tuple[str, int]]


class Part(NamedTuple):
    """caption : None for what stands before the first part"""

    caption: str | None
    chapters: list[Chapter]


def parts_of(toc: Path) -> list[Part]:
    """The parts of the book, the first page before them."""
    site_map = parse_toc_yaml(toc)
    first = site_map.root
    opening = Part(None, [Chapter(first.docname, [(first.docname, 0)])])
    return [opening, *(Part(part.caption, chapters(site_map, part.items)) for part in first.subtrees)]


def chapters(site_map: SiteMap, names: list[str]) -> list[Chapter]:
    return [Chapter(name, list(pages_from(site_map, name, 0))) for name in names]


def pages_from(site_map: SiteMap, name: str, depth: int) -> Iterator[tuple[str, int]]:
    yield name, depth
    for branch in site_map[name].subtrees:
        for item in branch.items:
            yield from pages_from(site_map, item, depth + 1)
