"""Straight walks between images, in pixels and in the codes of a model, and how plausible the pictures on them are."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_lessons.evaluation.metrics import nearest_distance, off_manifold_threshold
from vae_lessons.figures.runtime.images import classes_in_turn
from vae_lessons.models import VAE, Autoencoder

N_IMAGES = 12  # to choose the two ends from
PLACES = torch.linspace(0, 1, 21)  # values of t at which distances are known
FIRST, SECOND = torch.combinations(torch.arange(N_IMAGES)).unbind(dim=1)  # (P,) each: all pairs
DECIMALS = 2  # of a distance
PIXELS = "pixels"
N_RECONSTRUCTIONS = 500


@dataclass(frozen=True)
class Walk:
    """A space with straight lines between N images, and the pictures of its points.

    Attributes
    ----------
    codes : Tensor
        (N, K), where the images are.
    decode : callable
        Codes (B, K) to pictures (B, H, W).
    distances : Tensor
        (N, N, T), float64: from the pictures on the way from one image to another to the nearest training image.
    """

    codes: Tensor
    decode: Callable[[Tensor], Tensor]
    distances: Tensor

    @torch.no_grad()
    def pictures(self, first: int, second: int, t: Tensor) -> Tensor:
        """Decode z(t) = (1 - t) z_first + t z_second, for t (T,): (T, H, W)."""
        return self.decode(torch.lerp(self.codes[first], self.codes[second], t.unsqueeze(1)))


def choose_images(labels: Tensor) -> list[int]:
    """Return indices of twelve images: the first of each class, then the second of each, until there are twelve.

    With ten classes from 0 to 9, number c of the twelve is the first of class c. ValueError for fewer than two
    classes or twelve images.
    """
    classes = labels.unique()
    if len(classes) < 2 or len(labels) < N_IMAGES:
        raise ValueError(
            f"data must have at least {N_IMAGES} test images of two or more classes, "
            f"got {len(labels)} images of {len(classes)} class{'es' * (len(classes) != 1)}"
        )
    return classes_in_turn(labels)[:N_IMAGES]


def walk_in_pixels(images: Tensor, train: Tensor) -> Walk:
    """Blend images (N, H, W) pixel by pixel, and measure the blends' distances to training images (M, H, W)."""
    x, y = images.flatten(1), train.flatten(1)
    # ||x - y||² - ||x||² is linear in x. So for a blend it is the blend of its ends', and no y is needed again.
    to_each = y.square().sum(dim=1) - 2 * x @ y.T  # (N, M)
    pairs = zip(to_each[FIRST], to_each[SECOND], strict=True)
    nearest = torch.stack([torch.lerp(*pair, PLACES.unsqueeze(1)).amin(dim=1) for pair in pairs])  # (P, T)
    squared = nearest + _between_pairs(x).square().sum(dim=2)
    return Walk(x, lambda codes: codes.unflatten(1, images.shape[1:]), _both_ways(squared.clamp(min=0).sqrt()))


@torch.no_grad()
def walk_in_codes(model: Autoencoder | VAE, images: Tensor, train: Tensor) -> Walk:
    """Decode points between the codes of images (N, H, W), and measure their distances to training images."""
    codes = model.code(images)
    z = _between_pairs(codes)
    distances = nearest_distance(model.decode(z.flatten(0, 1)), train)
    return Walk(codes, model.decode, _both_ways(distances.unflatten(0, z.shape[:2])))


@torch.no_grad()
def limit_of(model: Autoencoder | VAE, test: Tensor, train: Tensor) -> float:
    """Compute `off_manifold_threshold` for a model, rounded as it is printed."""
    return round(float(off_manifold_threshold(model(test[:N_RECONSTRUCTIONS]), train)), DECIMALS)


def _between_pairs(codes: Tensor) -> Tensor:
    """Codes (N, K) of the ends to those on the way, of all pairs: (P, T, K)."""
    return torch.lerp(codes[FIRST, None], codes[SECOND, None], PLACES.unsqueeze(1))


def _both_ways(distances: Tensor) -> Tensor:
    """Distances (P, T) of the walks between all pairs as a table (N, N, T), rounded."""
    table = torch.empty(N_IMAGES, N_IMAGES, len(PLACES), dtype=torch.float64)
    table[FIRST, SECOND] = distances.double()
    table[SECOND, FIRST] = distances.double().flip(1)
    own = torch.arange(N_IMAGES)
    table[own, own] = table[own, own - 1, :1]  # where any walk from an image begins
    return table.round(decimals=DECIMALS)
