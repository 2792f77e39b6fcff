"""What ElboGap shows at one q, datum and decoder."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vae_lessons.evaluation.plots import COLOURS
from vae_lessons.figures.runtime.bent_decoder import NOISE, TOLERANCE, BentDecoder, log_normal
from vae_lessons.figures.runtime.snapshot import Snapshot
from vae_lessons.figures.runtime.widget import MINUS
from vae_lessons.inference import elbo_quadrature, log_evidence_quadrature

REACH = 5  # of the axis of z, to each side


@dataclass(frozen=True)
class ElboGapSnapshot(Snapshot):
    """The ELBO of q = N(mu, exp(logvar)) for a datum x, and what it lacks to the log-evidence.

    Attributes
    ----------
    mu, logvar : float
        Parameters of q.
    x : float
        The datum.
    bend : float
        Curvature of the decoder.
    numbers : dict of str to float
        `reconstruction`, `kl`, `elbo`, `gap` and `log_evidence`, in nats.
    """

    mu: float
    logvar: float
    x: float
    bend: float
    numbers: dict[str, float]

    @classmethod
    def at(cls, mu: float, logvar: float, x: float, bend: float) -> "ElboGapSnapshot":
        """Compute the snapshot, by quadrature."""
        model = BentDecoder(bend)
        data, means, logvars = torch.tensor([x, mu, logvar], dtype=torch.float64).view(3, 1, 1)
        bound = elbo_quadrature(model, data, means, logvars)
        log_evidence = float(log_evidence_quadrature(model, data, TOLERANCE))
        # On a grid of q's own: the posterior's may end before q does.
        reach = 10 * math.exp(logvar / 2)
        z = torch.linspace(mu - reach, mu + reach, 1001, dtype=torch.float64).unsqueeze(1)
        log_q = log_normal(z, mu, logvar)
        gap = float(torch.trapezoid(log_q.exp() * (log_q - model.log_joint(x, z) + log_evidence), z[:, 0]))
        numbers = {
            "reconstruction": float(bound.reconstruction),
            "kl": float(bound.kl),
            "elbo": float(bound.value),
            "gap": max(0.0, gap),  # a KL below 0 is rounding
            "log_evidence": log_evidence,
        }
        return cls(mu, logvar, x, bend, numbers)

    def printed(self) -> dict[str, str]:
        """Return the terms; KL, gap and log-evidence are rounded, and the others follow."""
        kl, gap, evidence = (round(self.numbers[name], 3) for name in ("kl", "gap", "log_evidence"))
        return {
            "reconstruction": f"{evidence - gap + kl:z.3f}",
            f"{MINUS} KL": f"{kl:z.3f}",
            "= ELBO": f"{evidence - gap:z.3f}",
            "+ gap": f"{gap:z.3f}",
            "= log p(x)": f"{evidence:z.3f} nats",
        }

    def alt(self) -> str:
        """Describe the densities and the bars."""
        values = self.numbers
        return (
            f"Left: the true posterior of x = {self.x:.2f} under a decoder with bend {self.bend:.2f}, the prior, and q "
            f"with mean {self.mu:.2f} and log variance {self.logvar:.2f}. Right: bars from 0 down by the "
            f"reconstruction, {values['reconstruction']:.2f} nats, down by the KL, {values['kl']:.2f}, to the ELBO, "
            f"{values['elbo']:.2f}, and up by the gap, {values['gap']:.2f}, to log p(x), {values['log_evidence']:.2f}."
        )

    def draw(self, figure: Figure) -> None:
        """Draw densities above the decoder's curve, and bars beside them."""
        axes = figure.subplot_mosaic(
            [["densities", "bars"], ["decoder", "bars"]], width_ratios=(38, 32), height_ratios=(12, 10)
        )
        axes["densities"].sharex(axes["decoder"])
        self._draw_densities(axes["densities"])
        self._draw_decoder(axes["decoder"])
        self._draw_waterfall(axes["bars"])

    def _draw_densities(self, ax: Axes) -> None:
        z = torch.linspace(-REACH, REACH, 601, dtype=torch.float64).unsqueeze(1)
        posterior = (BentDecoder(self.bend).log_joint(self.x, z) - self.numbers["log_evidence"]).exp()
        ax.fill_between(z[:, 0], posterior, color=COLOURS["posterior"], alpha=0.15, lw=0)
        ax.plot(z, posterior, color=COLOURS["posterior"], label="p(z | x)")
        ax.plot(z, log_normal(z, self.mu, self.logvar).exp(), color=COLOURS["encoder"], label="q(z)")
        ax.plot(z, log_normal(z, 0, 0).exp(), color=COLOURS["prior"], lw=1.25, label="p(z)")
        ax.set(yticks=[], xlim=(-REACH, REACH))
        ax.set_ylim(bottom=0)
        ax.tick_params(labelbottom=False)
        ax.spines.left.set_visible(False)
        ax.legend(labelcolor="linecolor", handlelength=1)

    def _draw_decoder(self, ax: Axes) -> None:
        z = np.linspace(-REACH, REACH, 201)
        mean = BentDecoder(self.bend).decode(torch.from_numpy(z)).numpy()
        ax.fill_between(z, mean - NOISE, mean + NOISE, color=COLOURS["decoder"], alpha=0.15, lw=0)
        ax.plot(z, mean, color=COLOURS["decoder"])
        ax.axhline(self.x, color=COLOURS["data"])
        ax.text(4.9, self.x + 0.3, "x", color=COLOURS["data"], ha="right")
        ax.set(xlabel="z", ylabel="g(z)", ylim=(-4, 4), yticks=[-3, 0, 3])

    def _draw_waterfall(self, ax: Axes) -> None:
        reconstruction, kl, elbo, gap, evidence = self.numbers.values()
        colours = [COLOURS[name] for name in ("decoder", "prior", "posterior")]
        heights, bottoms = [-reconstruction, kl, gap], [reconstruction, elbo, elbo]
        ax.bar(["reconstruction", f"{MINUS} KL", "+ gap"], heights, bottom=bottoms, width=0.68, color=colours)
        ax.axhline(0, color="#555555", lw=0.8)
        ax.axhline(evidence, color=COLOURS["data"])
        ax.plot([0.66, 2.34], [elbo, elbo], color="#222222", lw=1, ls=":")
        beside = {"textcoords": "offset points"}
        ax.annotate("ELBO", (1, elbo), (0, -3), **beside, ha="center", va="top", color=COLOURS["encoder"])
        ax.annotate("log p(x)", (3.3, evidence), (0, 4), **beside, ha="right", color=COLOURS["data"])
        ax.set(ylabel="nats", xlim=(-0.5, 3.3), ylim=(1.12 * elbo, 0))
        ax.xaxis.tick_top()
        ax.tick_params(axis="x", length=0, labelsize="small")
        ax.spines.bottom.set_visible(False)
