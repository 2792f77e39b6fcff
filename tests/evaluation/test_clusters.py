"""Codes with a known number of clusters, and the BIC against likelihoods of SciPy."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

from vae_lessons.evaluation.clusters import count_clusters


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rotation(angle: float) -> torch.Tensor:
    return torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def blobs(*parts: tuple[int, float, float], seed: int = 0) -> torch.Tensor:
    """Draw n codes of unit variance around (z1, z2) for each part (n, z1, z2)."""
    g = seeded(seed)
    return torch.cat([torch.randn(n, 2, generator=g) + torch.tensor([z1, z2]) for n, z1, z2 in parts])


def banana(bend: float, seed: int = 0) -> torch.Tensor:
    """Draw 1000 codes around a parabola, densest in the middle and thinner towards the ends."""
    along, noise = torch.randn(2, 1000, generator=seeded(seed))
    return torch.stack([2 * along, bend * along.square() + noise / 2], dim=1)


@pytest.mark.parametrize("seed", [0, 1])
def test_one_gaussian_is_one_cluster(seed):
    clusters = count_clusters(blobs((400, 3, -2), seed=seed))
    assert (clusters.n_components, clusters.n_clusters, clusters.bic_gain) == (1, 1, 0)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("bend", [1.0, 2.0], ids=["bent", "bent more"])
def test_banana_needs_several_gaussians_for_one_cluster(bend, seed):
    clusters = count_clusters(banana(bend, seed))
    assert clusters.n_components > 1
    assert clusters.bic_gain > 10
    assert clusters.n_clusters == 1


TWO = blobs((200, -5, 0), (200, 5, 0))
THREE = blobs((150, 0, 0), (150, 8, 0), (150, 0, 8))


@pytest.mark.parametrize(("codes", "expected"), [(TWO, 2), (THREE, 3)], ids=["two", "three"])
def test_separate_blobs_are_counted(codes, expected):
    clusters = count_clusters(codes)
    assert (clusters.n_components, clusters.n_clusters) == (expected, expected)
    assert clusters.bic_gain > 10


def test_overlapping_blobs_are_one_cluster():
    """Two unit Gaussians at distance 2 have a single peak."""
    assert count_clusters(blobs((1000, -1, 0), (1000, 1, 0))).n_clusters == 1


@pytest.mark.parametrize(("n_stragglers", "expected"), [(10, 2), (40, 3)])
def test_few_stragglers_are_not_a_cluster(n_stragglers, expected):
    """A cluster needs a twentieth of the codes: 10 of 400 are fewer, 40 are more."""
    codes = blobs((200 - n_stragglers // 2, -4, 0), (200 - n_stragglers // 2, 4, 0), (n_stragglers, 0, 20))
    assert count_clusters(codes).n_clusters == expected


def test_bic_gain_matches_scipy_likelihoods():
    """One Gaussian for all codes has 5 parameters, one for each blob 11."""

    def log_likelihood(points):
        return scipy.stats.multivariate_normal(points.mean(0), np.cov(points.T, bias=True)).logpdf(points).sum()

    points = TWO.double().numpy()
    one = 5 * math.log(400) - 2 * log_likelihood(points)
    apart = sum(log_likelihood(blob) for blob in (points[:200], points[200:])) + 400 * math.log(1 / 2)
    assert count_clusters(TWO).bic_gain == pytest.approx(one - (11 * math.log(400) - 2 * apart), rel=0.02)


@pytest.mark.parametrize(
    "move",
    [
        lambda z: z @ rotation(1.0),
        lambda z: z / 1000,
        lambda z: z * 1000,
        lambda z: z + 100,
        lambda z: z + torch.tensor([100.0, -100.0]),
    ],
    ids=["rotated", "shrunk", "enlarged", "shifted along the diagonal", "shifted across it"],
)
def test_clusters_are_invariant_to_similarity_transforms(move):
    before, after = count_clusters(TWO), count_clusters(move(TWO))
    assert (after.n_components, after.n_clusters) == (before.n_components, before.n_clusters)
    assert after.bic_gain == pytest.approx(before.bic_gain, rel=1e-3)


def test_cluster_count_is_reproducible():
    assert count_clusters(banana(1.0)) == count_clusters(banana(1.0))


@pytest.mark.filterwarnings("error")
def test_codes_with_gradients_are_accepted():
    """Outside of torch.no_grad()."""
    assert count_clusters(TWO.clone().requires_grad_()) == count_clusters(TWO)


def test_too_few_codes_are_named():
    with pytest.raises(ValueError, match=r"codes must hold at least 5 different codes, got shape \(50, 2\)"):
        count_clusters(torch.zeros(50, 2))
