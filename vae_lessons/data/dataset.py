"""What can be trained on: splits made of columns, of which a model's loss takes as many as it asks for."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from vae_lessons.validation import check_finite, check_same_length, check_tensors

SPLITS = ("train", "test")


class Dataset(Protocol):
    """A training and a test split of one or more columns; row i of each column belongs to row i of the others.

    It is taken `whole`, one step on everything in each epoch, if it is one graph, whose columns (features, edges) have
    no rows in common.
    """

    name: str
    unit: str  # what one row is called in a sentence, such as "image"
    whole: bool
    fingerprint: str  # differs for different contents: it is in the cache's key

    def columns(self, split: str) -> tuple[Tensor, ...]:
        """Give the columns of "train" or "test"."""
        ...


@dataclass(frozen=True, eq=False)
class TensorData:
    """A `Dataset` of any tensors: points in the plane, pairs (parameter, simulation), a graph.

    Parameters
    ----------
    name : str
        What it is called.
    train, test : tuple of Tensor
        The columns, (M, ...) each, as `(points,)` or `(theta, x)`; those of a graph as `(features, edges)`.
    whole : bool
        Whether each epoch is one step on everything, unshuffled; then columns need not have rows in common.
    unit : str
        What one row is called in a sentence.

    Raises
    ------
    TypeError
        For columns that are not a tuple of tensors.
    ValueError
        For no columns or no rows, columns that have not as many rows, values that are not finite, and a test split
        whose columns are not like those of the training split.
    """

    name: str
    train: tuple[Tensor, ...]
    test: tuple[Tensor, ...]
    whole: bool = False
    unit: str = "row"

    def __post_init__(self) -> None:
        for split in SPLITS:
            self._check(split)
        train, test = ([(str(c.dtype), tuple(c.shape[1:])) for c in self.columns(split)] for split in SPLITS)
        if len(train) != len(test) or (train != test and not self.whole):
            raise ValueError(f"train and test must have the same kinds of columns, got {train} and {test}")

    def columns(self, split: str) -> tuple[Tensor, ...]:
        """Give the columns of "train" or "test"."""
        return getattr(self, split)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all columns."""
        return sha256_of(*self.train, *self.test)

    def _check(self, split: str) -> None:
        columns = self.columns(split)
        if not isinstance(columns, tuple):
            hint = f": write {split}=(x,) for one column" if isinstance(columns, Tensor) else ""
            raise TypeError(f"{split} must be a tuple of tensors, got {type(columns).__name__}{hint}")
        named = {f"{split}[{i}]": column for i, column in enumerate(columns)}
        check_tensors(**named)
        if not columns or any(column.dim() == 0 for column in columns) or not len(columns[0]):
            shapes = [tuple(column.shape) for column in columns]
            raise ValueError(f"{split} must have columns (M, ...) with at least one row, got shapes {shapes}")
        if not self.whole:
            check_same_length(**named)
        for name, column in named.items():
            check_finite(name, column)


def sha256_of(*tensors: Tensor) -> str:
    """Compute the SHA-256 of tensors: their types, shapes and contents, wherever and however they lie in memory."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
