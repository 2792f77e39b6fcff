"""The kinds of exercises, and how each judges an answer.

A check tests what a right answer does, on inputs that are new each time, so an answer may be written in any way. It
recognises the usual mistakes by what they compute.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from vae_exercises.engine.answers import (
    NOTHING,
    NOTHING_ASSIGNED,
    as_function,
    as_results,
    copies,
    fresh_generator,
    is_missing,
    require_like,
)
from vae_exercises.engine.inputs import draw_trials
from vae_exercises.engine.sandbox import SECONDS, call
from vae_exercises.engine.stages import GradientStage, Stage
from vae_exercises.engine.terms import Terms, diagnose_factor
from vae_exercises.engine.verdict import Verdict, WrongAnswerError

TRIALS = 8
OR = "\n\nOr: "  # between two mistakes that look alike
RANDOM = (
    "Two calls with the same arguments give two different results. The task has an exact answer: is something drawn at "
    "random on the way, or estimated?"
)


@dataclass(frozen=True, kw_only=True, repr=False)
class Exercise(ABC):
    """An exercise that checks itself.

    Attributes
    ----------
    name
        As in `check("name", ...)`.
    points
        As in the notebook.
    remark
        What to say of a right answer: the answer to a question that the task left open, if it did.
    """

    name: str
    points: int
    remark: str = ""

    def judge(self, answer: Any) -> Verdict:
        """Judge an answer: all points if it is right, else none and what is wrong with it."""
        try:
            self.examine(answer)
        except WrongAnswerError as reason:
            return Verdict(0, self.points, str(reason))
        return Verdict(self.points, self.points, self.remark)

    @abstractmethod
    def examine(self, answer: Any) -> None:
        """Raise WrongAnswerError, which says what is wrong, unless the answer is right."""

    @abstractmethod
    def catalogue(self) -> list[tuple[Any, str]]:
        """Return wrong answers, as a student would give them, and the message that each must get."""

    def __repr__(self) -> str:
        """Return no more than the notebook says: whoever looks at an exercise shall not see its answer."""
        return f"<exercise {self.name!r}, {self.points} points>"


@dataclass(frozen=True)
class Mistake:
    """A usual mistake.

    Attributes
    ----------
    result
        What it computes, from the same arguments as the right answer.
    message
        What a tutor would say: what is wrong, and where to look, but not what to write.
    """

    result: Callable[..., Any]
    message: str


@dataclass(frozen=True, kw_only=True, repr=False)
class Function(Exercise):
    """Write a function.

    Attributes
    ----------
    inputs
        Draws the arguments of one call from a generator and from as many sizes as it has further parameters; or
        several such functions, one for each trial. The sizes are the engine's, and new in each trial.
    answer
        Computes the right results from them: a tensor, or a tuple of tensors.
    mistakes
        Usual mistakes, the likeliest first. If several explain all results, all are named.
    hint
        What to say of any other wrong answer: a case that can be thought through by hand.
    terms
        The terms that a right result is the sum of, if it is one: for wrong weights that no mistake names.
    gradients
        The parameters of `answer` in which the gradients must be right too.
    stages
        What to try once an answer is right on the usual inputs.
    not_finite
        What to say of NaN or infinity, if the general message will not do.
    rtol, atol
        How near a result must be.
    seconds
        How long a call may take.
    """

    inputs: Callable[..., tuple] | tuple[Callable[..., tuple], ...]
    answer: Callable[..., Any]
    mistakes: tuple[Mistake, ...]
    hint: str
    terms: Terms | None = None
    gradients: tuple[str, ...] = ()
    stages: tuple[Stage | GradientStage, ...] = ()
    not_finite: str = ""
    rtol: float = 1e-4
    atol: float = 1e-5
    seconds: float = SECONDS

    def examine(self, answer: Any) -> None:
        """Compare results on several fresh inputs, then gradients, then stage by stage."""
        function = as_function(answer)
        trials = self.trials(fresh_generator())
        expected = [as_results(self.answer(*args)) for args in trials]
        results = [
            as_results(call(function, *copies(args), seconds=self.seconds), len(right))
            for args, right in zip(trials, expected, strict=True)
        ]
        if not self.agree(results, expected):
            self._diagnose(function, trials, results, expected)
        for stage in (*self._gradient_stages(), *self.stages):
            stage.examine(function, self.answer)

    def catalogue(self) -> list[tuple[Any, str]]:
        """Return the usual mistakes."""
        return [(mistake.result, mistake.message) for mistake in self.mistakes]

    def trials(self, generator: Generator) -> list[tuple]:
        """Draw fresh arguments, for one call each."""
        draws = self.inputs if isinstance(self.inputs, tuple) else (self.inputs,) * TRIALS
        return draw_trials(draws, generator)

    def _gradient_stages(self) -> list[GradientStage]:
        draw = self.inputs[0] if isinstance(self.inputs, tuple) else self.inputs
        names = list(inspect.signature(self.answer).parameters)
        return [
            GradientStage(
                draw,
                names.index(name),
                f"The values are right, but the gradient in `{name}` is not: on the way from there to the result, "
                "something is detached, clamped or rounded.",
                no_gradient=f"The values are right. But no gradient passes from them to `{name}`, and a network is to "
                "be trained on them.",
            )
            for name in self.gradients
        ]

    def agree(self, results: list[tuple[Tensor, ...]], expected: list[tuple[Tensor, ...]]) -> bool:
        """Whether the results of all trials are as near to the expected ones as they must be."""
        return all(
            len(parts) == len(right) and all(map(self._close, parts, right))
            for parts, right in zip(results, expected, strict=True)
        )

    def _close(self, result: Tensor, expected: Tensor) -> bool:
        return result.shape == expected.shape and torch.allclose(result, expected, rtol=self.rtol, atol=self.atol)

    def _diagnose(self, function: Callable, trials: list[tuple], results: list[tuple], expected: list[tuple]) -> None:
        """Say what is wrong: a usual mistake, else what can be seen from outside, else the hint."""
        explains = {
            mistake.message: None
            for mistake in self.mistakes
            if all(  # mostly decided by the first trial
                self.agree([result], [as_results(mistake.result(*args))])
                for args, result in zip(trials, results, strict=True)
            )
        }
        if explains:
            raise WrongAnswerError(OR.join(explains))
        for parts, right in zip(results, expected, strict=True):
            require_like(parts, right, self.not_finite)
        if self._is_random(function, trials[0]):
            raise WrongAnswerError(f"{RANDOM} {self.hint}")
        weights = self.terms.diagnose(trials, [part for (part,) in results]) if self.terms else ""
        raise WrongAnswerError(weights or diagnose_factor(results, expected) or self.hint)

    def _is_random(self, function: Callable, args: tuple) -> bool:
        twice = call(lambda: (function(*copies(args)), function(*copies(args))), seconds=2 * self.seconds)
        first, second = map(as_results, twice)
        return not all(torch.allclose(*pair, equal_nan=True) for pair in zip(first, second, strict=True))


@dataclass(frozen=True, kw_only=True, repr=False)
class Choice(Exercise):
    """Choose one of several answers.

    Attributes
    ----------
    right
        The letter of the right one.
    wrong
        For each other letter, why it is wrong.
    """

    right: str
    wrong: dict[str, str]

    def catalogue(self) -> list[tuple[Any, str]]:
        """Return the other letters."""
        return list(self.wrong.items())

    def examine(self, answer: Any) -> None:
        """Compare a letter, in either case, with or without brackets."""
        if is_missing(answer):
            raise WrongAnswerError(NOTHING_ASSIGNED)
        chosen = str(answer).strip().strip("().").lower()
        if chosen in self.wrong:
            raise WrongAnswerError(self.wrong[chosen])
        if chosen != self.right:
            letters = ", ".join(sorted([self.right, *self.wrong]))
            raise WrongAnswerError(f"The answer must be one of {letters}, as a string; this is {answer!r}.")


@dataclass(frozen=True, kw_only=True, repr=False)
class Number(Exercise):
    """Find a number.

    Attributes
    ----------
    value
        Computes the right one.
    mistakes
        Usual mistakes, whose results are computed from no arguments.
    hint
        What to say of any other wrong number.
    rtol, atol
        How near the number must be.
    """

    value: Callable[[], float]
    mistakes: tuple[Mistake, ...]
    hint: str
    rtol: float = 0.01
    atol: float = 0.0

    def catalogue(self) -> list[tuple[Any, str]]:
        """Return the usual mistakes."""
        return [(mistake.result(), mistake.message) for mistake in self.mistakes]

    def examine(self, answer: Any) -> None:
        """Compare a number, or a tensor that holds one."""
        if is_missing(answer):
            raise WrongAnswerError(NOTHING_ASSIGNED)
        try:
            (result,) = as_results(answer)
            number = result.reshape(()).item()
        except (WrongAnswerError, ValueError, RuntimeError) as error:
            raise WrongAnswerError(f"The answer must be one number; this is {answer!r}.") from error
        if self._close(number, self.value()):
            return
        explains = [mistake.message for mistake in self.mistakes if self._close(number, mistake.result())]
        raise WrongAnswerError(OR.join(explains) or self.hint)

    def _close(self, number: float, expected: float) -> bool:
        return abs(number - float(expected)) <= self.atol + self.rtol * abs(float(expected))


@dataclass(frozen=True, kw_only=True, repr=False)
class Task(Exercise):
    """Do anything else.

    Attributes
    ----------
    examination
        Is given the answer, and raises WrongAnswerError unless it is right.
    function
        The exercise that the examination consists of, but for a few special cases.
    """

    examination: Callable[[Any], None]
    function: Function | None = None

    def catalogue(self) -> list[tuple[Any, str]]:
        """Return the usual mistakes, as far as they can be computed from a call's arguments."""
        return self.function.catalogue() if self.function else []

    def examine(self, answer: Any) -> None:
        """Run the examination."""
        if is_missing(answer):
            raise WrongAnswerError(NOTHING)
        self.examination(answer)
