"""Pages without what they load for nothing, so that there is room for the networks of live figures.

The theme puts two megabytes on every page. Here its icons are drawn in the pages instead of by a script
(`theme_icons`), only the search page loads what searching needs, figures are smaller files (`light_images`), and live
figures of one page share their style and the weights of the networks they run on.
"""

import re
from pathlib import Path
from typing import Any

from accessible_pages import accessible
from light_images import show_webp, write_webp
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.jinja2glue import BuiltinTemplateLoader
from theme_icons import draw_icons, read_drawings, thin_font

ICON_SCRIPT = "scripts/fontawesome.js"
# For searching while one types, which is off. The last would mark the words that were searched for, in formulas too,
# wherever it does not find the others; beside them, as the theme has it, it does nothing.
SEARCH_SCRIPTS = ["searchtools.js", "language_data.js", "searchindex.js", "sphinx_highlight.js"]
SHARED_BY_FIGURES = re.compile(
    r'(<script\b[^>]*\bclass="live-figure-weights"[^>]*>[^<]*</script>|<style>\s*\.live-figure-view\b[^<]*</style>)\s*'
)

MODULE = re.compile(r'(?:(?<=<script type="module">)|(?<=<style>))[^<]*(?:<(?!/script>|/style>)[^<]*)*')
# Parts of Bootstrap, and of other extensions, that the theme's style sheet has rules for and no page uses.
UNUSED = re.compile(
    r"\.(?:ablog|accordion|btn-(?:check|close)|card|carousel|form-(?:check|floating|range|select|switch)|input-group"
    r"|list-group|modal|offcanvas|pagination|placeholder|popover|progress-bar|spinner-(?:border|grow)|toast)\b"
)
CSS_RULE = re.compile(r"([^{}@;]+)\{[^{}]*\}")
CSS_COMMENT = re.compile(r"/\*(?!!).*?\*/", re.DOTALL)
INDENTATION_OR_COMMENT = re.compile(r"^[ \t]+(?:(?=[^/\s])|(?=/[^/]))|^[ \t]*//.*\n", re.MULTILINE)


class LightPages(BuiltinTemplateLoader):
    """Sphinx's own way from templates to pages, with something taken off each page."""

    def init(self, builder: Any, theme: Any = None, dirs: list[str] | None = None) -> None:
        super().init(builder, theme, dirs)
        folders = [Path(folder, "static", ICON_SCRIPT) for folder in theme.get_theme_dirs()]
        script = next(file for file in folders if file.is_file())
        self.drawings = read_drawings(script.read_text("utf-8"))

    def render(self, template: str, context: dict[str, Any]) -> str:
        page = draw_icons(super().render(template, context), self.drawings)
        page = accessible(show_webp(with_short_modules(with_shared_parts_once(page))))
        searching = context["pagename"] == "search"
        return without_scripts(page, [ICON_SCRIPT] if searching else [ICON_SCRIPT, *SEARCH_SCRIPTS])


def without_scripts(page: str, files: list[str]) -> str:
    """The page without the elements that load these files."""
    names = "|".join(map(re.escape, files))
    return re.sub(rf'<script\b[^>]*\bsrc="(?:[^"]*/)?(?:{names})(?:\?[^"]*)?"[^>]*></script>\s*', "", page)


def with_shared_parts_once(page: str) -> str:
    """The page with a network's weights, and with the style of live figures, in the first figure that has them only.

    They hold for the whole page: a figure looks for weights, by their digest, in all of it.
    """
    seen: set[str] = set()

    def first_only(part: re.Match[str]) -> str:
        repeated = part[1] in seen
        seen.add(part[1])
        return "" if repeated else part[0]

    return SHARED_BY_FIGURES.sub(first_only, page)


def with_short_modules(page: str) -> str:
    """The page with its scripts, and styles, without comments and indentation; no text in them has several lines."""
    return MODULE.sub(lambda module: INDENTATION_OR_COMMENT.sub("", module[0]), page)


def shorten_style_sheets(static: Path) -> None:
    """Take comments, but not licences, indentation and rules for nothing from all style sheets.

    Doing it again changes nothing.
    """
    for sheet in static.rglob("*.css"):
        css = without_unused_rules(CSS_COMMENT.sub("", sheet.read_text("utf-8")))
        sheet.write_text(re.sub(r"\s*\n\s*", "\n", css), "utf-8")


def without_unused_rules(css: str) -> str:
    """Without the rules all of whose selectors name an unused part."""
    return CSS_RULE.sub(lambda rule: "" if all(map(UNUSED.search, rule[1].split(","))) else rule[0], css)


def render_light_pages(_app: Sphinx, config: Config) -> None:
    config.template_bridge = f"{__name__}.{LightPages.__name__}"


def write_light_files(app: Sphinx, error: Exception | None) -> None:
    if error is None:
        thin_font(Path(app.outdir, "_static"))
        shorten_style_sheets(Path(app.outdir, "_static"))
        write_webp(Path(app.outdir, "_images"))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", render_light_pages)
    app.connect("build-finished", write_light_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
