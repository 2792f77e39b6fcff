"""Exercises that check themselves: `check("kl", my_function)` says whether it is right, or what is wrong with it.

A folder for each topic has its exercises. A check helps without giving the answer away: it tests what a right answer
does, on inputs that are new each time, so a right answer may be written in any way.
"""

import difflib
import importlib
import pkgutil
from typing import Any

from vae_exercises.engine.kinds import Exercise
from vae_exercises.engine.verdict import Verdict

TOPICS: dict[str, tuple[Exercise, ...]] = {
    folder.name: importlib.import_module(f"{__name__}.{folder.name}").EXERCISES
    for folder in pkgutil.iter_modules(__path__)
    if folder.ispkg and folder.name not in ("engine", "classroom")
}
CATALOGUE: dict[str, Exercise] = {exercise.name: exercise for topic in TOPICS.values() for exercise in topic}

__all__ = ["CATALOGUE", "TOPICS", "Verdict", "check"]


def check(name: str, answer: Any) -> Verdict:
    """Judge an answer to the exercise called `name`.

    answer : what the exercise asks for: a function (handed over without calling it), a letter, a number

    Whatever the answer does, raise, loop for ever, return nonsense, the verdict says so; it is True for a right
    answer. ValueError for a name that no exercise has.
    """
    if name not in CATALOGUE:
        near = difflib.get_close_matches(str(name), CATALOGUE, n=1)
        meant = f"; do you mean {near[0]!r}?" if near else f"; there are {', '.join(CATALOGUE)}"
        raise ValueError(f"name must be that of an exercise, got {name!r}{meant}")
    exercise = CATALOGUE[name]
    wrong = exercise.judge(answer)
    return Verdict(0 if wrong else exercise.points, exercise.points, wrong or exercise.remark)
