"""Exercises that check themselves: `check("kl", my_function)` says whether it is right, or what is wrong with it.

What it says is meant to help and not to give the answer away. It tests what a right answer does, on inputs that
are new each time, so a right answer may be written in any way.
"""

import difflib
import importlib
import pkgutil
from typing import Any

from vae_lessons.checks.exercises import Exercise
from vae_lessons.checks.verdict import Verdict

_PREFIX = "lesson_"
LESSONS: dict[int, tuple[Exercise, ...]] = {
    int(module.name.removeprefix(_PREFIX)): importlib.import_module(f"{__name__}.{module.name}").EXERCISES
    for module in pkgutil.iter_modules(__path__)
    if module.name.startswith(_PREFIX)
}
CATALOGUE: dict[str, Exercise] = {exercise.name: exercise for lesson in LESSONS.values() for exercise in lesson}

__all__ = ["CATALOGUE", "LESSONS", "Verdict", "check"]


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
