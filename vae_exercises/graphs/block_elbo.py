"""The exercise "the bound for blocks"."""

import torch
from torch import Generator, Tensor
from torch.nn.functional import logsigmoid, softplus

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.graphs.shared import graph, symmetric

Args = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def _inputs(generator: Generator, n_nodes: int, n_blocks: int) -> Args:
    adjacency, observed = graph(generator, n_nodes)
    q = torch.randn(len(adjacency), n_blocks, generator=generator, dtype=torch.float64).mul(1.5).softmax(dim=1)
    shares = torch.randn(n_blocks, generator=generator, dtype=torch.float64).softmax(dim=0)
    return q, shares, symmetric(generator, n_blocks, 2.0), adjacency, observed


def _expected(q: Tensor, logits: Tensor, adjacency: Tensor) -> Tensor:
    """Average log p(A_ij | blocks) over the blocks of both nodes: (N, N)."""
    return adjacency * (q @ logsigmoid(logits) @ q.T) + (1 - adjacency) * (q @ logsigmoid(-logits) @ q.T)


def _reconstruction(q: Tensor, logits: Tensor, adjacency: Tensor, observed: Tensor) -> Tensor:
    return (observed * _expected(q, logits, adjacency)).sum() / 2


def _kl(q: Tensor, shares: Tensor) -> Tensor:
    return (q * (q / shares).log()).sum()


def _right(q: Tensor, shares: Tensor, logits: Tensor, adjacency: Tensor, observed: Tensor) -> Tensor:
    return _reconstruction(q, logits, adjacency, observed) - _kl(q, shares)


def _at_mean_logit(q: Tensor, shares: Tensor, logits: Tensor, adjacency: Tensor, observed: Tensor) -> Tensor:
    mean = q @ logits @ q.T
    return (observed * (adjacency * mean - softplus(mean))).sum() / 2 - _kl(q, shares)


def _at_mean_probability(q: Tensor, shares: Tensor, logits: Tensor, adjacency: Tensor, observed: Tensor) -> Tensor:
    mean = q @ torch.sigmoid(logits) @ q.T
    of_pairs = adjacency * mean.log() + (1 - adjacency) * (1 - mean).log()
    return (observed * of_pairs).sum() / 2 - _kl(q, shares)


def _at_likeliest(q: Tensor, shares: Tensor, logits: Tensor, adjacency: Tensor, observed: Tensor) -> Tensor:
    one_hot = torch.eye(q.shape[1]).to(q)[q.argmax(dim=1)]
    return _reconstruction(one_hot, logits, adjacency, observed) - _kl(q, shares)


BLOCK_ELBO = Function(
    name="block-elbo",
    points=4,
    inputs=_inputs,
    answer=_right,
    mistakes=(
        Mistake(
            lambda q, shares, logits, adjacency, observed: (
                _right(q, shares, logits, adjacency, observed) + _reconstruction(q, logits, adjacency, observed)
            ),
            "The reconstruction term is twice too large: each pair is in the matrix twice. The KL term is right.",
        ),
        Mistake(
            lambda q, shares, logits, adjacency, observed: (
                _reconstruction(q, logits, adjacency, observed) + _kl(q, shares)
            ),
            "The KL term has the wrong sign. It is never negative, and the ELBO pays it.",
        ),
        Mistake(
            lambda q, shares, logits, adjacency, observed: _reconstruction(q, logits, adjacency, observed),
            "That is the reconstruction term. What do the codes cost?",
        ),
        Mistake(
            _at_mean_logit,
            "You average the logits over the blocks, and then take the likelihood. The ELBO averages log-likelihoods. "
            "Yours is larger, by Jensen's inequality, and no bound.",
        ),
        Mistake(
            _at_mean_probability,
            "You average the probabilities of a link over the blocks, and then take the logarithm. The ELBO averages "
            "logarithms. Yours is larger, by Jensen's inequality, and no bound.",
        ),
        Mistake(
            _at_likeliest,
            "You put each node into its likeliest block. The ELBO is an average over all blocks that q allows.",
        ),
        Mistake(
            lambda q, shares, logits, adjacency, observed: (
                _expected(q, logits, adjacency).triu(1).sum() - _kl(q, shares)
            ),
            "All pairs are counted, also those that were not observed. A hidden link is not a missing one.",
        ),
        Mistake(
            lambda q, shares, logits, adjacency, observed: (
                _reconstruction(q, logits, adjacency, observed) - _kl(q, torch.full_like(shares, 1 / len(shares)))
            ),
            "The KL term is that to blocks of equal shares. The prior of a block is in `shares`.",
        ),
        Mistake(
            lambda q, shares, logits, adjacency, observed: (
                _reconstruction(q, logits, adjacency, observed) + (q * shares.log()).sum()
            ),
            "The KL term has lost the entropy of q: it is the mean of log q - log π, and only log π is there.",
        ),
        Mistake(
            lambda q, shares, logits, adjacency, observed: (
                _reconstruction(q, logits, adjacency, observed) - (shares * (shares / q).log()).sum()
            ),
            "This is KL( π || q ), the other way round.",
        ),
        Mistake(
            lambda q, shares, logits, adjacency, observed: (
                _reconstruction(q, logits, adjacency, observed) - _kl(q, shares) / len(q)
            ),
            "The KL term is a mean over the nodes, and the reconstruction term a sum over pairs. The graph pays for "
            "the code of each node.",
        ),
    ),
    hint="Give each node a block for certain (q of 0 and 1, nearly). Then the reconstruction term is the "
    "log-likelihood of the graph with these blocks, and the KL term is minus the sum of the logarithms of their "
    "shares. Try that with two nodes.",
    rtol=1e-6,
    atol=1e-5,
    remark="Nothing had to be drawn: with discrete codes the average is a finite sum, and its gradient has no noise.",
)
