"""How the images of a data set are centred and scaled, measured, so that a drawing can be treated alike.

MNIST's makers scaled each digit's box to 20 pixels and moved its centre of mass to the middle of 28 (LeCun et al.,
1998). Other data sets did otherwise and do not say how, but their images do. `drawing_pad.js` applies what is
measured here.
"""

from typing import Any

import torch
import traitlets
from torch import Tensor
from torch.nn.functional import pad

from vae_lessons.figures.runtime.images import from_bytes

INK = 0.1  # a pixel with more than this belongs to the box around the ink
NEARLY_ALL = 0.99  # of the boxes are as large as that of a drawing, or smaller


def measure_recipe(images: Tensor) -> dict[str, Any]:
    """Measure how images are usually centred and scaled, and how wide their lines are.

    Parameters
    ----------
    images : Tensor
        (M, H, W), in [0, 1].

    Returns
    -------
    dict
        For JSON, lengths in pixels, positions from the upper left corner. "shape" is [H, W]. "ink" is the value above
        which a pixel belongs to the box around the ink. "box" is the [height, width] that this box exceeds in 1 of 100
        images. "by" is "mass" or "box", whichever has its centre more nearly in one place, and "at" is that place,
        [y, x]. "stroke" is the average width of a line, 2 sum x / sum |grad x|: a line of width w and length l has the
        ink w l and two edges of length l. Blurred edges change neither sum.

    Raises
    ------
    ValueError
        If no image has ink.
    """
    images = images[(images > INK).flatten(1).any(dim=1)].double()
    if not len(images):
        raise ValueError(f"images must have ink: none has a pixel above {INK}")
    tops, bottoms = _ends((images > INK).any(dim=2))
    lefts, rights = _ends((images > INK).any(dim=1))
    sizes = torch.stack([bottoms - tops, rights - lefts], dim=1)
    centres = {
        "mass": torch.stack([_mass_centres(images.sum(dim=2)), _mass_centres(images.sum(dim=1))], dim=1),
        "box": torch.stack([bottoms + tops, rights + lefts], dim=1) / 2,
    }
    by = min(centres, key=lambda name: float(centres[name].var(dim=0, correction=0).sum()))
    return {
        "shape": list(images.shape[1:]),
        "ink": INK,
        "box": sizes.quantile(NEARLY_ALL, dim=0).round().tolist(),
        "by": by,
        "at": [round(value, 2) for value in centres[by].mean(dim=0).tolist()],
        "stroke": round(float(_stroke_widths(images).mean()), 2),
    }


class Drawing(traitlets.Unicode):
    """An image as `to_bytes` writes it, of the size of its owner's `image_shape`; or nothing, "" ."""

    def validate(self, owner: traitlets.HasTraits, value: Any) -> str:
        """Return the text, or raise a TraitError that says how many bytes it must have."""
        text = super().validate(owner, value)
        try:
            if text:
                from_bytes(text, owner.image_shape)
        except (ValueError, RuntimeError) as error:
            height, width = owner.image_shape
            raise traitlets.TraitError(
                f"{self.name} must be base64 of {height} × {width} bytes, or empty, got {value!r:.40}"
            ) from error
        return text


def _ends(has_ink: Tensor) -> tuple[Tensor, Tensor]:
    """Where ink begins and ends in each row of (M, N): two of (M,)."""
    first = has_ink.double().argmax(dim=1)
    last = has_ink.shape[1] - has_ink.flip(1).double().argmax(dim=1)
    return first.double(), last.double()


def _mass_centres(profile: Tensor) -> Tensor:
    """Compute the centre of mass of each row of (M, N), a pixel's own being half a pixel in: (M,)."""
    middles = torch.arange(profile.shape[1], dtype=profile.dtype) + 0.5
    return (profile * middles).sum(dim=1) / profile.sum(dim=1)


def _stroke_widths(images: Tensor) -> Tensor:
    padded = pad(images, (1, 1, 1, 1))
    down = padded.diff(dim=1)[:, :, :-1]
    across = padded.diff(dim=2)[:, :-1]
    edges = (down.square() + across.square()).sqrt().sum(dim=(1, 2))
    return 2 * images.sum(dim=(1, 2)) / edges
