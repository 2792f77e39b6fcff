"""Equations of graphs: by sums over all pairs or codes, by SciPy's and networkx's own, and by minimisation."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch.nn.functional import binary_cross_entropy_with_logits

from equations import equation

NODES = 7


def draw_graph(generator):
    """Return an adjacency matrix (7, 7) of 0 and 1, with at least one link and one pair without."""
    upper = torch.triu((torch.rand(NODES, NODES, generator=generator) < 0.4).double(), diagonal=1)
    upper[0, 1], upper[0, 2] = 1, 0
    return (upper + upper.T).numpy()


def draw_logits(generator):
    values = torch.randn(NODES, NODES, generator=generator).double().numpy()
    return values + values.T


def pairs():
    return itertools.combinations(range(NODES), 2)


@equation("eq-graph-likelihood")
def graph_likelihood(generator):
    """Compare both lines with the product of SciPy's Bernoulli probabilities."""
    adjacency, logits = draw_graph(generator), draw_logits(generator)
    product = math.prod(stats.bernoulli(special.expit(logits[p])).pmf(adjacency[p]) for p in pairs())
    first = sum(
        adjacency[p] * math.log(special.expit(logits[p])) + (1 - adjacency[p]) * math.log1p(-special.expit(logits[p]))
        for p in pairs()
    )
    second = sum(adjacency[p] * logits[p] - math.log1p(math.exp(logits[p])) for p in pairs())
    assert [first, second] == pytest.approx([math.log(product)] * 2, rel=1e-10)


@equation("eq-best-auc")
def best_auc(generator):
    """The Mann-Whitney statistic of SciPy, of the true probabilities of many links and of many other pairs."""
    inside, outside, share = (0.3 + 0.2 * torch.rand(1, generator=generator).item(), 0.1, 0.4)
    counts = {}  # of links and of other pairs, inside and outside a block
    for kind, p in (("inside", inside), ("outside", outside)):
        of_kind = round(1000 * (share if kind == "inside" else 1 - share))
        counts[kind] = round(of_kind * p), round(of_kind * (1 - p))
    scores = [np.repeat([inside, outside], [counts["inside"][column], counts["outside"][column]]) for column in (0, 1)]
    links, others = scores
    by_ranks = stats.mannwhitneyu(links, others).statistic / len(links) / len(others)
    s, t = (np.mean(of_kind == inside) for of_kind in scores)
    assert s * (1 - t) + 0.5 * (s * t + (1 - s) * (1 - t)) == pytest.approx(by_ranks, rel=1e-10)
    assert 0.5 * (1 + s - t) == pytest.approx(by_ranks, rel=1e-10)


@equation("eq-published-objective")
def published_objective(generator):
    """N² times the published mean, in PyTorch's weighted loss, against the sum over pairs and loops."""
    adjacency, logits = torch.from_numpy(draw_graph(generator)), torch.from_numpy(draw_logits(generator))
    kl = torch.rand(NODES, generator=generator).double()
    n_links = adjacency.sum()
    weight, density = (NODES**2 - n_links) / n_links, n_links / NODES**2
    c = 1 / (2 * (1 - density))
    target = adjacency + torch.eye(NODES)
    mean = c * binary_cross_entropy_with_logits(logits, target, pos_weight=weight) + kl.sum() / NODES**2
    log_yes, log_no = (np.log(special.expit(sign * logits.numpy())) for sign in (1, -1))
    of_pairs = sum(-weight * adjacency[p] * log_yes[p] - (1 - adjacency[p]) * log_no[p] for p in pairs())
    whole = 2 * c * of_pairs + kl.sum() - c * weight * np.diag(log_yes).sum()
    assert float(NODES**2 * mean) == pytest.approx(float(whole), rel=1e-10)
    assert float(c) == pytest.approx(float(NODES**2 / (2 * (NODES**2 - n_links))))  # as the published code has it


@equation("eq-block-elbo")
def block_elbo(generator):
    """Average over all assignments of blocks to nodes, log-likelihood, prior and q by SciPy's distributions."""
    n_nodes, n_blocks = 5, 3
    adjacency = draw_graph(generator)[:n_nodes, :n_nodes]
    q, (shares,) = (
        torch.randn(rows, n_blocks, generator=generator).double().softmax(dim=1).numpy() for rows in (n_nodes, 1)
    )
    b = draw_logits(generator)[:n_blocks, :n_blocks]
    couples = list(itertools.combinations(range(n_nodes), 2))
    by_assignments = 0.0
    for blocks in itertools.product(range(n_blocks), repeat=n_nodes):
        of_q = math.prod(q[i, c] for i, c in enumerate(blocks))
        log_joint = sum(math.log(shares[c]) for c in blocks)
        log_joint += sum(
            stats.bernoulli(special.expit(b[blocks[i], blocks[j]])).logpmf(adjacency[i, j]) for i, j in couples
        )
        by_assignments += of_q * (log_joint - math.log(of_q))
    formula = sum(
        q[i, c] * q[j, d] * (adjacency[i, j] * b[c, d] - math.log1p(math.exp(b[c, d])))
        for i, j in couples
        for c, d in itertools.product(range(n_blocks), repeat=2)
    ) - float((q * np.log(q / shares)).sum())
    assert formula == pytest.approx(by_assignments, rel=1e-10)
