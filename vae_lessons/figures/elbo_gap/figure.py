"""The ELBO and its gap, in a model whose evidence and posterior are known by quadrature."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from vae_lessons.evaluation.plots import COLOURS
from vae_lessons.figures.runtime.controls import Slider
from vae_lessons.figures.runtime.widget import MINUS, LiveFigure, module
from vae_lessons.inference import elbo_quadrature, log_evidence_quadrature
from vae_lessons.probability import gaussian

TOLERANCE = 1e-9  # nats, of the quadrature
CAPTION = (
    "Fit minus rate is the ELBO; the gap, the KL of q from the true posterior, leads from there to log p(x). Moving q "
    "moves all bars, never their sum. With a bent decoder no Gaussian closes the gap."
)


@dataclass(frozen=True)
class BentDecoder:
    """x | z ~ N(g(z), noise²) with g(z) = z + bend z²/2, one pixel and one latent dimension."""

    bend: float
    noise: float
    latent_dim: int = 1

    def decode(self, z: Tensor) -> Tensor:
        """g(z): (B, 1) to (B, 1)."""
        return z + self.bend * z.square() / 2

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x | z) of each pair: (B, 1) and (B, 1) to (B,), nats."""
        return gaussian.log_prob(x, self.decode(z), torch.full_like(z, 2 * math.log(self.noise)))


class ElboGap(LiveFigure):
    """q(z) = N(mu, σ²) beside the true posterior of one datum, and log p(x) = fit - rate + gap.

    The model is z ~ N(0, 1), x | z ~ N(z + bend z²/2, NOISE²): linear for bend = 0, when a Gaussian q can
    close the gap.

    Parameters
    ----------
    mu : mean of q, from -3 to 3
    logvar : log σ², from -4 to 1.5
    x : the datum, from -3 to 3
    bend : from 0 to 2
    caption : plain text

    Raises TraitError for a value outside its range.
    """

    NOISE = 0.7
    still_size = (700, 350)
    _esm = module("elbo_gap/figure.js")
    mu = Slider("mean μ", "mu", -3, 3).trait()
    logvar = Slider("log σ²", "log variance", -4, 1.5).trait()
    x = Slider("datum x", "datum", -3, 3).trait()
    bend = Slider("bend", "bend", 0, 2).trait()

    def __init__(
        self, *, mu: float = 0.3, logvar: float = -2.0, x: float = 1.5, bend: float = 0.5, caption: str = CAPTION
    ) -> None:
        super().__init__(mu=mu, logvar=logvar, x=x, bend=bend, caption=caption)

    def numbers(self) -> dict[str, float]:
        """`fit`, `rate`, `elbo`, `gap` and `log_evidence`, in nats."""
        x, mu, logvar = torch.tensor([self.x, self.mu, self.logvar], dtype=torch.float64).view(3, 1, 1)
        bound = elbo_quadrature(self._model, x, mu, logvar)
        return {
            "fit": float(bound.reconstruction),
            "rate": float(bound.kl),
            "elbo": float(bound.value),
            "gap": self._gap(),
            "log_evidence": float(log_evidence_quadrature(self._model, x, TOLERANCE)),
        }

    def printed(self) -> dict[str, str]:
        values = self.numbers()
        rate, gap, evidence = (round(values[name], 3) for name in ("rate", "gap", "log_evidence"))
        return {
            "fit": f"{evidence - gap + rate:z.3f}",
            f"{MINUS} rate": f"{rate:z.3f}",
            "= ELBO": f"{evidence - gap:z.3f}",
            "+ gap": f"{gap:z.3f}",
            "= log p(x)": f"{evidence:z.3f} nats",
        }

    def alt(self) -> str:
        values = self.numbers()
        return (
            f"Left: the true posterior of x = {self.x:.2f} under a decoder with bend {self.bend:.2f}, the prior, and q "
            f"with mean {self.mu:.2f} and log variance {self.logvar:.2f}. Right: bars from 0 down by the fit, "
            f"{values['fit']:.2f} nats, down by the rate, {values['rate']:.2f}, to the ELBO, {values['elbo']:.2f}, and "
            f"up by the gap, {values['gap']:.2f}, to log p(x), {values['log_evidence']:.2f}."
        )

    def draw_still(self, figure: Figure) -> None:
        axes = figure.subplot_mosaic(
            [["densities", "bars"], ["decoder", "bars"]], width_ratios=(38, 32), height_ratios=(12, 10)
        )
        axes["densities"].sharex(axes["decoder"])
        self._draw_densities(axes["densities"])
        self._draw_decoder(axes["decoder"])
        self._draw_waterfall(axes["bars"])

    @property
    def _model(self) -> BentDecoder:
        return BentDecoder(self.bend, self.NOISE)

    def _log_posterior(self, z: Tensor) -> Tensor:
        """log p(z | x) at z (N, 1): (N,)."""
        x, zeros = torch.full_like(z, self.x), torch.zeros_like(z)
        log_joint = self._model.log_likelihood(x, z) + gaussian.log_prob(z, zeros, zeros)
        return log_joint - log_evidence_quadrature(self._model, x[:1], TOLERANCE)

    def _log_q(self, z: Tensor) -> Tensor:
        return gaussian.log_prob(z, torch.full_like(z, self.mu), torch.full_like(z, self.logvar))

    def _gap(self) -> float:
        """KL( q || posterior ), the integral of q log(q / posterior)."""
        # On a grid of q's own: the posterior's may end before q does.
        reach = 10 * math.exp(self.logvar / 2)
        z = torch.linspace(self.mu - reach, self.mu + reach, 1001, dtype=torch.float64).unsqueeze(1)
        log_q = self._log_q(z)
        gap = torch.trapezoid(log_q.exp() * (log_q - self._log_posterior(z)), z[:, 0])
        return max(0.0, float(gap))  # a KL below 0 is rounding

    def _draw_densities(self, ax: Axes) -> None:
        z = torch.linspace(-5, 5, 601, dtype=torch.float64).unsqueeze(1)
        posterior, q = self._log_posterior(z).exp(), self._log_q(z).exp()
        ax.fill_between(z[:, 0], posterior, color=COLOURS["posterior"], alpha=0.15, lw=0)
        ax.plot(z, posterior, color=COLOURS["posterior"], label="p(z | x)")
        ax.plot(z, q, color=COLOURS["encoder"], label="q(z)")
        prior = gaussian.log_prob(z, torch.zeros_like(z), torch.zeros_like(z)).exp()
        ax.plot(z, prior, color=COLOURS["prior"], lw=1.25, label="p(z)")
        ax.set(yticks=[], xlim=(-5, 5))
        ax.set_ylim(bottom=0)
        ax.tick_params(labelbottom=False)
        ax.spines.left.set_visible(False)
        ax.legend(labelcolor="linecolor", handlelength=1)

    def _draw_decoder(self, ax: Axes) -> None:
        z = np.linspace(-5, 5, 201)
        mean = self._model.decode(torch.from_numpy(z)).numpy()
        ax.fill_between(z, mean - self.NOISE, mean + self.NOISE, color=COLOURS["decoder"], alpha=0.15, lw=0)
        ax.plot(z, mean, color=COLOURS["decoder"])
        ax.axhline(self.x, color=COLOURS["data"])
        ax.text(4.9, self.x + 0.3, "x", color=COLOURS["data"], ha="right")
        ax.set(xlabel="z", ylabel="g(z)", ylim=(-4, 4), yticks=[-3, 0, 3])

    def _draw_waterfall(self, ax: Axes) -> None:
        values = self.numbers()
        elbo, evidence = values["elbo"], values["log_evidence"]
        bottoms = [values["fit"], elbo, elbo]
        heights = [-values["fit"], values["rate"], values["gap"]]
        colours = [COLOURS[name] for name in ("decoder", "prior", "posterior")]
        ax.bar(["fit", "− rate", "+ gap"], heights, bottom=bottoms, width=0.68, color=colours)
        ax.axhline(0, color="#555555", lw=0.8)
        ax.axhline(evidence, color=COLOURS["data"])
        ax.plot([0.66, 2.34], [elbo, elbo], color="#222222", lw=1, ls=":")
        beside = {"textcoords": "offset points"}
        ax.annotate("ELBO", (1, elbo), (0, -3), **beside, ha="center", va="top", color=COLOURS["encoder"])
        ax.annotate("log p(x)", (3.3, evidence), (0, 4), **beside, ha="right", color=COLOURS["data"])
        ax.set(ylabel="nats", xlim=(-0.5, 3.3), ylim=(1.12 * elbo, 0))
        ax.xaxis.tick_top()
        ax.tick_params(axis="x", length=0)
        ax.spines.bottom.set_visible(False)
