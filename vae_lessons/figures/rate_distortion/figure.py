"""The rate-distortion plane: VAEs trained at several β, one of which is looked at."""

import math
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from traitlets import Dict, List

from vae_lessons.data import ImageData
from vae_lessons.evaluation.plots import CLASS_COLOURS
from vae_lessons.figures.rate_distortion.snapshot import RateDistortionSnapshot
from vae_lessons.figures.rate_distortion.sweep import N_PICTURES, SweepPoint, measure, shown_codes, shown_images
from vae_lessons.figures.runtime.controls import Slider, Switch
from vae_lessons.figures.runtime.images import check_data, sprite_sheet, to_bytes
from vae_lessons.figures.runtime.widget import LiveFigure
from vae_lessons.models import VAE

LEAST_REACH = 3  # of the map of codes, to each side
CAPTION = (
    "One model for each β. All points on the dashed line have the ELBO of the model that is chosen. Its draws from the "
    "prior are made from the same six z as those of the others."
)


class RateDistortion(LiveFigure):
    """Rate R = E[KL( q(z | x) || p(z) )] against distortion D = -E[log p(x | z)] of models trained at several β.

    At one β there are reconstructions, draws from the prior, and the codes of 400 test images at most: the means of
    their q(z | x), or a draw from each. Pictures and codes travel; the page runs no network.

    Its numbers are `beta`; `rate`, `distortion` and their sum `negative_elbo`, in nats per image, averaged over the
    test images; and `active_units`.

    Parameters
    ----------
    models_by_beta : mapping of float to VAE
        Two models or more, each under the β that it was trained at, with two latent dimensions.
    data : ImageData
        Where the test images come from.
    beta : float
        Which of the models is looked at.
    drawn_codes : bool
        Whether codes are draws from q(z | x) instead of its means.
    caption : str
        Plain text below the figure.

    Raises
    ------
    TypeError
        For what is not a mapping of numbers to VAEs, and data of another class.
    ValueError
        For fewer than two models, a β that is not positive, models with other than two latent dimensions or for
        images of another size.
    TraitError
        For a `beta` that is not among the models.
    """

    folder = Path(__file__).parent
    still_size = (700, 470)
    _points = List().tag(sync=True, state=True)
    _test = Dict().tag(sync=True, state=True)

    def __init__(
        self,
        models_by_beta: Mapping[float, VAE],
        data: ImageData,
        *,
        beta: float = 1.0,
        drawn_codes: bool = False,
        caption: str = CAPTION,
    ) -> None:
        _check(models_by_beta, data)
        betas = tuple(sorted(models_by_beta))
        self._sweep = [measure(float(each), models_by_beta[each], data) for each in betas]
        self._images, self._labels = shown_images(data), data.test_labels[shown_codes(data)]
        self._reach = _reach_of(self._sweep)
        pictures = [self._images, *[each for p in self._sweep for each in (p.reconstructions, p.samples)]]
        self.add_traits(
            beta=Slider("β", "beta", betas[0], betas[-1], values=betas).trait(),
            drawn_codes=Switch("draws from q, not means").trait(),
        )
        super().__init__(
            _points=[self._describe(point) for point in self._sweep],
            _test={"labels": self._labels.tolist(), "pictures": sprite_sheet(torch.cat(pictures).clamp(0, 1))},
            constants={"reach": self._reach, "n_colours": len(CLASS_COLOURS), "n_pictures": N_PICTURES},
            beta=beta,
            drawn_codes=drawn_codes,
            caption=caption,
        )

    def snapshot(self) -> RateDistortionSnapshot:
        """Show the model at the present β among the others."""
        chosen = next(i for i, point in enumerate(self._sweep) if point.beta == self.beta)
        return RateDistortionSnapshot.at(self._sweep, chosen, self._images, self._labels, self._reach, self.drawn_codes)

    def _describe(self, point: SweepPoint) -> dict[str, Any]:
        """For JSON."""
        numbers = {name: getattr(point, name) for name in ("beta", "rate", "distortion", "active_units")}
        return numbers | {"means": self._pack(point.means), "draws": self._pack(point.draws)}

    def _pack(self, codes: Tensor) -> str:
        """Codes as a byte each, 0 at one end of the map and 255 at the other."""
        return to_bytes((codes / self._reach / 2 + 0.5).clamp(0, 1))


def _reach_of(sweep: list[SweepPoint]) -> int:
    """Return a whole number that is larger than nearly all codes."""
    largest = max(float(codes.abs().quantile(0.99)) for point in sweep for codes in (point.means, point.draws))
    return max(LEAST_REACH, math.ceil(largest))


def _check(models: Mapping[float, VAE], data: ImageData) -> None:
    check_data(data)
    if not isinstance(models, Mapping):
        raise TypeError(f"models_by_beta must be a dict of VAEs by β, got {type(models).__name__}")
    if len(models) < 2:
        raise ValueError(f"models_by_beta must hold two models or more, got {len(models)}")
    for beta, model in models.items():
        name = f"models_by_beta[{beta!r}]"
        if not isinstance(beta, Real) or not isinstance(model, VAE):
            raise TypeError(f"models_by_beta must be VAEs by β, a number, got {name} = {type(model).__name__}")
        if not 0 < beta < math.inf:
            raise ValueError(f"models_by_beta must have positive numbers as β, got {beta!r}")
        if model.latent_dim != 2:
            raise ValueError(f"{name} must have two latent dimensions, which the map shows, got {model.latent_dim}")
        if model.image_shape != data.image_shape:
            raise ValueError(f"{name} must be for images of shape {data.image_shape}, got {model.image_shape}")
