"""Answers to the exercises on graphs, as students write them."""

import itertools
import math

import numpy as np
import torch
from torch.distributions import Bernoulli
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

# The mixing matrix


def mixing_by_products(adjacency):
    loops = adjacency + torch.eye(len(adjacency))
    root = torch.diag(loops.sum(0) ** -0.5)
    return root @ loops @ root


def mixing_by_numpy(adjacency):
    loops = adjacency.numpy() + np.eye(len(adjacency))
    degrees = loops.sum(axis=1)
    return loops / np.sqrt(np.outer(degrees, degrees))


def mixing_in_place(adjacency):
    adjacency.fill_diagonal_(1)
    degrees = adjacency.sum(1)
    return adjacency / degrees.sqrt()[:, None] / degrees.sqrt()[None, :]


def mixing_without_loops(adjacency):
    scale = adjacency.sum(1) ** -0.5
    return scale[:, None] * adjacency * scale


def scaled(adjacency, left, right):
    loops = adjacency + torch.eye(len(adjacency))
    return loops.sum(1)[:, None] ** left * loops * loops.sum(1) ** right


# The likelihood of a graph


def likelihood_by_distribution(logits, adjacency, observed):
    return (Bernoulli(logits=logits).log_prob(adjacency) * observed).triu(1).sum()


def likelihood_by_loop(logits, adjacency, observed):
    total = 0.0
    for i, j in itertools.combinations(range(len(adjacency)), 2):
        if observed[i, j]:
            total += logsigmoid(logits[i, j] if adjacency[i, j] else -logits[i, j])
    return total


def likelihood_by_cross_entropy(logits, adjacency, observed):
    return -binary_cross_entropy_with_logits(logits, adjacency, weight=observed, reduction="sum") / 2


def likelihood_naive(logits, adjacency, observed):
    p = torch.sigmoid(logits)
    return (observed * (adjacency * p.log() + (1 - adjacency) * (1 - p).log())).sum() / 2


def likelihood_clamped(logits, adjacency, observed):
    return likelihood_by_distribution(logits.clamp(-30, 30), adjacency, observed)


def all_of_it(logits, adjacency):
    return Bernoulli(logits=logits).log_prob(adjacency)


# The best AUC


def auc_by_cases(share, inside, outside):
    """Score each of the four kinds of two pairs by who wins."""
    total = 0.0
    for of_link, of_other in itertools.product((True, False), repeat=2):
        p = inside if of_link else outside
        q = inside if of_other else outside
        weight = (share if of_link else 1 - share) * p * (share if of_other else 1 - share) * (1 - q)
        total = total + weight * ((p > q).double() + 0.5 * (p == q).double())
    density = share * inside + (1 - share) * outside
    return total / (density * (1 - density))


def auc_by_loop(share, inside, outside):
    values = []
    for pi, a, b in zip(share.tolist(), inside.tolist(), outside.tolist(), strict=True):
        d = pi * a + (1 - pi) * b
        values.append(0.5 + 0.5 * abs(pi * a / d - pi * (1 - a) / (1 - d)))
    return torch.tensor(values)


def shares_of(share, inside, outside):
    density = share * inside + (1 - share) * outside
    return share * inside / density, share * (1 - inside) / (1 - density)


def auc_with(formula):
    return lambda share, inside, outside: formula(*shares_of(share, inside, outside), inside > outside)


# The bound for blocks


def average(q, logits, adjacency):
    """Average the log-likelihood of each pair over the blocks of both nodes, (N, N)."""
    of_blocks = Bernoulli(logits=logits).log_prob(adjacency[:, :, None, None])  # (N, N, C, C)
    return torch.einsum("ic,jd,ijcd->ij", q, q, of_blocks)


def kl_of(q, shares):
    return (q * (q.log() - shares.log())).sum()


def elbo_by_einsum(q, shares, logits, adjacency, observed):
    return (observed * average(q, logits, adjacency)).triu(1).sum() - kl_of(q, shares)


def elbo_by_loop(q, shares, logits, adjacency, observed):
    total = torch.zeros(())
    for i, j in itertools.combinations(range(len(q)), 2):
        if observed[i, j]:
            of_blocks = Bernoulli(logits=logits).log_prob(adjacency[i, j])
            total = total + q[i] @ of_blocks @ q[j]
    for row in q:
        total = total - torch.nn.functional.kl_div(shares.log(), row, reduction="sum")
    return total


def elbo_by_numpy(q, shares, logits, adjacency, observed):
    q, shares, logits, adjacency, observed = (part.numpy() for part in (q, shares, logits, adjacency, observed))
    off = -np.logaddexp(0, logits)
    pairs = adjacency * (q @ (logits + off) @ q.T) + (1 - adjacency) * (q @ off @ q.T)
    return (observed * pairs).sum() / 2 - (q * np.log(q / shares)).sum()


def elbo_with(reconstruction, kl=kl_of):
    return lambda q, shares, logits, adjacency, observed: reconstruction(q, logits, adjacency, observed) - kl(q, shares)


def observed_pairs(q, logits, adjacency, observed):
    return (observed * average(q, logits, adjacency)).sum() / 2


def at_mean_logit(q, logits, adjacency, observed):
    return likelihood_by_distribution(q @ logits @ q.T, adjacency, observed)


def at_mean_probability(q, logits, adjacency, observed):
    p = q @ torch.sigmoid(logits) @ q.T
    return (observed * Bernoulli(p, validate_args=False).log_prob(adjacency)).sum() / 2


def at_likeliest(q, logits, adjacency, observed):
    blocks = q.argmax(1)
    return likelihood_by_distribution(logits[blocks][:, blocks], adjacency, observed)


RIGHT = {
    "mixing-matrix": [mixing_by_products, mixing_by_numpy, mixing_in_place],
    "graph-likelihood": [likelihood_by_distribution, likelihood_by_loop, likelihood_by_cross_entropy],
    "best-auc": [auc_by_cases, auc_by_loop],
    "weighted-link": [8 / 9, 0.889, torch.tensor(0.8889)],
    "block-elbo": [elbo_by_einsum, elbo_by_loop, elbo_by_numpy],
}

WRONG = {
    "mixing-matrix": [
        (lambda adjacency: scaled(adjacency, -1, 0), "Each row adds up to 1"),
        (lambda adjacency: scaled(adjacency, 0, -1), "Each column adds up to 1"),
        (lambda adjacency: scaled(adjacency, -0.5, 0), "Only the rows"),
        (lambda adjacency: scaled(adjacency, 0, -0.5), "Only the columns"),
        (lambda adjacency: scaled(adjacency, 0.5, 0.5), "power +½"),
        (lambda adjacency: scaled(adjacency, -1, -1), "where its root was meant"),
        (lambda adjacency: scaled(adjacency, 0, 0), "without any scaling"),
        (lambda adjacency: torch.diag(1 / (1 + adjacency.sum(1))), "D⁻¹ alone"),
        (mixing_without_loops, "Some node has no neighbours"),
        (lambda adjacency: adjacency, "Take two nodes"),
    ],
    "graph-likelihood": [
        (lambda logits, adjacency, observed: (observed * all_of_it(logits, adjacency)).sum(), "is one pair"),
        (lambda logits, adjacency, observed: all_of_it(logits, adjacency).triu(1).sum(), "is not a missing one"),
        (lambda logits, adjacency, observed: all_of_it(logits, adjacency).sum(), "The whole matrix"),
        (lambda logits, adjacency, observed: all_of_it(logits, adjacency).mean(), "mean over the whole matrix"),
        (
            lambda logits, adjacency, observed: (observed * all_of_it(logits, adjacency)).sum() / observed.sum(),
            "mean over the observed pairs",
        ),
        (lambda *args: -likelihood_by_distribution(*args), "The sign is flipped"),
        (
            lambda logits, adjacency, observed: (observed * adjacency * logsigmoid(logits)).triu(1).sum(),
            "Only the links",
        ),
        (
            lambda logits, adjacency, observed: likelihood_by_distribution(logits, 1 - adjacency, observed),
            "are exchanged",
        ),
        (lambda logits, adjacency, observed: logits.sum(), "With all logits 0"),
        (likelihood_naive, "without the sigmoid"),
        (likelihood_clamped, "of the size of ±300"),
    ],
    "best-auc": [
        (auc_with(lambda s, t, assortative: (1 + s - t) / 2), "wherever these are"),
        (lambda share, inside, outside: 0.5 + (inside - outside).abs() / 2, "Bayes' rule gives both"),
        (
            auc_with(lambda s, t, assortative: torch.where(assortative, s * (1 - t), t * (1 - s))),
            "Ties are not counted",
        ),
        (
            auc_with(lambda s, t, assortative: torch.where(assortative, 1 - t * (1 - s), 1 - s * (1 - t))),
            "Ties count as wins",
        ),
        (auc_with(lambda s, t, assortative: s), "the share of the links"),
        (auc_with(lambda s, t, assortative: (1 - (s - t).abs()) / 2), "the worst AUC"),
        (lambda share, inside, outside: torch.full_like(share, 0.7), "Try both"),
    ],
    "weighted-link": [
        (0.25, "the true probability"),
        (6.0, "no probability"),
        (0.5, "of an average pair"),
        (6 / 7, "Nearly"),
        (0.25 / (0.25 + 18), "on the wrong side"),
        (0.04, "Of 100 such pairs"),
    ],
    "block-elbo": [
        (elbo_with(lambda *args: 2 * observed_pairs(*args)), "twice too large"),
        (elbo_with(observed_pairs, lambda q, shares: -kl_of(q, shares)), "the wrong sign"),
        (elbo_with(observed_pairs, lambda q, shares: 0), "What do the codes cost"),
        (elbo_with(at_mean_logit), "average the logits"),
        (elbo_with(at_mean_probability), "average the probabilities"),
        (elbo_with(at_likeliest), "its likeliest block"),
        (
            elbo_with(lambda q, logits, adjacency, observed: average(q, logits, adjacency).triu(1).sum()),
            "is not a missing one",
        ),
        (
            elbo_with(observed_pairs, lambda q, shares: (q * q.log()).sum() + len(q) * math.log(len(shares))),
            "equal shares",
        ),
        (elbo_with(observed_pairs, lambda q, shares: -(q * shares.log()).sum()), "lost the entropy"),
        (elbo_with(observed_pairs, lambda q, shares: (shares * (shares / q).log()).sum()), "the other way round"),
        (elbo_with(observed_pairs, lambda q, shares: kl_of(q, shares) / len(q)), "a mean over the nodes"),
        (lambda q, shares, logits, adjacency, observed: q.sum(), "Give each node a block"),
    ],
}
