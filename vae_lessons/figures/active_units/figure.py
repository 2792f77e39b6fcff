"""Which units of a linear VAE are in use, as the decoder's noise and β change."""

from pathlib import Path

from traitlets import Dict, Float, List

from vae_lessons.data import ImageData
from vae_lessons.figures.active_units.snapshot import ActiveUnitsSnapshot, Spectrum
from vae_lessons.figures.runtime.controls import Slider
from vae_lessons.figures.runtime.images import check_data, classes_in_turn, to_bytes
from vae_lessons.figures.runtime.widget import LiveFigure
from vae_lessons.models import LinearGaussian

N_UNITS = 20
N_IMAGES = 6
CAPTION = (
    "The best linear VAE with 20 units, which is probabilistic PCA. Each bar is the variance λ of the data along the "
    "direction of one unit. A unit is active if its λ is above the line at βσ², and then has a KL of ½ log(λ / βσ²): "
    "the farther the bar reaches above the line, the more nats. Below each image is its "
    "reconstruction from the mean of q."
)


class ActiveUnits(LiveFigure):
    """The linear VAE x | z ~ N(W z + b, σ² I) that is best for -reconstruction + β KL, with 20 units.

    Unit j belongs to the jth largest eigenvalue λ_j of the data covariance. Its KL, averaged over the training images,
    is 1/2 log(λ_j / βσ²) if λ_j > βσ², and else 0. The squared error of a decoded draw from q is the sum of min(λ_j,
    βσ²) over all directions, of which those without a unit count λ_j.

    Its numbers are `sigma`, `threshold` = βσ², `active` units, `rate` in nats, and the squared `error`, the last two
    averaged over the training images.

    Source: Tipping and Bishop (1999); Lucas, Tucker, Grosse and Norouzi (2019).

    Parameters
    ----------
    data : ImageData
        The training split gives the eigenvalues; six images of the test split are shown with their reconstructions.
    log_sigma : float
        log σ, from -2.5 to 1.
    beta : float
        The weight of the KL term, from 0.25 to 4.
    caption : str
        Plain text below the figure.

    Raises
    ------
    TypeError
        For data of another class.
    ValueError
        For fewer than six test images, and for training images that vary in fewer than 20 directions.
    TraitError
        For a value outside its range.
    """

    folder = Path(__file__).parent
    still_size = (700, 330)
    _eigenvalues = List().tag(sync=True, state=True)
    _others = Float().tag(sync=True, state=True)
    _images = Dict().tag(sync=True, state=True)
    log_sigma = Slider("log σ", "log sigma", -2.5, 1).trait()
    beta = Slider("β", "beta", 0.25, 4).trait()

    def __init__(self, data: ImageData, *, log_sigma: float = 0.0, beta: float = 1.0, caption: str = CAPTION) -> None:
        check_data(data)
        if len(data.test) < N_IMAGES:
            raise ValueError(f"data must have at least {N_IMAGES} test images to show, got {len(data.test)}")
        self._spectrum = Spectrum.of(data.train, N_UNITS)
        self._shown = data.test[classes_in_turn(data.test_labels)[:N_IMAGES]].cpu()
        directions = self._spectrum.directions
        largest = float(directions.abs().max())
        super().__init__(
            log_sigma=log_sigma,
            beta=beta,
            caption=caption,
            _eigenvalues=self._spectrum.eigenvalues.tolist(),
            _others=self._spectrum.others,
            _images={
                "shape": list(data.image_shape),
                "pixels": to_bytes(self._shown),
                "mean": to_bytes(self._spectrum.mean),
                "directions": to_bytes((directions / largest + 1) / 2),
                "largest": largest,
            },
        )

    @property
    def model(self) -> LinearGaussian:
        """The model at the present values, with βσ² as the variance of its noise; units that are not active have W = 0.

        With β = 1 it is the best model for this σ; its `encode` gives q, and its `log_evidence` log p(x).
        """
        return self.snapshot().model

    def snapshot(self) -> ActiveUnitsSnapshot:
        """Compute the KL of each unit, and reconstruct the images that are shown."""
        return ActiveUnitsSnapshot.at(self._spectrum, self._shown, self.log_sigma, self.beta)
