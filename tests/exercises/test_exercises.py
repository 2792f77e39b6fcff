"""Exercises that check themselves: right answers of any kind pass; others do not, and their message says why."""

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

from vae_exercises import CATALOGUE, TOPICS, check
from vae_exercises.classroom import exercise_notebooks, topic_of
from vae_exercises.engine.answers import as_results
from vae_exercises.engine.kinds import Choice, Function, Mistake
from vae_exercises.mistakes import table as table_of_mistakes

FOLDER = Path(__file__).parents[2] / "notebooks" / "exercises"
NOTEBOOKS = {topic_of(path): path for path in exercise_notebooks()}
TEACHING = FOLDER.parents[1] / "book" / "teaching.md"
MINUTES = re.compile(r"\*\*Time\*\* (?:about )?(\d+) minutes")
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.MULTILINE | re.DOTALL)
CHECKED = re.compile(r'^check\("([\w-]+)", (\w+)\)$', re.MULTILINE)
HEADING = re.compile(r"^## Exercise (\d+): .+ \((\d+) points?, (\d+) minutes\)$", re.MULTILINE)
BLANK = r"\1...  # your answer here"
SLOW = {"elbo-full", "cb-normaliser", "elbo-estimators"}  # with many mistakes, of which each takes long


def answers(topic):
    return importlib.import_module(f"answers.{topic}")


def cells(topic, kind):
    notebook = nbformat.read(NOTEBOOKS[topic], as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def answers_in(topic, change):
    """Run the notebook from top to bottom, each cell's code changed. Returns what each check is given."""
    space, found = {"__name__": "__main__"}, {}
    for code in cells(topic, "code"):
        checked = CHECKED.search(code)
        if checked:
            found[checked[1]] = space[checked[2]]
        else:
            exec(change(code), space)
    return found


def verdicts(named_answers):
    return {name: check(name, answer) for name, answer in named_answers.items()}


@pytest.fixture(scope="module")
def model_answers():
    """A function that runs a notebook once, unchanged."""
    return functools.cache(lambda topic: answers_in(topic, lambda code: code))


def with_one_result_more(answer):
    def more(result):
        return (*(result if isinstance(result, tuple) else (result,)), 1)

    if isinstance(answer, type):
        return type("More", (answer,), {"loss": lambda model, x: more(answer.loss(model, x))})
    return lambda *args: more(answer(*args))


@pytest.mark.parametrize("topic", TOPICS)
def test_notebook_has_the_exercises_of_its_topic(topic):
    exercises = TOPICS[topic]
    headings = HEADING.findall("\n".join(cells(topic, "markdown")))
    assert [(int(i), int(points)) for i, points, _ in headings] == [
        (i, exercise.points) for i, exercise in enumerate(exercises, start=1)
    ]
    checked = [match[1] for code in cells(topic, "code") for match in CHECKED.finditer(code)]
    assert checked == [exercise.name for exercise in exercises]
    assert 4 <= len(exercises) <= 6
    assert 30 <= sum(int(minutes) for *_, minutes in headings) <= 60
    assert f"**Points** {sum(exercise.points for exercise in exercises)}." in cells(topic, "markdown")[0]


def test_teaching_page_has_the_minutes_of_each_lesson():
    rows = re.findall(r"^\| (\d+) .* \| (\d+) min \| (\d+) min \|$", TEACHING.read_text(encoding="utf-8"), re.MULTILINE)
    on_the_page = {int(number): (reading, exercises) for number, reading, exercises in rows}
    minutes = {
        int(path.name.split("-")[0]): tuple(
            MINUTES.search(notebook.read_text(encoding="utf-8"))[1] for notebook in (FOLDER.parent / path.name, path)
        )
        for path in NOTEBOOKS.values()
    }
    assert on_the_page == minutes


def test_topics_and_exercises_have_unique_names():
    assert sorted(TOPICS) == sorted(NOTEBOOKS)
    assert len(NOTEBOOKS) == len(exercise_notebooks())
    assert len(CATALOGUE) == sum(map(len, TOPICS.values()))


@pytest.mark.parametrize("topic", TOPICS)
def test_model_answers_get_all_points(topic, model_answers):
    found = verdicts(model_answers(topic))
    assert {name: str(verdict) for name, verdict in found.items() if not verdict} == {}


@pytest.mark.parametrize("topic", TOPICS)
def test_an_additional_result_is_refused(topic, model_answers):
    found = verdicts(
        {name: with_one_result_more(answer) for name, answer in model_answers(topic).items() if callable(answer)}
    )
    count = re.compile(r"The task asks for (one|two|three|four|\d) (result|number).*; yours has \d")
    assert {name: str(verdict) for name, verdict in found.items() if not count.search(str(verdict))} == {}


@pytest.mark.parametrize("topic", TOPICS)
def test_blank_notebook_runs_and_gets_no_points(topic):
    found = verdicts(answers_in(topic, lambda code: SOLUTION.sub(BLANK, code)))
    assert {name: verdict.earned for name, verdict in found.items()} == dict.fromkeys(found, 0)
    assert {name: str(verdict) for name, verdict in found.items() if not re.search("yet", verdict.message)} == {}


def table(answers_of, in_every_run):
    """All answers of all exercises; `make check` has those of each exercise beyond the first few."""
    return [
        pytest.param(name, answer, id=f"{name}-{i}", marks=[pytest.mark.check] * (i >= in_every_run))
        for topic in TOPICS
        for name, some in answers_of(answers(topic)).items()
        for i, answer in enumerate(some)
    ]


@pytest.mark.parametrize(("name", "answer"), table(lambda module: module.RIGHT, in_every_run=2))
def test_right_answer_gets_all_points(name, answer):
    verdict = check(name, answer)
    assert verdict, str(verdict)


@pytest.mark.parametrize(("name", "wrong"), table(lambda module: module.WRONG, in_every_run=6))
def test_wrong_answer_gets_its_own_message(name, wrong):
    answer, message = wrong
    verdict = check(name, answer)
    assert verdict.earned == 0
    assert message in verdict.message


@pytest.mark.parametrize("name", CATALOGUE)
def test_each_exercise_has_enough_answers_to_try(name):
    """Two more right ones where there is something to write; three wrong ones with three different messages."""
    (topic,) = [topic for topic, exercises in TOPICS.items() if CATALOGUE[name] in exercises]
    module = answers(topic)
    assert len(module.RIGHT.get(name, [])) >= (1 if isinstance(CATALOGUE[name], Choice) else 2)
    messages = [message for _, message in module.WRONG[name]]
    assert len(set(messages)) == len(messages) >= 3


FUNCTIONS = {
    part.name: part
    for path, module in list(sys.modules.items())
    if path.startswith("vae_exercises.")
    for part in vars(module).values()
    if isinstance(part, Function)
}


def test_exercises_inside_others_are_found():
    assert {"kl", "cb-normaliser", "judge-entropy"} <= set(FUNCTIONS)
    assert len(FUNCTIONS) >= 30


@pytest.mark.parametrize("name", FUNCTIONS)
def test_mistakes_are_not_confused(name):
    """On no inputs that are drawn: a student would by chance be accused of a mistake of another kind."""
    exercise, generator = FUNCTIONS[name], torch.Generator().manual_seed(1)
    for _ in range(2):
        trials = exercise.trials(generator)
        ways = [(None, exercise.answer), *((mistake.message, mistake.result) for mistake in exercise.mistakes)]
        found = [(message, [as_results(way(*args)) for args in trials]) for message, way in ways]
        for (message, results), (other, others) in itertools.combinations(found, 2):
            alike = exercise.agree(results, others)
            assert not alike or message == other, f"{other!r} is taken for {message!r}"


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.check] * (n in SLOW)) for n in CATALOGUE])
def test_each_mistake_of_the_catalogue_gets_its_own_message(name):
    """Not the general hint, nor that of another mistake beside its own."""
    rows = table_of_mistakes([name])
    assert [found for _, _, found in rows] == [message for _, message, _ in rows]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_size_of_the_inputs_is_the_same_in_all_trials(name):
    """A size that is written into an answer must show."""
    fixed = {"judge-entropy": 10, "active-units": 9}.get(name)  # ten digits; nine kinds of dimensions
    exercise, generator = FUNCTIONS[name], torch.Generator().manual_seed(0)
    trials = exercise.trials(generator)
    shapes = [[arg.shape for arg in args if isinstance(arg, torch.Tensor)] for args in trials]
    for sizes in zip(*(itertools.chain(*shape) for shape in shapes), strict=True):
        assert len(set(sizes)) > 2 or set(sizes) in ({1}, {fixed}), sizes


def test_mistakes_that_look_alike_are_all_named():
    first, second = Mistake(lambda nats: 0 * nats, "All are zero."), Mistake(lambda nats: nats - nats, "Subtracted.")
    exercise = Function(**vars(CATALOGUE["kl-bits"]) | {"mistakes": (first, second)})
    assert exercise.judge(lambda nats: torch.zeros_like(nats)).message == "All are zero.\n\nOr: Subtracted."


def test_an_exercise_does_not_print_its_answer():
    assert repr(CATALOGUE["kl-direction"]) == "<exercise 'kl-direction', 1 points>"


# Answers that are not answers


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


NO_ANSWERS = [
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
    (lambda mu, logvar: mu.sum(1, keepdim=True), ", 1), where the task asks for ("),
    (lambda mu, logvar: torch.log(-kl(mu, logvar) - 1), "not finite"),
    (lambda mu, logvar: (kl(mu, logvar), 1), "asks for one result; yours has 2"),
]


@pytest.mark.parametrize(("answer", "message"), NO_ANSWERS, ids=[message[:20] for _, message in NO_ANSWERS])
def test_a_useless_answer_gets_a_message(answer, message):
    verdict = check("kl", answer)
    assert verdict.earned == 0
    assert message in verdict.message
    assert "Traceback" not in verdict.message


def test_an_endless_loop_is_stopped():
    quick = Function(**vars(CATALOGUE["kl"]) | {"seconds": 0.3})
    before = threading.active_count()
    assert "Is there a loop" in quick.judge(forever).message
    assert threading.active_count() == before


def test_time_that_an_answer_waits_does_not_count_as_its_own():
    """As on a machine that is busy with other programs."""

    def waiting(mu, logvar):
        time.sleep(0.5)
        return kl(mu, logvar)

    patient = Function(**vars(CATALOGUE["kl"]) | {"seconds": 0.3, "stages": ()})
    assert patient.judge(waiting)


def test_an_endless_wait_is_stopped():
    def sleeping(mu, logvar):
        while True:
            time.sleep(0.01)

    quick = Function(**vars(CATALOGUE["kl"]) | {"seconds": 0.1})
    assert "was stopped" in quick.judge(sleeping).message


@pytest.fixture
def stop_button():
    """Let SIGINT raise KeyboardInterrupt, as in a kernel; tests that run in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_endless_loop_ends_when_the_cell_is_stopped(stop_button):
    def stopping(mu, logvar):
        time.sleep(0.3)  # until the check waits for this
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # the stop button
        while True:
            pass

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        check("kl", stopping)
    assert threading.active_count() == before


def test_error_output_of_an_answer_is_dropped(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check("kl", printing)
    assert capsys.readouterr().err == ""


def test_a_check_restores_the_random_state():
    before = torch.get_rng_state()
    check("kl-monte-carlo", lambda mu, logvar, n: torch.randn(len(mu)))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_wrong_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="got 'kll'; do you mean 'kl'"):
        check("kll", kl)
    with pytest.raises(ValueError, match=r"there are .*kl-gradients"):
        check("zzzz", kl)


def test_a_verdict_has_words_and_points():
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
    """Memorised results would fail."""
    seen = []
    check("kl", lambda mu, logvar: seen.append(mu) or kl(mu, logvar))
    check("kl", lambda mu, logvar: seen.append(mu) or kl(mu, logvar))
    assert len({tuple(mu.flatten().tolist()) for mu in seen}) == len(seen) > 4
