"""A student's answer made ready to be judged: the function, its results, and what is wrong with them at first sight."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from vae_exercises.engine.sandbox import SECONDS, call
from vae_exercises.engine.verdict import WrongAnswerError

NOTHING = "There is no answer yet."
NOTHING_ASSIGNED = f"{NOTHING} Write it after the `=`, in place of the dots there."


def fresh_generator() -> Generator:
    """Return a generator with a random seed."""
    generator = Generator()
    generator.seed()
    return generator


def is_missing(value: Any) -> bool:
    """Whether nothing has been written yet."""
    return value is None or value is ...


def as_function(answer: Any) -> Callable:
    """Return the answer itself if it can be called, else raise WrongAnswerError."""
    if is_missing(answer):
        raise WrongAnswerError(NOTHING)
    if not callable(answer):
        raise WrongAnswerError(
            f"The check needs your function itself, and was given {_kind(answer)}. Pass it without calling it: its "
            "name, and no brackets."
        )
    return answer


def as_results(value: Any, n_expected: int = 1) -> tuple[Tensor, ...]:
    """Return what a function returned as float64 tensors: one, or one for each part of a tuple.

    A list counts as several results if several are expected, and as one tensor otherwise.

    Raises
    ------
    WrongAnswerError
        If a result is missing or cannot be a tensor.
    """
    if is_missing(value):
        raise WrongAnswerError(
            "Your function returns nothing yet. Is it still to be written, or is a `return` missing?"
        )
    several = isinstance(value, tuple) or (isinstance(value, list) and n_expected > 1)
    parts = tuple(value) if several else (value,)
    for i, part in enumerate(parts, start=1):
        if is_missing(part):
            raise WrongAnswerError(f"Result {i} of yours is still missing.")
    try:
        return tuple(map(_as_tensor, parts))
    except (TypeError, ValueError, RuntimeError) as error:
        stack = " `torch.stack` makes a tensor of it." if isinstance(value, list) else ""
        raise WrongAnswerError(f"Your function must return a tensor, and returned {_kind(value)}.{stack}") from error


def one_result(value: Any) -> Tensor:
    """Return the only result of a function, or raise WrongAnswerError if there are several."""
    results = as_results(value)
    _require_number(results, 1)
    return results[0]


def require_tensor(value: Any) -> None:
    """Raise WrongAnswerError for a list or a tuple, where a gradient must pass through the result."""
    if isinstance(value, list | tuple):
        raise WrongAnswerError(
            "Return one tensor: `torch.stack` makes one of a list. Or is there a comma after the result?"
        )


def require_like(results: tuple[Tensor, ...], expected: tuple[Tensor, ...], not_finite: str = "") -> None:
    """Raise WrongAnswerError if results differ from the expected ones in number or shape, or are not finite.

    Parameters
    ----------
    not_finite
        What to say of NaN or infinity, if the general message will not do.
    """
    _require_number(results, len(expected))
    for i, (result, right) in enumerate(zip(results, expected, strict=True)):
        which = "Your result" if len(expected) == 1 else f"Result {i + 1} of yours"
        if result.shape != right.shape:
            raise WrongAnswerError(
                f"{which} has shape {tuple(result.shape)}, where the task asks for {tuple(right.shape)}."
            )
        if right.isfinite().all() and not result.isfinite().all():
            general = f"{which} is not finite: there is a NaN or an infinity in it, for inputs that are in order."
            raise WrongAnswerError(not_finite or general)


def call_twice(function: Callable, *args: Any) -> tuple[Any, Any]:
    """Call a function twice, so that the second call does not draw the same random numbers again."""
    return call(lambda: (function(*copies(args)), function(*copies(args))), seconds=2 * SECONDS)


def copies(args: tuple) -> tuple:
    """Copy the tensors among some arguments, since a function may write into them."""
    return tuple(arg.clone() if isinstance(arg, Tensor) else arg for arg in args)


def _require_number(results: tuple[Tensor, ...], n_expected: int) -> None:
    if len(results) != n_expected:
        wanted = "one result" if n_expected == 1 else f"{n_expected} results, separated by commas"
        raise WrongAnswerError(f"The task asks for {wanted}; yours has {len(results)}.")


def _as_tensor(part: Any) -> Tensor:
    if isinstance(part, np.ndarray):
        part = part.copy()  # PyTorch takes no array with negative strides
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about gradients and imaginary parts that are lost
        return torch.as_tensor(part).detach().to(torch.float64).cpu()


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}" + (f", {value!r}" if isinstance(value, int | float | str) else "")
