"""Whether codes lie in one cluster or in several: mixtures of Gaussians, and the valleys between them."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import connected_components
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import kneighbors_graph
from threadpoolctl import threadpool_limits
from torch import Tensor

from vae_lessons.validation import check_floating

MAX_COMPONENTS = 5
VALLEY = 0.5  # two components are one cluster unless the density between them is below this share of the lower peak
NEIGHBOURS = 10  # codes to which a walk may step
SMALLEST_CLUSTER = 0.05  # share of a class's codes; smaller groups are outliers
SMALLEST_VARIANCE = 1e-3  # of a component, as a share of the codes': a handful of points is not a component


@dataclass(frozen=True)
class Clusters:
    """How one class's codes cluster.

    A mixture of `n_components` Gaussians has the lowest BIC, `bic_gain` below that of a single Gaussian: above 10 is
    strong evidence for several. Valleys separate them into `n_clusters` groups.
    """

    n_components: int
    bic_gain: float
    n_clusters: int


def count_clusters(codes: Tensor, seed: int = 0) -> Clusters:
    """Fit mixtures of 1 to 5 Gaussians, choose one by BIC, and join the components that no valley separates.

    A bent or skewed cloud needs several Gaussians too, so the number of components is not the number of clusters. Two
    components are in one cluster if one can walk from the peak of one to the peak of the other, from code to
    neighbouring code, while the mixture's density stays above half of the lower peak. Clusters with less than a
    twentieth of the codes are not counted. Source of the BIC: Schwarz (1978).

    Parameters
    ----------
    codes : Tensor, (M, K)
    seed : int
        Of the mixtures' starting points.

    Raises
    ------
    ValueError
        For fewer than five different codes, and for integers.
    """
    check_floating(codes=codes)
    points = codes.detach().cpu().double().numpy()
    if len(np.unique(points, axis=0)) < MAX_COMPONENTS:
        raise ValueError(f"codes must hold at least {MAX_COMPONENTS} different codes, got shape {tuple(codes.shape)}")
    smallest = SMALLEST_VARIANCE * points.var(axis=0).mean()
    with threadpool_limits(1):  # for so few points one thread is faster than several
        mixtures = [
            GaussianMixture(n, random_state=seed, reg_covar=smallest).fit(points) for n in range(1, MAX_COMPONENTS + 1)
        ]
    scores = [mixture.bic(points) for mixture in mixtures]
    best = mixtures[int(np.argmin(scores))]
    n_groups, group = connected_components(_joined(best, points), directed=False)
    weights = np.bincount(group, weights=best.weights_, minlength=n_groups)
    return Clusters(best.n_components, scores[0] - min(scores), int((weights >= SMALLEST_CLUSTER).sum()))


def _joined(mixture: GaussianMixture, points: np.ndarray) -> np.ndarray:
    """Find the pairs of components that no valley separates, (n, n)."""
    log_density = mixture.score_samples(points)
    member = mixture.predict(points)
    peaks = [
        np.flatnonzero(member == i)[log_density[member == i].argmax()] if (member == i).any() else None
        for i in range(mixture.n_components)
    ]
    neighbours = kneighbors_graph(points, min(NEIGHBOURS, len(points) - 1))
    joined = np.eye(mixture.n_components, dtype=bool)
    for i, j in itertools.combinations(range(mixture.n_components), 2):
        if peaks[i] is None or peaks[j] is None:  # a component without its own codes
            continue
        high = log_density >= min(log_density[peaks[i]], log_density[peaks[j]]) + math.log(VALLEY)
        _, land = connected_components(neighbours[high][:, high], directed=False)
        place = np.cumsum(high) - 1  # index of each point among the high ones
        joined[i, j] = land[place[peaks[i]]] == land[place[peaks[j]]]
    return joined
