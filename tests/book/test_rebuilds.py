"""What a second build writes: nothing, or all pages, and none that has left the book."""

import pytest
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

FILES = {
    "index.md": "# Index\n\n```{toctree}\none\nfolder/two\n```\n",
    "one.md": "# One\n",
    "folder/two.md": "# Two\n",
    "_ext/course.py": "",
    "_static/style.css": "p {}",
    "_templates/layout.html": "",
    "figures/drawing.svg": "",
}
PAGES = {"index", "one", "folder/two"}


def times_of_pages(site):
    return {str(page.relative_to(site).with_suffix("")): page.stat().st_mtime_ns for page in site.rglob("*.html")}


@pytest.fixture
def book(tmp_path):
    """Return a function that builds a small book and returns the names of the pages it wrote."""
    source, out = tmp_path / "book", tmp_path / "site"
    for name, text in FILES.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text, encoding="utf-8")

    def build():
        before = times_of_pages(out)
        extensions = {"extensions": ["myst_parser", "course.execution.rebuilds"]}
        with docutils_namespace():
            app = Sphinx(source, None, out, tmp_path / "doctrees", "html", extensions, status=None, warning=None)
            app.build()
        assert app.statuscode == 0
        return {name for name, time in times_of_pages(out).items() if time != before.get(name)} & PAGES

    build.source, build.out = source, out
    assert build() == PAGES
    return build


def test_unchanged_book_writes_no_page(book):
    assert book() == set()


@pytest.mark.parametrize("changed", ["one.md", *(name for name in FILES if name[0] == "_")])
def test_one_change_writes_all_pages(book, changed):
    with (book.source / changed).open("a", encoding="utf-8") as file:
        file.write("\n")
    assert book() == PAGES


def test_removed_page_leaves_the_site_with_its_figure(book):
    for name, colour in (("kept", 0), ("gone", 255)):
        Image.new("L", (2, 2), colour).save(book.source / f"{name}.png")
    (book.source / "one.md").write_text("# One\n\n![kept](kept.png)\n", encoding="utf-8")
    (book.source / "folder/two.md").write_text("# Two\n\n![gone](../gone.png)\n", encoding="utf-8")
    book()
    (book.source / "index.md").write_text("# Index\n\n```{toctree}\none\n```\n", encoding="utf-8")
    (book.source / "folder/two.md").unlink()
    assert book() == {"index", "one"}
    assert {file.name for file in (book.out / "_images").iterdir()} == {"kept.png"}
    assert not (book.out / "folder/two.html").exists()
    assert (book.out / "genindex.html").exists()
