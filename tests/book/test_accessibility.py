"""Every page, light and dark, on a desktop and on a phone, by the rules of axe-core."""

from itertools import product

import pytest
from axe_playwright_python.sync_playwright import Axe
from live_figures import start_all
from pages import MODES, PAGES, VIEWPORTS

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# The theme makes what scrolls reachable by key, a moment after the window has changed.
SETTLED_IN = """mode => {
    document.documentElement.dataset.theme = mode;
    return new Promise(done => setTimeout(done, 500));
}"""


def described(violation):
    places = "".join(f"\n    {node['target']} {node['html'][:160]}" for node in violation["nodes"])
    return f"{violation['id']}: {violation['help']}{places}"


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(name, visit):
    page, _ = visit(f"{name}.html", viewport=VIEWPORTS["desktop"], reduced_motion="reduce")
    start_all(page)
    for mode, viewport in product(MODES, ("desktop", "phone")):
        page.set_viewport_size(VIEWPORTS[viewport])
        page.evaluate(SETTLED_IN, mode)
        found = Axe().run(page, options={"runOnly": RULES}).response
        assert found["passes"]
        assert not found["violations"], "\n".join([mode, viewport, *map(described, found["violations"])])


def test_axe_sees_what_is_wrong(visit):
    page, _ = visit(f"{PAGES[0]}.html")
    page.evaluate("document.querySelector('article').insertAdjacentHTML('beforeend', '<img src=x.png>')")
    found = Axe().run(page, options={"runOnly": RULES}).response
    assert "image-alt" in {violation["id"] for violation in found["violations"]}
