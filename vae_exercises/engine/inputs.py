"""The inputs that an answer is tried on: sizes that are new each time, so that none can be written into an answer."""

import inspect
from collections.abc import Callable, Sequence

import torch
from torch import Generator

SMALLEST, LARGEST = 2, 9


def draw_trials(draws: Sequence[Callable[..., tuple]], generator: Generator) -> list[tuple]:
    """Draw the arguments of one call from each of several functions.

    A function takes the generator and as many sizes as it has further parameters without a default. No two sizes of
    one call are equal, so that a confusion of two axes shows. Over up to eight calls no parameter gets a size twice, so
    that a size written into an answer is right in one call at most.
    """
    sizes = (SMALLEST + torch.randperm(LARGEST - SMALLEST + 1, generator=generator)).tolist()
    return [
        draw(generator, *(sizes[(trial + i) % len(sizes)] for i in range(_n_sizes(draw))))
        for trial, draw in enumerate(draws)
    ]


def _n_sizes(draw: Callable[..., tuple]) -> int:
    parameters = inspect.signature(draw).parameters.values()
    return sum(parameter.default is inspect.Parameter.empty for parameter in parameters) - 1
