"""Every page, light and dark, on a desktop and on a phone, by the rules of axe-core."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from pages import PAGES, VIEWPORTS, start_all

pytestmark = pytest.mark.check

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# The mode changes nothing but colours, and the window nothing of these.
LOOKS = [("desktop", "light"), ("phone", "dark")]
# The theme makes what scrolls reachable by key, a moment after the window has changed.
SETTLED_IN = """mode => {
    document.documentElement.dataset.theme = mode;
    return new Promise(done => setTimeout(done, 500));
}"""
# MathJax draws a formula with hundreds of elements, all of one colour, hidden from assistive technology; and of the
# coloured words of code, one of each colour is enough.
WITHOUT_REPETITION = """() => {
    document.querySelectorAll("mjx-container > mjx-math").forEach(math => math.replaceChildren());
    const seen = new Set();
    for (const word of document.querySelectorAll("pre span[class]"))
        seen.has(word.className) ? word.replaceWith(word.textContent) : seen.add(word.className);
    // Of the hundreds of entries of the API, which one directive makes, three of each kind.
    const entries = Object.groupBy([...document.querySelectorAll("dl.py")], entry => entry.className);
    for (const kind of Object.values(entries)) kind.slice(3).forEach(entry => entry.remove());
}"""
# Pages that one program or template makes: of these, a few.
MADE_ALIKE = {"book/exercises/": 3, "book/mistakes/": 5}


def violations(page):
    found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]}).response
    assert found["passes"]
    return "\n".join(map(described, found["violations"]))


def described(violation):
    places = "".join(f"\n    {node['target']} {node['html'][:160]}" for node in violation["nodes"])
    return f"{violation['id']}: {violation['help']}{places}"


def chosen_pages():
    alike = {folder: [name for name in PAGES if name.startswith(folder)] for folder in MADE_ALIKE}
    left_out = {name for folder, names in alike.items() for name in names[: -MADE_ALIKE[folder]]}
    return [name for name in PAGES if name not in left_out]


@pytest.mark.parametrize("name", chosen_pages())
def test_axe_finds_nothing(name, visit):
    page, _ = visit(f"{name}.html", viewport=VIEWPORTS["desktop"], reduced_motion="reduce")
    start_all(page)
    page.evaluate(WITHOUT_REPETITION)
    for viewport, mode in LOOKS:
        page.set_viewport_size(VIEWPORTS[viewport])
        page.evaluate(SETTLED_IN, mode)
        found = violations(page)
        assert not found, f"{mode}, {viewport}: {found}"


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ("<img src=x.png>", "image-alt"),
        ("<p style='color: #eee; background: #fff'>pale</p>", "color-contrast"),
    ],
)
def test_axe_sees_what_is_wrong(wrong, rule, visit):
    page, _ = visit(f"{PAGES[0]}.html")
    page.evaluate("html => document.querySelector('article').insertAdjacentHTML('beforeend', html)", wrong)
    assert f"{rule}: " in violations(page)
