"""Interpolation between two test images: what lies on the way, in pixels and in the codes of one or more models."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from traitlets import Dict, Float, List

from vae_lessons.data import ImageData
from vae_lessons.figures.interpolation.snapshot import LIMIT, N_PICTURES, STYLES, InterpolationSnapshot
from vae_lessons.figures.interpolation.walks import (
    N_IMAGES,
    PIXELS,
    Walk,
    choose_images,
    limit_of,
    walk_in_codes,
    walk_in_pixels,
)
from vae_lessons.figures.runtime.controls import Slider
from vae_lessons.figures.runtime.images import check_data, to_bytes
from vae_lessons.figures.runtime.pack import PackedNetwork, models_by_name, pack_decoder, weights_of
from vae_lessons.figures.runtime.widget import LiveFigure
from vae_lessons.models import VAE, Autoencoder

CAPTION = (
    "What lies between? Each strip leads from one test image to another, and its curve says how far the pictures are "
    "from the nearest training image. At least 95% of each model's reconstructions lie below the limit. A blur may, "
    "too: to be near is not to be sharp."
)


class Interpolation(LiveFigure):
    """Pictures at z(t) = (1 - t) z_a + t z_b between the codes of two test images, and how plausible they are.

    One walk leads through the pixels themselves, the others through the latent space of each model: for a VAE,
    between the means of q. How plausible a picture is: its Euclidean distance to the nearest training image, as
    `nearest_distance` computes it at 21 values of t, and straight lines between these. The limit is the distance
    beyond which `off_manifold` reports a hole; with several models, it is the largest of theirs. Its numbers are the
    distances at t, by the name of the walk, and the `limit`.

    Parameters
    ----------
    models : Autoencoder, VAE, or mapping of str to either
        One model, or up to four by name. Latent dimensions may differ.
    data : ImageData
        Where the images come from. The two ends are chosen among twelve test images: the first of each class,
        then the second of each, until there are twelve. With ten classes 0 to 9, number c is the first of class c.
    first, second : int
        Which of the twelve, from 0 to 11.
    t : float
        From 0, at the first image, to 1, at the second.
    caption : str
        Plain text below the figure.

    Raises
    ------
    TypeError
        For models not of this package's kinds, and data of another class.
    ValueError
        For no models or too many, reserved names, models for images of another size, weights that are not finite, and
        fewer than twelve test images or two classes.
    TraitError
        For `first`, `second` or `t` outside its range.
    """

    folder = Path(__file__).parent
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
        named = {name: copy.deepcopy(model).cpu() for name, model in models_by_name(models).items()}
        _check(named, data)
        chosen = choose_images(data.test_labels)
        images, self._classes = data.test[chosen], data.test_labels[chosen].tolist()
        decoders = [pack_decoder(model) for model in named.values()]
        self._by_name = {PIXELS: walk_in_pixels(images, data.train)} | {
            name: walk_in_codes(model, images, data.train) for name, model in named.items()
        }
        self.still_size = (700, 220 + 60 * len(self._by_name))
        styled = zip(self._by_name.items(), STYLES.items(), [None, *decoders], strict=False)
        super().__init__(
            first=first,
            second=second,
            t=t,
            caption=caption,
            _images={"shape": list(data.image_shape), "classes": self._classes, "pixels": to_bytes(images)},
            _walks=[_describe(name, walk, style, decoder) for (name, walk), style, decoder in styled],
            _limit=max(limit_of(model, data.test, data.train) for model in named.values()),
            _weights=weights_of(decoders),
            constants={"n_pictures": N_PICTURES},
        )

    def snapshot(self) -> InterpolationSnapshot:
        """Decode all walks between the two images that are chosen."""
        classes = (self._classes[self.first], self._classes[self.second])
        return InterpolationSnapshot.at(self._by_name, self.first, self.second, classes, self.t, self._limit)


def _check(models: dict[str, Autoencoder | VAE], data: ImageData) -> None:
    if len(models) >= len(STYLES):
        raise ValueError(f"models must be at most {len(STYLES) - 1}, got {len(models)}")
    if reserved := {PIXELS, LIMIT} & models.keys():
        raise ValueError(f"models must not be named {PIXELS!r} or {LIMIT!r}, got {reserved.pop()!r}")
    check_data(data)
    for name, model in models.items():
        if model.image_shape != data.image_shape:
            shape = f"the shape that data has, {data.image_shape}"
            raise ValueError(f"models[{name!r}] must be for images of {shape}, got {model.image_shape}")


def _describe(
    name: str, walk: Walk, style: tuple[str, tuple[int, ...]], decoder: PackedNetwork | None
) -> dict[str, Any]:
    """For JSON. The pixels' codes are the images, and they are their own pictures."""
    table, (colour, dashes) = walk.distances.tolist(), style
    return {
        "name": name,
        "colour": colour,
        "dashes": list(dashes),
        "distances": [row[: i + 1] for i, row in enumerate(table)],  # the others are these, walked backwards
        "codes": None if decoder is None else walk.codes.double().round(decimals=5).tolist(),
        "decoder": None if decoder is None else decoder.description,
    }
