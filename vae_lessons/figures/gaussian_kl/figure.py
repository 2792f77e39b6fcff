"""The KL from one Gaussian to the standard normal, in its three parts."""

import math

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from vae_lessons.evaluation.plots import COLOURS
from vae_lessons.figures.runtime.controls import Slider
from vae_lessons.figures.runtime.widget import MINUS, LiveFigure, module
from vae_lessons.probability import gaussian

CAPTION = (
    "The KL of q from the prior, and the three parts that add up to it. Moving the mean away from 0 costs; so does "
    "a variance other than 1, whichever way."
)


class GaussianKL(LiveFigure):
    """q(z) = N(mu, σ²) against p(z) = N(0, 1), and KL( q || p ) = mu²/2 + (σ² - 1)/2 - 1/2 log σ².

    Parameters
    ----------
    mu : mean of q, from -3 to 3
    logvar : log σ², from -4 to 3
    caption : plain text

    Raises TraitError for a value outside its range.
    """

    still_size = (700, 350)
    _esm = module("gaussian_kl/figure.js")
    mu = Slider("mean μ", "mu", -3, 3).trait()
    logvar = Slider("log σ²", "log variance", -4, 3).trait()

    def __init__(self, *, mu: float = 1.0, logvar: float = -1.0, caption: str = CAPTION) -> None:
        super().__init__(mu=mu, logvar=logvar, caption=caption)

    def numbers(self) -> dict[str, float]:
        """`mean`, `spread` and `logarithm` in nats, their sum `kl` in nats and `bits`."""
        kl = float(gaussian.kl_to_standard_normal(*torch.tensor([[[self.mu]], [[self.logvar]]], dtype=torch.float64)))
        return {
            "mean": self.mu**2 / 2,
            "spread": math.expm1(self.logvar) / 2,
            "logarithm": -self.logvar / 2,
            "kl": kl,
            "bits": kl / math.log(2),
        }

    def printed(self) -> dict[str, str]:
        values = self.numbers()
        mean, logarithm, kl = (round(values[name], 3) for name in ("mean", "logarithm", "kl"))
        return {
            "μ²/2": f"{mean:z.3f}",
            f"+ (σ² {MINUS} 1)/2": f"{kl - mean - logarithm:z.3f}",
            f"{MINUS} ½ log σ²": f"{logarithm:z.3f}",
            "= KL": f"{kl:z.3f} nats",
            "in bits": f"{values['bits']:z.3f}",
        }

    def alt(self) -> str:
        values = self.numbers()
        return (
            f"Left: the densities of q, with mean {self.mu:.2f} and log variance {self.logvar:.2f}, and of the prior. "
            f"Right: bars for the mean's part of the KL, {values['mean']:.2f} nats, the spread's, "
            f"{values['spread']:.2f}, the logarithm's, {values['logarithm']:.2f}, and their sum, {values['kl']:.2f}."
        )

    def draw_still(self, figure: Figure) -> None:
        curves, parts = figure.subplots(1, 2, width_ratios=(38, 32))
        self._draw_densities(curves)
        self._draw_parts(parts)

    def _draw_densities(self, ax: Axes) -> None:
        z = torch.linspace(-6, 6, 601).unsqueeze(1)
        q = gaussian.log_prob(z, torch.full_like(z, self.mu), torch.full_like(z, self.logvar)).exp()
        prior = gaussian.log_prob(z, torch.zeros_like(z), torch.zeros_like(z)).exp()
        ax.fill_between(z[:, 0], q, color=COLOURS["encoder"], alpha=0.15, lw=0)
        ax.plot(z, prior, color=COLOURS["prior"])
        ax.plot(z, q, color=COLOURS["encoder"])
        side = 1 if self.mu < 0 else -1  # where q is not
        towards, away = ("left", "right") if side > 0 else ("right", "left")
        halo = {"path_effects": [withStroke(linewidth=3, foreground="white")]}
        ax.text(1.15 * side, 0.25, "p(z) = N(0, 1)", color=COLOURS["prior"], ha=towards, **halo)
        start = -side * min(abs(self.mu) - 0.35, 2.2)  # where there is room for the name
        above = {"xytext": (0, 5), "textcoords": "offset points"}
        ax.annotate("q(z) = N(μ, σ²)", (start, q.max()), **above, color=COLOURS["encoder"], ha=away, **halo)
        ax.set(xlabel="z", yticks=[], xlim=(-6, 6), ylim=(0, 1.15 * max(0.46, float(q.max()))))
        ax.spines.left.set_visible(False)

    def _draw_parts(self, ax: Axes) -> None:
        values = list(self.numbers().values())[:4]
        names = ("μ²/2", "(σ² − 1)/2", "−½ log σ²", "KL")
        bars = ax.bar(names, values, width=0.66, color=COLOURS["encoder"], edgecolor=COLOURS["encoder"])
        for part in bars[:3]:
            part.set_facecolor((COLOURS["encoder"], 0.3))
        ax.bar_label(bars, fmt=lambda nats: f"{nats:.3f}".replace("-", "\N{MINUS SIGN}"), padding=3)
        ax.axhline(0, color="#555555", lw=0.8)
        ax.set(ylabel="nats")
        ax.margins(y=0.15)
        ax.set_ylim(top=max(0.1, ax.get_ylim()[1]))  # all are 0 where q is the prior
        ax.tick_params(axis="x", length=0, labelsize="small")
        ax.spines.bottom.set_visible(False)
