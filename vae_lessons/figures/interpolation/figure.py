"""Interpolation between two test images: what lies on the way, in pixels and in the codes of one or more models."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from traitlets import Dict, Float, List

from vae_lessons.data import ImageData
from vae_lessons.evaluation.plots import COLOURS, GAP, show_images
from vae_lessons.figures.interpolation.walks import (
    N_IMAGES,
    PIXELS,
    PLACES,
    Walk,
    choose_images,
    limit_of,
    walk_in_codes,
    walk_in_pixels,
)
from vae_lessons.figures.runtime.controls import Slider
from vae_lessons.figures.runtime.pack import (
    PackedNetwork,
    check_data,
    models_by_name,
    pack_decoder,
    to_bytes,
    weights_of,
)
from vae_lessons.figures.runtime.widget import LiveFigure, module
from vae_lessons.models import VAE, Autoencoder

N_PICTURES = 11  # in a strip; interpolation.js has the same
LIMIT = "limit"
# Of the pixels, then of the models; live-figure.css has the same dashes.
STYLES = {"data": "-", "decoder": "-", "posterior": (0, (3.5, 1)), "prior": (0, (4, 1, 1, 1)), "encoder": (0, (1, 1))}
CAPTION = (
    "What lies between? Each strip leads from one test image to another, and its curve says how far the pictures are "
    "from the nearest training image. At least 95 % of each model's reconstructions lie below the limit. A blur may, "
    "too: to be near is not to be sharp."
)


class Interpolation(LiveFigure):
    """Pictures at z(t) = (1 - t) z_a + t z_b between the codes of two test images, and how plausible they are.

    One walk leads through the pixels themselves, the others through the latent space of each model: of a VAE,
    between the means of q. How plausible a picture is: its Euclidean distance to the nearest training image, as
    `nearest_distance` gives it at 21 values of t, and straight lines between these. The limit is the distance
    beyond which `off_manifold` speaks of a hole; of several models', the largest.

    Parameters
    ----------
    models : an Autoencoder or a VAE, or up to four of them in a dict by name. Latent dimensions may differ.
    data : where the images come from. The two ends are chosen among twelve test images: the first of each class,
        then the second of each, until there are twelve. With ten classes 0 to 9, number c is the first of class c.
    first, second : which of the twelve, from 0 to 11
    t : from 0, at the first image, to 1, at the second
    caption : plain text

    Raises
    ------
    TypeError : for models that are none or not of this package's kind, and data that are no ImageData
    ValueError : for no models or too many, names that are not to be had, models of images of another size, weights
        that are not finite, and fewer than twelve test images or two classes
    TraitError : for `first`, `second` or `t` outside its range
    """

    _esm = module("runtime/networks.js", "interpolation/figure.js")
    _images = Dict().tag(sync=True, state=True)
    _walks = List().tag(sync=True, state=True)
    _limit = Float().tag(sync=True, state=True)
    first = Slider("first", "first image", 0, N_IMAGES - 1, step=1).trait()
    second = Slider("second", "second image", 0, N_IMAGES - 1, step=1).trait()
    t = Slider("t", "t", 0, 1, step=0.01).trait()

    def __init__(
        self,
        models: Autoencoder | VAE | Mapping[str, Autoencoder | VAE],
        data: ImageData,
        *,
        first: int = 1,
        second: int = 2,
        t: float = 0.5,
        caption: str = CAPTION,
    ) -> None:
        named = models_by_name(models)
        _check(named, data)
        chosen = choose_images(data.test_labels)
        images, self._classes = data.test[chosen], data.test_labels[chosen].tolist()
        decoders = [pack_decoder(model) for model in named.values()]
        self._by_name = {PIXELS: walk_in_pixels(images, data.train)} | {
            name: walk_in_codes(model, images, data.train) for name, model in named.items()
        }
        self.still_size = (700, 220 + 60 * len(self._by_name))
        styled = zip(self._by_name.items(), STYLES, [None, *decoders], strict=False)
        super().__init__(
            first=first,
            second=second,
            t=t,
            caption=caption,
            _images={"shape": list(data.image_shape), "classes": self._classes, "pixels": to_bytes(images)},
            _walks=[_describe(name, colour, walk, decoder) for (name, walk), colour, decoder in styled],
            _limit=max(limit_of(model, data.test, data.train) for model in named.values()),
            _weights=weights_of(decoders),
        )

    def numbers(self) -> dict[str, float]:
        """Distance of the picture at t to the nearest training image, by the name of the walk; and the `limit`."""
        return {
            name: float(np.interp(self.t, np.linspace(0, 1, len(PLACES)), walk.distances[self.first, self.second]))
            for name, walk in self._by_name.items()
        } | {LIMIT: self._limit}

    def alt(self) -> str:
        a, b = (self._classes[end] for end in (self.first, self.second))
        distances = ", ".join(f"{name} {value:.2f}" for name, value in self.numbers().items())
        return (
            f"Strips of {N_PICTURES} pictures on the way from a test image of class {a} to one of class {b}: "
            f"{', '.join(self._by_name)}. Below, curves of their distance to the nearest training image; "
            f"at t = {self.t:.2f}: {distances}. Right, the pictures there."
        )

    def draw_still(self, figure: Figure) -> None:
        axes = figure.subplot_mosaic(
            [["strips", "pictures"], ["curves", "pictures"]],
            width_ratios=(54, 16),
            height_ratios=(5 * len(self._by_name), 17),
        )
        self._draw_strips(axes["strips"])
        self._draw_curves(axes["curves"])
        show_images(self._pictures([self.t]), n_columns=1, ax=axes["pictures"])

    def _pictures(self, places: list[float]) -> torch.Tensor:
        """Of each walk in turn, at each of the places (T,): (walks * T, H, W)."""
        t = torch.tensor(places)
        return torch.cat([walk.pictures(self.first, self.second, t) for walk in self._by_name.values()])

    def _draw_strips(self, ax: Axes) -> None:
        pictures = self._pictures(torch.linspace(0, 1, N_PICTURES).tolist())
        show_images(pictures, n_columns=N_PICTURES, row_labels=list(self._by_name), ax=ax)
        height, width = (length + GAP for length in self._images["shape"])
        left = self.t * (N_PICTURES - 1) * width - (1 + GAP) / 2  # pixels are drawn around their coordinates
        for row in range(len(self._by_name)):
            corner = (left, row * height - (1 + GAP) / 2)
            ax.add_patch(Rectangle(corner, width, height, fill=False, color=COLOURS["encoder"], lw=1.5, clip_on=False))

    def _draw_curves(self, ax: Axes) -> None:
        ax.axvline(self.t, color=COLOURS["encoder"], lw=1)
        ax.axhline(self._limit, color="#222222", lw=1.25, ls=":", label=LIMIT)
        for (name, walk), (colour, line) in zip(self._by_name.items(), STYLES.items(), strict=False):
            width = 1.25 if name == PIXELS else 2
            distances = walk.distances[self.first, self.second]
            ax.plot(PLACES, distances, color=COLOURS[colour], ls=line, lw=width, label=name)
        ax.set(xlabel="$t$", ylabel="distance", xlim=(0, 1))
        ax.set_ylim(bottom=0)
        columns = 4 if len(self._by_name) < 4 else 3
        ax.legend(labelcolor="linecolor", ncols=columns, handlelength=1.5, loc="lower center", bbox_to_anchor=(0.5, 1))


def _check(models: dict[str, Autoencoder | VAE], data: ImageData) -> None:
    if len(models) >= len(STYLES):
        raise ValueError(f"models must be at most {len(STYLES) - 1}, got {len(models)}")
    if taken := {PIXELS, LIMIT} & models.keys():
        raise ValueError(f"models must not be named {PIXELS!r} or {LIMIT!r}, got {taken.pop()!r}")
    check_data(data)
    for name, model in models.items():
        if model.image_shape != data.image_shape:
            shape = f"the shape that data has, {data.image_shape}"
            raise ValueError(f"models[{name!r}] must be for images of {shape}, got {model.image_shape}")


def _describe(name: str, colour: str, walk: Walk, decoder: PackedNetwork | None) -> dict[str, Any]:
    """For JSON. The pixels' codes are the images, and they are their own pictures."""
    table = walk.distances.tolist()
    return {
        "name": name,
        "colour": colour,
        "distances": [row[: i + 1] for i, row in enumerate(table)],  # the others are these, walked backwards
        "codes": None if decoder is None else walk.codes.double().round(decimals=5).tolist(),
        "decoder": None if decoder is None else decoder.description,
    }
