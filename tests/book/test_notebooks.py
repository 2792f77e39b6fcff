"""The lessons as files, and as programs: in fast mode, for a page and for a person."""

import ast
import dis
import json
import re
from collections import Counter
from pathlib import Path
from types import CodeType

import nbformat
import pytest
from course.execution.optional import missing
from jupyter_cache import get_cache
from live_figures import LESSONS_WITH_LIVE_FIGURES, MAKERS
from nbmake.nb_run import NotebookRun
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NOTEBOOKS = LESSONS + sorted((ROOT / "book/appendix").glob("*.ipynb"))
WITH_RESULTS = [path for path in NOTEBOOKS if not missing(path.relative_to(ROOT).with_suffix("").as_posix())]
WITH_SLIDERS = [path for path in LESSONS if "explore(" in path.read_text(encoding="utf-8")]
LONGEST_CELL = 25  # lines
CELL_TIMEOUT = 300  # seconds
QUESTION = re.compile(
    r"^::::\{admonition\} Quick question\n:class: question\n\n(.*?)\n"
    r":::\{admonition\} Answer\n:class: dropdown\n\n(.*?)\n:::\n::::$",
    re.MULTILINE | re.DOTALL,
)
OPTION = re.compile(r"^- \*\*([a-d])\*\* ", re.MULTILINE)
WIDGET = "application/vnd.jupyter.widget-view+json"
FIGURE_CALL = re.compile(rf"({'|'.join(MAKERS)})\(")
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


def by_name(paths):
    """Parametrise a test over notebooks, called by their names."""
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source(cell):
    return "".join(cell["source"])


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell["outputs"]]


def names_of_cells(sources):
    """For each cell, in the order of the lesson: the names that it takes from other cells, and those that it binds.

    A name counts as taken if it is read before the cell has bound it, by the cell or by a function that it calls.
    """
    functions = {}  # what the body of each reads from outside
    return [_names_of_cell(text, functions) for text in sources]


def _names_of_cell(text, functions):
    taken, bound = set(), set()

    def take(*names):
        for name in names:
            taken.update({name, *functions.get(name, ())} - bound)

    for step in dis.get_instructions(compile(text, "a cell", "exec")):
        if step.opname == "STORE_NAME":
            bound.add(step.argval)
        elif step.opname == "LOAD_NAME":
            take(step.argval)
        elif isinstance(step.argval, CodeType):
            inside = _read_inside(step.argval)
            if step.argval.co_name.startswith("<"):  # a comprehension runs at once; a lambda is taken for one
                take(*inside)
            else:
                functions[step.argval.co_name] = inside.union(*(functions.get(name, ()) for name in inside))
    return taken, bound


def _read_inside(code):
    """The names that the body of a function or of a class, with all that is in it, reads from outside."""
    steps = list(dis.get_instructions(code))
    inner = [step.argval for step in steps if isinstance(step.argval, CodeType)]
    bound = {step.argval for step in steps if step.opname == "STORE_NAME"}
    read = {step.argval for step in steps if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")} - bound
    return read.union(*map(_read_inside, inner))


def names_with_several_meanings(sources):
    """Names that some cell takes from another and that several cells bind, each with the places of these."""
    cells = names_of_cells(sources)
    binding = {
        name: [place for place, (_, bound) in enumerate(cells) if name in bound] for taken, _ in cells for name in taken
    }
    return {name: places for name, places in binding.items() if len(places) > 1}


@pytest.fixture
def run(monkeypatch, fast_mode):
    """Run a lesson from top to bottom, with the course's environment as given on top of fast mode."""

    def run_lesson(path, **environment):
        for name, value in (fast_mode | environment).items():
            monkeypatch.setenv(name, value)
        result = NotebookRun(path, CELL_TIMEOUT).execute()
        if result.error:
            pytest.fail(f"{path.name}, cell {result.error.failing_cell_index}:\n{result.error.trace}", pytrace=False)
        return result.nb

    return run_lesson


@by_name(NOTEBOOKS)
def test_a_lesson_is_a_valid_notebook_with_an_id_for_each_cell(path):
    ids = Counter(cell.get("id") for cell in read(path)["cells"])
    assert None not in ids
    assert [name for name, count in ids.items() if count > 1] == []
    nbformat.validate(read(path))  # repairs ids that are missing or double, so they are checked first


@by_name(NOTEBOOKS)
def test_a_lesson_is_kept_without_results(path):
    cells = code_cells(read(path))
    assert [cell["id"] for cell in cells if cell["outputs"] or cell["execution_count"] is not None] == []


@by_name(NOTEBOOKS)
def test_code_cells_are_short_enough_to_read(path):
    lengths = {cell["id"]: len(source(cell).splitlines()) for cell in code_cells(read(path))}
    assert {name: length for name, length in lengths.items() if length > LONGEST_CELL} == {}


@by_name(NOTEBOOKS)
def test_a_cell_can_be_run_again_since_a_name_that_cells_share_is_bound_in_one_of_them(path):
    assert names_with_several_meanings(map(source, code_cells(read(path)))) == {}


@by_name(NOTEBOOKS)
def test_a_cell_can_be_run_again_since_it_makes_what_it_draws_from_or_trains(path):
    cells = code_cells(read(path))
    for cell, (taken, _) in zip(cells, names_of_cells(map(source, cells)), strict=True):
        changed = {"generator", *re.findall(r"\bfit_or_load\((\w+)", source(cell))}
        assert changed & taken == set(), f"cell {cell['id']} changes what another has made"


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        (["x = 1", "print(x)", "x = 2"], {"x": [0, 2]}),
        (["x = 1", "print(x)", "for x in (2, 3):\n    print(x)"], {"x": [0, 2]}),
        (["x = 1", "print([x for _ in 'ab'])", "x = 2"], {"x": [0, 2]}),
        (["x = 1", "x = x + 1"], {"x": [0, 1]}),
        (["x = 1\ndef f():\n    return x", "f()", "x = 2"], {"x": [0, 2]}),
        (["def f():\n    return x\ndef g():\n    return f()", "x = 1", "g()", "x = 2"], {"x": [1, 3]}),
        (["class A:\n    def f(self):\n        return x", "x = 1", "A().f()", "x = 2"], {"x": [1, 3]}),
        (["x = 1", "print(x)", "y = x", "y = 2"], {}),
        (["x = 1\nprint(x)", "x = 2\nprint(x)"], {}),
        (["x = 1", "print(x)", "print([x for x in 'ab'])\ndef f(x):\n    return x"], {}),
        (["x = 1\ndef f():\n    return x\nf()", "x = 2"], {}),
        (["try:\n    1 / 0\nexcept ZeroDivisionError as x:\n    print(x)", "x = 2"], {}),
    ],
)
def test_names_with_several_meanings_are_found(sources, found):
    assert names_with_several_meanings(sources) == found


@by_name(NOTEBOOKS)
def test_each_prediction_is_answered_before_the_next(path):
    text = "\n".join(map(source, read(path)["cells"]))
    order = "".join("P" if asked else "A" for asked, _ in re.findall(r"\{admonition\} (Predict)|\*\*(Answer)", text))
    assert re.fullmatch("(PA+)+", order), f"predictions and answers: {order}"


@by_name(NOTEBOOKS)
def test_a_cell_that_only_says_a_finding_is_folded_away(path):
    for cell in code_cells(read(path)):
        last = ast.parse(source(cell)).body[-1]
        says_finding = isinstance(last, ast.Expr) and ast.unparse(last).startswith("findings.")
        folded = {"tags": ["remove-input"], "jupyter": {"source_hidden": True}}
        assert (cell["metadata"] == folded) == says_finding, f"cell {cell['id']}"


@by_name(NOTEBOOKS)
def test_quick_questions_have_an_answer_that_speaks_of_every_option(path):
    text = "\n".join(source(cell) for cell in read(path)["cells"] if cell["cell_type"] == "markdown")
    questions = QUESTION.findall(text)
    assert 2 <= len(questions) == text.count("Quick question")
    for asked, answer in questions:
        options = OPTION.findall(asked)
        assert options == list("abcd")[: len(options)]
        assert len(options) >= 3
        right = re.match(r"\*\*([a-d])\.\*\* ", answer)
        assert right, answer
        assert {f"**{option}**" for option in options if option != right[1]} <= set(
            re.findall(r"\*\*[a-d]\*\*", answer)
        )


@by_name(NOTEBOOKS)
def test_each_figure_has_a_text_for_those_who_cannot_see_it_and_a_caption(path):
    for cell in read(path)["cells"]:
        described = cell["metadata"].get("mystnb", {})
        if "image" in described or "figure" in described:
            assert described.get("image", {}).get("alt", "").strip(), f"cell {cell['id']} has no alt text"
            assert described.get("figure", {}).get("caption", "").strip(), f"cell {cell['id']} has no caption"


def test_figures_have_names_of_their_own():
    figures = [cell["metadata"].get("mystnb", {}).get("figure") for path in NOTEBOOKS for cell in read(path)["cells"]]
    names = Counter(figure["name"] for figure in figures if figure)
    assert [name for name, count in names.items() if count > 1 or not name.startswith("fig-")] == []


def test_the_table_of_contents_lists_all_lessons_and_exercises_and_nothing_that_is_not_there():
    """A page of exercises is made of the notebook of that name."""
    listed = set(parse_toc_yaml(ROOT / "book/_toc.yml"))
    made = {f"book/exercises/{path.stem}" for path in (ROOT / "notebooks/exercises").glob("*.ipynb")}
    missing = [
        name for name in listed - made if not any((ROOT / f"{name}{end}").is_file() for end in (".ipynb", ".md"))
    ]
    assert missing == []
    assert {f"notebooks/{path.stem}" for path in LESSONS} | made <= listed


def with_kept_outputs(path):
    """Return a lesson with the outputs that the last build of the book has used."""
    folder = max((ROOT / ".cache").glob("lessons*/*"), key=lambda folder: folder.stat().st_mtime)
    _, notebook = get_cache(folder).merge_match_into_notebook(nbformat.read(path, as_version=4))
    return notebook


@by_name(WITH_RESULTS)
def test_a_lesson_run_for_a_page_leaves_no_control_bar_or_warning_there(path, site):
    notebook = with_kept_outputs(path)
    assert outputs(notebook)
    assert [output["data"] for output in outputs(notebook) if WIDGET in output.get("data", {})] == []
    assert [output["text"] for output in outputs(notebook) if output.get("name") == "stderr"] == []


def number_of_live_figures(path):
    return len(FIGURE_CALL.findall(path.read_text(encoding="utf-8")))


@pytest.mark.check
@by_name(sorted({*WITH_SLIDERS, max(LESSONS, key=number_of_live_figures)}))  # that any figure is, its own tests say
def test_a_lesson_runs_for_a_person_with_sliders_and_live_figures_that_are_widgets_alone(path, run, tmp_path):
    notebook = run(path, VAE_LESSONS_CACHE=str(tmp_path))  # nothing kept there: bars are drawn too
    for cell in code_cells(notebook):
        if "explore(" in source(cell):
            assert any(WIDGET in output.get("data", {}) for output in cell["outputs"]), f"no slider in {cell['id']}"
    shown = [output["data"] for output in outputs(notebook) if "data" in output]
    live = [data for data in shown if FIGURE_CALL.match(data.get("text/plain", ""))]
    assert bool(live) == (path in LESSONS_WITH_LIVE_FIGURES)
    for data in live:
        assert set(data) == {WIDGET, "text/plain"}
    assert [output["text"] for output in outputs(notebook) if output.get("name") == "stderr"] == []
    if path in WITH_SLIDERS:
        assert_sliders_draw(notebook)


def assert_sliders_draw(notebook):
    widgets = [entry["state"] for entry in notebook["metadata"]["widgets"][WIDGET_STATE]["state"].values()]
    assert any(widget["_model_name"] == "FloatSliderModel" for widget in widgets)
    figures = [widget["outputs"] for widget in widgets if widget["_model_name"] == "OutputModel"]
    assert figures
    for drawn in figures:  # an error while drawing ends up in here, and does not stop the cell
        assert any("image/png" in output.get("data", {}) for output in drawn), drawn
