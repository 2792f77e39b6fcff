"""A latent space to hold: what decoders make of one position, on maps of where test images lie."""

from collections.abc import Mapping
from pathlib import Path

import torch
import traitlets
from torch import Tensor

from vae_lessons.data import ImageData
from vae_lessons.evaluation.plots import CLASS_COLOURS
from vae_lessons.figures.latent_explorer.latent_maps import map_codes
from vae_lessons.figures.latent_explorer.snapshot import REACH, LatentSnapshot
from vae_lessons.figures.runtime.controls import Control, Slider, Switch, controls_of
from vae_lessons.figures.runtime.images import check_data, sprite_sheet
from vae_lessons.figures.runtime.pack import models_by_name, pack_decoder, weights_of
from vae_lessons.figures.runtime.widget import LiveFigure
from vae_lessons.models import VAE, Autoencoder

N_SHOWN = 500  # test images on a map
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

Model = Autoencoder | VAE


class LatentExplorer(LiveFigure):
    """Decoders side by side at one position in their latent spaces, on maps of test codes.

    There is a slider for each latent dimension, from -3 to 3: `z1`, `z2` and so on. A VAE's are z itself, in units
    of the prior; an autoencoder, which has no prior, has its own: standard deviations of its test codes, from their
    mean. With more than two dimensions there are also `direction1`, `direction2` and so on, along the principal
    directions of each model's test codes, in their standard deviations; `principal_directions` says which are in use.
    A map shows the first two dimensions in use.

    Its numbers are, for each model, class and distance (in units of the sliders) of the nearest test code, and for a
    VAE log p(z) in nats.

    Parameters
    ----------
    models : Autoencoder, VAE, or mapping of str to either
        One model, or several by name, of one latent_dim and image shape.
    data : ImageData
        Where the test images come from.
    caption : str, optional
        Plain text below the figure.
    **positions : float
        Where sliders and switches stand, by name. `test_codes` is whether the maps show them.

    Raises
    ------
    TypeError
        For models not of this package's kinds, data of another class, and a position for an unknown control.
    ValueError
        For an empty dict, for models and images of different sizes, and for weights that are not finite.
    TraitError
        For a position outside its range.
    """

    folder = Path(__file__).parent
    _models = traitlets.List().tag(sync=True, state=True)
    _test = traitlets.Dict().tag(sync=True, state=True)

    def __init__(
        self, models: Model | Mapping[str, Model], data: ImageData, *, caption: str | None = None, **positions: float
    ) -> None:
        named = models_by_name(models)
        _check_sizes(named, data)
        controls = _controls(next(iter(named.values())).latent_dim)
        if unknown := positions.keys() - controls.keys():
            raise TypeError(f"positions must be of {', '.join(controls)}, got {', '.join(sorted(unknown))}")
        shown = torch.linspace(0, len(data.test) - 1, min(N_SHOWN, len(data.test))).round().long()
        self._labels = data.test_labels[shown]
        self._maps = {name: map_codes(model, data.test, shown) for name, model in named.items()}
        decoders = {name: pack_decoder(model) for name, model in named.items()}
        self.add_traits(**{name: control.trait() for name, control in controls.items()})
        self.still_size = (700, 330 if len(named) == 1 else 40 + 1200 // len(named))
        super().__init__(
            _models=[{"name": n, "decoder": decoders[n].description, **m.describe()} for n, m in self._maps.items()],
            _test={"labels": self._labels.tolist(), "images": sprite_sheet(data.test[shown])},
            constants={"reach": REACH, "n_colours": len(CLASS_COLOURS)},
            _weights=weights_of(list(decoders.values())),
            caption=_caption(named) if caption is None else caption,
            **{name: 0 if isinstance(control, Slider) else True for name, control in controls.items()} | positions,
        )

    @property
    def codes(self) -> dict[str, Tensor]:
        """The code of each model at the present position, by the model's name: (K,)."""
        return {name: latent.frames[self._frame].code_at(self._position).float() for name, latent in self._maps.items()}

    def snapshot(self) -> LatentSnapshot:
        """Decode the present position with every model, and find the test codes nearest to it."""
        axis_names = [controls_of(self)[name].label for name in self._sliders]
        return LatentSnapshot.at(
            self._maps, self._labels, self._frame, self._position, axis_names, codes_are_shown=self.test_codes
        )

    @property
    def _frame(self) -> str:
        """The name of the frame in use."""
        return "directions" if getattr(self, "principal_directions", False) else "coordinates"

    @property
    def _sliders(self) -> list[str]:
        """The names of the sliders in use."""
        prefix = {"directions": "direction", "coordinates": "z"}[self._frame]
        return [name for name in controls_of(self) if name.removeprefix(prefix).isdigit()]

    @property
    def _position(self) -> Tensor:
        """The position of the sliders in use: (K,)."""
        return torch.tensor([getattr(self, name) for name in self._sliders], dtype=torch.float64)


def _check_sizes(named: dict[str, Model], data: ImageData) -> None:
    for attribute in ("latent_dim", "image_shape"):
        values = {name: getattr(model, attribute) for name, model in named.items()}
        if len(set(values.values())) > 1:
            raise ValueError(f"models must have one {attribute}, got {values}")
    check_data(data)
    image_shape = next(iter(named.values())).image_shape
    if data.image_shape != image_shape:
        raise ValueError(f"data must have images of the models' shape {image_shape}, got {data.image_shape}")


def _controls(latent_dim: int) -> dict[str, Control]:
    """For K > 2 two sets of sliders, of which one is in use."""
    is_choice = latent_dim > 2
    controls: dict[str, Control] = {}
    for i in range(1, latent_dim + 1) if is_choice else ():
        shown_if = ("principal_directions", True)
        controls[f"direction{i}"] = Slider(f"direction {i}", f"direction {i}", -REACH, REACH, shown_if=shown_if)
    for i in range(1, latent_dim + 1):
        label = "z" + str(i).translate(SUBSCRIPTS) if latent_dim > 1 else "z"
        shown_if = ("principal_directions", False) if is_choice else None
        controls[f"z{i}"] = Slider(label, f"z {i}", -REACH, REACH, shown_if=shown_if)
    if is_choice:
        controls["principal_directions"] = Switch("principal directions")
    return controls | {"test_codes": Switch("test codes")}


def _caption(named: dict[str, Model]) -> str:
    """Say what to do, and what a position is."""
    has_vae, has_autoencoder = (any(isinstance(m, family) for m in named.values()) for family in (VAE, Autoencoder))
    meanings = ["for a VAE the position is z itself"] * has_vae
    meanings += ["for an autoencoder, which has no prior, it is in standard deviations of its codes"] * has_autoencoder
    meaning = "; ".join(meanings)
    if next(iter(named.values())).latent_dim > 2:
        meaning = f"principal directions go by standard deviations of each model's codes; along coordinates, {meaning}"
    moved = "the model decodes the position" if len(named) == 1 else "all models decode one position"
    return (
        f"Drag on a map, or move a slider: {moved}. Point at a dot to see its test image. "
        f"{meaning[0].upper()}{meaning[1:]}."
    )
