"""Samples that move with the distribution they are drawn from, and two estimates of a gradient made of them."""

from pathlib import Path

import torch
from torch import Generator
from traitlets import List

from vae_lessons.figures.reparameterisation.snapshot import DATUM, REACH, ReparameterisationSnapshot
from vae_lessons.figures.runtime.controls import Action, Slider, Switch
from vae_lessons.figures.runtime.widget import LiveFigure

N_BATCHES, N_SAMPLES, SEED = 20, 100, 0
CAPTION = (
    "The same noise ε, carried to z = μ + σ ε: μ shifts it, σ stretches it, and the gradient of f at z becomes one in "
    "μ and log σ². Let ε go for a hundred such estimates beside a hundred of the score function's."
)


def noise_table() -> list[list[float]]:
    """Draw standard normal noise in batches, always the same, with few enough digits to travel."""
    eps = torch.randn(N_BATCHES, N_SAMPLES, generator=Generator().manual_seed(SEED), dtype=torch.float64)
    return [[round(value, 3) for value in batch] for batch in eps.tolist()]


class Reparameterisation(LiveFigure):
    """z = mu + σ ε, and estimates of the gradient of E_q[f(z)] in mu and log σ², for f(z) = -1/2 (z - DATUM)².

    The pathwise estimate is df/dz carried to mu and log σ²; the score-function estimate is f(z) times the
    gradient of log q(z). While ε is held, there is one sample, at `eps`; else a batch of noise is shown.

    Its numbers are `z`, the estimates, and the exact gradient. Estimates are those of the sample that is held, or else
    the batch's means. `pathwise_deviation` and `score_deviation` are standard deviations of ∂/∂mu over a batch, held
    or not.

    Parameters
    ----------
    mu : float
        Mean of q, from -3 to 3.
    logvar : float
        log σ², from -3 to 2.
    eps : float
        The noise that is held, from -2.5 to 2.5.
    frozen : bool
        Whether ε is held.
    draws : int
        Number of the batch. There are 20, then they come round again.
    caption : str
        Plain text below the figure.

    Raises
    ------
    TraitError
        For a value outside its range.
    """

    DATUM = DATUM
    folder = Path(__file__).parent
    _noise = List(default_value=noise_table()).tag(sync=True, state=True)
    mu = Slider("mean μ", "mu", -3, 3).trait()
    logvar = Slider("log σ²", "log variance", -3, 2).trait()
    frozen = Switch("hold ε").trait()
    eps = Slider("noise ε", "epsilon", -2.5, 2.5, shown_if=("frozen", True)).trait()
    draws = Action("draw new noise", shown_if=("frozen", False)).trait()

    def __init__(
        self,
        *,
        mu: float = -1.0,
        logvar: float = 0.0,
        eps: float = 1.0,
        frozen: bool = True,
        draws: int = 0,
        caption: str = CAPTION,
    ) -> None:
        constants = {"datum": DATUM, "reach": REACH}
        values = {"mu": mu, "logvar": logvar, "eps": eps, "frozen": frozen, "draws": draws}
        super().__init__(**values, caption=caption, constants=constants)

    def snapshot(self) -> ReparameterisationSnapshot:
        """Compute both estimates for the noise that is shown, and their spread over the present batch."""
        batch = self._noise[self.draws % N_BATCHES]
        return ReparameterisationSnapshot.at(self.mu, self.logvar, batch, self.eps if self.frozen else None)
