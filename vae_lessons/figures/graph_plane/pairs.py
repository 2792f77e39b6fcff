"""The nodes of a graph in the latent plane, and the logits of links between them."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vae_lessons.figures.runtime.images import pack_floats

ROUNDING = 1e-9  # of a logit: pairs that are nearer than this share a rank


@dataclass(frozen=True)
class PlaneOfNodes:
    """Codes of nodes, and which of them are linked.

    Attributes
    ----------
    mu, logvar : Tensor
        (N, 2), float32, of q(z | A).
    labels : Tensor
        (N,), the classes of the nodes.
    form : Tensor
        W, (2, 2), symmetric.
    intercept : float
        b of the logit z_iᵀ W z_j + b.
    linked, held_out : Tensor
        (2, P) each: the pairs that are linked, and those that were held out from training, linked or not.
    reach : int
        Of the map, to each side.
    """

    mu: Tensor
    logvar: Tensor
    labels: Tensor
    form: Tensor
    intercept: float
    linked: Tensor
    held_out: Tensor
    reach: int

    def logits(self, one: Tensor, other: Tensor) -> Tensor:
        """Compute the logits of links between codes (..., 2) and codes (..., 2): (...), float64."""
        return ((one.double() @ self.form.double()) * other.double()).sum(dim=-1) + self.intercept

    def is_among(self, first: int, second: int, pairs: Tensor) -> bool:
        """Whether two nodes are one of some pairs (2, P), in either order."""
        low, high = sorted((first, second))
        return bool(((pairs.amin(dim=0) == low) & (pairs.amax(dim=0) == high)).any())

    def sorted_logits(self) -> tuple[Tensor, Tensor]:
        """Return the logits of all pairs that are linked, and of all that are not, each in order."""
        i, j = torch.triu_indices(len(self.mu), len(self.mu), offset=1)
        linked = torch.zeros(len(self.mu), len(self.mu), dtype=torch.bool)
        linked[self.linked[0], self.linked[1]] = True
        logits, linked = self.logits(self.mu[i], self.mu[j]), linked[i, j]
        return logits[linked].sort().values, logits[~linked].sort().values

    def describe(self) -> dict[str, Any]:
        """Describe the nodes and the decoder for JSON."""
        codes = {"mu": pack_floats(self.mu), "logvar": pack_floats(self.logvar), "labels": self.labels.tolist()}
        return codes | {"form": self.form.tolist(), "intercept": self.intercept}


def rank(logit: Tensor, others: Tensor) -> float:
    """Compute the share of the others below a logit, those at the same place by half; 1/2 if there are none."""
    if not len(others):
        return 0.5
    below, above = (others < logit - ROUNDING).double().mean(), (others > logit + ROUNDING).double().mean()
    return float((1 + below - above) / 2)
