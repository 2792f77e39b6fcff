"""A learner's way through the book: the strip above a lesson, the sentences at the end of a page, the sheet of all
equations, the index, and what a search finds first.
"""

import io
import re
from functools import cache

import nbformat
import pytest
from bs4 import BeautifulSoup
from conftest import ROOT
from course.content.index_terms import explanations
from course.content.learning_path import read_lesson
from nbformat.v4 import new_markdown_cell, new_notebook
from pages import FIRST_PAGE, MODES, PAGES, VIEWPORTS
from pypdf import PdfReader
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import docutils_namespace

LESSONS = [name for name in PAGES if name.startswith("notebooks/")]
EXERCISES = [name for name in PAGES if name.startswith("book/exercises/")]
IN_CONTENTS = [name for name in PAGES if name not in ("genindex", "search")]
OTHERS = [name for name in IN_CONTENTS if name not in LESSONS + EXERCISES]
LABEL = re.compile(r"^\$\$ \((eq-[\w-]+)\)\s*$", re.MULTILINE)
TIME = re.compile(r"Time\s+(?:about )?(\d+) minutes")
END_OF_SENTENCE = re.compile(r"[,.](?=(\\end{aligned}\\end{split})?\\\]$)")  # of an equation, without white space
LEAST_TARGET = 24  # CSS pixels, by WCAG 2.2
A4_COLUMN = {"width": 740, "height": 1060}  # a window as wide as a sheet of A4 without its margins

# What learners type, and a page that a teacher would name. Elsewhere a page may be named with them.
QUERIES = {
    "elbo": "notebooks/04-elbo",
    "evidence lower bound": "notebooks/04-elbo",
    "variational lower bound": "notebooks/04-elbo",
    "jensen": "notebooks/04-elbo",
    "kl zero": "book/mistakes/kl-goes-to-zero",
    "kl divergence": "notebooks/06-kl",
    "posterior collapse": "notebooks/07-gaussian-decoder",
    "reparameterization trick": "notebooks/05-reparameterisation",
    "reparametrization": "notebooks/05-reparameterisation",
    "reinforce": "notebooks/05-reparameterisation",
    "log var": "notebooks/05-reparameterisation",
    "bce": "notebooks/08-bernoulli-decoder",
    "binary cross entropy": "notebooks/08-bernoulli-decoder",
    "mse": "notebooks/07-gaussian-decoder",
    "negative loss": "book/mistakes/loss-is-negative",
    "nan": "book/mistakes/loss-is-nan",
    "grey samples": "book/mistakes/samples-are-grey",
    "amortisation gap": "notebooks/09-vae-latent-space",
    "amortization gap": "notebooks/09-vae-latent-space",
    "beta": "notebooks/07-gaussian-decoder",
    "active units": "notebooks/07-gaussian-decoder",
    "importance weighted": "notebooks/12-tighter-bounds",
    "iwae": "notebooks/12-tighter-bounds",
    "iwae gets worse": "book/mistakes/iwae-gets-worse",
    "annealed importance sampling": "notebooks/12-tighter-bounds",
    "effective sample size": "notebooks/12-tighter-bounds",
    "dreg": "notebooks/12-tighter-bounds",
    "conditional vae": "notebooks/14-conditional-vae",
    "cvae": "notebooks/14-conditional-vae",
    "inpainting": "notebooks/14-conditional-vae",
    "simulator": "notebooks/15-simulators",
    "label ignored": "book/mistakes/label-changes-nothing",
    "link prediction too good": "book/mistakes/links-too-good",
    "vgae": "notebooks/16-graphs",
    "link prediction": "notebooks/16-graphs",
    "stochastic block model": "notebooks/16-graphs",
    "marginal likelihood": "notebooks/03-latent-variable-models",
    "bayes rule": "notebooks/03-latent-variable-models",
    "monte carlo": "notebooks/06-kl",
    "interpolation": "notebooks/09-vae-latent-space",
    "pca": "notebooks/01-autoencoder",
    "latent space": "notebooks/02-latent-space",
    "symbols": "book/notation",
    "cheat sheet": "book/one-sheet",
    "install": "book/index",
    "own data": "book/your-own-data",
    "jax": "book/appendix/jax",
    "own images": "book/your-own-data",
    "rgb": "book/your-own-data",
    "channels": "book/your-own-data",
    "dataloader": "book/your-own-data",
    "tabular": "book/your-own-data",
    # Complaints, in the words of those who had them.
    "loss becomes negative": "book/mistakes/loss-is-negative",
    "becomes negative": "book/mistakes/kl-is-negative",
    "negative kl": "book/mistakes/kl-is-negative",
    "wrong sign of the kl": "book/mistakes/kl-is-negative",
    "kl rises": "book/mistakes/kl-goes-to-zero",
    "loss is not the sum": "book/mistakes/better-on-test",
    "what is a good loss": "book/mistakes/paper-numbers",
    "loss above 100": "book/mistakes/paper-numbers",
    "log_var": "book/mistakes/loss-too-low",
    "loss too low": "book/mistakes/loss-too-low",
    "validation loss lower than training": "book/mistakes/loss-too-low",
    "validation loss lower": "book/mistakes/better-on-test",
    "kld": "notebooks/06-kl",
    "kl_loss": "notebooks/06-kl",
    "kld_weight": "book/mistakes/bad-samples",
    "kl averaged over dimensions": "book/mistakes/bad-samples",
    "size_average": "book/mistakes/kl-goes-to-zero",
    "random samples": "book/mistakes/bad-samples",
    "exploding": "book/mistakes/loss-is-nan",
    "exploding gradients": "book/mistakes/loss-is-nan",
    "numerical instability": "book/mistakes/loss-is-nan",
    "clamp logvar": "book/mistakes/loss-is-nan",
    "inputs not scaled": "book/mistakes/loss-is-nan",
    "nan after some epochs": "book/mistakes/loss-is-nan",
    "bce on non-binary data": "book/mistakes/paper-numbers",
    "not comparable": "book/mistakes/better-on-test",
    "tutorial numbers": "book/mistakes/paper-numbers",
    "blurry samples": "book/mistakes/samples-are-grey",
    "mode collapse": "book/mistakes/kl-goes-to-zero",
    "gradients do not exist": "book/mistakes/no-gradient",
    "custom model": "book/vae-in-one-file",
    "gpu": "book/running",
    "cuda": "book/running",
    "mps": "book/running",
    "mixed precision": "book/running",
    "widget": "book/running",
    "sliders": "book/running",
    "windows": "book/running",
    "colab": "book/running",
    "jupyterlite": "book/running",
    "permission denied": "book/running",
    "out of memory": "book/running",
    "does not run": "book/running",
    "nbgrader": "book/teaching",
    "save a model": "book/your-own-data",
    "weights only load failed": "book/your-own-data",
    "anomaly detection": "book/your-own-data",
    "imshow": "book/mistakes/samples-are-grey",
    "http error 403": "book/running",
}


@cache
def parsed(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def words(element):
    return " ".join(element.get_text().split())


def number_of(name):
    """Return the number of a lesson or of exercises, by their place in the table of contents."""
    pages = LESSONS if name in LESSONS else EXERCISES
    return pages.index(name) + 1


# The strip.


@pytest.mark.parametrize("name", LESSONS)
def test_strip_says_which_lesson_and_how_long(name, site):
    page = parsed(site / f"{name}.html")
    strip, number = page.select_one("nav[aria-label='Progress through the lessons']"), number_of(name)
    minutes = TIME.search(words(page.select_one(".admonition.goals")))[1]
    exercises = parsed(site / f"{EXERCISES[number - 1]}.html").select_one("article")
    more = TIME.search(words(exercises))[1]
    said = f"Lesson {number} of {len(LESSONS)} {minutes} minutes, and about {more} for the exercises"
    assert words(strip.select_one("p")) == said
    assert words(page.select_one("article h1")).startswith(f"{number}. ")


@pytest.mark.parametrize("name", EXERCISES)
def test_strip_says_which_exercises_and_how_long(name, site):
    page = parsed(site / f"{name}.html")
    said = words(page.select_one(".progress-strip p"))
    minutes = TIME.search(words(page.select_one("article")))[1]
    assert said == f"Exercises for lesson {number_of(name)} of {len(LESSONS)} about {minutes} minutes"


@pytest.mark.parametrize("name", LESSONS + EXERCISES)
def test_strip_links_all_lessons_and_marks_this_one(name, site):
    file = site / f"{name}.html"
    links = parsed(file).select(".progress-strip ol > li > a")
    targets = [file if link["href"] == "#" else (file.parent / link["href"]).resolve() for link in links]
    assert targets == [site / f"{lesson}.html" for lesson in LESSONS]
    marks = {i: link["aria-current"] for i, link in enumerate(links, 1) if link.has_attr("aria-current")}
    assert marks == {number_of(name): "page" if name in LESSONS else "true"}
    for number, link in enumerate(links, 1):
        heading = parsed(targets[number - 1]).select_one("article h1")
        link = BeautifulSoup(str(link), "html.parser")
        link.select_one(".been-at-the-end").decompose()
        assert words(link) + "#" == f"Lesson {number} " + words(heading).removeprefix(f"{number}. ")


@pytest.mark.parametrize("name", [*OTHERS, "genindex", "search"])
def test_other_pages_have_no_strip(name, site):
    assert not parsed(site / f"{name}.html").select(".progress-strip")


def test_strip_works_without_scripts(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.as_uri()}/{LESSONS[0]}.html")
    page.locator(".progress-strip a").nth(3).click()
    assert page.url == f"{site.as_uri()}/{LESSONS[3]}.html"
    context.close()


@pytest.mark.check
@pytest.mark.parametrize("viewport", VIEWPORTS)
def test_strip_has_large_targets_and_marks_without_colour(viewport, visit):
    page, _ = visit(f"{LESSONS[3]}.html", viewport=VIEWPORTS[viewport])
    looks = page.locator(".progress-strip a").evaluate_all(
        """links => links.map(link => {
            const {width, height} = link.getBoundingClientRect(), style = getComputedStyle(link);
            return [width, height, parseFloat(style.borderTopWidth), parseInt(style.fontWeight)];
        })"""
    )
    assert min(min(width, height) for width, height, *_ in looks) >= LEAST_TARGET
    (*_, bar, weight), others = looks[3], looks[:3] + looks[4:]
    assert all(bar > 1.5 * other_bar and weight > other_weight for *_, other_bar, other_weight in others)


def read_to_the_end(page):
    page.locator(".ways").scroll_into_view_if_needed()
    page.wait_for_function("!document.querySelector('[aria-current=page] .been-at-the-end').hidden")


def test_lesson_read_to_its_end_keeps_a_tick(visit, site):
    page, troubles = visit(f"{LESSONS[1]}.html")
    assert page.get_by_role("link", name="(read to its end)").count() == 0
    read_to_the_end(page)
    page.goto(f"{site.as_uri()}/{EXERCISES[4]}.html")
    ticked = page.get_by_role("link", name="(read to its end)").all()
    assert [link.get_attribute("href").split("/")[-1] for link in ticked] == [f"{LESSONS[1].split('/')[-1]}.html"]
    assert ticked[0].locator("i").is_visible()
    assert not troubles


@pytest.mark.check
@pytest.mark.parametrize("stored", ["5", "{", '{"a": 1}', "null"])
def test_foreign_stored_values_do_no_harm(stored, visit):
    page, troubles = visit(f"{LESSONS[1]}.html")
    page.evaluate("stored => localStorage.setItem('vae-lessons-read', stored)", stored)
    page.reload()
    read_to_the_end(page)
    assert page.get_by_role("link", name="(read to its end)").count() == 1
    assert not troubles


@pytest.mark.check
def test_tick_works_without_storage(browser, site):
    page, troubles = browser.new_page(), []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.add_init_script(
        """for (const name of ["getItem", "setItem"]) {
            const original = Storage.prototype[name];
            Storage.prototype[name] = function (key, ...rest) {
                if (key === "vae-lessons-read") throw new DOMException("no");
                return original.call(this, key, ...rest);
            };
        }"""
    )
    page.goto(f"{site.as_uri()}/{LESSONS[1]}.html")
    read_to_the_end(page)
    page.goto(f"{site.as_uri()}/{EXERCISES[1]}.html")
    assert page.get_by_role("link", name="(read to its end)").count() == 0
    assert not troubles
    page.close()


# The links at the end of a page.


def question_of(site, lesson):
    return words(parsed(site / f"{lesson}.html").select_one("article section > p > em"))


def links_at_the_end(site, name):
    """Return the links at the end of a page by kind: the pages they lead to, and their sentences."""
    file = site / f"{name}.html"
    links = {}
    for link in parsed(file).select("nav[aria-label='Before and after this page'] > a"):
        kind = link["class"][-1].removeprefix("way-")
        target = (file.parent / link["href"]).resolve().relative_to(site).with_suffix("").as_posix()
        links[kind] = target, f"{words(link.select_one('.way-lead'))} {words(link.select_one('.way-title'))}"
    return links


def test_on_links_visit_every_page_in_order(site):
    page, visited = FIRST_PAGE, []
    while page not in visited:
        visited.append(page)
        page, _ = links_at_the_end(site, page)["on"]
    assert visited == [name for name in IN_CONTENTS if name not in EXERCISES]
    assert page == LESSONS[0]


def test_back_links_undo_on_links(site):
    pages = [name for name in IN_CONTENTS if name not in EXERCISES]
    assert "back" not in links_at_the_end(site, pages[0])
    for name in pages[:-1]:
        following, _ = links_at_the_end(site, name)["on"]
        if following in LESSONS or name not in LESSONS:
            assert links_at_the_end(site, following)["back"][0] == name


@pytest.mark.parametrize(("lesson", "exercises"), list(zip(LESSONS, EXERCISES, strict=True)))
def test_exercises_lie_between_two_lessons(lesson, exercises, site):
    from_lesson, from_exercises = links_at_the_end(site, lesson), links_at_the_end(site, exercises)
    assert from_lesson["exercises"] == (exercises, "Try it yourself: Exercises for this lesson.")
    assert from_exercises["on"] == from_lesson["on"]
    assert from_exercises["back"][0] == lesson


def test_links_read_as_sentences(site):
    questions = [question_of(site, lesson) for lesson in LESSONS]
    sentences = {
        (FIRST_PAGE, "on"): f"To begin, lesson 1: {questions[0]}",
        (LESSONS[2], "on"): f"Next, lesson 4: {questions[3]}",
        (LESSONS[2], "back"): f"Before this, lesson 2: {questions[1]}",
        (EXERCISES[2], "back"): f"Before this, lesson 3: {questions[2]}",
        ("book/glossary", "back"): "Before this: The thirteen assumptions.",
        (IN_CONTENTS[-1], "on"): f"To begin again, lesson 1: {questions[0]}",
    }
    assert {(page, kind): links_at_the_end(site, page)[kind][1] for page, kind in sentences} == sentences


def test_question_with_a_formula_is_typeset(visit):
    page, _ = visit(f"{LESSONS[2]}.html")
    way = page.locator(".way-on")
    assert way.locator("mjx-container").count() == 1
    assert "$" not in way.inner_text() + page.locator(".way-back").inner_text()


@pytest.mark.parametrize("name", ["genindex", "search"])
def test_page_outside_the_contents_has_no_links(name, site):
    assert not parsed(site / f"{name}.html").select(".ways, .prev-next-area")


@pytest.fixture
def lesson_of(tmp_path):
    """Return a function that reads a lesson with these first cells in its notebook and its exercises."""

    def read(text, exercises="# E\n\n**Time** about 20 minutes."):
        for folder, source in (("notebooks", text), ("notebooks/exercises", exercises)):
            (tmp_path / folder).mkdir(exist_ok=True)
            notebook = new_notebook(cells=[new_markdown_cell(source, id="first")])
            nbformat.write(notebook, tmp_path / folder / "01-one.ipynb")
        return read_lesson(1, "notebooks/01-one", tmp_path)

    return read


def test_lesson_is_read_from_its_first_cell(lesson_of):
    lesson = lesson_of("# A & B\n\n*Is $a < b$?*\n\n**You need** *much*. **Time** 45\nminutes; two more.")
    assert lesson.title == "A &amp; B"
    assert lesson.question == r'Is <span class="math notranslate nohighlight">\(a &lt; b\)</span>?'
    assert (lesson.minutes, lesson.exercise_minutes) == ("45", "20")
    assert (lesson.page, lesson.exercises) == ("notebooks/01-one", "book/exercises/01-one")


@pytest.mark.parametrize(
    "cells",
    [
        ("*Why?*\n\n**Time** 45 minutes",),
        ("# A\n\nWhy?\n\n**Time** 45 minutes",),
        ("# A\n\n*Why?*\n\n45 minutes",),
        ("# A\n\n*Why?*\n\n**Time** 45 minutes", "# E"),
    ],
    ids=["no title", "no question", "no time", "no time for exercises"],
)
def test_incomplete_first_cell_stops_the_build(cells, lesson_of):
    with pytest.raises(ExtensionError, match=r"01-one\.ipynb"):
        lesson_of(*cells)


# The sheet.


def labels_of(lesson):
    notebook = nbformat.read(ROOT / f"{lesson}.ipynb", as_version=4)
    return [label for cell in notebook.cells if cell.cell_type == "markdown" for label in LABEL.findall(cell.source)]


def sheet(site):
    return parsed(site / "book/one-sheet.html").select(".equation-of-the-sheet")


def test_sheet_has_every_numbered_equation_in_order(site):
    places = [entry.select_one("p > a")["href"] for entry in sheet(site)]
    labels = [(lesson, label) for lesson in LESSONS for label in labels_of(lesson)]
    assert places == [f"../{lesson}.html#equation-{label}" for lesson, label in labels]


def test_sheet_copies_equations_with_number_and_words(site):
    for entry in sheet(site):
        link = entry.select_one("p > a")
        address, _, place = link["href"].partition("#")
        original = BeautifulSoup(str(parsed(site / "book" / address).find(id=place)), "html.parser")
        number = original.select_one(".eqno").extract()
        without_end = END_OF_SENTENCE.sub("", re.sub(r"\s", "", original.get_text()))
        assert re.sub(r"\s", "", entry.select_one("div.math").get_text()) == without_end
        assert words(link) + "#" == words(number)
        assert len(words(entry.select_one("p"))) > len(words(link)) + 10


def test_sheet_has_a_heading_for_each_lesson(site):
    headings = [words(heading) for heading in parsed(site / "book/one-sheet.html").select("article h2")]
    titles = [words(parsed(site / f"{lesson}.html").select_one("article h1")) for lesson in LESSONS]
    assert headings == [title.replace(".", "", 1) for title in titles]


def test_unknown_equation_stops_the_build(tmp_path):
    source = tmp_path / "book"
    source.mkdir()

    def build(label):
        (source / "index.md").write_text(f"# A\n\n$$\na\n$$ (eq-a)\n\n```{{equation}} {label}\nWords.\n```\n")
        options = {
            "extensions": ["myst_parser", "course.content.formula_sheet"],
            "myst_enable_extensions": ["dollarmath"],
        }
        log = io.StringIO()
        site, trees = tmp_path / "site", tmp_path / "trees"
        with docutils_namespace():  # another test may have built something in this process
            Sphinx(source, None, site, trees, "html", options, status=None, warning=log).build()
        return log.getvalue()

    assert build("eq-a") == ""
    with pytest.raises(ExtensionError, match="eq-b"):
        build("eq-b")


CUT_OFF = """() => [...document.querySelectorAll(".equation-of-the-sheet div.math")].filter(box => {
    const formula = box.querySelector("mjx-container");
    const wide = [box, formula].some(e => e.scrollWidth > e.clientWidth + 1);
    return wide && ![box, formula].some(e => ["auto", "scroll"].includes(getComputedStyle(e).overflowX));
}).map(box => box.textContent)"""
WIDER_THAN_COLUMN = """() => {
    const column = parseFloat(getComputedStyle(document.querySelector("article")).columnWidth)
        || document.querySelector(".equation-of-the-sheet").clientWidth;
    return [...document.querySelectorAll(".equation-of-the-sheet mjx-container[display=true] > mjx-math")]
        .filter(e => e.getBoundingClientRect().width > column).map(e => e.textContent);
}"""


@pytest.mark.check
@pytest.mark.parametrize("width", [360, 600, 768, 1440])
def test_sheet_equations_fit_the_screen(width, visit):
    page, _ = visit("book/one-sheet.html", viewport={"width": width, "height": 800})
    assert page.evaluate(CUT_OFF) == []


def test_sheet_equations_fit_their_columns_on_paper(visit):
    page, _ = visit("book/one-sheet.html", viewport=A4_COLUMN)
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.querySelector('article')).columnCount") == "2"
    assert page.evaluate(WIDER_THAN_COLUMN) == []


@pytest.mark.check
@pytest.mark.parametrize("mode", MODES)
def test_sheet_fits_four_sides_of_a4(mode, visit, site):
    page, _ = visit("book/one-sheet.html", mode, viewport=VIEWPORTS["desktop"])
    paper = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages
    assert [round(side / 72 * 25.4) for side in paper[0].mediabox[2:]] == [210, 297]
    assert len(paper) <= 4
    text = "\n".join(side.extract_text() for side in paper)
    assert all(words(entry.select_one("p > a")) in text for entry in sheet(site))


# The index.


def rows(site):
    """Return the places of each term in the index, with their names and links."""
    entries = parsed(site / "genindex.html").select("ul.terms > li")
    return {
        entry.find(string=True).strip().rstrip(","): [
            (words(a), a["href"]) for a in entry.find_all("a", recursive=False)
        ]
        for entry in entries
    }


def test_every_table_of_contents_has_the_index(site):
    for name in IN_CONTENTS:
        (link,) = parsed(site / f"{name}.html").select(".bd-sidebar-primary nav a[href$='genindex.html']")
        assert words(link) == "Index of terms"
    assert parsed(site / "genindex.html").select(".bd-sidebar-primary li.current > a.current")


def test_index_has_every_glossary_term_with_its_lessons(site):
    index = rows(site)
    for term in parsed(site / "book/glossary.html").select("dl.glossary dt"):
        name = words(term).removesuffix("#")
        explanation = term.find_next_sibling("dd")
        lessons = [link for link in explanation.select("a[href*='notebooks/']")]
        wanted = {(words(link), link["href"].removeprefix("../")) for link in lessons}
        assert {*wanted, ("glossary", f"book/glossary.html#{term['id']}")} <= set(index[name]), name


def test_index_places_are_named_with_lessons_first(site):
    index = rows(site)
    assert len(index) > 100
    for term, places in index.items():
        names = [name for name, _ in places]
        assert len(set(names)) == len(names), term
        assert not any(name.startswith("[") for name in names), term
        kinds = [name.startswith("lesson") for name in names]
        assert kinds == sorted(kinds, reverse=True), term


@pytest.mark.parametrize(
    "term", ["reparametrization trick", "evidence lower bound", "KL divergence", "BCE", "collapse"]
)
def test_synonyms_are_in_the_index(term, site):
    assert any(name.startswith("lesson") for name, _ in rows(site)[term])


def test_letters_lead_to_their_part_of_the_index(site):
    page = parsed(site / "genindex.html")
    letters = [link["href"].removeprefix("#") for link in page.select(".genindex-jumpbox a")]
    assert letters == [heading["id"] for heading in page.select("article h2")]
    assert letters == sorted(letters)


def test_glossary_links_say_where_a_term_is_explained():
    glossary = (
        "# Glossary\n\nSee [x](../notebooks/00-x.ipynb).\n\n:::{glossary}\none\nthe same\n  Text, over\n  lines. See\n"
        "  [lesson 1](../notebooks/01-a.ipynb#a-part) and [2](../notebooks/02-b.ipynb).\n\ntwo\n  No place.\n:::\n"
    )
    assert [tuple(place) for place in explanations(glossary)] == [
        ("one", "notebooks/01-a", "a-part"),
        ("the same", "notebooks/01-a", "a-part"),
        ("one", "notebooks/02-b", ""),
        ("the same", "notebooks/02-b", ""),
    ]


# Search.


def found(page, query):
    """Return the pages of the first three results."""
    page.goto(page.url.partition("?")[0] + f"?q={query.replace(' ', '+')}")
    page.locator(".search-summary", has_text="finished").wait_for()
    links = page.locator("#search-results li a").evaluate_all("links => links.map(a => a.getAttribute('href'))")
    return [address.partition("#")[0].removesuffix(".html") for address in links[:3]]


@pytest.mark.check
def test_search_finds_what_a_teacher_would_name(visit):
    page, troubles = visit("search.html")
    wrong = {query: found(page, query) for query in QUERIES}
    wrong = {query: pages for query, pages in wrong.items() if QUERIES[query] not in pages}
    assert wrong == {}
    assert not troubles


def test_search_results_have_distinct_titles(visit):
    page, _ = visit("search.html?q=posterior collapse")
    page.locator(".search-summary", has_text="finished").wait_for()
    titles = page.locator("#search-results li a").all_inner_texts()
    assert len(set(titles)) == len(titles)
    assert "7. A Gaussian decoder: the MSE VAE > Will the code be used? Ask the eigenvalues" in titles
    assert "Glossary > posterior collapse" in titles
