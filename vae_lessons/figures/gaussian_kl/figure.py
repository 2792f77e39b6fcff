"""The KL from one Gaussian to the standard normal, in its three parts."""

from pathlib import Path

from vae_lessons.figures.gaussian_kl.snapshot import REACH, GaussianKLSnapshot
from vae_lessons.figures.runtime.controls import Slider
from vae_lessons.figures.runtime.widget import LiveFigure

CAPTION = (
    "The KL of q from the prior, and the three parts that add up to it. Moving the mean away from 0 costs; so does "
    "a variance other than 1, whichever way."
)


class GaussianKL(LiveFigure):
    """q(z) = N(mu, σ²) against p(z) = N(0, 1), and KL( q || p ) = mu²/2 + (σ² - 1)/2 - 1/2 log σ².

    Its numbers are the parts `mean`, `spread` and `logarithm` in nats, their sum `kl` in nats, and `bits`.

    Parameters
    ----------
    mu : float
        Mean of q, from -3 to 3.
    logvar : float
        log σ², from -4 to 3.
    caption : str
        Plain text below the figure.

    Raises
    ------
    TraitError
        For a value outside its range.
    """

    folder = Path(__file__).parent
    still_size = (700, 350)
    mu = Slider("mean μ", "mu", -3, 3).trait()
    logvar = Slider("log σ²", "log variance", -4, 3).trait()

    def __init__(self, *, mu: float = 1.0, logvar: float = -1.0, caption: str = CAPTION) -> None:
        super().__init__(mu=mu, logvar=logvar, caption=caption, constants={"reach": REACH})

    def snapshot(self) -> GaussianKLSnapshot:
        """Compute the KL and its parts at the present mu and logvar."""
        return GaussianKLSnapshot.at(self.mu, self.logvar)
