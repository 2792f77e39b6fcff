"""What ConditionalDigits shows at one position."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from vae_lessons.evaluation.plots import CLASS_COLOURS, COLOURS, INK
from vae_lessons.figures.conditional_digits.conditional_map import ConditionalMap
from vae_lessons.figures.runtime.snapshot import Snapshot
from vae_lessons.probability.distributions import DiagonalGaussian

REACH = 3  # of the plane, to each side


@dataclass(frozen=True)
class ConditionalSnapshot(Snapshot):
    """One position, decoded in every class.

    Attributes
    ----------
    map : ConditionalMap
        The model, and the codes of test images.
    label : int
        The chosen class.
    position : tuple of float
        On the plane.
    axis_names : list of str
        Of the plane.
    images : Tensor
        (C, H, W), one of each class.
    read : list of int
        The class as which the classifier reads each image.
    numbers : dict of str to float
        `read`, `probability` and `log_prior` of the chosen class, and how many classes are read `right`.
    """

    map: ConditionalMap
    label: int
    position: tuple[float, float]
    axis_names: list[str]
    images: Tensor
    read: list[int]
    numbers: dict[str, float]

    @classmethod
    def at(
        cls, map_: ConditionalMap, label: int, position: tuple[float, float], draws: int, axis_names: list[str]
    ) -> "ConditionalSnapshot":
        """Decode one position in every class."""
        eps = map_.position(*position, draws)
        images = map_.decode(eps)
        probabilities = map_.classifier.probabilities(images)
        read = probabilities.argmax(dim=1).tolist()
        mu, logvar = (part[[label]].double() for part in (map_.mu, map_.logvar))
        numbers = {
            "read": float(read[label]),
            "probability": float(probabilities[label, label]),
            "right": float(sum(one == own for own, one in enumerate(read))),
            "log_prior": float(DiagonalGaussian(mu, logvar).log_prob(mu + torch.exp(0.5 * logvar) * eps)),
        }
        return cls(map_, label, position, axis_names, images, read, numbers)

    def printed(self) -> dict[str, str]:
        """Return what the classifier reads, and log p(z | c)."""
        values = self.numbers
        return {
            f"class {self.label} is read as": f"{values['read']:.0f}",
            "its probability": f"{100 * values['probability']:.1f} %",
            "read right": f"{values['right']:.0f} of {len(self.images)}",
            "log p(z | c)": f"{values['log_prior']:z.2f} nats",
        }

    def alt(self) -> str:
        """Describe the plane and the images."""
        values, (across, up) = self.numbers, self.position
        return (
            f"Left: codes of {len(self.map.labels)} test images on the plane of {' and '.join(self.axis_names)}, those "
            f"of class {self.label} in colour, with circles at one and two standard deviations of the prior and a "
            f"cross-hair at ({across:.2f}, {up:.2f}). Right: the image decoded there as class {self.label}, which the "
            f"classifier reads as {values['read']:.0f}. Below: the same position decoded in all "
            f"{len(self.images)} classes; {values['right']:.0f} of them are read as their class."
        )

    def draw(self, figure: Figure) -> None:
        """Draw the plane and the image of the chosen class, and below it those of all classes."""
        above, below = figure.subfigures(2, 1, height_ratios=(31, 11))
        plane, image = above.subplots(1, 2, width_ratios=(38, 32))
        self._draw_plane(plane)
        _show(image, self.images[self.label], f"class {self.label}")
        for label, ax in enumerate(below.subplots(1, len(self.images))):
            read = self.read[label]
            _show(ax, self.images[label], f"{label}" if read == label else f"{label}, as {read}")
            if label == self.label:
                ax.spines[:].set(color=COLOURS["decoder"], lw=2)

    def _draw_plane(self, ax: Axes) -> None:
        own = self.map.labels == self.label
        ax.scatter(*self.map.codes[~own].T, color="#cccccc", s=6, lw=0)
        colour = CLASS_COLOURS[self.label % len(CLASS_COLOURS)]
        ax.scatter(*self.map.codes[own].T, color=colour, marker=f"${self.label}$", lw=0, s=16)
        for radius in (1, 2):
            ax.add_patch(plt.Circle((0, 0), radius, fill=False, color=COLOURS["prior"], lw=1.25))
        ax.axvline(self.position[0], color="#222222", lw=0.8)
        ax.axhline(self.position[1], color="#222222", lw=0.8)
        ends = (-REACH, REACH)
        ax.set(xlim=ends, ylim=ends, aspect="equal", xticks=(-REACH, 0, REACH), yticks=(-REACH, 0, REACH))
        ax.set(xlabel=self.axis_names[0], ylabel=self.axis_names[1])


def _show(ax: Axes, image: Tensor, name: str) -> None:
    ax.imshow(image.numpy(), **INK)
    ax.set(xticks=[], yticks=[])
    ax.set_xlabel(name, fontsize="small")
    ax.spines[:].set(visible=True, color="#cccccc")
