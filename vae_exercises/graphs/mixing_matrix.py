"""The exercise "mix each node with its neighbours"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.graphs.shared import graph


def _inputs(generator: Generator, n_nodes: int) -> tuple[Tensor]:
    return (graph(generator, n_nodes)[0],)


def _scaled(adjacency: Tensor, left: float, right: float) -> Tensor:
    """Scale A + I by powers of its row sums, from the left and from the right."""
    loops = adjacency + torch.eye(len(adjacency)).to(adjacency)
    degrees = loops.sum(dim=1)
    return degrees.pow(left).unsqueeze(1) * loops * degrees.pow(right)


def _degrees_without_loops(adjacency: Tensor) -> Tensor:
    scale = adjacency.sum(dim=1).rsqrt()
    return scale.unsqueeze(1) * (adjacency + torch.eye(len(adjacency)).to(adjacency)) * scale


def _without_loops(adjacency: Tensor) -> Tensor:
    scale = adjacency.sum(dim=1).rsqrt()
    return scale.unsqueeze(1) * adjacency * scale


MIXING = Function(
    name="mixing-matrix",
    points=2,
    inputs=_inputs,
    answer=lambda adjacency: _scaled(adjacency, -0.5, -0.5),
    mistakes=(
        Mistake(
            lambda adjacency: _scaled(adjacency, -1, 0),
            "Each row adds up to 1: this is D⁻¹ (A + I), the plain average over a node and its neighbours. It is not "
            "symmetric, and the task's matrix is.",
        ),
        Mistake(
            lambda adjacency: _scaled(adjacency, 0, -1),
            "Each column adds up to 1 here. In the task's matrix rows and columns are scaled alike.",
        ),
        Mistake(
            lambda adjacency: _scaled(adjacency, -0.5, 0),
            "Only the rows are scaled. D stands on both sides of A + I.",
        ),
        Mistake(
            lambda adjacency: _scaled(adjacency, 0, -0.5),
            "Only the columns are scaled. D stands on both sides of A + I.",
        ),
        Mistake(
            lambda adjacency: _scaled(adjacency, 0.5, 0.5),
            "D has the power +½ here, so that nodes with many neighbours get larger. Look at the sign.",
        ),
        Mistake(
            lambda adjacency: _scaled(adjacency, -1, -1),
            "Each side is divided by the row sum where its root was meant.",
        ),
        Mistake(
            lambda adjacency: _scaled(adjacency, 0, 0),
            "This is A + I, without any scaling. Two layers of it make a node with many neighbours enormous.",
        ),
        Mistake(
            lambda adjacency: torch.diag(1 / _scaled(adjacency, 0, 0).sum(dim=1)),
            "This is D⁻¹ alone: the product of matrices has lost A + I on the way.",
        ),
    ),
    hint="Take two nodes that are linked with each other and with nobody else. The result must be one half in all four "
    "places. And a node without neighbours must keep its own features: a 1 on the diagonal.",
    not_finite="Some node has no neighbours, and something is divided by the number of these. With the I of A + I each "
    "node has at least itself: are your row sums those of A + I?",
    remark="A node without neighbours is mixed with itself alone.",
)
