"""Calls of a student's function that survive whatever it does: raise, loop for ever, or leave the interpreter."""

import contextlib
import ctypes
import io
import linecache
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from vae_exercises.engine.verdict import WrongAnswerError

SECONDS = 10.0
PATIENCE = 4.0  # times as long for a function that the machine keeps waiting
STOPPING = 1.0  # how long a stopped function may take to end
POLLING = 0.05
PACKAGE = Path(__file__).parents[1]


def call(function: Callable, *args: Any, seconds: float = SECONDS, **kwargs: Any) -> Any:
    """Return function(*args, **kwargs), run in its own thread; its warnings and error output are dropped.

    PyTorch's generator is restored afterwards, so two calls draw the same numbers. For different draws, make both
    inside one call, as `call_twice` does.

    Parameters
    ----------
    seconds
        How long the function may compute. Time in which other programs have the processor does not count, up to
        `PATIENCE` times as long. Then it is stopped as by Ctrl-C, unless it is inside a library that cannot be
        interrupted.

    Raises
    ------
    WrongAnswerError
        If the function raises or runs too long.
    """
    outcome: dict[str, Any] = {}
    finished = threading.Event()  # before Python 3.13, a thread whose join was interrupted looks as if it had ended

    def work() -> None:
        try:
            outcome["value"] = function(*args, **kwargs)
        except BaseException as error:  # also SystemExit: a student's exit() must not end the kernel
            outcome["error"] = error
        finally:
            finished.set()

    thread = threading.Thread(target=work, daemon=True)
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            thread.start()
            elapsed = _wait(finished, seconds)
        finally:  # also if the student stops the cell
            too_long = not finished.is_set()
            _end(thread, too_long)
        if too_long:
            raise WrongAnswerError(
                f"Your function had not returned after {elapsed:.2g} seconds, and was stopped. Is there a loop whose "
                "condition never becomes false, or many more steps than the task needs?"
            )
    error = outcome.get("error")
    if error is None:
        return outcome["value"]
    raise error if isinstance(error, WrongAnswerError) else WrongAnswerError(_explain(error))


def _wait(finished: threading.Event, seconds: float) -> float:
    """Wait for a function to finish or to use up its time; return how long that took.

    A busy machine slows a right answer down. So what counts is processor time, which only grows while this program
    computes; a function that sleeps for ever uses none, and is stopped when `PATIENCE` runs out.
    """
    start, computed = time.monotonic(), time.process_time()
    while not finished.wait(min(POLLING, seconds)):
        elapsed = time.monotonic() - start
        if elapsed >= PATIENCE * seconds or (elapsed >= seconds and time.process_time() - computed >= seconds):
            break
    return time.monotonic() - start


def _end(thread: threading.Thread, by_force: bool) -> None:
    """Wait for a thread to end; `by_force` raises SystemExit in it first."""
    if thread.ident is None:  # stopped before it had begun
        return
    if by_force:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
    thread.join(STOPPING)


def _explain(error: BaseException) -> str:
    """Say what was raised, and in which line of the student's own code."""
    account = f"Your function raised `{type(error).__name__}: {error}`".rstrip(": `") + "`"
    if "dtype" in str(error) or "scalar type" in str(error):
        account += " (a tensor that you make must have the `dtype` of those that you are given)"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_students(frame.filename)]
    if not own:
        return f"{account} as soon as it was called. Does it take the arguments that the task names, in that order?"
    line = (own[-1].line or linecache.getline(own[-1].filename, own[-1].lineno or 0)).strip()
    return f"{account}, in the line `{line}`." if line else f"{account}, in its line {own[-1].lineno}."


def _is_students(filename: str) -> bool:
    path = Path(filename)
    return PACKAGE not in path.parents and "site-packages" not in path.parts and path.name != "threading.py"
