"""What the exercises on graphs share: graphs of which some pairs are hidden."""

import torch
from torch import Generator, Tensor


def graph(generator: Generator, n_nodes: int) -> tuple[Tensor, Tensor]:
    """Draw a graph and which of its pairs are observed, (N, N) each, float64: symmetric, with empty diagonals.

    Of the nodes a few more than `n_nodes`, the first has no links. What is not observed is 0 in the graph.
    """
    n = n_nodes + 4
    linked, seen = (torch.rand(n, n, generator=generator, dtype=torch.float64).triu(1) for _ in range(2))
    linked[0] = 0
    observed = (seen > 0.25).double() + (seen > 0.25).double().T
    return ((linked > 0.4).double() + (linked > 0.4).double().T) * observed, observed


def symmetric(generator: Generator, n: int, scale: float) -> Tensor:
    """Draw a symmetric matrix (n, n), float64."""
    values = scale * torch.randn(n, n, generator=generator, dtype=torch.float64)
    return (values + values.T) / 2
