"""The exercise "a gradient through rounding"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import GradientStage


def _inputs(generator: Generator, n_images: int, n_places: int, n_rows: int, code_dim: int) -> tuple[Tensor, Tensor]:
    """Draw vectors (B, M, D) and rows (C, D) whose lengths differ, so that the largest product is not the nearest."""
    rows = torch.randn(n_rows, code_dim, generator=generator)
    rows = rows * (0.5 + 2 * torch.rand(n_rows, 1, generator=generator))
    return torch.randn(n_images, n_places, code_dim, generator=generator), rows


def _distances(vectors: Tensor, codebook: Tensor) -> Tensor:
    return (vectors.unsqueeze(2) - codebook).square().sum(dim=3)  # (B, M, C)


def _answer(vectors: Tensor, codebook: Tensor) -> Tensor:
    rows = codebook[_distances(vectors, codebook).argmin(dim=2)]
    return vectors + (rows - vectors).detach()


STRAIGHT = Function(
    name="straight-through",
    points=3,
    inputs=_inputs,
    answer=_answer,
    mistakes=(
        Mistake(
            lambda vectors, codebook: vectors,
            "The values are the vectors themselves, with nothing rounded. Of the two, which one is to be the value, "
            "and which one only the way for the gradient?",
        ),
        Mistake(
            lambda vectors, codebook: codebook[_distances(vectors, codebook).argmax(dim=2)],
            "These are the rows that are farthest away.",
        ),
        Mistake(
            lambda vectors, codebook: codebook[(vectors @ codebook.T).argmax(dim=2)],
            "These are the rows with the largest inner product. A long row wins that from far away; nearest means the "
            "smallest distance.",
        ),
        Mistake(
            lambda vectors, codebook: codebook[(vectors.unsqueeze(2) - codebook).sum(dim=3).abs().argmin(dim=2)],
            "The differences are added up before they are squared, so that differences of opposite sign cancel.",
        ),
        Mistake(
            lambda vectors, codebook: (
                codebook[_distances(vectors, codebook).sum(dim=1).argmin(dim=1)].unsqueeze(1).expand_as(vectors)
            ),
            "Each image has one row here, the same in all places. Each of its M vectors has its own nearest row.",
        ),
        Mistake(
            lambda vectors, codebook: _distances(vectors, codebook).argmin(dim=2),
            "These are the numbers of the nearest rows. The task asks for the rows, from which a decoder can start.",
        ),
        Mistake(
            lambda vectors, codebook: (-_distances(vectors, codebook)).softmax(dim=2) @ codebook,
            "This is an average of rows, with the near ones weighing more. A code is one row.",
        ),
        Mistake(
            lambda vectors, codebook: codebook[_distances(vectors, codebook).argmin(dim=2)] - vectors,
            "This is the difference from the vector to its row. The task asks for the row.",
        ),
    ),
    stages=(
        GradientStage(
            _inputs,
            0,
            "The values are right, but the gradient is not. As far as it is concerned, the result must be the vectors "
            "themselves: a change of a vector by δ changes the result by δ. A term and its copy with the other sign "
            "cancel in the gradient as they do in the value, unless one of them passes none.",
            no_gradient="The values are right. But no gradient passes from them to `vectors`: choosing a row is a step "
            "function, and its derivative is nothing. The encoder would never be trained. Write the result as a sum in "
            "which the vectors themselves occur.",
        ),
    ),
    hint="Take one image with one vector, (1, 0), and the two rows (0, 0) and (3, 0). The result must be (0, 0), and "
    "the gradient of its sum must be (1, 1).",
    remark="The gradient is wrong, strictly speaking: the true one is 0 nearly everywhere. It is useful because a row "
    "is near its vector.",
)
