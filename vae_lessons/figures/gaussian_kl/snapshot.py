"""What GaussianKL shows at one q."""

import math
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from vae_lessons.evaluation.plots import COLOURS
from vae_lessons.figures.runtime.snapshot import Snapshot
from vae_lessons.figures.runtime.widget import MINUS
from vae_lessons.probability import gaussian

REACH = 6  # of the axis of z, to each side


@dataclass(frozen=True)
class GaussianKLSnapshot(Snapshot):
    """The KL of q = N(mu, exp(logvar)) from the standard normal, in parts.

    Attributes
    ----------
    mu, logvar : float
        Parameters of q.
    numbers : dict of str to float
        `mean`, `spread`, `logarithm` and `kl` in nats, and the KL in `bits`.
    """

    mu: float
    logvar: float
    numbers: dict[str, float]

    @classmethod
    def at(cls, mu: float, logvar: float) -> "GaussianKLSnapshot":
        """Compute the snapshot for one q."""
        kl = float(gaussian.kl_to_standard_normal(*torch.tensor([[[mu]], [[logvar]]], dtype=torch.float64)))
        parts = {"mean": mu**2 / 2, "spread": math.expm1(logvar) / 2, "logarithm": -logvar / 2}
        return cls(mu, logvar, {**parts, "kl": kl, "bits": kl / math.log(2)})

    def printed(self) -> dict[str, str]:
        """Return the parts and the KL; the spread takes what rounding leaves."""
        mean, logarithm, kl = (round(self.numbers[name], 3) for name in ("mean", "logarithm", "kl"))
        return {
            "μ²/2": f"{mean:z.3f}",
            f"+ (σ² {MINUS} 1)/2": f"{kl - mean - logarithm:z.3f}",
            f"{MINUS} ½ log σ²": f"{logarithm:z.3f}",
            "= KL": f"{kl:z.3f} nats",
            "in bits": f"{self.numbers['bits']:z.3f}",
        }

    def alt(self) -> str:
        """Describe the densities and the bars."""
        values = self.numbers
        return (
            f"Left: the densities of q, with mean {self.mu:.2f} and log variance {self.logvar:.2f}, and of the prior. "
            f"Right: bars for the mean's part of the KL, {values['mean']:.2f} nats, the spread's, "
            f"{values['spread']:.2f}, the logarithm's, {values['logarithm']:.2f}, and their sum, {values['kl']:.2f}."
        )

    def draw(self, figure: Figure) -> None:
        """Draw the densities, and bars beside them."""
        curves, parts = figure.subplots(1, 2, width_ratios=(38, 32))
        self._draw_densities(curves)
        self._draw_parts(parts)

    def _draw_densities(self, ax: Axes) -> None:
        z = torch.linspace(-REACH, REACH, 601).unsqueeze(1)
        q = gaussian.log_prob(z, torch.full_like(z, self.mu), torch.full_like(z, self.logvar)).exp()
        prior = gaussian.log_prob(z, torch.zeros_like(z), torch.zeros_like(z)).exp()
        ax.fill_between(z[:, 0], q, color=COLOURS["encoder"], alpha=0.15, lw=0)
        ax.plot(z, prior, color=COLOURS["prior"])
        ax.plot(z, q, color=COLOURS["encoder"])
        side = 1 if self.mu < 0 else -1  # where q is not
        towards, away = ("left", "right") if side > 0 else ("right", "left")
        halo = {"path_effects": [withStroke(linewidth=3, foreground="white")]}
        ax.text(1.15 * side, 0.25, "p(z) = N(0, 1)", color=COLOURS["prior"], ha=towards, **halo)
        start = -side * min(abs(self.mu) - 0.35, 2.2)  # where the name fits
        above = {"xytext": (0, 5), "textcoords": "offset points"}
        ax.annotate("q(z) = N(μ, σ²)", (start, q.max()), **above, color=COLOURS["encoder"], ha=away, **halo)
        ax.set(xlabel="z", yticks=[], xlim=(-REACH, REACH), ylim=(0, 1.15 * max(0.46, float(q.max()))))
        ax.spines.left.set_visible(False)

    def _draw_parts(self, ax: Axes) -> None:
        values = list(self.numbers.values())[:4]
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
