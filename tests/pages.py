"""The pages of the site, and the windows and modes in which tests open them."""

from pathlib import Path

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
