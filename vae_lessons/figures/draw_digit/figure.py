"""A drawing, and what a VAE makes of it: the encoder's q(z | x), its reconstruction, and its ELBO."""

import copy
import math
from pathlib import Path

import torch
from torch import Generator, Tensor
from traitlets import Dict, List, observe

from vae_lessons.data import ImageData
from vae_lessons.evaluation.plots import CLASS_COLOURS
from vae_lessons.figures.draw_digit.drawing_pad import Drawing, measure_recipe
from vae_lessons.figures.draw_digit.posterior_plane import PosteriorPlane, plane_of
from vae_lessons.figures.draw_digit.snapshot import DigitSnapshot
from vae_lessons.figures.runtime.controls import Action, Slider
from vae_lessons.figures.runtime.images import check_data, classes_in_turn, from_bytes, to_bytes
from vae_lessons.figures.runtime.pack import check_model, pack_decoder, pack_encoder, weights_of
from vae_lessons.figures.runtime.widget import LiveFigure
from vae_lessons.models import VAE
from vae_lessons.probability.likelihoods import Gaussian

N_IMAGES = 60  # test images to choose from
N_MEASURED = 2000  # test images, about, on which the recipe is measured
N_DRAWS, SEED = 16, 1
CAPTION = (
    "Draw, or choose a test image. The encoder makes a Gaussian q(z\N{NO-BREAK SPACE}|\N{NO-BREAK SPACE}x) of it, "
    "drawn as ellipses of one and two standard deviations among codes of test images; the decoder makes images of its "
    f"mean μ and of a sample z. The reconstruction term is an average over {N_DRAWS} samples."
)


class DrawDigit(LiveFigure):
    """x, drawn or chosen; q(z | x) = N(mu, diag σ²); z = mu + σ ε; and the ELBO = reconstruction - KL in nats.

    A drawing is centred and scaled as the images of `data` are. The reconstruction term E_q[log p(x | z)] is the
    average over 16 draws of ε, always the same ones, of which one makes the z that is shown; the KL is that of q from
    the prior. With more than two latent dimensions the plane has the two whose KL is largest, on average over test
    images. Its numbers are `reconstruction`, `kl`, `elbo`, and `reconstruction_of_z`, which is log p(x | z) at the z
    that is shown.

    Parameters
    ----------
    model : VAE
        With K >= 2, for images of the size that `data` has. The figure keeps a copy.
    data : ImageData
        With 60 test images or more.
    chosen : int
        Number of the test image, from 0 to 59, class by class.
    caption : str, optional
        Plain text below the figure.

    Attributes
    ----------
    drawing : str
        What is drawn, as base64 of one byte a pixel; "" while a test image is shown. Setting `chosen` to another
        image empties it, as the button for it does.
    draws, cleared, restored : int
        How often the buttons were pressed.

    Raises
    ------
    TypeError
        For a model that is not a VAE, or computes differently from one, and for data of another kind.
    ValueError
        For weights that are not finite, K = 1, images of another size, and too few of them.
    TraitError
        For a value outside its range.
    """

    folder = Path(__file__).parent
    still_size = (700, 350)
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
            constants={"n_colours": len(CLASS_COLOURS)},
        )

    @property
    def image(self) -> Tensor:
        """The network's input: (H, W) in [0, 1], bytes over 255."""
        return from_bytes(self.drawing or self._images[self.chosen], self.image_shape)

    @property
    def mu(self) -> Tensor:
        """The mean of q(z | image): (K,)."""
        return self._encode(self.image.unsqueeze(0))[0][0]

    @property
    def logvar(self) -> Tensor:
        """The log variance of q(z | image): (K,)."""
        return self._encode(self.image.unsqueeze(0))[1][0]

    def snapshot(self) -> DigitSnapshot:
        """Run the networks on the present image.

        The page has rounded weights: on MNIST its reconstruction term is within a nat or two of this one, its KL within
        0.05.
        """
        name = "a drawing" if self.drawing else f"test image {self.chosen}, of class {self._classes[self.chosen]}"
        noise, draw = torch.tensor(self._noise), self.draws % N_DRAWS
        return DigitSnapshot.at(self._model, self._latent_plane, name, self.image, noise, draw)

    @observe("chosen", "restored")
    def _put_drawing_away(self, _: object) -> None:
        self.drawing = ""

    @observe("cleared")
    def _clear_drawing(self, _: object) -> None:
        self.drawing = to_bytes(torch.zeros(self.image_shape))

    @torch.no_grad()
    def _encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self._model.encode(images.to(next(self._model.encoder.parameters())))


def choose_images(labels: Tensor) -> list[int]:
    """Return indices of the images to offer: as many of each class as there are, class by class."""
    return sorted(classes_in_turn(labels)[:N_IMAGES], key=lambda i: (int(labels[i]), i))


def noise_table(latent_dim: int) -> list[list[float]]:
    """Draw standard normal noise, a row for each draw, always the same, with few enough digits to travel."""
    eps = torch.randn(N_DRAWS, latent_dim, generator=Generator().manual_seed(SEED), dtype=torch.float64)
    return [[round(value, 3) for value in row] for row in eps.tolist()]


def _check(model: VAE, data: ImageData) -> None:
    if not isinstance(model, VAE):
        shown = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise TypeError(f"model must be a VAE, whose encoder gives a distribution to draw, got {shown}")
    check_model(model)
    check_data(data)
    if model.image_shape != data.image_shape:
        raise ValueError(f"data must have images of the model's shape {model.image_shape}, got {data.image_shape}")
    if model.latent_dim < 2:
        raise ValueError("model must have a latent_dim of at least 2, for q to be drawn in a plane, got 1")
    if len(data.test) < N_IMAGES:
        raise ValueError(f"data must have at least {N_IMAGES} test images to choose from, got {len(data.test)}")


def _caption(model: VAE, plane: PosteriorPlane) -> str:
    """With what holds for this model: the constant in its reconstruction term, and which dimensions are shown."""
    sentences = [CAPTION]
    if isinstance(model.likelihood, Gaussian):
        constant = math.prod(model.image_shape) * math.log(2 * math.pi * model.likelihood.sigma**2) / 2
        sentences.append(f"It includes the Gaussian's constant, {-constant:.1f} nats.".replace("-", "\N{MINUS SIGN}"))
    if model.latent_dim > 2:
        names = " and ".join(plane.names)
        sentences.append(
            f"The plane has {names} among {model.latent_dim} dimensions, where q differs most from the prior."
        )
    return " ".join(sentences)
