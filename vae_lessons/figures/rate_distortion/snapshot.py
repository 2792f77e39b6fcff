"""What RateDistortion shows at one β."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from vae_lessons.evaluation.plots import CLASS_COLOURS, COLOURS, show_images
from vae_lessons.figures.rate_distortion.sweep import SweepPoint
from vae_lessons.figures.runtime.snapshot import Snapshot
from vae_lessons.figures.runtime.widget import MINUS

PICTURES = ("test images", "reconstructions", "draws from the prior")


@dataclass(frozen=True)
class RateDistortionSnapshot(Snapshot):
    """One model of a sweep over β among the others.

    Attributes
    ----------
    sweep : sequence of SweepPoint
        In order of β.
    chosen : int
        Which of them is looked at.
    images : Tensor
        (N, H, W), the test images that are reconstructed.
    labels : Tensor
        (M,), the classes of the codes.
    reach : float
        Of the map of codes, to each side.
    codes_are_draws : bool
        Whether codes are draws from q(z | x) instead of its means.
    numbers : dict of str to float
        `beta`; `rate`, `distortion` and `negative_elbo` in nats per image; `active_units`.
    """

    sweep: Sequence[SweepPoint]
    chosen: int
    images: Tensor
    labels: Tensor
    reach: float
    codes_are_draws: bool
    numbers: dict[str, float]

    @classmethod
    def at(
        cls,
        sweep: Sequence[SweepPoint],
        chosen: int,
        images: Tensor,
        labels: Tensor,
        reach: float,
        codes_are_draws: bool,
    ) -> "RateDistortionSnapshot":
        """Make the snapshot of one model."""
        point = sweep[chosen]
        numbers = {
            "beta": point.beta,
            "rate": point.rate,
            "distortion": point.distortion,
            "negative_elbo": point.rate + point.distortion,
            "active_units": point.active_units,
        }
        return cls(sweep, chosen, images, labels, reach, codes_are_draws, numbers)

    def printed(self) -> dict[str, str]:
        """Return both terms and their sum; the distortion takes what rounding leaves."""
        rate, total = (round(self.numbers[name], 2) for name in ("rate", "negative_elbo"))
        return {
            "β": f"{self.numbers['beta']:g}",
            "R": f"{rate:z.2f}",
            "+ D": f"{total - rate:z.2f}",
            f"= {MINUS}ELBO": f"{total:z.2f} nats",
            "active units": f"{self.numbers['active_units']}",
        }

    def alt(self) -> str:
        """Describe the plane, the codes and the pictures."""
        values, betas = self.numbers, [point.beta for point in self.sweep]
        codes = "a draw from q" if self.codes_are_draws else "the mean of q"
        return (
            f"Left: distortion against rate of {len(betas)} models, β from {betas[0]:g} to {betas[-1]:g}. At β = "
            f"{values['beta']:g} the rate is {values['rate']:.2f} nats, the distortion {values['distortion']:.2f}, "
            f"their sum {values['negative_elbo']:.2f}, and {values['active_units']} of 2 units are active. Right: "
            f"{codes} for {len(self.labels)} test images, coloured by class, with circles at one and two standard "
            f"deviations of the prior. Below: {len(self.images)} test images, their reconstructions, and draws from "
            f"the prior."
        )

    def draw(self, figure: Figure) -> None:
        """Draw the plane, the map of codes beside it, and the pictures below."""
        above, below = figure.subfigures(2, 1, height_ratios=(33, 14))
        plane, codes = above.subplots(1, 2, width_ratios=(38, 32))
        self._draw_plane(plane)
        self._draw_codes(codes)
        point = self.sweep[self.chosen]
        shown = self.images, point.reconstructions, point.samples
        for ax, name, images in zip(below.subplots(1, 3), PICTURES, shown, strict=True):
            show_images(images, n_columns=3, ax=ax)
            ax.set_title(name, fontsize="medium")

    def _draw_plane(self, ax: Axes) -> None:
        rates, distortions = [p.rate for p in self.sweep], [p.distortion for p in self.sweep]
        ax.plot(rates, distortions, "o-", color=COLOURS["encoder"], lw=1.25, ms=4)
        point = self.sweep[self.chosen]
        ax.plot(point.rate, point.distortion, "o", color=COLOURS["encoder"], ms=9, mfc="white", mew=2)
        ax.annotate(f"β = {point.beta:g}", (point.rate, point.distortion), (8, 6), textcoords="offset points")
        ax.axline((point.rate, point.distortion), slope=-1, color="#222222", lw=1.25, ls=":", label="same ELBO")
        high, low = max(distortions), min(distortions)
        pad = 0.08 * (high - low) + 0.1
        ax.set(xlabel="rate R, nats", ylabel="distortion D, nats", ylim=(low - pad, high + pad))
        ax.set_xlim(left=0, right=1.2 * max(rates) + 0.1)
        ax.legend(handlelength=1.5)

    def _draw_codes(self, ax: Axes) -> None:
        point = self.sweep[self.chosen]
        codes = point.draws if self.codes_are_draws else point.means
        for label in torch.unique(self.labels).tolist():
            colour = CLASS_COLOURS[label % len(CLASS_COLOURS)]
            ax.scatter(*codes[self.labels == label].T, color=colour, marker=f"${label}$", lw=0, s=16)
        for radius in (1, 2):
            ax.add_patch(plt.Circle((0, 0), radius, fill=False, color=COLOURS["prior"], lw=1.25))
        ends = (-self.reach, self.reach)
        ax.set(xlim=ends, ylim=ends, aspect="equal", xlabel="z₁", ylabel="z₂")
        ax.set(xticks=(ends[0], 0, ends[1]), yticks=(ends[0], 0, ends[1]))
