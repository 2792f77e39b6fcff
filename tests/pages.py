"""The pages of the site, and the windows and modes in which tests open them."""

from pathlib import Path

from playwright.sync_api import Page
from sphinx_external_toc.parsing import parse_toc_yaml

FIRST_PAGE = "book/index"
PAGES = list(dict.fromkeys([*parse_toc_yaml(Path(__file__).parents[1] / "book/_toc.yml"), "genindex", "search"]))
VIEWPORTS = {
    "desktop": {"width": 1440, "height": 900},
    "tablet": {"width": 768, "height": 1024},
    "phone": {"width": 360, "height": 780},
}
MODES = ("light", "dark")
MATHJAX_IS_DONE = "async () => { if (window.MathJax?.startup) await MathJax.startup.promise; }"


def start_all(page: Page) -> None:
    """Begin every figure, each of which waits to come near what is seen of the page; then go back to its top."""
    for figure in page.locator("figure.live-figure").all():
        figure.scroll_into_view_if_needed()
        figure.locator(".live-figure-view").wait_for()
    page.evaluate("scrollTo(0, 0)")
