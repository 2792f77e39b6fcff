"""The metrics against closed forms, brute force, NumPy and SciPy."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from vae_lessons.evaluation import metrics
from vae_lessons.evaluation.metrics import (
    Estimate,
    active_units,
    class_distance_correlation,
    entropy,
    knn_accuracy,
    mean_estimate,
    nearest_distance,
    nearest_labels,
    off_manifold,
    share_estimate,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rotation(angle: float) -> torch.Tensor:
    return torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


# Estimates


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.91234, 0.0123, "0.912 ± 0.012"),
        (12.3456, 0.5, "12.35 ± 0.50"),
        (-7.26, 1.04, "-7.3 ± 1.0"),
        (1234.6, 56.0, "1235 ± 56"),
        (1234.6, 560.0, "1235 ± 560"),
        (0.5, 1e-9, "0.500000 ± 0.000000"),
        (1.0, 0.0, "1 ± 0"),
        (0.25, 0.0, "0.250 ± 0.000"),
        (2.5, math.inf, "2.500 ± inf"),
        (math.nan, math.nan, "nan ± nan"),
    ],
)
def test_estimate_shows_two_digits_of_error(value, error, text):
    estimate = Estimate(value, error)
    assert str(estimate) == f"{estimate}" == text


def test_estimate_format_applies_to_both_numbers():
    assert f"{Estimate(0.91234, 0.0123):.1%}" == "91.2% ± 1.2%"


@given(value=st.floats(-1e6, 1e6), error=st.floats(1e-5, 1e5))
def test_estimate_text_loses_little_precision(value, error):
    written_value, written_error = map(float, str(Estimate(value, error)).split(" ± "))
    assert written_value == pytest.approx(value, abs=0.051 * error)
    assert written_error == pytest.approx(error, abs=0.051 * error)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_mean_and_error_match_scipy(values):
    for sequence in (values, torch.tensor(values, dtype=torch.float64)):
        estimate = mean_estimate(sequence)
        assert estimate.value == pytest.approx(np.mean(values), abs=1e-6)
        assert estimate.error == pytest.approx(scipy.stats.sem(values), abs=1e-6)


def test_mean_is_computed_in_float64():
    many = torch.full((10_000,), 0.1) + 1000
    assert mean_estimate(many).value == pytest.approx(np.float64(many[0].item()), rel=1e-12)
    assert mean_estimate(torch.tensor([1, 2])) == Estimate(1.5, 0.5)


@pytest.mark.parametrize("values", [[], [3.0], torch.tensor(3.0), torch.zeros(3, 2)], ids=str)
def test_mean_needs_at_least_two_values(values):
    shape = str(tuple(torch.as_tensor(values).shape)).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=rf"values must be at least two numbers \(n,\), got shape {shape}"):
        mean_estimate(values)


@given(n=st.integers(1, 200), data=st.data())
def test_share_and_error_are_binomial(n, data):
    n_hits = data.draw(st.integers(0, n))
    estimate = share_estimate(torch.arange(n) < n_hits)
    assert estimate.value == pytest.approx(n_hits / n)
    assert estimate.error == pytest.approx(scipy.stats.binom(n, n_hits / n).std() / n, abs=1e-9)


# Votes of neighbours


def votes(codes, labels, code, k) -> np.ndarray:
    """Count the classes of the k nearest codes one by one."""
    distances = [math.dist(code.tolist(), other.tolist()) for other in codes]
    return np.bincount([int(labels[i]) for i in np.argsort(distances)[:k]], minlength=10)


@pytest.mark.parametrize(("k", "classes", "dim"), [(1, 10, 2), (3, 2, 1), (10, 4, 2), (15, 3, 5)])
def test_neighbour_votes_match_brute_force(k, classes, dim):
    g = seeded(k)
    codes, test_codes = torch.randn(80, dim, generator=g), torch.randn(40, dim, generator=g)
    labels = torch.randint(classes, (80,), generator=g)
    predicted = nearest_labels(codes, labels, test_codes, k)
    for code, label in zip(test_codes, predicted, strict=True):
        counts = votes(codes, labels, code, k)
        assert counts[label] == counts.max()


def test_knn_accuracy_is_share_of_correct_votes():
    g = seeded()
    codes, test_codes = torch.randn(60, 2, generator=g), torch.randn(50, 2, generator=g)
    labels, test_labels = (codes[:, 0] > 0).long(), (test_codes[:, 1] > 0).long()  # unrelated to the codes' neighbours
    right = [votes(codes, labels, z, 5).argmax() == y for z, y in zip(test_codes, test_labels, strict=True)]
    estimate = knn_accuracy(codes, labels, test_codes, test_labels, k=5)  # two classes, five votes: no ties
    assert estimate.value == pytest.approx(np.mean(right))
    assert estimate.error == pytest.approx(np.std(right) / math.sqrt(50))


def test_knn_accuracy_ranges_from_chance_to_one():
    g = seeded()
    labels = torch.arange(2000) % 5
    noise = torch.randn(2000, 2, generator=g)
    apart = noise + 100 * labels[:, None]
    assert knn_accuracy(apart[::2], labels[::2], apart[1::2], labels[1::2]) == Estimate(1.0, 0.0)
    mixed = knn_accuracy(noise[::2], labels[::2], noise[1::2], labels[1::2])
    assert mixed.value == pytest.approx(1 / 5, abs=4 * mixed.error)


# Arrangement of the classes


def noisy_classes(n_classes: int = 10, per_class: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw images (M, 3, 4) around a random image for each class, with labels that leave gaps."""
    g = seeded()
    labels = torch.arange(n_classes * per_class) % n_classes
    prototypes = torch.rand(n_classes, 3, 4, generator=g)
    return prototypes[labels] + torch.randn(len(labels), 3, 4, generator=g) / 10, labels * 3


def test_rotated_pixels_correlate_fully():
    images, labels = noisy_classes()
    orthogonal = torch.from_numpy(scipy.stats.ortho_group(12, seed=0).rvs()).float()
    assert class_distance_correlation(images.flatten(1) @ orthogonal + 5, images, labels) > 0.999


def test_codes_in_opposite_order_correlate_negatively():
    """Class means 0, 1, 3 in pixels and 0, 3, 1 in codes: the nearest pair becomes the farthest."""
    images, codes = torch.tensor([0.0, 1, 3]).view(3, 1, 1), torch.tensor([[0.0], [3], [1]])
    assert class_distance_correlation(codes, images, torch.arange(3)) == pytest.approx(-1)


def test_random_codes_do_not_correlate():
    images, labels = noisy_classes()
    centres = torch.randn(100, 30, 2, generator=seeded(1))
    correlations = [class_distance_correlation(c[labels], images, labels) for c in centres]
    assert np.mean(correlations) == pytest.approx(0, abs=4 * scipy.stats.sem(correlations))
    assert abs(np.mean(correlations)) < 0.1


def test_correlation_is_over_ranks():
    """Pearson's correlation of the distances' ranks, class by class."""
    images, labels = noisy_classes()
    codes = images.flatten(1)[:, :2]
    distances = [
        [
            np.linalg.norm(x[labels == a].mean(0).numpy() - x[labels == b].mean(0).numpy())
            for a in range(0, 30, 3)
            for b in range(0, a, 3)
        ]
        for x in (codes, images.flatten(1))
    ]
    ranks = [np.argsort(np.argsort(d)) for d in distances]
    assert class_distance_correlation(codes, images, labels) == pytest.approx(np.corrcoef(ranks)[0, 1])


@given(angle=st.floats(0, 7), scale=st.floats(0.01, 100), mirrored=st.booleans())
def test_correlation_is_invariant_to_similarity_transforms(angle, scale, mirrored):
    images, labels = noisy_classes()
    codes = images.flatten(1)[:, :2].double()
    moved = scale * codes @ rotation(angle).double() * torch.tensor([1, -1 if mirrored else 1])
    before = class_distance_correlation(codes, images, labels)
    assert class_distance_correlation(moved, images, labels) == pytest.approx(before)


# Distances in pixels


@pytest.mark.parametrize("batch", [1, 7, 1024])
def test_nearest_distance_matches_brute_force(monkeypatch, batch):
    monkeypatch.setattr(metrics, "DISTANCE_BATCH_SIZE", batch)
    images, reference = torch.rand(30, 3, 5, generator=seeded()), torch.rand(40, 3, 5, generator=seeded(1))
    differences = images.double().numpy()[:, None] - reference.double().numpy()[None]
    expected = np.sqrt((differences**2).sum(axis=(2, 3))).min(axis=1)
    np.testing.assert_allclose(nearest_distance(images, reference), expected, rtol=1e-4)


def test_reference_image_has_zero_distance():
    """Up to float32 rounding in |a|² + |b|² - 2ab, for images about 5 apart."""
    images = torch.rand(50, 28, 28, generator=seeded())
    assert nearest_distance(images, images.flip(0)).max() < 0.05


def test_one_reconstruction_in_twenty_is_off_manifold():
    train, reconstructions = torch.rand(300, 4, 4, generator=seeded()), torch.rand(400, 4, 4, generator=seeded(1))
    holes = off_manifold(reconstructions, reconstructions, train)
    assert (holes.dtype, holes.shape) == (torch.bool, (400,))
    assert float(holes.float().mean()) == pytest.approx(0.05, abs=0.005)
    distances = nearest_distance(reconstructions, train)
    assert distances[holes].min() > distances[~holes].max()


def test_only_distant_images_are_off_manifold():
    train, reconstructions = torch.rand(300, 4, 4, generator=seeded()), torch.rand(400, 4, 4, generator=seeded(1))
    decoded = torch.cat([train[:5], train[:3] + 10, train[5:6]])
    assert off_manifold(decoded, reconstructions, train).tolist() == [False] * 5 + [True] * 3 + [False]


# Active units


@given(st.integers(0, 2**31), st.integers(1, 5), st.integers(20, 200))
def test_active_units_have_variance_above_threshold(seed, latent_dim, n):
    """By NumPy's variance; the scales are drawn around the threshold."""
    deviations = 10 ** (torch.rand(latent_dim, generator=seeded(seed)) * 2 - 2)
    mu = deviations * torch.randn(n, latent_dim, generator=seeded(seed + 1)) + 7
    active = active_units(mu)
    assert (active.dtype, active.shape) == (torch.bool, (latent_dim,))
    assert active.tolist() == (np.var(mu.double().numpy(), axis=0, ddof=1) > 0.01).tolist()


def test_large_constant_means_are_inactive():
    mu = torch.stack([torch.full((50,), 30.0), torch.linspace(-0.1, 0.1, 50), torch.linspace(-0.3, 0.3, 50)], dim=1)
    assert active_units(mu).tolist() == [False, False, True]  # the second's variance is 0.0035, the third's 0.031


# Entropy


@given(st.lists(st.lists(st.floats(0.001, 1), min_size=4, max_size=4), min_size=1, max_size=5))
def test_entropy_matches_scipy(rows):
    probabilities = torch.tensor(rows, dtype=torch.float64)
    probabilities /= probabilities.sum(dim=1, keepdim=True)
    np.testing.assert_allclose(entropy(probabilities), scipy.stats.entropy(rows, axis=1), rtol=1e-9)


@pytest.mark.parametrize("classes", [2, 10])
def test_entropy_ranges_from_zero_to_log_classes(classes):
    probabilities = torch.stack([torch.eye(classes)[1], torch.full((classes,), 1 / classes)])
    sure, clueless = entropy(probabilities).tolist()
    assert sure == 0
    assert clueless == pytest.approx(math.log(classes), rel=1e-6)


@pytest.mark.parametrize(
    ("probabilities", "row"),
    [
        ([[0.5, 0.5], [3.0, -2.0]], 1),  # they add up to 1
        ([[2.0, 1.0]], 0),
        ([[0.2, 0.2]], 0),
        ([[0.5, 0.5], [0.5, 0.5], [math.nan, 0.5]], 2),
    ],
    ids=["negative", "logits", "too little", "nan"],
)
def test_invalid_probabilities_are_refused(probabilities, row):
    message = rf"probabilities must lie in \[0, 1\] and add up to 1 in each row, row {row} does not"
    with pytest.raises(ValueError, match=message):
        entropy(torch.tensor(probabilities))


def test_half_precision_probabilities_have_an_entropy():
    probabilities = torch.rand(50, 10, generator=seeded()).softmax(dim=1)
    torch.testing.assert_close(entropy(probabilities.half()).float(), entropy(probabilities), rtol=0.01, atol=0.01)


# Errors


def test_probabilities_must_be_rows():
    with pytest.raises(ValueError, match=r"probabilities must have shape \(B, C\), got \(2,\)"):
        entropy(torch.tensor([0.5, 0.5]))


@pytest.mark.parametrize("shape", [(5, 100), (), (1, 1)])
def test_hits_must_be_one_row(shape):
    """The error of 5 rows of 100 would be computed from 5 hits."""
    with pytest.raises(ValueError, match=r"hits must have shape \(n,\), got \(.*hits\.flatten\(\)"):
        share_estimate(torch.ones(shape, dtype=torch.bool))


@pytest.mark.parametrize("hits", [torch.tensor([0.3, 0.9]), torch.tensor([7, 1]), torch.tensor([math.nan])], ids=str)
def test_hits_must_be_boolean(hits):
    with pytest.raises(ValueError, match="hits must be true or false"):
        share_estimate(hits)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("which", ["images", "reference"])
def test_non_finite_images_have_no_distance(which, bad):
    pictures = {name: torch.rand(4, 3, 3, generator=seeded()) for name in ("images", "reference")}
    pictures[which][2, 1, 1] = bad
    with pytest.raises(ValueError, match=f"{which} must be finite, image 2 is not"):
        nearest_distance(**pictures)


@pytest.mark.parametrize("which", [0, 1, 2], ids=["decoded", "reconstructions", "train"])
def test_non_finite_images_are_refused_off_manifold(which):
    pictures = [torch.rand(6, 3, 3, generator=seeded(seed)) for seed in range(3)]
    pictures[which][:] = math.nan
    with pytest.raises(ValueError, match="must be finite, image 0 is not"):
        off_manifold(*pictures)


@pytest.mark.parametrize(
    ("reference", "shown"),
    [
        (torch.zeros(5, 2, 2), r"\(3, 3\) torch.float32 and \(2, 2\) torch.float32"),
        (torch.zeros(5, 9), r"\(3, 3\) torch.float32 and \(9,\) torch.float32"),
        (torch.zeros(5, 3, 3).double(), r"\(3, 3\) torch.float32 and \(3, 3\) torch.float64"),
    ],
    ids=["size", "flat", "dtype"],
)
def test_incomparable_images_are_named(reference, shown):
    with pytest.raises(ValueError, match=f"images and reference must have one size and dtype, got {shown}"):
        nearest_distance(torch.zeros(4, 3, 3), reference)


@pytest.mark.filterwarnings("error")
def test_tensors_with_gradients_are_accepted():
    """Outside of torch.no_grad()."""
    values, codes = torch.rand(60, generator=seeded()), torch.randn(60, 2, generator=seeded(1))
    labels, pictures = torch.arange(60) % 3, torch.rand(60, 2, 2, generator=seeded(2))
    learned = codes.clone().requires_grad_()
    assert mean_estimate(values.clone().requires_grad_()) == mean_estimate(values)
    assert knn_accuracy(learned, labels, learned, labels) == knn_accuracy(codes, labels, codes, labels)
    assert class_distance_correlation(learned, pictures.clone().requires_grad_(), labels) == class_distance_correlation(
        codes, pictures, labels
    )


def test_empty_hits_are_named():
    with pytest.raises(ValueError, match="hits must not be empty"):
        share_estimate(torch.zeros(0, dtype=torch.bool))


@pytest.mark.parametrize(
    ("mu", "error", "message"),
    [
        (torch.full((3, 2), math.nan), ValueError, "mu must be finite"),
        (torch.zeros(1, 2), ValueError, "mu must have at least two images, got 1"),
        (torch.zeros(3, 8, 8), ValueError, r"mu must have shape \(M, K\), got \(3, 8, 8\)"),
        ((torch.zeros(3, 2), torch.zeros(3, 2)), TypeError, "got a tuple, as a VAE's `encode` gives: use `code"),
        (torch.zeros(3, 2, dtype=torch.long), ValueError, "mu must have a floating dtype"),
    ],
    ids=["nan", "one image", "images", "tuple", "whole numbers"],
)
def test_active_units_refuse_invalid_codes(mu, error, message):
    with pytest.raises(error, match=message):
        active_units(mu)


def test_codes_and_labels_must_match_in_number():
    codes, labels = torch.rand(20, 2), torch.arange(20) % 4
    with pytest.raises(ValueError, match="codes and labels must have as many rows, got codes 20, labels 19"):
        nearest_labels(codes, labels[1:], codes)
    with pytest.raises(
        ValueError, match="test_codes and test_labels must have as many rows, got test_codes 20, test_labels 1"
    ):
        knn_accuracy(codes, labels, codes, labels[:1])
    with pytest.raises(
        ValueError, match="codes and images and labels must have as many rows, got codes 20, images 19, labels 20"
    ):
        class_distance_correlation(codes, torch.rand(19, 3, 3), labels)
    with pytest.raises(ValueError, match="labels must be of at least three classes, got 2"):
        class_distance_correlation(codes, torch.rand(20, 3, 3), labels % 2)
