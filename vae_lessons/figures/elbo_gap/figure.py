"""The ELBO and its gap, in a model whose evidence and posterior are known by quadrature."""

from pathlib import Path

from vae_lessons.figures.elbo_gap.snapshot import REACH, ElboGapSnapshot
from vae_lessons.figures.runtime.bent_decoder import NOISE
from vae_lessons.figures.runtime.controls import Slider
from vae_lessons.figures.runtime.widget import LiveFigure

CAPTION = (
    "Reconstruction minus KL is the ELBO; the gap, the KL of q from the true posterior, leads from there to log p(x). "
    "Moving q moves all bars, never their sum. With a bent decoder no Gaussian closes the gap."
)


class ElboGap(LiveFigure):
    """q(z) = N(mu, σ²) beside the true posterior of one datum, and log p(x) = reconstruction - KL + gap.

    The model is z ~ N(0, 1), x | z ~ N(z + bend z²/2, NOISE²): linear for bend = 0, when a Gaussian q can
    close the gap. Its numbers are `reconstruction`, `kl`, `elbo`, `gap` and `log_evidence`, in nats.

    Parameters
    ----------
    mu : float
        Mean of q, from -3 to 3.
    logvar : float
        log σ², from -4 to 1.5.
    x : float
        The datum, from -3 to 3.
    bend : float
        Curvature of the decoder, from 0 to 2.
    caption : str
        Plain text below the figure.

    Raises
    ------
    TraitError
        For a value outside its range.
    """

    NOISE = NOISE
    folder = Path(__file__).parent
    still_size = (700, 350)
    mu = Slider("mean μ", "mu", -3, 3).trait()
    logvar = Slider("log σ²", "log variance", -4, 1.5).trait()
    x = Slider("datum x", "datum", -3, 3).trait()
    bend = Slider("bend", "bend", 0, 2).trait()

    def __init__(
        self, *, mu: float = 0.3, logvar: float = -2.0, x: float = 1.5, bend: float = 0.5, caption: str = CAPTION
    ) -> None:
        constants = {"noise": NOISE, "reach": REACH}
        super().__init__(mu=mu, logvar=logvar, x=x, bend=bend, caption=caption, constants=constants)

    def snapshot(self) -> ElboGapSnapshot:
        """Compute the bound, its gap and the log-evidence at the present values."""
        return ElboGapSnapshot.at(self.mu, self.logvar, self.x, self.bend)
