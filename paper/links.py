"""Names and links of one document made of many pages: no two things of one name, and no link that leads out of it
unless it leads to the web.
"""

import posixpath
from collections.abc import Collection
from urllib.parse import unquote, urldefrag, urlsplit

from bs4 import BeautifulSoup, Tag

REFERS = ("aria-labelledby", "aria-describedby", "for")
PAGE_NUMBER = "page-number"  # the class of what is filled in when the pages are known
maker = BeautifulSoup("", "html.parser")


def anchor(name: str, fragment: str = "") -> str:
    """The name, in the document, of a page or of something on it."""
    return "--".join(filter(None, [name.replace("/", "-"), fragment]))


def rename(article: Tag, name: str) -> None:
    """Give everything on the page `name` a name of the document."""
    for element in article.select("[id]"):
        element["id"] = anchor(name, element["id"])
    for attribute in REFERS:
        for element in article.select(f"[{attribute}]"):
            element[attribute] = " ".join(anchor(name, word) for word in element[attribute].split())


def relink(article: Tag, name: str, pages: Collection[str]) -> None:
    """Let links of the page `name` lead to where their targets are now.

    A link to another page is followed by the number of its page here, one to the web by its address; one to a file is
    the file's name. pages : those of the book
    """
    for link in article.select("a[href]"):
        page, fragment = target(link["href"], name)
        if urlsplit(link["href"]).scheme:
            write_address(link)
        elif page not in pages:
            link.replace_with(link.get_text(), written("span", f" ({posixpath.basename(page)})", "address"))
        else:
            link["href"] = "#" + anchor(page, fragment)
            if page != name and not link.find_parent(class_="bibtex-citation"):
                link.insert_after(page_reference(anchor(page, fragment)))


def target(address: str, name: str) -> tuple[str, str]:
    """The page, and the place on it, that an address on the page `name` leads to."""
    path, fragment = map(unquote, urldefrag(address))
    page = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
    return page.removesuffix(".html"), fragment


def destination(address: str, name: str) -> str:
    """The same as a name of the document."""
    return anchor(*target(address, name))


def write_address(link: Tag) -> None:
    address = link["href"].removeprefix("https://").removeprefix("mailto:")
    if not address.endswith(link.get_text().removeprefix("doi:")):
        link.insert_after(written("span", f" ({address})", "address"))


def page_reference(target: str) -> Tag:
    """`[p. 57]`, for after a link."""
    reference = written("span", "\N{NO-BREAK SPACE}[p.\N{NO-BREAK SPACE}", "at-page")
    reference.append(page_number(target))
    reference.append("]")
    return reference


def page_number(target: str) -> Tag:
    """A page number that leads there."""
    link = written("a", "000", PAGE_NUMBER)
    link["href"] = "#" + target
    return link


def written(name: str, text: str, *classes: str) -> Tag:
    """A new element."""
    element = maker.new_tag(name, **({"class": " ".join(classes)} if classes else {}))
    element.string = text
    return element
