"""What assistive technology needs where Sphinx and the theme do not write it."""

from typing import Any

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

BUILDERS = ("html", "singlehtml")
BEFORE_THE_PAGE_AFTER_THE_THEME = 600
SCRIPT_LEFT_OUT = "sphinx_highlight.js"  # it would mark searched words inside formulas too


class AccessibleTranslator(HTML5Translator):
    """A translator with roles that are in use, and without empty headings of columns."""

    def starttag(self, node: nodes.Element, tagname: str, *args: Any, **attributes: Any) -> str:
        """Write the opening tag of an element."""
        if attributes.get("role") == "doc-biblioentry":
            attributes["role"] = "listitem"
        if tagname == "th" and not node.astext():
            tagname = "td"  # the corner of a table
        return super().starttag(node, tagname, *args, **attributes)

    def visit_entry(self, node: nodes.Element) -> None:
        """Open the cell of a table."""
        super().visit_entry(node)
        if not node.astext():
            self.context[-1] = "</td>\n"


def name_toggles(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    """Name the buttons in the table of contents that show the pages under another."""
    generate = context.get("generate_toctree_html")
    if generate is None:  # another theme
        return

    def with_names(*args: Any, **options: Any) -> BeautifulSoup:
        contents = generate(*args, **options)
        for toggle in contents.select("a + details > summary"):
            toggle["aria-label"] = f"Pages under {toggle.parent.find_previous_sibling('a').get_text()}"
        return contents

    context["generate_toctree_html"] = with_names


def leave_out_script(_app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    """Take the script that marks searched words off all pages but the search page, whose own script needs it."""
    if page == "search":
        return
    context["script_files"] = [file for file in context["script_files"] if SCRIPT_LEFT_OUT not in str(file.filename)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    for builder in BUILDERS:
        app.set_translator(builder, AccessibleTranslator)
    app.connect("html-page-context", name_toggles, BEFORE_THE_PAGE_AFTER_THE_THEME)
    app.connect("html-page-context", leave_out_script, BEFORE_THE_PAGE_AFTER_THE_THEME)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
