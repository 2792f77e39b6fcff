"""The pages of the built site: their text, and what all of them load."""

from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin

from bs4 import BeautifulSoup, Tag


class SitePage(NamedTuple):
    """A page of the site. head : what its text needs to look and be typeset as it does there"""

    name: str
    article: Tag
    head: list[str]


def read_page(site: Path, name: str) -> SitePage:
    """FileNotFoundError, with what to do, where the site does not have the page."""
    file = site / f"{name}.html"
    if not file.is_file():
        raise FileNotFoundError(f"{name} is in the table of contents, but not in {site}; `make book` builds it")
    soup = BeautifulSoup(file.read_text("utf-8"), "html.parser")
    article = soup.select_one("article.bd-article")
    with_addresses_in_full(article, file)
    return SitePage(name, article.extract(), list(head_of(soup, file)))


def with_addresses_in_full(article: Tag, file: Path) -> None:
    """Pictures are found from wherever the text is put."""
    for element in article.select("[src]"):
        element["src"] = urljoin(file.as_uri(), element["src"])


def head_of(soup: BeautifulSoup, file: Path) -> list[str]:
    """Style sheets, and MathJax with its settings; nothing else that runs."""
    kept = []
    for element in soup.head.select("link[rel=stylesheet], script"):
        source = element.get("href") or element.get("src") or ""
        if element.name == "script" and "mathjax" not in (source + element.text).lower():
            continue
        if source:
            element["href" if element.name == "link" else "src"] = urljoin(file.as_uri(), source)
        kept.append(str(element))
    return kept
