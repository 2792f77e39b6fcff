"""The exercise "a loss in batches"."""

import math
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor
from torch.overrides import TorchFunctionMode

from vae_exercises.engine.answers import fresh_generator
from vae_exercises.engine.inputs import draw_trials
from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.sandbox import call
from vae_exercises.engine.stages import Stage
from vae_exercises.engine.verdict import WrongAnswerError


def _images(generator: Generator, n: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Draw images and copies; the last copies have the largest errors."""
    x, noise = torch.rand(n, height, width, generator=generator), torch.randn(n, height, width, generator=generator)
    return x, x + torch.linspace(0.1, 0.6, n).view(n, 1, 1) * noise


def _unequal_batches(
    generator: Generator, height: int, width: int, batch_size: int, n_full: int
) -> tuple[Tensor, Tensor, int]:
    """Draw images in batches of which the last is short."""
    short = int(torch.randint(1, batch_size, (), generator=generator))
    return *_images(generator, n_full * batch_size + short, height, width), batch_size


def _equal_batches(
    generator: Generator, height: int, width: int, batch_size: int, n_full: int
) -> tuple[Tensor, Tensor, int]:
    return *_images(generator, n_full * batch_size, height, width), batch_size


def _one_batch(generator: Generator, height: int, width: int, n: int) -> tuple[Tensor, Tensor, int]:
    return *_images(generator, n, height, width), n + 3


def _errors(x: Tensor, x_hat: Tensor) -> Tensor:
    return (x - x_hat).flatten(1).square().sum(dim=1)


def _batch_means(x: Tensor, x_hat: Tensor, batch_size: int) -> Tensor:
    return torch.stack([errors.mean() for errors in _errors(x, x_hat).split(batch_size)])


class _Watch(TorchFunctionMode):
    """Notices if anything is computed from more numbers at once than a batch has.

    Taking a tensor apart, looking at its shape, copying and converting it are allowed.
    """

    ALLOWED = re.compile(
        r"split|chunk|getitem|get|len|size|dim|shape|numel|iter|unbind|narrow|select|view|flatten|unsqueeze|detach|"
        r"clone|double|float|to|type|contiguous|is_"
    )

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.whole = most, False

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        tensors = [part for part in (*args, *(kwargs or {}).values()) if isinstance(part, Tensor)]
        if not self.ALLOWED.match(func.__name__.strip("_")):
            self.whole = self.whole or any(part.numel() > self.most for part in tensors)
        return func(*args, **(kwargs or {}))


class _InBatches:
    """A stage: whether each batch goes through by itself."""

    def examine(self, function: Callable, _answer: Callable) -> None:
        """Raise WrongAnswerError if `function` computes with more images at once than a batch has."""
        ((x, x_hat, batch_size),) = draw_trials([_unequal_batches], fresh_generator())
        watch = _Watch(max(batch_size * x[0].numel(), len(x)))  # one number for each image is allowed too

        def watched() -> Any:
            with watch:
                return function(x, x_hat, batch_size)

        call(watched)
        if watch.whole:
            raise WrongAnswerError(
                "The number is right, but it is computed from more images at once than `batch_size`. Such a data set "
                "does not fit into memory: what must be done for each batch, and what after the last one?"
            )


DATA_LOSS = Function(
    name="data-loss",
    points=2,
    inputs=_unequal_batches,
    answer=lambda x, x_hat, _: _errors(x, x_hat).mean(),
    mistakes=(
        Mistake(
            lambda x, x_hat, size: _batch_means(x, x_hat, size).mean(),
            "This is the mean of the batches' means. The last batch is smaller than the others, so each of its images "
            "counts for more. What must you add up in each batch, and what do you divide by at the end?",
        ),
        Mistake(
            lambda x, x_hat, _: _errors(x, x_hat).sum(),
            "This is the sum over all images, where the loss is their mean. It would double with the data set.",
        ),
        Mistake(
            lambda x, x_hat, size: _batch_means(x, x_hat, size).sum(),
            "The means of the batches are added up, and the number of batches with them. All images count alike, "
            "not all batches.",
        ),
        Mistake(
            lambda x, x_hat, size: _batch_means(x, x_hat, size).sum() / len(x),
            "The means of the batches are added up and divided by the number of images, so the average is taken twice. "
            "Which sum belongs to that number?",
        ),
        Mistake(
            lambda x, x_hat, size: _errors(x, x_hat).sum() / math.ceil(len(x) / size),
            "The sum over all images is divided by the number of batches. This is the error of an average batch, "
            "not that of an average image.",
        ),
        Mistake(
            lambda x, x_hat, size: _errors(x, x_hat).sum() / (math.ceil(len(x) / size) * size),
            "You divide by more images than there are: the last batch is counted as a full one.",
        ),
        Mistake(
            lambda x, x_hat, size: _errors(x, x_hat).sum() / size,
            "The sum over all images is divided by the size of one batch.",
        ),
        Mistake(
            lambda x, x_hat, size: _errors(x, x_hat)[: len(x) // size * size].mean(),
            "The last images are missing: a batch that is not full is dropped. In training that is acceptable. In a "
            "measurement it leaves images out.",
        ),
        Mistake(
            lambda x, x_hat, size: _batch_means(x, x_hat, size)[-1],
            "This is the loss of the last batch alone. Is the total written over where it should be added to?",
        ),
        Mistake(
            lambda x, x_hat, size: _errors(x, x_hat).split(size)[-1].sum(),
            "This is the sum over the last batch alone. Is the total written over where it should be added to?",
        ),
        Mistake(
            lambda x, x_hat, size: _errors(x, x_hat)[:size].mean(),
            "This is the loss of the first batch alone. Does your loop return too early?",
        ),
        Mistake(
            lambda x, x_hat, _: (x - x_hat).square().mean(),
            "This is a mean over pixels as well, smaller by a factor of D. The book sums over pixels; some functions "
            "of PyTorch take the mean by default.",
        ),
        Mistake(
            lambda x, x_hat, size: _batch_means(x, x_hat, size).mean() / x[0].numel(),
            "Two things: this is a mean over pixels, where the book has a sum; and it is a mean of the batches' "
            "means, though the last batch is smaller.",
        ),
        Mistake(
            lambda x, x_hat, _: _errors(x, x_hat).sqrt().mean(),
            "The distances are averaged, not their squares: there is a root too many.",
        ),
        Mistake(
            lambda x, x_hat, _: (x - x_hat).abs().flatten(1).sum(dim=1).mean(),
            "This is the absolute error. In the loss each difference is squared.",
        ),
    ),
    hint="Try two images with the errors 1 and 3: the loss is 2. Then try three images with the errors 0, 0 and 3 in "
    "batches of two: it is 1, whichever way they are cut.",
    stages=(
        Stage(
            _equal_batches,
            "Right where the last batch is short, but not where all are full. Does your loop go on to one more, with "
            "no image in it?",
        ),
        Stage(
            _one_batch,
            "Right for several batches, but not where one holds all images and could hold more.",
        ),
        _InBatches(),
    ),
)
