"""Images of which everything is known: each is made from a few factors, and every combination of these occurs once.

With N different images, each as likely as the others, the entropy of the data is log N nats, exactly.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from vae_lessons.data.images import ImageData
from vae_lessons.validation import check_int

UNITS = 16  # to the side of an image: what widths and places are counted in
SHAPES = ("disc", "square", "triangle")
WIDTHS = (4, 6, 8)  # of the box around a shape, in units
N_PLACES = 9  # of the box's centre along each axis, one unit apart, so that all shapes lie in the image
SUBPIXELS = 8  # along each axis, where it is looked at whether a point is inside


@dataclass(frozen=True, eq=False)
class ShapeData(ImageData):
    """`ImageData` with the factors of its images. Training and test split are the same images: there are no others.

    Attributes
    ----------
    factors : Tensor, (M, F), int64
        The value of each factor, counted from 0.
    factor_names : tuple of str
        What the columns of `factors` are: "shape", which is the class of the image too, "scale", "x" and "y".
    """

    factors: Tensor
    factor_names: tuple[str, ...] = ("shape", "scale", "x", "y")

    def __str__(self) -> str:
        height, width = self.image_shape
        counts = (self.factors.amax(dim=0) + 1).tolist()
        table = ", ".join(f"{name} {n}" for n, name in zip(counts, self.factor_names, strict=True))
        return f"{self.title}: {len(self.train):,} images of {height} × {width} pixels; values of each factor: {table}"

    __repr__ = __str__


def load_shapes(size: int = UNITS, binary: bool = True) -> ShapeData:
    """Draw a disc, a square or a triangle, in 3 sizes, at 9 × 9 places: 729 images, no two of them the same.

    Parameters
    ----------
    size : int
        Height and width in pixels, a multiple of 16.
    binary : bool
        Whether a pixel is 1 if the shape covers at least half of it, and 0 elsewhere: then a Bernoulli gives each image
        a probability, and H - R is a bound on its distortion. If not, a pixel is the share of it that is covered.

    Raises
    ------
    ValueError
        For another size.
    """
    if check_int("size", size) % UNITS:
        raise ValueError(f"size must be a multiple of {UNITS}, so that each place is a whole pixel, got {size}")
    points = (torch.arange(size * SUBPIXELS) + 0.5) * UNITS / (size * SUBPIXELS) - max(WIDTHS) / 2
    # Distances from the centre at the first place, as shares of the width: u to the right, v down.
    v, u = torch.meshgrid(points, points, indexing="ij")
    inside = torch.stack([is_inside(u / width, v / width) for is_inside in _INSIDE for width in WIDTHS])
    first = avg_pool2d(inside.float(), SUBPIXELS)  # (9, H, W)
    factors = torch.cartesian_prod(*map(torch.arange, (len(SHAPES), len(WIDTHS), N_PLACES, N_PLACES)))
    places = (factors[: N_PLACES**2, 2:] * size // UNITS).tolist()  # in pixels
    coverage = torch.stack([first.roll((y, x), dims=(1, 2)) for x, y in places], dim=1).flatten(0, 1)  # (N, H, W)
    images = (coverage >= 0.5).float() if binary else coverage
    return ShapeData("shapes", images, factors[:, 0], images, factors[:, 0], factors)


def _in_disc(u: Tensor, v: Tensor) -> Tensor:
    return u.square() + v.square() <= 0.25


def _in_square(u: Tensor, v: Tensor) -> Tensor:
    return torch.maximum(u.abs(), v.abs()) <= 0.5


def _in_triangle(u: Tensor, v: Tensor) -> Tensor:
    return (v <= 0.5) & (u.abs() <= (v + 0.5) / 2)  # as high as it is wide, with the tip at the top


_INSIDE = (_in_disc, _in_square, _in_triangle)
