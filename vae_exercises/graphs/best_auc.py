"""The exercise "the best possible AUC"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _inputs(generator: Generator, n_graphs: int) -> tuple[Tensor, Tensor, Tensor]:
    """Draw the share of pairs inside a block and the two probabilities; links are the rarer kind inside or outside."""
    share, first, second = 0.1 + 0.8 * torch.rand(3, n_graphs + 2, generator=generator, dtype=torch.float64)
    low, high = torch.minimum(first, second) * 0.5, torch.maximum(first, second)
    even = torch.arange(n_graphs + 2) % 2 == 0
    return share, torch.where(even, high, low), torch.where(even, low, high)


def _shares(share: Tensor, inside: Tensor, outside: Tensor) -> tuple[Tensor, Tensor]:
    """Compute which share of the links, and which of the other pairs, are inside a block."""
    linked, not_linked = share * inside, share * (1 - inside)
    s = linked / (linked + (1 - share) * outside)
    return s, not_linked / (not_linked + (1 - share) * (1 - outside))


def _signed(share: Tensor, inside: Tensor, outside: Tensor) -> Tensor:
    s, t = _shares(share, inside, outside)
    return (1 + s - t) / 2


def _right(share: Tensor, inside: Tensor, outside: Tensor) -> Tensor:
    s, t = _shares(share, inside, outside)
    return (1 + (s - t).abs()) / 2


def _wins_only(share: Tensor, inside: Tensor, outside: Tensor) -> Tensor:
    s, t = _shares(share, inside, outside)
    return torch.where(inside > outside, s * (1 - t), t * (1 - s))


def _ties_as_wins(share: Tensor, inside: Tensor, outside: Tensor) -> Tensor:
    s, t = _shares(share, inside, outside)
    return torch.where(inside > outside, 1 - t * (1 - s), 1 - s * (1 - t))


BEST_AUC = Function(
    name="best-auc",
    points=3,
    inputs=_inputs,
    answer=_right,
    mistakes=(
        Mistake(
            _signed,
            "Right where links are more likely inside a block. Where they are more likely outside, yours is below one "
            "half. Whoever knows the probabilities gives the higher score to the likelier pairs, wherever these are.",
        ),
        Mistake(
            lambda share, inside, outside: (1 + (inside - outside).abs()) / 2,
            "You compare the probabilities themselves. What counts is which share of the links is inside, and which "
            "share of the other pairs. Bayes' rule gives both.",
        ),
        Mistake(
            _wins_only,
            "Ties are not counted. Two pairs with the same probability have the same score, and count one half.",
        ),
        Mistake(
            _ties_as_wins,
            "Ties count as wins here. They count one half.",
        ),
        Mistake(
            lambda share, inside, outside: _shares(share, inside, outside)[0],
            "This is the share of the links that are inside a block. The AUC compares links with pairs that are not.",
        ),
        Mistake(
            lambda share, inside, outside: 1 - _right(share, inside, outside),
            "This is the worst AUC: the order is reversed.",
        ),
    ),
    hint="If both probabilities are equal, nothing can be known: one half. If one of them is 0 and the other 1, "
    "everything is: 1. Try both, with links inside and with links outside.",
    remark="It depends on the share of pairs inside too: with very many blocks hardly any pair is, and the best AUC "
    "falls although the probabilities stay.",
)
