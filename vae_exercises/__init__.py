"""Exercises that check themselves: `check("kl", my_function)` says whether it is right, or what is wrong with it.

Each topic is a folder with its exercises. A check helps without giving the answer away: it tests what a right answer
does, on inputs that are new each time, so a right answer may be written in any way.
"""

import difflib
import importlib
import pkgutil
from typing import Any

from vae_exercises.engine.kinds import Exercise
from vae_exercises.engine.verdict import Verdict

NOT_TOPICS = ("engine", "classroom")

TOPICS: dict[str, tuple[Exercise, ...]] = {
    folder.name: importlib.import_module(f"{__name__}.{folder.name}").EXERCISES
    for folder in pkgutil.iter_modules(__path__)
    if folder.ispkg and folder.name not in NOT_TOPICS
}
"""The exercises of each topic, in order. The topic of `notebooks/exercises/NN-some-name.ipynb` is `some_name`."""

CATALOGUE: dict[str, Exercise] = {exercise.name: exercise for topic in TOPICS.values() for exercise in topic}
"""All exercises by name."""

__all__ = ["CATALOGUE", "TOPICS", "Verdict", "check"]


def check(name: str, answer: Any) -> Verdict:
    """Judge an answer to the exercise called `name`.

    The answer may do anything, raise, loop for ever or return nonsense: the verdict says so.

    Parameters
    ----------
    name : str
        As in the exercise notebook.
    answer : object
        What the exercise asks for: a function (not its result), a letter, or a number.

    Returns
    -------
    Verdict
        True if the answer is right; shown in a notebook, it says what is wrong otherwise.

    Raises
    ------
    ValueError
        If no exercise has that name.
    """
    if name not in CATALOGUE:
        near = difflib.get_close_matches(str(name), CATALOGUE, n=1)
        meant = f"; do you mean {near[0]!r}?" if near else f"; there are {', '.join(CATALOGUE)}"
        raise ValueError(f"name must be that of an exercise, got {name!r}{meant}")
    return CATALOGUE[name].judge(answer)
