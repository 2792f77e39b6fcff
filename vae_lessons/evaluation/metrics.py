"""What the lessons claim about a latent space, as numbers with their standard errors."""

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
DISTANCE_BATCH_SIZE = 1024  # reference images at a time
ACTIVE = 0.01  # variance of the mean above which a unit counts as active
ROUNDING = 1e-3  # probabilities add up to 1 within this, in float16 too


@dataclass(frozen=True)
class Estimate:
    """A measured value and its standard error, in the same units; it formats as `value ± error`."""

    value: float
    error: float

    def __sub__(self, other: "Estimate") -> "Estimate":
        """Subtract an independent estimate: the squares of the errors add up."""
        return Estimate(self.value - other.value, math.hypot(self.error, other.error))

    def __format__(self, spec: str) -> str:
        spec = spec or f".{self._decimals()}f"
        return f"{self.value:{spec}} ± {self.error:{spec}}"

    def __str__(self) -> str:
        return format(self)

    def _decimals(self) -> int:
        """Count the decimals that show two digits of the error, at most six."""
        if self.error == 0 or not math.isfinite(self.error):
            return 0 if float(self.value).is_integer() else 3
        return min(6, max(0, 1 - math.floor(math.log10(self.error))))


def mean_estimate(values: Sequence[float] | Tensor) -> Estimate:
    """Compute the mean of n independent values and its standard error s / sqrt(n), where s² divides by n - 1.

    Raises ValueError for fewer than two values.
    """
    values = torch.as_tensor(values, dtype=torch.float64, device="cpu").detach()
    if values.dim() != 1 or len(values) < 2:
        raise ValueError(f"values must be at least two numbers (n,), got shape {tuple(values.shape)}")
    return Estimate(float(values.mean()), float(values.std() / math.sqrt(len(values))))


def share_estimate(hits: Tensor) -> Estimate:
    """Compute the share p of true values in `hits` (n,), with its binomial standard error sqrt(p (1 - p) / n).

    The error is 0 for a share of 0 or 1, however small n is. Raises ValueError for an empty tensor, for another shape,
    and for values that are neither true nor false.
    """
    hits = torch.as_tensor(hits, dtype=torch.float64, device="cpu").detach()
    if hits.dim() != 1:
        raise ValueError(f"hits must have shape (n,), got {tuple(hits.shape)}: use hits.flatten()")
    if not len(hits):
        raise ValueError("hits must not be empty")
    if not ((hits == 0) | (hits == 1)).all():
        raise ValueError("hits must be true or false, 1 or 0, got other numbers")
    share = float(hits.mean())
    return Estimate(share, math.sqrt(share * (1 - share) / len(hits)))


def knn_accuracy(codes: Tensor, labels: Tensor, test_codes: Tensor, test_labels: Tensor, k: int = 10) -> Estimate:
    """Measure how often the k nearest training codes vote for a test image's class.

    It is 1 where classes are separated, and 1 / (number of classes) where they overlap completely; its error is that of
    a share of the test images. Codes are (M, K), labels (M,). Raises as `nearest_labels`.
    """
    check_same_length(test_codes=test_codes, test_labels=test_labels)
    return share_estimate(nearest_labels(codes, labels, test_codes, k) == test_labels)


def nearest_labels(codes: Tensor, labels: Tensor, test_codes: Tensor, k: int = 10) -> Tensor:
    """Find the class that the k nearest training codes vote for, for each test code: (B,), on the labels' device.

    Raises ValueError for codes that are not (M, K) or not finite, and unless each has a label; TypeError for what is
    not a tensor.
    """
    _check_codes(codes=codes, test_codes=test_codes)
    check_same_length(codes=codes, labels=labels)
    places, classes, test_places = (part.detach().cpu().numpy() for part in (codes, labels, test_codes))
    neighbours = KNeighborsClassifier(n_neighbors=k).fit(places, classes)
    return torch.from_numpy(neighbours.predict(test_places)).to(labels.device)


def class_distance_correlation(codes: Tensor, images: Tensor, labels: Tensor) -> float:
    """Compute Spearman's rank correlation of the distances between class means, in codes and in pixels.

    It is 1 where classes are as near in latent space as they look alike, in the same order, and 0 where the arrangement
    has nothing to do with looks. Codes are (M, K), images (M, H, W), labels (M,). Raises ValueError for fewer than
    three classes, whose one distance has no rank, and as `nearest_labels`.
    """
    _check_codes(codes=codes)
    check_floating(images=images)
    check_same_length(codes=codes, images=images, labels=labels)
    codes, images, labels = (part.detach().cpu() for part in (codes, images, labels))
    classes = labels.unique()
    if len(classes) < 3:
        raise ValueError(f"labels must be of at least three classes, got {len(classes)}")
    in_codes, in_pixels = (
        pdist(torch.stack([space[labels == c].mean(dim=0) for c in classes]).numpy())
        for space in (codes, images.flatten(1))
    )
    return float(spearmanr(in_codes, in_pixels).statistic)


def nearest_distance(images: Tensor, reference: Tensor) -> Tensor:
    """Compute the Euclidean distance from each image (B, H, W) to the nearest of `reference` (M, H, W): (B,).

    For an image that is in `reference` it is not quite 0, about 0.01 in float32, as a difference of squares is.

    Raises ValueError for images of another size or dtype than `reference`, and for images that are integers or not
    finite; TypeError for what is not a tensor.
    """
    check_floating(images=images, reference=reference)
    kind, expected = (f"{tuple(x.shape[1:])} {x.dtype}" for x in (images, reference))
    if kind != expected:
        hint = ": use images.to(reference)" if images.shape[1:] == reference.shape[1:] else ""
        raise ValueError(f"images and reference must have one size and dtype, got {kind} and {expected}{hint}")
    check_finite("images", images, "image")
    check_finite("reference", reference, "image")
    points = images.flatten(1)
    nearest = points.new_full((len(points),), math.inf)
    for batch in reference.flatten(1).split(DISTANCE_BATCH_SIZE):
        others = batch.to(points.device)
        squared = torch.addmm(others.square().sum(dim=1), points, others.T, alpha=-2)  # ||y||^2 - 2 x.y
        nearest = torch.minimum(nearest, squared.amin(dim=1))
    return (nearest + points.square().sum(dim=1)).clamp(min=0).sqrt()


def off_manifold_threshold(reconstructions: Tensor, train: Tensor) -> Tensor:
    """Compute the 95th percentile of distances from test reconstructions (B, H, W) to training images (M, H, W).

    A decoded image that is farther than this from all training images counts as off the manifold. Returns a scalar
    tensor; raises as `nearest_distance`.
    """
    return nearest_distance(reconstructions, train).quantile(RECONSTRUCTION_QUANTILE)


def off_manifold(decoded: Tensor, reconstructions: Tensor, train: Tensor) -> Tensor:
    """Find images in `decoded` (B, H, W) that are farther from the training images than reconstructions are: (B,).

    "Farther" means beyond `off_manifold_threshold`, so images as good as reconstructions give a share of 0.05.
    Raises as `nearest_distance`.
    """
    return nearest_distance(decoded, train) > off_manifold_threshold(reconstructions, train)


def active_units(mu: Tensor) -> Tensor:
    """Find the latent dimensions that depend on the image, Var_x(mu_j) > 0.01: (K,), bool.

    `mu` are means of q(z | x) for M images, (M, K). Raises ValueError for fewer than two images, another shape, and
    values that are not finite; TypeError for what is not a tensor. Source: Burda, Grosse and Salakhutdinov (2016).
    """
    _check_codes(mu=mu)
    if len(mu) < 2:
        raise ValueError(f"mu must have at least two images, got {len(mu)}: a variance needs two")
    return mu.var(dim=0) > ACTIVE


def entropy(probabilities: Tensor) -> Tensor:
    """Compute -sum_c p_c log p_c in nats of each row of `probabilities`, (B, C) to (B,).

    It is 0 for a certain prediction and log C for a uniform one. Raises ValueError for rows that are not in [0, 1] or
    do not add up to 1.
    """
    check_tensors(probabilities=probabilities)
    if probabilities.dim() != 2:
        raise ValueError(f"probabilities must have shape (B, C), got {tuple(probabilities.shape)}")
    in_range = ((probabilities >= 0) & (probabilities <= 1 + ROUNDING)).all(dim=1)
    wrong = ~(in_range & ((probabilities.sum(dim=1) - 1).abs() <= ROUNDING))
    if wrong.any():
        raise ValueError(
            f"probabilities must lie in [0, 1] and add up to 1 in each row, row {int(wrong.nonzero()[0])} does not: "
            "for logits, use softmax(dim=1)"
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
