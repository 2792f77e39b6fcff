"""Pages of the site on paper: ids that are there once, links with page numbers, nothing that waits to be pressed."""

import posixpath
import re
from collections.abc import Callable, Mapping

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx import addnodes

FOR_SCREENS = {"d-print-none", "noprint"}  # the theme's classes
# Parts of a live figure: scripts, and the id that they find it by, which two pages may share.
LIVE = re.compile(r'<(script|noscript)\b.*?</\1>\s*| id="live-figure-[^"]*"', re.DOTALL)
STANDS_STILL = "It stands still here. On the course's pages it can be moved, and its numbers follow."
SPACE = "\N{NO-BREAK SPACE}"


def place_name(page: str, place: str = "") -> str:
    """Return the id in the document of a page of the site, or of what has the id `place` on that page."""
    return "--".join(filter(None, [page.replace("/", "-"), place]))


def target_name(address: str) -> str:
    """Return the id that an address in the document leads to; Sphinx joins page and place to `#page#place`."""
    return address.strip("#").replace("#", "--")


def mark_pages(tree: nodes.document, numbers: Mapping[str, Mapping[str, tuple[int, ...] | None]]) -> None:
    """Mark the section that is a page of the site, and write the numbers of sections into their titles.

    Parameters
    ----------
    tree
        The first page, with all others inlined.
    numbers
        For each page, the number of each section by the link to it. The link to the page itself is empty.
    """
    for section in tree.findall(nodes.section):
        link = f"#{section['ids'][0]}"
        if isinstance(section.parent, (nodes.document, addnodes.start_of_file)):
            section["classes"].append("page")
            link = ""
        if number := numbers.get(section["docname"], {}).get(link):
            text = ".".join(map(str, number)) + ". "
            title_of(section).insert(0, nodes.inline("", text, classes=["section-number"]))


def rename_places(element: nodes.Element, page: str) -> None:
    """Change ids on a page, on those inlined below it, and in links within a page, to the ids of the document."""
    page = element.get("docname", page)
    for child in element.children:
        if isinstance(child, nodes.Element):
            rename_places(child, page)
    for attribute in ("ids", "backrefs"):
        element[attribute] = [place_name(page, place) for place in element[attribute]]
    if "refid" in element:
        element["refid"] = place_name(page, element["refid"])
    if is_page(element):
        element["ids"].append(place_name(page))
    if isinstance(element, nodes.section):  # other names of it are put before its title, and may be a page too early
        element["ids"], title_of(element)["ids"] = element["ids"][:1], element["ids"][1:]


def hold_still(tree: nodes.document) -> None:
    """Remove what is for screens, unfold folded code, and leave a picture of each live figure."""
    for element in list(tree.findall(nodes.Element)):
        if FOR_SCREENS.intersection(element["classes"]):
            element.parent.remove(element)
        elif isinstance(element, HideCodeCellNode):
            element.parent.replace(element, element.children)
        elif isinstance(element, nodes.raw) and "live-figure" in element.astext():
            element[:] = [nodes.Text(still(element.astext()))]


def still(figure: str) -> str:
    """Return the HTML of a live figure without scripts, and with a sentence that says so."""
    sentence = f'<p class="stands-still">{STANDS_STILL}</p>'
    return LIVE.sub("", figure).replace("</figcaption>", f"{sentence}</figcaption>")


def refer_to_pages(tree: nodes.document) -> None:
    """Put page numbers after links to other pages, addresses after links to the web, and names after files."""
    for link in list(tree.findall(nodes.reference)):
        address = link.get("refuri", "")
        if not address.startswith("#"):
            if address and not short(address).endswith(link.astext().removeprefix("doi:")):
                put_after(link, nodes.inline("", f" ({short(address)})", classes=["address"]))
        elif leads_to_another_page(link) and "bibtex-citation" not in link.parent["classes"]:
            put_after(link, page_reference(target_name(address)))
    for file in list(tree.findall(addnodes.download_reference)):
        name = posixpath.basename(file["reftarget"])
        file.parent.replace(file, [nodes.Text(file.astext()), nodes.inline("", f" ({name})", classes=["address"])])


def leads_to_another_page(link: nodes.reference) -> bool:
    """Whether a link within the document leads to another page of the site than its own."""
    return target_name(link["refuri"]).partition("--")[0] != place_name(ancestor(link, is_page)["docname"])


def short(address: str) -> str:
    """Return an address of the web as it is written on paper."""
    return address.removeprefix("https://").removeprefix("mailto:")


def page_reference(target: str) -> nodes.inline:
    """Return `[p. 57]`, for after a link."""
    return nodes.inline("", f"{SPACE}[p.{SPACE}", page_number(target), nodes.Text("]"), classes=["at-page"])


def page_number(target: str) -> nodes.reference:
    """Return a link to an id that will show its page, when that is known."""
    return nodes.reference("", "000", refid=target, classes=["page-number"])


def title_of(element: nodes.Element) -> nodes.title:
    """Return the title of a section or a box."""
    return next(element.findall(nodes.title))


def ancestor(element: nodes.Element, wanted: Callable[[nodes.Element], bool]) -> nodes.Element | None:
    """Return the nearest wanted element that something stands in, or None."""
    while (element := element.parent) is not None and not wanted(element):
        pass
    return element


def is_page(element: nodes.Element) -> bool:
    """Whether an element is the section that is a page of the site."""
    return "page" in element["classes"]


def new_chapter(title: str, name: str, kind: str) -> nodes.section:
    """Return a chapter that is not a page of the site."""
    return nodes.section("", nodes.title("", title), ids=[name], classes=["chapter", kind])


def put_after(element: nodes.Element, new: nodes.Node) -> None:
    """Put a new element after another."""
    element.parent.insert(element.parent.index(element) + 1, new)
