"""The whole book as one page for the printer: Sphinx's builder of a single page, with what paper needs."""

from datetime import date
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.singlehtml import SingleFileHTMLBuilder
from sphinx.environment.adapters.indexentries import IndexEntries

from book.print.answers import move_answers
from book.print.chapters import contents, index, split_into_chapters
from book.print.pages import hold_still, mark_pages, place_name, refer_to_pages, rename_places, target_name, title_of

FOLDER = Path(__file__).parent
TEMPLATE = "print.html"


class PrintBuilder(SingleFileHTMLBuilder):
    """Sphinx's `singlehtml` as a book: title page, contents, parts, chapters, answers and index, with page numbers.

    It keeps the name of the builder that it extends, which Jupyter Book and MyST-NB know.
    """

    def init(self) -> None:
        """Switch off what is for screens, and add the template."""
        self.config.html_permalinks = False
        self.config.html_scaled_image_link = False
        self.config.templates_path = [*self.config.templates_path, str(FOLDER)]
        super().init()

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        """Return the address of a page of the site in the document."""
        return f"#{place_name(docname)}"

    def fix_refuris(self, tree: nodes.Node) -> None:
        """Let links lead to ids of the document."""
        for link in tree.findall(nodes.reference):
            if link.get("refuri", "").startswith("#"):
                link["refuri"] = "#" + target_name(link["refuri"])

    def assemble_doctree(self) -> nodes.document:
        """Return the book as one tree."""
        tree = super().assemble_doctree()
        (first,) = (child for child in tree.children if isinstance(child, nodes.section))
        first["docname"] = self.config.root_doc
        title_of(first).replace_self(nodes.title("", "Preface"))
        mark_pages(tree, self.env.toc_secnumbers)
        rename_places(tree, self.config.root_doc)
        hold_still(tree)
        refer_to_pages(tree)
        answers = move_answers(tree)
        book = nodes.section("", *split_into_chapters(first, self.parts()), *answers)
        book += index(IndexEntries(self.env).create_index(self), book)
        book.insert(0, contents(book))
        tree[:] = [book]
        return tree

    def parts(self) -> dict[str, str]:
        """Return the titles of parts, each by the first page in it."""
        toctrees = self.env.get_doctree(self.config.root_doc).findall(addnodes.toctree)
        return {toctree["includefiles"][0]: toctree["caption"] for toctree in toctrees if toctree["caption"]}

    def assemble_toc_secnumbers(self) -> dict[str, Any]:
        """Return no numbers: they are in the titles."""
        return {}

    def assemble_toc_fignumbers(self) -> dict[str, Any]:
        """Return the numbers of figures and equations by their ids in the document."""
        numbers: dict[str, dict[str, tuple[int, ...]]] = {}
        for page, kinds in self.env.toc_fignumbers.items():
            for kind, of_kind in kinds.items():
                renamed = {place_name(page, place): number for place, number in of_kind.items()}
                numbers.setdefault(f"{self.config.root_doc}/{kind}", {}).update(renamed)
        return {self.config.root_doc: numbers}

    def get_doc_context(self, docname: str, body: str, metatags: str) -> dict[str, Any]:
        """Return what the template is filled with: the text, and what stands on the title page."""
        cited = yaml.safe_load(Path(self.srcdir, "CITATION.cff").read_text("utf-8"))
        context = super().get_doc_context(docname, body, metatags)
        return context | {"cited": cited, "data_set": self.config.lessons_run_on, "day": date.today()}

    def get_outfilename(self, pagename: str) -> str:
        """Return the file of the book; addresses in it are those of a page at the top of its folder."""
        return str(Path(self.outdir, "index.html"))

    def handle_page(self, pagename: str, addctx: dict[str, Any], *_args: Any, **options: Any) -> None:
        """Write the page with the template for paper."""
        super().handle_page(pagename, addctx, TEMPLATE, **options)


def setup(app: Sphinx) -> dict[str, bool]:
    """Take the place of Sphinx's own builder."""
    app.add_builder(PrintBuilder, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
