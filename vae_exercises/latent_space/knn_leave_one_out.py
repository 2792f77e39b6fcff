"""The exercise "neighbours, and no cheating"."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _codes_and_labels(generator: Generator, k: int, latent_dim: int) -> tuple[Tensor, Tensor, int]:
    """Draw codes of two classes that overlap, in double precision so that no two distances are nearly equal."""
    n = 50 + 3 * k
    labels = 3 + 4 * (torch.rand(n, generator=generator) < 0.5).long()  # 3 and 7
    codes = torch.randn(n, latent_dim, generator=generator).double()
    return codes + 0.28 / math.sqrt(latent_dim) * labels.view(-1, 1), labels, k


def _vote(codes: Tensor, labels: Tensor, order: Callable[[Tensor], Tensor], power: float = 2.0) -> Tensor:
    """Let neighbours vote: `order` picks some from all, nearest first, each code itself before the others."""
    distances = (codes.unsqueeze(1) - codes).norm(dim=2, p=power).fill_diagonal_(-1)
    voters = labels[order(distances.argsort(dim=1))]
    return torch.stack([votes.bincount(minlength=10).argmax() for votes in voters])


def _others_vote(codes: Tensor, labels: Tensor, k: int) -> Tensor:
    return _vote(codes, labels, lambda near: near[:, 1 : k + 1])


LEAVE_ONE_OUT = Function(
    name="knn-leave-one-out",
    points=3,
    inputs=tuple(lambda generator, dim, k=k: _codes_and_labels(generator, k, dim) for k in (3, 5, 7, 9)),
    answer=_others_vote,
    mistakes=(
        Mistake(
            lambda codes, labels, k: _vote(codes, labels, lambda near: near[:, :k]),
            "Each code votes for itself. It is its own nearest neighbour, at a distance of 0, and it knows the answer.",
        ),
        Mistake(
            lambda codes, labels, k: _vote(codes, labels, lambda near: near[:, 1:k]),
            "The code itself is left out, but then one voter is missing: there must be k others.",
        ),
        Mistake(
            lambda codes, labels, k: _vote(codes, labels, lambda near: near[:, : k + 1]),
            "There are k others now, but the code itself still votes with them.",
        ),
        Mistake(
            lambda codes, labels, k: _vote(codes, labels, lambda near: near[:, 2 : k + 2]),
            "The nearest of the others is left out as well. Is the code itself taken away twice?",
        ),
        Mistake(
            lambda codes, labels, k: _vote(codes, labels, lambda near: near[:, -k:]),
            "These are the votes of the farthest codes. Which end of the order do you take?",
        ),
        Mistake(
            lambda codes, labels, k: _vote(codes, labels, lambda near: near[:, 1:2]),
            "Only the nearest other code is asked. Let k of them vote.",
        ),
        Mistake(
            lambda codes, labels, k: _vote(codes, labels, lambda near: near[:, 1:]),
            "All other codes are asked. Let only the nearest k of them vote.",
        ),
        Mistake(
            lambda codes, labels, k: _vote(codes, labels, lambda near: near[:, 1 : k + 1], power=1.0),
            "Distances are added up along the axes, as in a city of blocks. The task asks for the straight-line "
            "distance.",
        ),
        Mistake(
            lambda codes, labels, k: labels,
            "These are the labels themselves. Does each code have only itself to ask?",
        ),
        Mistake(
            lambda codes, labels, k: (_others_vote(codes, labels, k) == labels).double().mean(),
            "This is the share of votes that are right. The task asks for the votes, one label for each code.",
        ),
        Mistake(
            lambda codes, labels, k: (_others_vote(codes, labels, k) == labels).double(),
            "This says where the vote is right. The task asks what is voted for.",
        ),
        *(
            Mistake(
                lambda codes, labels, k, rounding=rounding: rounding(
                    labels[(codes.unsqueeze(1) - codes).norm(dim=2).fill_diagonal_(-1).argsort(dim=1)[:, 1 : k + 1]]
                    .double()
                    .mean(dim=1)
                ),
                "The labels are averaged. Half way between a 3 and a 7 is not a 5: let them vote.",
            )
            for rounding in (lambda mean: mean, torch.round, torch.floor)
        ),
    ),
    hint="Try four codes on a line, at 0, 1, 10 and 11. The first two have one label, the others another; with k = 1 "
    "every vote is right. Then change the label of the first. Only its neighbour's vote may change.",
    remark="With a vote for itself and k = 1 the accuracy would be 1, whatever the map.",
)
