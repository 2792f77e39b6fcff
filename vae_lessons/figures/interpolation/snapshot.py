"""What Interpolation shows between two images."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from vae_lessons.evaluation.plots import COLOURS, GAP, show_images
from vae_lessons.figures.interpolation.walks import PIXELS, PLACES, Walk
from vae_lessons.figures.runtime.snapshot import Snapshot

N_PICTURES = 11  # in a strip
LIMIT = "limit"
WIDTH = 2  # of a curve, which is thinner for the pixels
# Colour and dashes, in pixels of the page, of the pixels' curve and then of the models'.
STYLES = {"data": (), "decoder": (), "posterior": (7, 2), "prior": (8, 2, 2, 2), "encoder": (2, 2)}


@dataclass(frozen=True)
class InterpolationSnapshot(Snapshot):
    """Walks between two images, and the pictures that they pass.

    Attributes
    ----------
    walks : mapping of str to Walk
        By name, the pixels first.
    first, second : int
        Which images the walks lead between.
    classes : tuple of int
        Of these two images.
    t : float
        From 0, at the first image, to 1, at the second.
    strips : Tensor
        (walks * N_PICTURES, H, W), each walk in turn.
    pictures : Tensor
        (walks, H, W), at t.
    numbers : dict of str to float
        Distance of the picture at t to the nearest training image, by the walk's name; and the `limit`.
    """

    walks: Mapping[str, Walk]
    first: int
    second: int
    classes: tuple[int, int]
    t: float
    strips: Tensor
    pictures: Tensor
    numbers: dict[str, float]

    @classmethod
    def at(
        cls, walks: Mapping[str, Walk], first: int, second: int, classes: tuple[int, int], t: float, limit: float
    ) -> "InterpolationSnapshot":
        """Compute the snapshot at one t of all walks between two images."""
        places = torch.cat([torch.linspace(0, 1, N_PICTURES), torch.tensor([t])])
        passed = torch.stack([walk.pictures(first, second, places) for walk in walks.values()])  # (walks, T, H, W)
        known = np.linspace(0, 1, len(PLACES))
        numbers = {n: float(np.interp(t, known, walk.distances[first, second])) for n, walk in walks.items()}
        strips, pictures = passed[:, :-1].flatten(0, 1), passed[:, -1]
        return cls(walks, first, second, classes, t, strips, pictures, numbers | {LIMIT: limit})

    def alt(self) -> str:
        """Describe the strips and the curves."""
        a, b = self.classes
        distances = ", ".join(f"{name} {value:.2f}" for name, value in self.numbers.items())
        return (
            f"Strips of {N_PICTURES} pictures on the way from a test image of class {a} to one of class {b}: "
            f"{', '.join(self.walks)}. Below, curves of their distance to the nearest training image; "
            f"at t = {self.t:.2f}: {distances}. Right, the pictures there."
        )

    def draw(self, figure: Figure) -> None:
        """Draw the strips above the curves, and the pictures at t beside them."""
        axes = figure.subplot_mosaic(
            [["strips", "pictures"], ["curves", "pictures"]],
            width_ratios=(54, 16),
            height_ratios=(5 * len(self.walks), 17),
        )
        self._draw_strips(axes["strips"])
        self._draw_curves(axes["curves"])
        show_images(self.pictures, n_columns=1, ax=axes["pictures"])

    def _draw_strips(self, ax: Axes) -> None:
        show_images(self.strips, n_columns=N_PICTURES, row_labels=list(self.walks), ax=ax)
        height, width = (length + GAP for length in self.strips.shape[1:])
        left = self.t * (N_PICTURES - 1) * width - (1 + GAP) / 2  # pixels are drawn around their coordinates
        for row in range(len(self.walks)):
            corner = (left, row * height - (1 + GAP) / 2)
            ax.add_patch(Rectangle(corner, width, height, fill=False, color=COLOURS["encoder"], lw=1.5, clip_on=False))

    def _draw_curves(self, ax: Axes) -> None:
        ax.axvline(self.t, color=COLOURS["encoder"], lw=1)
        ax.axhline(self.numbers[LIMIT], color="#222222", lw=1.25, ls=":", label=LIMIT)
        for (name, walk), (colour, dashes) in zip(self.walks.items(), STYLES.items(), strict=False):
            line = (0, tuple(length / WIDTH for length in dashes)) if dashes else "-"
            width = 1.25 if name == PIXELS else WIDTH
            distances = walk.distances[self.first, self.second]
            ax.plot(PLACES, distances, color=COLOURS[colour], ls=line, lw=width, label=name)
        ax.set(xlabel="$t$", ylabel="distance", xlim=(0, 1))
        ax.set_ylim(bottom=0)
        columns = 4 if len(self.walks) < 4 else 3
        ax.legend(labelcolor="linecolor", ncols=columns, handlelength=1.5, loc="lower center", bbox_to_anchor=(0.5, 1))
