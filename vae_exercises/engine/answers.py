"""What was handed in, made ready to be judged: a function, its results, and what can be said of them from outside."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from vae_exercises.engine.sandbox import NoAnswerError, call

NOTHING = "There is no answer yet."
SEEDED = (
    "Two calls give the same numbers. Fresh noise belongs to each call: is there a seed, or noise that was drawn once "
    "and for all?"
)
MIXED = (
    "Right where all images are alike, but not in a batch of different ones: numbers of one image get mixed with those "
    "of others. Follow one image through each `repeat`, `view` and mean."
)


def fresh_generator() -> Generator:
    """Seeded by chance."""
    generator = Generator()
    generator.seed()
    return generator


def as_function(answer: Any) -> Callable:
    """`answer` itself; NoAnswerError for what cannot be called."""
    if _is_missing(answer):
        raise NoAnswerError(NOTHING)
    if not callable(answer):
        raise NoAnswerError(
            f"The check needs your function itself, and was given {_kind(answer)}. Hand it over without calling it: "
            "its name, and no brackets."
        )
    return answer


def as_results(value: Any, n_expected: int = 1) -> tuple[Tensor, ...]:
    """What a function returned, as float64 tensors: one, or each of a tuple; or of a list, if several are expected."""
    if _is_missing(value):
        raise NoAnswerError("Your function returns nothing yet. Is it still to be written, or is a `return` missing?")
    several = isinstance(value, tuple) or (isinstance(value, list) and n_expected > 1)
    parts = tuple(value) if several else (value,)
    for i, part in enumerate(parts, start=1):
        if _is_missing(part):
            raise NoAnswerError(f"Result {i} of yours is still missing.")
    try:
        return tuple(map(_as_result, parts))
    except (TypeError, ValueError, RuntimeError) as error:
        stack = " `torch.stack` makes a tensor of it." if isinstance(value, list) else ""
        raise NoAnswerError(f"Your function must return a tensor, and returned {_kind(value)}.{stack}") from error


def one_result(value: Any) -> Tensor:
    """What a function returned that must return one thing."""
    found = as_results(value)
    if len(found) != 1:
        raise NoAnswerError(_wrong_number(len(found), 1))
    return found[0]


def packed(value: Any) -> str | None:
    """What to say of right numbers in a list or a tuple, where a gradient must pass through them."""
    if isinstance(value, list | tuple):
        return "Return one tensor: `torch.stack` makes one of a list. Or is there a comma after the result?"
    return None


def twice(function: Callable, *args: Any) -> tuple[Any, Any]:
    """What two calls return, of which the second does not draw the first one's numbers again."""
    return call(lambda: (function(*copies(args)), function(*copies(args))))


def unlike(found: tuple[Tensor, ...], expected: tuple[Tensor, ...], infinite: str = "") -> str | None:
    """What is wrong with results that can be seen from outside: their number, their shapes, NaN or infinity.

    infinite : what to say of NaN or infinity, if the general words will not do
    """
    if len(found) != len(expected):
        return _wrong_number(len(found), len(expected))
    for i, (mine, theirs) in enumerate(zip(found, expected, strict=True)):
        which = "Your result" if len(expected) == 1 else f"Result {i + 1} of yours"
        if mine.shape != theirs.shape:
            return f"{which} has shape {tuple(mine.shape)}, where the task asks for {tuple(theirs.shape)}."
        if theirs.isfinite().all() and not mine.isfinite().all():
            return (
                infinite or f"{which} is not finite: there is a NaN or an infinity in it, for inputs that are in order."
            )
    return None


def copies(args: tuple) -> tuple:
    """A function may write into what it is given."""
    return tuple(arg.clone() if isinstance(arg, Tensor) else arg for arg in args)


def _is_missing(value: Any) -> bool:
    return value is None or value is ...


def _as_result(part: Any) -> Tensor:
    if isinstance(part, np.ndarray):
        part = part.copy()  # PyTorch takes no array whose strides are negative
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of gradients and imaginary parts that are lost
        return torch.as_tensor(part).detach().to(torch.float64).cpu()


def _wrong_number(n_found: int, n_expected: int) -> str:
    wanted = "one result" if n_expected == 1 else f"{n_expected} results, separated by commas"
    return f"The task asks for {wanted}; yours has {n_found}."


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}" + (f", {value!r}" if isinstance(value, int | float | str) else "")
