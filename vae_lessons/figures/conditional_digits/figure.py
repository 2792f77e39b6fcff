"""One z of a conditional VAE, decoded in every class."""

from pathlib import Path

import traitlets

from vae_lessons.data import ImageData
from vae_lessons.evaluation.plots import CLASS_COLOURS
from vae_lessons.figures.conditional_digits.conditional_map import ConditionalMap
from vae_lessons.figures.conditional_digits.snapshot import REACH, ConditionalSnapshot
from vae_lessons.figures.runtime.controls import Action, Control, Slider
from vae_lessons.figures.runtime.images import check_data
from vae_lessons.figures.runtime.pack import pack_classifier, pack_conditional_decoder, weights_of
from vae_lessons.figures.runtime.widget import LiveFigure
from vae_lessons.models import Classifier, ConditionalVAE

MOST_CLASSES = 10
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
CAPTION = (
    "Below, the decoder draws one position in every class; the large image is that of the chosen class. The dots are "
    "the codes of test images, each encoded with its own class; those of the chosen class are in colour. An "
    "independent classifier reads the images."
)


class ConditionalDigits(LiveFigure):
    """One position in the latent space of a class-conditional VAE, decoded in every class.

    `across` and `up` are z in the two dimensions with the largest KL, from -3 to 3; the others are 0, or those of a
    draw from the prior, of which there are 11. With a learned prior p(z | c) = N(mu_c, diag σ_c²), a position is ε with
    z = mu_c + σ_c ε, so that it has the same place in each class's prior.

    Its numbers: `read`, the class that the classifier finds the most probable for the image of the chosen class;
    `probability`, which it gives to the chosen class; `right`, how many of the images it reads as their class; and
    `log_prior`, log p(z | c) of the chosen class in nats.

    Parameters
    ----------
    model : ConditionalVAE
        With classes as condition, ten at most, and two latent dimensions or more.
    classifier : Classifier
        Of the same images and classes.
    data : ImageData
        Where the test images come from.
    label : int
        The chosen class.
    across, up : float
        Position on the plane.
    draws : int
        Number of the set for the other dimensions, where there are more than two. There are 12, then they come round
        again.
    caption : str
        Plain text below the figure.

    Raises
    ------
    TypeError
        For models of other classes, or that compute differently from these, and data of another class.
    ValueError
        For models and images that do not fit one another, and weights that are not finite.
    TraitError
        For a value outside its range.
    """

    folder = Path(__file__).parent
    still_size = (700, 420)
    _model = traitlets.Dict().tag(sync=True, state=True)

    def __init__(
        self,
        model: ConditionalVAE,
        classifier: Classifier,
        data: ImageData,
        *,
        label: int = 0,
        across: float = 0.0,
        up: float = 0.0,
        draws: int = 0,
        caption: str = CAPTION,
    ) -> None:
        networks = {"decoder": pack_conditional_decoder(model), "classifier": pack_classifier(classifier)}
        _check_sizes(model, classifier, data)
        self._map = ConditionalMap.of(model, classifier, data)
        letter = "z" if model.prior_network is None else "ε"
        self._axis_names = [f"{letter}{axis + 1}".translate(SUBSCRIPTS) for axis in self._map.axes]
        controls = self._make_controls(model)
        self.add_traits(**{name: control.trait() for name, control in controls.items()})
        values = {"label": label, "across": across, "up": up, "draws": draws}
        described = {name: network.description for name, network in networks.items()}
        super().__init__(
            _model=self._map.describe() | described,
            _weights=weights_of(list(networks.values())),
            constants={"reach": REACH, "n_colours": len(CLASS_COLOURS), "axes": self._axis_names},
            caption=caption,
            **{name: values[name] for name in controls},
        )

    def snapshot(self) -> ConditionalSnapshot:
        """Decode the present position in every class, and let the classifier read the images."""
        position = self.across, self.up
        return ConditionalSnapshot.at(self._map, self.label, position, getattr(self, "draws", 0), self._axis_names)

    def _make_controls(self, model: ConditionalVAE) -> dict[str, Control]:
        controls: dict[str, Control] = {"label": Slider("class", "class", 0, model.condition_dim - 1, step=1)}
        for name, axis, shown in zip(("across", "up"), self._map.axes, self._axis_names, strict=True):
            controls[name] = Slider(shown, f"z {axis + 1}", -REACH, REACH)
        if model.latent_dim > 2:
            controls["draws"] = Action("redraw the rest of z")
        return controls


def _check_sizes(model: ConditionalVAE, classifier: Classifier, data: ImageData) -> None:
    check_data(data)
    if not 2 <= model.condition_dim <= MOST_CLASSES:
        raise ValueError(
            f"model must have from 2 to {MOST_CLASSES} classes as condition, got condition_dim {model.condition_dim}"
        )
    if model.latent_dim < 2:
        raise ValueError(
            f"model must have two latent dimensions or more, which the plane shows, got {model.latent_dim}"
        )
    if classifier.n_classes != model.condition_dim:
        raise ValueError(f"classifier must have the model's {model.condition_dim} classes, got {classifier.n_classes}")
    highest = int(data.test_labels.max())
    if highest >= model.condition_dim:
        raise ValueError(f"data must have classes from 0 to {model.condition_dim - 1}, got {highest}")
    for name, shape in (("classifier", classifier.image_shape), ("data", data.image_shape)):
        if shape != model.image_shape:
            raise ValueError(f"{name} must be for images of the model's shape {model.image_shape}, got {shape}")
