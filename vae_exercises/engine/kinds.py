"""Kinds of exercises, and how each judges an answer.

A judgement is None for a right answer, else what to tell whoever gave it. It tests what a right answer does, on
inputs that are new each time, so that an answer may be written in any way; and it knows the usual wrong ones by what
they compute.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Generator, Tensor

from vae_exercises.engine.answers import NOTHING, as_function, as_results, copies, fresh_generator, unlike
from vae_exercises.engine.sandbox import SECONDS, NoAnswerError, call

TRIALS = 4
NOTHING_ASSIGNED = f"{NOTHING} Write it after the `=`, in place of the dots there."


class Exercise(Protocol):
    """name, points : as in the notebook. judge(answer) : None, or what is wrong.

    remark : what to say of a right answer: the answer to a question that the task left open, if it did
    """

    name: str
    points: int
    remark: str

    def judge(self, answer: Any) -> str | None: ...


@dataclass(frozen=True)
class Mistake:
    """A usual mistake.

    result : what whoever makes it computes, of the same arguments as the right answer
    says : what a tutor would say to them: what is wrong, and where to look, but not what to write
    """

    result: Callable[..., Any]
    says: str


@dataclass(frozen=True)
class Function:
    """Write a function.

    inputs : a generator to fresh arguments; or several such, each for one trial
    answer : the right results of them: a tensor, or a tuple of tensors
    mistakes : usual mistakes, the likeliest first
    hint : for a wrong answer that is none of them: a case that can be thought through by hand
    infinite : for one with a NaN or an infinity in it, if there is more to say than that
    rtol, atol : how near a result must be
    """

    name: str
    points: int
    inputs: Callable[[Generator], tuple] | tuple[Callable[[Generator], tuple], ...]
    answer: Callable[..., Any]
    mistakes: tuple[Mistake, ...]
    hint: str
    rtol: float = 1e-3
    atol: float = 1e-5
    seconds: float = SECONDS
    infinite: str = ""
    remark: str = ""

    def judge(self, answer: Any) -> str | None:
        """On several fresh inputs."""
        try:
            function = as_function(answer)
            trials = self.trials(fresh_generator())
            expected = [as_results(self.answer(*args)) for args in trials]
            found = [
                as_results(call(function, *copies(args), seconds=self.seconds), len(theirs))
                for args, theirs in zip(trials, expected, strict=True)
            ]
        except NoAnswerError as reason:
            return str(reason)
        if self._agree(found, expected):
            return None
        for mistake in self.mistakes:
            if self._agree(found, [as_results(mistake.result(*args)) for args in trials]):
                return mistake.says
        seen = (unlike(mine, theirs, self.infinite) for mine, theirs in zip(found, expected, strict=True))
        return next(filter(None, seen), self.hint)

    def trials(self, generator: Generator) -> list[tuple]:
        """Fresh arguments, for one call each."""
        kinds = self.inputs if isinstance(self.inputs, tuple) else (self.inputs,) * TRIALS
        return [inputs(generator) for inputs in kinds]

    def _agree(self, found: list[tuple[Tensor, ...]], expected: list[tuple[Tensor, ...]]) -> bool:
        return all(
            len(mine) == len(theirs) and all(map(self._close, mine, theirs))
            for mine, theirs in zip(found, expected, strict=True)
        )

    def _close(self, mine: Tensor, theirs: Tensor) -> bool:
        return mine.shape == theirs.shape and torch.allclose(mine, theirs, rtol=self.rtol, atol=self.atol)


@dataclass(frozen=True)
class Choice:
    """Choose one of several answers.

    right : its letter, or whatever names it
    wrong : of each other answer, why it is wrong
    """

    name: str
    points: int
    right: str
    wrong: dict[str, str]
    remark: str = ""

    def judge(self, answer: Any) -> str | None:
        """Of a letter, in any case, with or without brackets."""
        if answer is None or answer is ...:
            return NOTHING_ASSIGNED
        chosen = str(answer).strip().strip("().").lower()
        if chosen == self.right:
            return None
        letters = ", ".join(sorted([self.right, *self.wrong]))
        return self.wrong.get(chosen, f"The answer must be one of {letters}, as a string; this is {answer!r}.")


@dataclass(frozen=True)
class Number:
    """Find a number.

    value : gives the right one
    mistakes : usual mistakes, of no arguments
    hint : for another wrong number
    """

    name: str
    points: int
    value: Callable[[], float]
    mistakes: tuple[Mistake, ...]
    hint: str
    rtol: float = 0.01
    atol: float = 0.0
    remark: str = ""

    def judge(self, answer: Any) -> str | None:
        """Of a number, or a tensor that holds one."""
        try:
            (found,) = as_results(answer)
            found = found.reshape(()).item()
        except (NoAnswerError, ValueError, RuntimeError):
            return (
                NOTHING_ASSIGNED
                if answer is None or answer is ...
                else f"The answer must be one number; this is {answer!r}."
            )
        if self._close(found, self.value()):
            return None
        return next((mistake.says for mistake in self.mistakes if self._close(found, mistake.result())), self.hint)

    def _close(self, found: float, expected: float) -> bool:
        return abs(found - float(expected)) <= self.atol + self.rtol * abs(float(expected))


@dataclass(frozen=True)
class Task:
    """Anything else: `judgement` is given the answer, and may raise NoAnswerError, as `call` does."""

    name: str
    points: int
    judgement: Callable[[Any], str | None]
    remark: str = ""

    def judge(self, answer: Any) -> str | None:
        """As `judgement` does."""
        if answer is None or answer is ...:
            return NOTHING
        try:
            return self.judgement(answer)
        except NoAnswerError as reason:
            return str(reason)
