"""A drawing in the hands of a VAE: the encoder's q(z | x), its reconstruction, and its ELBO."""

import copy
import math

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Generator, Tensor
from traitlets import Dict, List, observe

from vae_lessons.data import ImageData
from vae_lessons.evaluation.plots import INK
from vae_lessons.figures.draw_digit.drawing_pad import Drawing, measure_recipe
from vae_lessons.figures.draw_digit.posterior_plane import PosteriorPlane, plane_of
from vae_lessons.figures.runtime.controls import Action, Slider
from vae_lessons.figures.runtime.pack import (
    check_data,
    check_model,
    classes_in_turn,
    from_bytes,
    pack_decoder,
    pack_encoder,
    to_bytes,
    weights_of,
)
from vae_lessons.figures.runtime.widget import MINUS, LiveFigure, module
from vae_lessons.models import VAE
from vae_lessons.probability import gaussian
from vae_lessons.probability.likelihoods import Gaussian

N_IMAGES = 60  # test images to choose from
N_MEASURED = 2000  # test images, about, of which the recipe is taken
N_DRAWS, SEED = 16, 1
CAPTION = (
    "Draw, or choose a test image. The encoder makes a Gaussian q(z\N{NO-BREAK SPACE}|\N{NO-BREAK SPACE}x) of it, "
    "drawn as ellipses of one and two standard deviations among codes of test images; the decoder makes images of its "
    f"mean μ and of a sample z. The fit is an average over {N_DRAWS} samples."
)


class DrawDigit(LiveFigure):
    """x, drawn or chosen; q(z | x) = N(mu, diag σ²); z = mu + σ ε; and the ELBO = fit - rate in nats.

    A drawing is centred and scaled as the images of `data` are. The fit E_q[log p(x | z)] is the average over 16
    draws of ε, always the same ones, of which one makes the z that is shown; the rate is the KL of q from the prior.
    With more than two latent dimensions the plane has the two whose rate is largest, on average over test images.

    Parameters
    ----------
    model : a `VAE` with K >= 2 for images of the size that `data` has. It is shown as it is now.
    data : an `ImageData` with 60 test images or more
    chosen : number of the test image, from 0 to 59, class by class
    caption : plain text

    Attributes
    ----------
    drawing : what is drawn, as base64 of one byte a pixel; "" while a test image is shown. Setting `chosen` to
        another one empties it, as the button for it does.
    draws, cleared, restored : how often the buttons were pressed
    image : (H, W), what the network is given; mu, logvar : (K,), of the encoder's q(z | x)

    Raises
    ------
    TypeError : for a model that is no VAE, or computes differently from one, and for data of another kind
    ValueError : for weights that are not finite, K = 1, images of another size, and too few of them
    TraitError : for a value outside its range
    """

    still_size = (700, 350)
    _esm = module(
        "runtime/networks.js",
        "runtime/code_dots.js",
        "draw_digit/posterior_plane.js",
        "draw_digit/drawing_pad.js",
        "draw_digit/figure.js",
    )
    _networks = Dict().tag(sync=True, state=True)
    _images = List().tag(sync=True, state=True)
    _recipe = Dict().tag(sync=True, state=True)
    _plane = Dict().tag(sync=True, state=True)
    _noise = List().tag(sync=True, state=True)
    drawing = Drawing().tag(sync=True, state=True)
    chosen = Slider("image", "test image", 0, N_IMAGES - 1, step=1).trait()
    draws = Action("sample again").trait()
    cleared = Action("clear").trait()
    restored = Action("show image", shown_if=("drawing", True)).trait()

    @torch.no_grad()
    def __init__(self, model: VAE, data: ImageData, *, chosen: int = 0, caption: str | None = None) -> None:
        _check(model, data)
        self._model = copy.deepcopy(model).cpu()
        self.image_shape = data.image_shape
        offered = choose_images(data.test_labels)
        self._classes = data.test_labels[offered].tolist()
        self._latent_plane = plane_of(*self._encode(data.test), data.test_labels)
        encoder, decoder = pack_encoder(model), pack_decoder(model)
        super().__init__(
            chosen=chosen,
            caption=_caption(model, self._latent_plane) if caption is None else caption,
            _networks={"encoder": encoder.description, "decoder": decoder.description},
            _weights=weights_of([encoder, decoder]),
            _images=[to_bytes(image) for image in data.test[offered]],
            _recipe=measure_recipe(data.test[:: 1 + len(data.test) // N_MEASURED]),
            _plane=self._latent_plane.describe(),
            _noise=noise_table(model.latent_dim),
        )

    @property
    def image(self) -> Tensor:
        """What the network is given: (H, W) in [0, 1], bytes over 255."""
        return from_bytes(self.drawing or self._images[self.chosen], self.image_shape)

    @property
    def mu(self) -> Tensor:
        """The mean of q(z | image): (K,)."""
        return self._encode(self.image.unsqueeze(0))[0][0]

    @property
    def logvar(self) -> Tensor:
        """log σ² of q(z | image): (K,)."""
        return self._encode(self.image.unsqueeze(0))[1][0]

    @torch.no_grad()
    def numbers(self) -> dict[str, float]:
        """`fit`, `rate` and `elbo` = fit - rate, and `fit_of_z`, log p(image | z) at the z that is shown. In nats.

        The page has rounded weights: on MNIST its fit is within a nat or two of this, its rate within 0.05.
        """
        z = self._samples()
        fits = self._model.log_likelihood(self._like_weights(self.image).expand(len(z), -1, -1), z)
        fit = float(fits.mean())
        rate = float(gaussian.kl_to_standard_normal(self.mu.unsqueeze(0), self.logvar.unsqueeze(0)))
        return {"fit": fit, "rate": rate, "elbo": fit - rate, "fit_of_z": float(fits[self.draws % N_DRAWS])}

    def printed(self) -> dict[str, str]:
        values = self.numbers()
        fit, rate, fit_of_z = (round(values[name], 2) for name in ("fit", "rate", "fit_of_z"))
        return {
            "fit": f"{fit:z.2f}",
            f"{MINUS} rate": f"{rate:z.2f}",
            "= ELBO": f"{fit - rate:z.2f} nats",
            "fit of this z": f"{fit_of_z:z.2f}",
        }

    def alt(self) -> str:
        values, in_plane = self.numbers(), self._latent_plane.dimensions
        what = "a drawing" if self.drawing else f"test image {self.chosen}, of class {self._classes[self.chosen]}"
        centre = ", ".join(f"{value:.2f}" for value in self.mu[in_plane])
        spread = ", ".join(f"{value:.2f}" for value in (self.logvar[in_plane] / 2).exp())
        return (
            f"Left: {what}, as the network is given it. Middle: what the decoder makes of the mean of q and of a "
            f"sample. Right: q in the plane of {' and '.join(self._latent_plane.names)}, as ellipses around ({centre}) "
            f"with standard deviations ({spread}), among codes of test images. Fit {values['fit']:.1f} nats, rate "
            f"{values['rate']:.1f}, ELBO {values['elbo']:.1f}."
        )

    def draw_still(self, figure: Figure) -> None:
        axes = figure.subplot_mosaic(
            [["image", "mean", "plane"], ["image", "sample", "plane"]], width_ratios=(21, 11, 30)
        )
        z = self._samples()[self.draws % N_DRAWS]
        self._draw_pictures(axes, z)
        self._latent_plane.draw(axes["plane"], self.mu, self.logvar, z)

    @observe("chosen", "restored")
    def _put_drawing_away(self, _: object) -> None:
        self.drawing = ""

    @observe("cleared")
    def _clear_drawing(self, _: object) -> None:
        self.drawing = to_bytes(torch.zeros(self.image_shape))

    def _like_weights(self, x: Tensor) -> Tensor:
        return x.to(self._model.encoder[0].weight)

    @torch.no_grad()
    def _encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self._model.encode(self._like_weights(images))

    def _samples(self) -> Tensor:
        """mu + σ ε for each ε of the table: (16, K)."""
        return self.mu + torch.exp(0.5 * self.logvar) * self._like_weights(torch.tensor(self._noise))

    @torch.no_grad()
    def _draw_pictures(self, axes: dict[str, Axes], z: Tensor) -> None:
        from_mean, from_z = self._model.decode(torch.stack([self.mu, z]))
        pictures = {
            "image": ("input x", self.image),
            "mean": ("decoded μ", from_mean),
            "sample": ("decoded z", from_z),
        }
        for name, (label, picture) in pictures.items():
            axes[name].imshow(picture.numpy(), **INK)
            axes[name].set(xlabel=label, xticks=[], yticks=[])
            axes[name].spines[:].set(visible=True, color="#bbbbbb")


def choose_images(labels: Tensor) -> list[int]:
    """Indices of the images to offer: as many of each class as can be, class by class."""
    return sorted(classes_in_turn(labels)[:N_IMAGES], key=lambda i: (int(labels[i]), i))


def noise_table(latent_dim: int) -> list[list[float]]:
    """Standard normal noise, a row for each draw, always the same, short enough to travel."""
    eps = torch.randn(N_DRAWS, latent_dim, generator=Generator().manual_seed(SEED), dtype=torch.float64)
    return [[round(value, 3) for value in row] for row in eps.tolist()]


def _check(model: VAE, data: ImageData) -> None:
    if not isinstance(model, VAE):
        given = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise TypeError(f"model must be a VAE, whose encoder gives a distribution to draw, got {given}")
    check_model(model)
    check_data(data)
    if model.image_shape != data.image_shape:
        raise ValueError(f"data must have images of the model's shape {model.image_shape}, got {data.image_shape}")
    if model.latent_dim < 2:
        raise ValueError("model must have a latent_dim of at least 2, for q to be drawn in a plane, got 1")
    if len(data.test) < N_IMAGES:
        raise ValueError(f"data must have at least {N_IMAGES} test images to choose from, got {len(data.test)}")


def _caption(model: VAE, plane: PosteriorPlane) -> str:
    """With what holds for this model: the constant in its fit, and which dimensions are shown."""
    sentences = [CAPTION]
    if isinstance(model.likelihood, Gaussian):
        constant = math.prod(model.image_shape) * math.log(2 * math.pi * model.likelihood.sigma**2) / 2
        sentences.append(f"It includes the Gaussian's constant, {-constant:.1f} nats.".replace("-", "\N{MINUS SIGN}"))
    if model.latent_dim > 2:
        names = " and ".join(plane.names)
        sentences.append(
            f"Of {model.latent_dim} dimensions the plane has {names}, where q differs most from the prior."
        )
    return " ".join(sentences)
