"""The playground: a VAE that trains in the reader's browser, on data in the plane or on digits."""

import base64
import html
import math
import re
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import torch
import traitlets
from torch import Tensor, nn

from vae_lessons.data import ImageData
from vae_lessons.figures.engine import ENGINE, SIMD
from vae_lessons.figures.playground.still import ALT, SIZE, draw_still
from vae_lessons.figures.runtime.images import to_bytes
from vae_lessons.figures.runtime.modules import join_modules
from vae_lessons.figures.runtime.page import figure_html
from vae_lessons.figures.runtime.widget import RUNTIME, read_style, shared_style
from vae_lessons.models import VAE
from vae_lessons.notebook import is_live
from vae_lessons.probability import Bernoulli, ContinuousBernoulli, Gaussian, Likelihood, RealGaussian
from vae_lessons.validation import check_rows

FOLDER = Path(__file__).parent
FOR_READERS = re.compile(r"^\s+|/\*\* .*? \*/ ?|(?<=[;{,]) // .*$", re.MULTILINE)  # indentation, types, remarks
CAPTION = (
    "Change anything while it trains. The dashed curve is measured on training data, all others on 200 that the model "
    "has not seen. The shaded gap between log p(x) and the ELBO is KL( q(z | x) ‖ p(z | x) )."
)
N_DIGITS = 1200, 200  # for training, and for the numbers
N_IMAGES = 1000, 200
MOST_POINTS = 2000
STATE = "address", "_data", "_engine", "_constants"  # what the module reads


class Playground(anywidget.AnyWidget):
    """A VAE that trains in the browser, in one or two latent dimensions, with its exact log-evidence beside the ELBO.

    Everything is set in the figure itself, while it trains. On a page it needs no kernel; in a notebook the trained
    model comes back as a `VAE`, and points of your own go in.

    Parameters
    ----------
    data : Tensor, (M, 2), optional
        Points in the plane to train on, 3 to 2,000, float32, within about ±2.6. They are one more choice among the data
        sets, and the first that is shown.
    images : ImageData, optional
        MNIST: its first 1,000 images are offered too, at half their size. Images of another even size will do.
    address : str
        A run, as it stands behind the # of a link: "data=ring&beta=4". Unknown parts are ignored.

    Attributes
    ----------
    address : str
        The present run, with the step that it has come to. Setting it loads another one.

    Raises
    ------
    ValueError, TypeError
        For data of another shape, dtype or number of points, or with a value that is not finite; for what is not an
        `ImageData`, and images of an odd size.
    """

    address = traitlets.Unicode().tag(sync=True)
    _data = traitlets.Dict().tag(sync=True)
    _engine = traitlets.Dict().tag(sync=True)
    _constants = traitlets.Dict().tag(sync=True)
    _trained = traitlets.Dict().tag(sync=True)
    _esm = join_modules(FOLDER / "figure.js")
    _styles = (shared_style(), read_style(FOLDER / "figure.css"))
    _css = "\n".join(_styles)

    def __init__(self, data: Tensor | None = None, *, images: ImageData | None = None, address: str = "") -> None:
        points = None if data is None else _points(data)
        if points is not None and "data=" not in address:
            address = "&".join(part for part in ("data=own", address) if part)
        super().__init__(
            address=address,
            _data={"points": points, "digits": _digits(), "mnist": None if images is None else _half_size(images)},
            _engine=_engine_source(),
            _constants={"uses_hash": not is_live(), "is_live": is_live()},
        )

    def model(self) -> VAE:
        """Return the model as it was when the playground was last paused, or a second ago while it trains.

        A `VAE` of images (1, 2) for points in the plane, or of digits. Its weights are those of the browser.
        RuntimeError if the playground has not been shown yet.
        """
        if not self._trained:
            raise RuntimeError("the playground has no model yet: display it, let it train, and press Pause")
        settings, dim = self._trained["settings"], self._trained["dim"]
        weights = torch.frombuffer(bytearray(base64.b64decode(self._trained["weights"])), dtype=torch.float32)
        image_shape = tuple(self._trained["shape"] or (1, dim))
        hidden = [int(settings["width"])] * int(settings["layers"])
        likelihood = _likelihood(settings, float(weights[-1]), is_image=self._trained["shape"] is not None)
        vae = VAE(image_shape, int(settings["latent"]), hidden, likelihood=likelihood)
        if settings["activation"] == "tanh":
            vae.encoder, vae.decoder = _with_tanh(vae.encoder), _with_tanh(vae.decoder)
        at = 0
        for layer in (*vae.encoder, *vae.decoder):
            if isinstance(layer, nn.Linear):
                n_in, n_out = layer.in_features, layer.out_features
                layer.weight.data = weights[at : at + n_in * n_out].view(n_in, n_out).T.clone()
                layer.bias.data = weights[at + n_in * n_out :][:n_out].clone()
                at += (n_in + 1) * n_out
        return vae.eval()

    def open(self) -> None:
        """Announce the widget to a front end. A page has none."""
        if is_live():
            super().open()

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        if is_live():
            return super()._repr_mimebundle_(**options)
        still = draw_still()
        page = figure_html(
            module=join_modules(FOLDER / "figure.js", RUNTIME / "page.js"),
            styles=self._styles,
            state={"_controls": [], **{name: getattr(self, name) for name in STATE}},
            weights={},
            still=still,
            size=SIZE,
            alt=ALT,
            caption=CAPTION,
        )
        data = {"text/plain": repr(self), "text/html": page, "image/png": base64.b64encode(still).decode("ascii")}
        return data, {"image/png": {"width": SIZE[0], "height": SIZE[1]}}

    def __repr__(self) -> str:
        return f"Playground(address={html.escape(self.address)!r})"


@cache
def _engine_source() -> dict[str, str]:
    """Return the program of the worker, and its kernels."""
    return {
        "worker": FOR_READERS.sub("", join_modules(ENGINE / "worker.js")),
        "simd": base64.b64encode(SIMD.read_bytes()).decode("ascii"),
    }


def _points(data: Tensor) -> list[list[float]]:
    check_rows("data", data, "points", (2,), torch.float32)
    if not 3 <= len(data) <= MOST_POINTS:
        raise ValueError(f"data must hold 3 to {MOST_POINTS:,} points, got {len(data):,}: take some of them")
    if not data.isfinite().all():
        raise ValueError("data must be finite, got a value that is NaN or infinite")
    return [[round(float(x), 4), round(float(y), 4)] for x, y in data.cpu()]


@cache
def _digits() -> dict[str, Any]:
    """Pack the first of scikit-learn's digits."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    n_train, n = N_DIGITS[0], sum(N_DIGITS)
    return _packed(torch.from_numpy(bunch.images[:n] / 16), bunch.target[:n].tolist(), n_train)


def _half_size(images: ImageData) -> dict[str, Any]:
    """Pack the first of some images, each square of 2 × 2 pixels as one."""
    if not isinstance(images, ImageData):
        raise TypeError(f"images must be an ImageData, as load_images gives, got {type(images).__name__}")
    if any(side % 2 for side in images.image_shape):
        raise ValueError(f"images must have an even height and width, got {images.image_shape}")
    train, test = images.train[: N_IMAGES[0]], images.test[: N_IMAGES[1]]
    labels = torch.cat([images.train_labels[: N_IMAGES[0]], images.test_labels[: N_IMAGES[1]]])
    return _packed(nn.functional.avg_pool2d(torch.cat([train, test]), 2), labels.tolist(), len(train))


def _packed(images: Tensor, labels: list[int], n_train: int) -> dict[str, Any]:
    return {"pixels": to_bytes(images), "labels": labels, "shape": list(images.shape[1:]), "n_train": n_train}


def _likelihood(settings: dict[str, Any], log_sigma: float, is_image: bool) -> Likelihood:
    if settings["likelihood"] == "gaussian":
        kind = Gaussian if is_image else RealGaussian
        return kind(math.exp(log_sigma), learned=bool(settings["learnSigma"]))
    return {"bernoulli": Bernoulli, "continuous": ContinuousBernoulli}[settings["likelihood"]]()


def _with_tanh(network: nn.Sequential) -> nn.Sequential:
    return nn.Sequential(*(nn.Tanh() if isinstance(layer, nn.ReLU) else layer for layer in network))
