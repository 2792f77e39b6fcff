"""What LatentExplorer shows at one position."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from vae_lessons.evaluation.plots import CLASS_COLOURS, INK
from vae_lessons.figures.latent_explorer.latent_maps import LatentMap
from vae_lessons.figures.runtime.snapshot import Snapshot

REACH = 3.0  # of a slider and of a map, to each side


@dataclass(frozen=True)
class LatentSnapshot(Snapshot):
    """Several models at one position of the sliders.

    Attributes
    ----------
    maps : mapping of str to LatentMap
        By the models' names.
    labels : Tensor
        (N,), of the test images on the maps.
    frame : str
        The name of the frame in use.
    position : Tensor
        (K,), in units of the sliders.
    axis_names : list of str
        Of the sliders, in order.
    codes_are_shown : bool
        Whether the maps show test codes.
    images : dict of str to Tensor
        (H, W) each, what a model decodes.
    numbers : dict of str to float
        For each model, class and distance of the nearest test code; for a VAE log p(z) in nats.
    """

    maps: Mapping[str, LatentMap]
    labels: Tensor
    frame: str
    position: Tensor
    axis_names: list[str]
    codes_are_shown: bool
    images: dict[str, Tensor]
    numbers: dict[str, float]

    @classmethod
    def at(
        cls,
        maps: Mapping[str, LatentMap],
        labels: Tensor,
        frame: str,
        position: Tensor,
        axis_names: list[str],
        codes_are_shown: bool,
    ) -> "LatentSnapshot":
        """Decode a position with every model, and find the test codes nearest to it."""
        images, numbers = {}, {}
        for name, latent in maps.items():
            index, distance = latent.nearest(frame, position)
            images[name] = latent.image_at(frame, position)
            numbers |= {f"{name}: nearest class": float(labels[index]), f"{name}: distance": distance}
            if latent.has_prior:
                numbers[f"{name}: log p(z)"] = latent.log_prior(frame, position)
        return cls(maps, labels, frame, position, axis_names, codes_are_shown, images, numbers)

    def alt(self) -> str:
        """Describe the maps, and name the nearest test codes."""
        values = self.numbers
        position = ", ".join(f"{value:.2f}" for value in self.position.tolist())
        nearest = (f"{n} a {values[f'{n}: nearest class']:.0f}, {values[f'{n}: distance']:.2f} away" for n in self.maps)
        return (
            f"For each model a map of test codes, coloured by class, with a cross-hair at the position ({position}), "
            f"and the image that is decoded there. The nearest test code: {'; '.join(nearest)}."
        )

    def draw(self, figure: Figure) -> None:
        """Draw a map for each model, and the decoded image with it."""
        alone = len(self.maps) == 1
        axes = figure.subplots(1 if alone else 2, 2 if alone else len(self.maps), squeeze=False).reshape(2, -1)
        for (name, latent), above, below in zip(self.maps.items(), *axes, strict=True):
            above.set_title(name, parse_math=False)
            self._draw_map(latent, above)
            below.imshow(self.images[name].numpy(), **INK)
            below.set(xticks=[], yticks=[])
            below.spines[:].set(visible=True, color="#cccccc")

    def _draw_map(self, latent: LatentMap, ax: Axes) -> None:
        positions = latent.frames[self.frame].position_of(latent.codes).numpy()
        position = self.position.tolist()
        is_plane = len(position) > 1
        classes, lanes = np.unique(self.labels.numpy(), return_inverse=True)
        x, y = positions[:, 0], positions[:, 1] if is_plane else lanes
        for lane, label in enumerate(classes if self.codes_are_shown else ()):
            style = {"color": CLASS_COLOURS[label % len(CLASS_COLOURS)], "marker": f"${label}$", "lw": 0, "s": 16}
            ax.scatter(x[lanes == lane], y[lanes == lane], **style)
        ax.axvline(position[0], color="#222222", lw=0.8)
        ax.set(xlim=(-REACH, REACH), xticks=[-REACH, 0, REACH], xlabel=self.axis_names[0])
        if is_plane:
            ax.axhline(position[1], color="#222222", lw=0.8)
            ax.set(ylim=(-REACH, REACH), yticks=[-REACH, 0, REACH], ylabel=self.axis_names[1], aspect="equal")
        else:
            ax.set(ylim=(len(classes) - 0.5, -0.5), yticks=range(len(classes)), yticklabels=classes)
