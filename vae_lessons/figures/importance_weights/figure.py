"""Importance weights of draws from q, and the bound on log p(x) that they give, which tightens as draws are added."""

from pathlib import Path

import torch
from torch import Generator, Tensor
from traitlets import Unicode

from vae_lessons.figures.importance_weights.snapshot import DATUM, REACH, SAMPLES, ImportanceWeightsSnapshot
from vae_lessons.figures.runtime.bent_decoder import NOISE
from vae_lessons.figures.runtime.controls import Action, Slider
from vae_lessons.figures.runtime.images import pack_floats
from vae_lessons.figures.runtime.widget import LiveFigure

N_SETS, SEED = 8, 0
CAPTION = (
    "Each stem is a draw from q, as high as its share of the weight. The expected bound of one draw is the ELBO; with "
    "every doubling of the draws it rises, towards log p(x)."
)


def noise_sets() -> Tensor:
    """Draw standard normal noise, always the same: (N_SETS, 1,024), float32."""
    return torch.randn(N_SETS, SAMPLES[-1], generator=Generator().manual_seed(SEED))


class ImportanceWeights(LiveFigure):
    """Draws z_i from q(z | x) = N(mu, σ²), their weights w_i = p(x, z_i) / q(z_i | x), and L_k = log 1/k sum_i w_i.

    The model is z ~ N(0, 1), x | z ~ N(z + bend z²/2, NOISE²), and the datum is x = DATUM.

    Its numbers, in nats: `elbo`; `bound`, L_k of the draws that are shown; `expected_bound`, the mean of L_k over all
    draws, by quadrature; `log_evidence`. Also `ess`, the effective sample size (sum_i w_i)² / sum_i w_i², and
    `largest`, the share of the largest weight.

    Parameters
    ----------
    mu : float
        Mean of q, from -2 to 2.
    logvar : float
        log σ², from -4 to 0.5.
    bend : float
        Curvature of the decoder, from 0 to 1.5.
    samples : int
        k, a power of 2 up to 1,024.
    draws : int
        Number of the set of noise. There are 8, then they come round again.
    caption : str
        Plain text below the figure.

    Raises
    ------
    TraitError
        For a value outside its range, and a `samples` that is no power of 2.
    """

    NOISE = NOISE
    DATUM = DATUM
    folder = Path(__file__).parent
    still_size = (700, 350)
    _noise = Unicode(pack_floats(noise_sets())).tag(sync=True, state=True)
    mu = Slider("mean μ", "mu", -2, 2).trait()
    logvar = Slider("log σ²", "log variance", -4, 0.5).trait()
    bend = Slider("bend", "bend", 0, 1.5).trait()
    samples = Slider("samples", "samples", SAMPLES[0], SAMPLES[-1], step=1, values=SAMPLES).trait()
    draws = Action("new draws").trait()

    def __init__(
        self,
        *,
        mu: float = 0.3,
        logvar: float = -2.0,
        bend: float = 0.5,
        samples: int = 16,
        draws: int = 0,
        caption: str = CAPTION,
    ) -> None:
        constants = {"x": DATUM, "noise": NOISE, "reach": REACH, "samples": list(SAMPLES)}
        values = {"mu": mu, "logvar": logvar, "bend": bend, "samples": samples, "draws": draws}
        super().__init__(**values, caption=caption, constants=constants)

    def snapshot(self) -> ImportanceWeightsSnapshot:
        """Compute the weights, the bounds and the log-evidence at the present values."""
        eps = noise_sets()[self.draws % N_SETS].double()
        return ImportanceWeightsSnapshot.at(self.mu, self.logvar, self.bend, eps, self.samples)
