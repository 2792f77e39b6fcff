"""Somebody else's function, called so that whatever it does is an answer and no accident of ours."""

import contextlib
import ctypes
import io
import linecache
import threading
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

SECONDS = 10.0
STOPPING = 1.0  # how long a function that was told to stop may take to do so
OURS = Path(__file__).parents[1]


class NoAnswerError(Exception):
    """The function gave nothing that could be looked at; the message says why, to whoever wrote it."""


def call(function: Callable, *args: Any, seconds: float = SECONDS, **kwargs: Any) -> Any:
    """function(*args), in a thread of its own; what it prints as an error or warns of is dropped.

    PyTorch's generator is put back afterwards, so two calls draw the same numbers; for draws that differ make both in
    one call of a function of your own. Raises NoAnswerError if the function raises, or takes longer than
    `seconds`; then it is stopped, as it is by Ctrl-C, unless it is inside a library and cannot be.
    """
    outcome: dict[str, Any] = {}
    finished = threading.Event()  # for a thread whose join is interrupted passes for ended, before Python 3.13

    def work() -> None:
        try:
            outcome["value"] = function(*args, **kwargs)
        except BaseException as error:  # also SystemExit: exit() is an answer like another
            outcome["error"] = error
        finally:
            finished.set()

    thread = threading.Thread(target=work, daemon=True)
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            thread.start()
            finished.wait(seconds)
        finally:  # also if somebody loses patience and stops the cell
            too_long = not finished.is_set()
            _end(thread, too_long)
        if too_long:
            raise NoAnswerError(
                f"Your function had not returned after {seconds:g} seconds, and was stopped. Is there a loop whose "
                "condition never becomes false, or many more steps than the task needs?"
            )
    if isinstance(outcome.get("error"), NoAnswerError):
        raise outcome["error"]
    if "error" in outcome:
        raise NoAnswerError(_account_of(outcome["error"]))
    return outcome["value"]


def _end(thread: threading.Thread, by_force: bool) -> None:
    """Wait for the end of a thread; `by_force` raises SystemExit in it first."""
    if thread.ident is None:  # stopped before it had begun
        return
    if by_force:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
    thread.join(STOPPING)


def _account_of(error: BaseException) -> str:
    """What was raised, and in which line of the caller's own code."""
    account = f"Your function raised `{type(error).__name__}: {error}`".rstrip(": `") + "`"
    if "dtype" in str(error) or "scalar type" in str(error):
        account += " (a tensor that you make must have the `dtype` of those that you are given)"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_theirs(frame.filename)]
    if not own:
        return f"{account} as soon as it was called. Does it take the arguments that the task names, in that order?"
    line = (own[-1].line or linecache.getline(own[-1].filename, own[-1].lineno or 0)).strip()
    return f"{account}, in the line `{line}`." if line else f"{account}, in its line {own[-1].lineno}."


def _is_theirs(filename: str) -> bool:
    path = Path(filename)
    return OURS not in path.parents and "site-packages" not in path.parts and path.name != "threading.py"
