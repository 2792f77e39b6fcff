"""What the lessons claim about a latent space, as numbers with their uncertainty."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from vae_lessons.validation import check_finite, check_floating, check_same_length, check_tensors

RECONSTRUCTION_QUANTILE = 0.95
DISTANCE_BATCH = 1024  # reference images at a time
ACTIVE = 0.01
ROUNDING = 1e-3  # probabilities add up to 1 within this, in float16 too


@dataclass(frozen=True)
class Estimate:
    """A measured value and its standard error, in the same units. Formats as `value ± error`."""

    value: float
    error: float

    def __format__(self, spec: str) -> str:
        spec = spec or f".{self._decimals()}f"
        return f"{self.value:{spec}} ± {self.error:{spec}}"

    def __str__(self) -> str:
        return format(self)

    def _decimals(self) -> int:
        """Enough decimals to show two digits of the error, but no more than six."""
        if self.error == 0 or not math.isfinite(self.error):
            return 0 if float(self.value).is_integer() else 3
        return min(6, max(0, 1 - math.floor(math.log10(self.error))))


def mean_estimate(values: Sequence[float] | Tensor) -> Estimate:
    """The mean of n independent values and its standard error s / sqrt(n), s² with n - 1.

    Raises ValueError for fewer than two values, from which no error can be had.
    """
    values = torch.as_tensor(values, dtype=torch.float64).detach()
    if values.dim() != 1 or len(values) < 2:
        raise ValueError(f"values must be at least two numbers in a row, got shape {tuple(values.shape)}")
    return Estimate(float(values.mean()), float(values.std() / math.sqrt(len(values))))


def share_estimate(hits: Tensor) -> Estimate:
    """The share p of true values in `hits` (n,), with its binomial standard error sqrt(p (1 - p) / n).

    The error is 0 for a share of 0 or 1, however small n is. Raises ValueError for no hits at all, for more than one
    row, and for what is neither true nor false.
    """
    hits = torch.as_tensor(hits, dtype=torch.float64).detach()
    if hits.dim() != 1:
        raise ValueError(f"hits must be one row (n,), got {tuple(hits.shape)}: each counts, so hand in hits.flatten()")
    if not len(hits):
        raise ValueError("hits must not be empty")
    if not ((hits == 0) | (hits == 1)).all():
        raise ValueError("hits must be true or false, 1 or 0, got other numbers")
    share = float(hits.mean())
    return Estimate(share, math.sqrt(share * (1 - share) / len(hits)))


def knn_accuracy(codes: Tensor, labels: Tensor, test_codes: Tensor, test_labels: Tensor, k: int = 10) -> Estimate:
    """How often a vote of the k nearest training codes names a test image's class.

    1 where classes lie apart, 1 / (number of classes) where they lie in one another. Codes are
    (M, K), labels (M,). The error is that of the share over test images. Raises as `nearest_labels`.
    """
    check_same_length(test_codes=test_codes, test_labels=test_labels)
    return share_estimate(nearest_labels(codes, labels, test_codes, k) == test_labels)


def nearest_labels(codes: Tensor, labels: Tensor, test_codes: Tensor, k: int = 10) -> Tensor:
    """The class that the k nearest training codes vote for, for each test code: (B,).

    Raises ValueError for codes that are not (M, K) or not finite, and unless each has a label; TypeError for no tensor.
    """
    _check_codes(codes=codes, test_codes=test_codes)
    check_same_length(codes=codes, labels=labels)
    neighbours = KNeighborsClassifier(n_neighbors=k).fit(codes.detach().numpy(), labels.numpy())
    return torch.from_numpy(neighbours.predict(test_codes.detach().numpy()))


def class_distance_correlation(codes: Tensor, images: Tensor, labels: Tensor) -> float:
    """Spearman's rank correlation of the distances between class means, in codes and in pixels.

    1 where classes that look alike are neighbours in latent space in just that order, 0 where the
    arrangement has nothing to do with looks. Codes are (M, K), images (M, H, W), labels (M,).

    Raises ValueError for fewer than three classes, whose one distance has no rank, and as `nearest_labels`.
    """
    _check_codes(codes=codes)
    check_same_length(codes=codes, images=images, labels=labels)
    classes = labels.unique()
    if len(classes) < 3:
        raise ValueError(f"labels must be of at least three classes, got {len(classes)}")
    in_codes, in_pixels = (
        pdist(torch.stack([space[labels == c].mean(dim=0) for c in classes]).numpy())
        for space in (codes.detach(), images.detach().flatten(1))
    )
    return float(spearmanr(in_codes, in_pixels).statistic)


def nearest_distance(images: Tensor, reference: Tensor) -> Tensor:
    """Euclidean distance from each image to the nearest of `reference`: (B, H, W), (M, H, W) to (B,).

    Of an image that is in `reference` it is not quite 0, in float32 about 0.01: it comes from a difference of squares.

    Raises ValueError for images of another size or dtype than `reference`, and for what is not finite, of which no
    distance would be large; TypeError for what is no tensor.
    """
    _check_pictures(images, reference)
    points = images.flatten(1)
    nearest = torch.full((len(points),), math.inf, dtype=points.dtype)
    for others in reference.flatten(1).split(DISTANCE_BATCH):
        squared = torch.addmm(others.square().sum(dim=1), points, others.T, alpha=-2)  # ||y||^2 - 2 x.y
        nearest = torch.minimum(nearest, squared.amin(dim=1))
    return (nearest + points.square().sum(dim=1)).clamp(min=0).sqrt()


def off_manifold_threshold(reconstructions: Tensor, train: Tensor) -> Tensor:
    """The distance beyond which a picture is a hole: the 95th percentile of the reconstructions' own nearest distances.

    reconstructions : (B, H, W), of test images; train : (M, H, W). Returns a scalar. Raises as `nearest_distance`.
    """
    return nearest_distance(reconstructions, train).quantile(RECONSTRUCTION_QUANTILE)


def off_manifold(decoded: Tensor, reconstructions: Tensor, train: Tensor) -> Tensor:
    """Which of `decoded` (B, H, W) are farther from all of `train` than test reconstructions are: (B,) of bool.

    "Farther" is: beyond `off_manifold_threshold`, so that images as good as reconstructions would give a share of 0.05.
    Raises as `nearest_distance`.
    """
    return nearest_distance(decoded, train) > off_manifold_threshold(reconstructions, train)


def active_units(mu: Tensor) -> Tensor:
    """Which latent dimensions say anything about the image: those whose mean moves, Var_x(mu_j) > 0.01: (K,) of bool.

    mu : (M, K), the means of q(z | x) over images. Raises ValueError for fewer than two images, another shape, and what
    is not finite; TypeError for what is no tensor. Source: Burda, Grosse and Salakhutdinov (2016).
    """
    _check_codes(mu=mu)
    if len(mu) < 2:
        raise ValueError(f"mu must be of at least two images, got {len(mu)}: of one, no mean moves")
    return mu.var(dim=0) > ACTIVE


def entropy(probabilities: Tensor) -> Tensor:
    """-sum_c p_c log p_c in nats, one value per row: (B, C) to (B,). 0 when sure, log C when clueless.

    Raises ValueError for rows that are no probabilities: not in [0, 1], or not adding up to 1.
    """
    check_tensors(probabilities=probabilities)
    if probabilities.dim() != 2:
        raise ValueError(f"probabilities must be rows (B, C), got {tuple(probabilities.shape)}")
    in_range = ((probabilities >= 0) & (probabilities <= 1 + ROUNDING)).all(dim=1)
    wrong = ~(in_range & ((probabilities.sum(dim=1) - 1).abs() <= ROUNDING))
    if wrong.any():
        raise ValueError(
            f"probabilities must lie in [0, 1] and add up to 1 in each row, row {int(wrong.nonzero()[0])} does not: "
            "of logits, softmax(dim=1) makes some"
        )
    return torch.special.entr(probabilities).sum(dim=1)


def _check_codes(**codes: Tensor) -> None:
    for name, value in codes.items():
        if isinstance(value, tuple):
            raise TypeError(f"{name} must be a tensor of codes, got a tuple, as a VAE's `encode` gives: use `code(x)`")
        check_floating(**{name: value})
        if value.dim() != 2:
            raise ValueError(f"{name} must have shape (M, K), got {tuple(value.shape)}")
        check_finite(name, value)


def _check_pictures(images: Tensor, reference: Tensor) -> None:
    check_tensors(images=images, reference=reference)
    kinds = [(tuple(x.shape[1:]), x.dtype) for x in (images, reference)]
    if kinds[0] != kinds[1]:
        (size, dtype), (other_size, other_dtype) = kinds
        raise ValueError(
            f"images and reference must have one size and dtype, got {size} {dtype} and {other_size} {other_dtype}"
        )
    check_finite("images", images, "image")
    check_finite("reference", reference, "image")
