"""Exercises that check themselves: right answers of any kind pass, others do not and are told what is wrong."""

import functools
import importlib
import itertools
import re
import signal
import sys
import threading
import time
import warnings
from pathlib import Path

import nbformat
import pytest
import torch

from vae_exercises import CATALOGUE, LESSONS, check
from vae_exercises.engine.answers import as_results
from vae_exercises.engine.kinds import Choice, Function

FOLDER = Path(__file__).parents[2] / "notebooks" / "exercises"
NOTEBOOKS = {int(path.name[:2]): path for path in sorted(FOLDER.glob("*.ipynb"))}
TEACHING = FOLDER.parents[1] / "book" / "teaching.md"
MINUTES = re.compile(r"\*\*Time\*\* (?:about )?(\d+) minutes")
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.MULTILINE | re.DOTALL)
CHECKED = re.compile(r'^check\("([\w-]+)", (\w+)\)$', re.MULTILINE)
HEADING = re.compile(r"^## Exercise (\d)\.(\d): .+ \((\d) points?, (\d+) minutes\)$", re.MULTILINE)
BLANK = r"\1...  # your answer here"

pytestmark = pytest.mark.usefixtures("one_thread")


def answers(lesson):
    return importlib.import_module(f"answers.lesson_{lesson}")


def cells(lesson, kind):
    notebook = nbformat.read(NOTEBOOKS[lesson], as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def handed_in(lesson, change):
    """The notebook run from top to bottom, each cell's code changed: what each check is given."""
    space, found = {"__name__": "__main__"}, {}
    for code in cells(lesson, "code"):
        checked = CHECKED.search(code)
        if checked:
            found[checked[1]] = space[checked[2]]
        else:
            exec(change(code), space)
    return found


def verdicts(given):
    return {name: check(name, answer) for name, answer in given.items()}


@pytest.fixture(scope="module")
def model_answers():
    """Those of a notebook as it stands, run once."""
    return functools.cache(lambda lesson: handed_in(lesson, lambda code: code))


def with_one_result_more(answer):
    def more(found):
        return (*(found if isinstance(found, tuple) else (found,)), 1)

    if isinstance(answer, type):
        return type("More", (answer,), {"loss": lambda model, x: more(answer.loss(model, x))})
    return lambda *args: more(answer(*args))


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_notebook_has_all_exercises_of_its_lesson_in_order_with_their_points(lesson):
    exercises = LESSONS[lesson]
    headings = HEADING.findall("\n".join(cells(lesson, "markdown")))
    assert [(int(n), int(i), int(points)) for n, i, points, _ in headings] == [
        (lesson, i, exercise.points) for i, exercise in enumerate(exercises, start=1)
    ]
    checked = [match[1] for code in cells(lesson, "code") for match in CHECKED.finditer(code)]
    assert checked == [exercise.name for exercise in exercises]
    assert 4 <= len(exercises) <= 6
    assert 30 <= sum(int(minutes) for *_, minutes in headings) <= 60
    assert f"**Points** {sum(exercise.points for exercise in exercises)}." in cells(lesson, "markdown")[0]


def test_the_teachers_page_has_the_minutes_of_each_lesson_and_its_exercises():
    rows = re.findall(r"^\| (\d) .* \| (\d+) min \| (\d+) min \|$", TEACHING.read_text(encoding="utf-8"), re.MULTILINE)
    said = {int(lesson): (reading, exercises) for lesson, reading, exercises in rows}
    lessons = {int(path.name[:2]): path for path in FOLDER.parent.glob("*.ipynb")}
    minutes = {
        lesson: tuple(
            MINUTES.search(path.read_text(encoding="utf-8"))[1] for path in (lessons[lesson], NOTEBOOKS[lesson])
        )
        for lesson in NOTEBOOKS
    }
    assert said == minutes


def test_each_lesson_has_exercises_with_names_of_their_own():
    assert list(LESSONS) == list(NOTEBOOKS)
    assert len(CATALOGUE) == sum(map(len, LESSONS.values()))


@pytest.mark.parametrize("lesson", LESSONS)
def test_model_answers_get_all_points(lesson, model_answers):
    found = verdicts(model_answers(lesson))
    assert {name: str(verdict) for name, verdict in found.items() if not verdict} == {}


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_model_answer_with_one_result_more_is_told_so(lesson, model_answers):
    found = verdicts(
        {name: with_one_result_more(answer) for name, answer in model_answers(lesson).items() if callable(answer)}
    )
    assert {name: str(verdict) for name, verdict in found.items() if "The task asks for" not in str(verdict)} == {}


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_blank_notebook_runs_and_gets_no_points(lesson):
    found = verdicts(handed_in(lesson, lambda code: SOLUTION.sub(BLANK, code)))
    assert {name: verdict.earned for name, verdict in found.items()} == dict.fromkeys(found, 0)
    assert {name: str(verdict) for name, verdict in found.items() if not re.search("yet", verdict.message)} == {}


def table(of_lesson):
    return [
        pytest.param(name, answer, id=f"{name}-{i}")
        for lesson in LESSONS
        for name, given in of_lesson(answers(lesson)).items()
        for i, answer in enumerate(given)
    ]


@pytest.mark.parametrize(("name", "answer"), table(lambda module: module.RIGHT))
def test_a_right_answer_written_another_way_gets_all_points(name, answer):
    verdict = check(name, answer)
    assert verdict, str(verdict)


@pytest.mark.parametrize(("name", "wrong"), table(lambda module: module.WRONG))
def test_a_wrong_answer_gets_no_points_and_is_told_its_own_mistake(name, wrong):
    answer, told = wrong
    verdict = check(name, answer)
    assert verdict.earned == 0
    assert told in verdict.message


@pytest.mark.parametrize("name", CATALOGUE)
def test_each_exercise_has_enough_answers_of_both_kinds(name):
    """Two more right ones where there is something to write; three wrong ones, each told something of its own."""
    (lesson,) = [lesson for lesson, exercises in LESSONS.items() if name in {exercise.name for exercise in exercises}]
    module = answers(lesson)
    assert len(module.RIGHT.get(name, [])) >= (1 if isinstance(CATALOGUE[name], Choice) else 2)
    told = [words for _, words in module.WRONG[name]]
    assert len(set(told)) == len(told) >= 3


FUNCTIONS = {
    part.name: part
    for path, module in sys.modules.items()
    if path.startswith("vae_exercises.lesson_")
    for part in vars(module).values()
    if isinstance(part, Function)
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_two_mistakes_and_no_mistake_and_the_answer_are_taken_for_each_other(name):
    """On any inputs that are drawn, or a learner would by chance be told a mistake that was not made."""
    exercise, generator = FUNCTIONS[name], torch.Generator().manual_seed(1)
    for _ in range(10):
        trials = exercise.trials(generator)
        ways = [(None, exercise.answer), *((mistake.says, mistake.result) for mistake in exercise.mistakes)]
        found = [(says, [as_results(way(*args)) for args in trials]) for says, way in ways]
        for (says, results), (other, others) in itertools.combinations(found, 2):
            alike = exercise._agree(results, others)
            assert not alike or says == other, f"{other!r} is told as {says!r}"


# Answers that are none


def kl(mu, logvar):
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(dim=1)


def forever(mu, logvar):
    while True:
        pass


def failing(mu, logvar):
    return kl(mu, logvar) / undefined_name  # noqa: F821


def leaving(mu, logvar):
    sys.exit("enough")


def printing(mu, logvar):
    print("working", file=sys.stderr)
    warnings.warn("slow", stacklevel=1)
    return kl(mu, logvar)


NONE = [
    (None, "no answer yet"),
    (..., "no answer yet"),
    (lambda mu, logvar: None, "returns nothing yet"),
    (lambda mu, logvar: ..., "returns nothing yet"),
    (3.2, "function itself, and was given a float, 3.2"),
    ("kl", "was given a str, 'kl'"),
    (failing, "raised `NameError: name 'undefined_name' is not defined`, in the line `return kl("),
    (leaving, "raised `SystemExit: enough`"),
    (lambda mu: mu, "arguments that the task names"),
    (lambda mu, logvar: "ten", "must return a tensor, and returned a str, 'ten'"),
    (lambda mu, logvar: {"kl": 1}, "must return a tensor, and returned a dict"),
    (lambda mu, logvar: mu.sum(1, keepdim=True), "has shape (6, 1), where the task asks for (6,)"),
    (lambda mu, logvar: torch.log(-kl(mu, logvar) - 1), "not finite"),
    (lambda mu, logvar: (kl(mu, logvar), 1), "asks for one result; yours has 2"),
]


@pytest.mark.parametrize(("answer", "told"), NONE, ids=[told[:20] for _, told in NONE])
def test_what_is_no_answer_is_told_so_and_nothing_is_raised(answer, told):
    verdict = check("kl", answer)
    assert verdict.earned == 0
    assert told in verdict.message
    assert "Traceback" not in verdict.message


def test_an_endless_loop_is_stopped_and_said_to_be_one(monkeypatch):
    quick = Function(**vars(CATALOGUE["kl"]) | {"seconds": 0.3})
    before, start = threading.active_count(), time.monotonic()
    assert "Is there a loop" in quick.judge(forever)
    assert time.monotonic() - start < 5
    assert threading.active_count() == before


def test_an_endless_loop_does_not_outlive_the_check_that_somebody_stopped():
    def stopping(mu, logvar):
        time.sleep(0.3)  # until the check waits for this
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # the stop button
        while True:
            pass

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        check("kl", stopping)
    assert threading.active_count() == before


def test_what_an_answer_writes_where_errors_go_is_dropped(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check("kl", printing)
    assert capsys.readouterr().err == ""


def test_a_check_leaves_pytorchs_generator_as_it_was():
    before = torch.get_rng_state()
    check("kl-monte-carlo", lambda mu, logvar, n: torch.randn(len(mu)))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_wrong_name_is_an_error_that_names_the_nearest():
    with pytest.raises(ValueError, match="got 'kll'; do you mean 'kl'"):
        check("kll", kl)
    with pytest.raises(ValueError, match=r"there are .*kl-slopes"):
        check("zzzz", kl)


def test_a_verdict_is_words_for_people_and_points_for_nbgrader():
    """nbgrader reads a number from the text of a cell's last value."""
    right, wrong = check("kl", kl), check("kl", lambda mu, logvar: -kl(mu, logvar))
    assert (repr(right), repr(wrong)) == ("3", "0")
    assert bool(right)
    assert not bool(wrong)
    assert str(right) == "Right."
    assert "Not yet. The sign is flipped" in str(wrong)
    assert "**Right.**" in right._repr_markdown_()
    assert "(3 of 3 points)" in right._repr_markdown_()
    assert "sign is flipped" in wrong._repr_markdown_()


def test_inputs_are_new_each_time():
    """An answer that has learned the results by heart fails."""
    seen = []
    check("kl", lambda mu, logvar: seen.append(mu) or kl(mu, logvar))
    check("kl", lambda mu, logvar: seen.append(mu) or kl(mu, logvar))
    assert len({tuple(mu.flatten().tolist()) for mu in seen}) == len(seen) > 4
