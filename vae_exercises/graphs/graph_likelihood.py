"""The exercise "each pair once"."""

from torch import Generator, Tensor
from torch.nn.functional import softplus

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import Stage
from vae_exercises.graphs.shared import graph, symmetric

LARGE = (
    "Right for small logits, but off where they are of the size of ±300. The logarithm of a sigmoid can be had without "
    "the sigmoid."
)


def _inputs(generator: Generator, n_nodes: int, scale: float = 1.5) -> tuple[Tensor, Tensor, Tensor]:
    adjacency, observed = graph(generator, n_nodes)
    return symmetric(generator, len(adjacency), scale), adjacency, observed


def _large(generator: Generator, n_nodes: int) -> tuple[Tensor, Tensor, Tensor]:
    return _inputs(generator, n_nodes, scale=300.0)


def _of_pairs(logits: Tensor, adjacency: Tensor) -> Tensor:
    return adjacency * logits - softplus(logits)


def _all_pairs(logits: Tensor, adjacency: Tensor) -> Tensor:
    return _of_pairs(logits, adjacency).triu(1).sum()


def _right(logits: Tensor, adjacency: Tensor, observed: Tensor) -> Tensor:
    return (observed * _of_pairs(logits, adjacency)).sum() / 2


LIKELIHOOD = Function(
    name="graph-likelihood",
    points=2,
    inputs=_inputs,
    answer=_right,
    mistakes=(
        Mistake(
            lambda logits, adjacency, observed: 2 * _right(logits, adjacency, observed),
            "Twice too large: the pair (i, j) is in the matrix at (i, j) and at (j, i), and is one pair.",
        ),
        Mistake(
            lambda logits, adjacency, observed: _all_pairs(logits, adjacency),
            "All pairs are counted, also those that were not observed. A hidden link is not a missing one: the 0 that "
            "stands for it in A says nothing.",
        ),
        Mistake(
            lambda logits, adjacency, observed: _of_pairs(logits, adjacency).sum(),
            "The whole matrix is added up: each pair twice, each node with itself, and pairs that were not observed.",
        ),
        Mistake(
            lambda logits, adjacency, observed: _of_pairs(logits, adjacency).mean(),
            "This is a mean over the whole matrix. A likelihood is a product over pairs, so its logarithm is a sum, "
            "over those that were observed.",
        ),
        Mistake(
            lambda logits, adjacency, observed: 2 * _right(logits, adjacency, observed) / observed.sum(),
            "This is the mean over the observed pairs. The log-likelihood of a graph is their sum.",
        ),
        Mistake(
            lambda logits, adjacency, observed: -_right(logits, adjacency, observed),
            "The sign is flipped: the logarithm of a probability is not positive.",
        ),
        Mistake(
            lambda logits, adjacency, observed: (observed * adjacency * (logits - softplus(logits))).sum() / 2,
            "Only the links are counted. That a pair is not linked has a probability too.",
        ),
        Mistake(
            lambda logits, adjacency, observed: _right(logits, 1 - adjacency, observed),
            "Links and pairs without one are exchanged: σ is the probability of a link.",
        ),
    ),
    hint="With all logits 0, each observed pair must cost log 2. With a single pair, linked, and the logit 0.8, the "
    "result must be log σ(0.8). Try both.",
    not_finite=LARGE,
    stages=(Stage(_large, LARGE, not_finite=LARGE),),
    remark="Half the sum over the matrix and the sum over the triangle above its diagonal are the same.",
)
