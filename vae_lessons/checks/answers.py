"""What was handed in, made ready to be judged: a function, its results, and what can be said of them from outside."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from vae_lessons.checks.calls import NoAnswerError

NOTHING = "There is no answer yet."


def fresh_generator() -> Generator:
    """Seeded by chance."""
    generator = Generator()
    generator.seed()
    return generator


def as_function(answer: Any) -> Callable:
    """`answer` itself; NoAnswerError for what cannot be called."""
    if answer is None or answer is ...:
        raise NoAnswerError(NOTHING)
    if not callable(answer):
        raise NoAnswerError(
            f"The check needs your function itself, and was given {_kind(answer)}. Hand it over without calling it: "
            "its name, and no brackets."
        )
    return answer


def as_results(value: Any) -> tuple[Tensor, ...]:
    """What a function returned, as float64 tensors: one, or each of a tuple."""
    if value is None or value is ...:
        raise NoAnswerError("Your function returns nothing yet. Is it still to be written, or is a `return` missing?")
    parts = value if isinstance(value, tuple) else (value,)
    try:
        return tuple(torch.as_tensor(part).detach().to(torch.float64).cpu() for part in parts)
    except (TypeError, ValueError, RuntimeError) as error:
        raise NoAnswerError(f"Your function must return a tensor, and returned {_kind(value)}.") from error


def unlike(found: tuple[Tensor, ...], expected: tuple[Tensor, ...], infinite: str = "") -> str | None:
    """What is wrong with results that can be seen from outside: their number, their shapes, NaN or infinity.

    infinite : what to say of NaN or infinity, if the general words will not do
    """
    if len(found) != len(expected):
        wanted = "one result" if len(expected) == 1 else f"{len(expected)} results, separated by commas"
        return f"The task asks for {wanted}; yours has {len(found)}."
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


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}" + (f", {value!r}" if isinstance(value, int | float | str) else "")
