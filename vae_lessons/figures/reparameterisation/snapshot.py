"""What Reparameterisation shows for one q and some noise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from vae_lessons.evaluation.plots import COLOURS
from vae_lessons.figures.runtime.snapshot import Snapshot
from vae_lessons.probability import gaussian

DATUM = 2.0  # where f(z) = -1/2 (z - DATUM)² has its maximum
REACH = 8  # of the axis of z, to each side


@dataclass(frozen=True)
class ReparameterisationSnapshot(Snapshot):
    """Two estimates of a gradient for q = N(mu, exp(logvar)).

    Attributes
    ----------
    mu, logvar : float
        Parameters of q.
    is_held : bool
        Whether the noise is a single value.
    shown : dict of str to Tensor
        The noise `eps` that is shown, its `z`, and both estimates for each: (N,), float64.
    numbers : dict of str to float
        `z` and the estimates, averaged; the exact gradient; and deviations over a batch.
    """

    mu: float
    logvar: float
    is_held: bool
    shown: dict[str, Tensor]
    numbers: dict[str, float]

    @classmethod
    def at(cls, mu: float, logvar: float, batch: Sequence[float], held: float | None) -> "ReparameterisationSnapshot":
        """Compute the snapshot for a batch of noise, of which one value may be `held`."""
        samples = _estimates(batch, mu, logvar)
        shown = samples if held is None else _estimates([held], mu, logvar)
        numbers = {name: float(values.mean()) for name, values in shown.items() if name != "eps"} | {
            "exact_mu": DATUM - mu,
            "exact_logvar": -math.exp(logvar) / 2,
            "pathwise_deviation": float(samples["pathwise_mu"].std()),
            "score_deviation": float(samples["score_mu"].std()),
        }
        return cls(mu, logvar, held is not None, shown, numbers)

    def alt(self) -> str:
        """Describe the samples and the estimates."""
        values, eps = self.numbers, self.shown["eps"]
        samples = f"the noise {float(eps):.2f}" if self.is_held else f"{len(eps)} noise values"
        return (
            f"Left: {samples} carried to q, with mean {self.mu:.2f} and log variance {self.logvar:.2f}, above the "
            f"curve of f. Right: estimates of the gradient in the mean and in log variance, pathwise "
            f"{values['pathwise_mu']:.2f} and {values['pathwise_logvar']:.2f}, score function "
            f"{values['score_mu']:.2f} and {values['score_logvar']:.2f}, exact {values['exact_mu']:.2f} and "
            f"{values['exact_logvar']:.2f}."
        )

    def draw(self, figure: Figure) -> None:
        """Draw the noise above the objective, and the plane of gradients beside them."""
        axes = figure.subplot_mosaic(
            [["noise", "plane"], ["objective", "plane"]], width_ratios=(38, 32), height_ratios=(10, 17)
        )
        self._draw_noise(axes["noise"])
        self._draw_objective(axes["objective"])
        self._draw_plane(axes["plane"])

    def _draw_noise(self, ax: Axes) -> None:
        eps, z = self.shown["eps"].tolist(), self.shown["z"].tolist()
        sd = math.exp(self.logvar / 2)
        for value in range(-2, 3):
            ax.plot([value, self.mu + sd * value], [1, 0], color="#bbbbbb", lw=1)
        alpha, width = (1, 2) if self.is_held else (0.25, 1)
        ax.plot([eps, z], [1, 0], color=COLOURS["encoder"], lw=width, alpha=alpha)
        ax.text(3, 0.9, "ε", va="center")
        ax.set(xlim=(-REACH, REACH), ylim=(0, 1), yticks=[], xticks=[])
        ax.spines.left.set_visible(False)
        ax.secondary_xaxis("top").set_xticks([-2, 0, 2])

    def _draw_objective(self, ax: Axes) -> None:
        grid = np.linspace(-REACH, REACH, 401)
        low = _objective(-REACH)
        ax.plot(grid, _objective(grid), color=COLOURS["decoder"])
        ax.text(5, -2, "f(z)", color=COLOURS["decoder"])
        points = torch.from_numpy(grid).unsqueeze(1)
        q = gaussian.log_prob(points, torch.full_like(points, self.mu), torch.full_like(points, self.logvar)).exp()
        density = low + 35 * q / max(0.8, 1.1 * float(q.max()))
        ax.fill_between(grid, low, density, color=COLOURS["encoder"], alpha=0.15, lw=0)
        ax.plot(grid, density, color=COLOURS["encoder"], lw=1.25)
        z = self.shown["z"]
        height = _objective(z)
        ax.plot(z, height, "o", color=COLOURS["encoder"])
        in_z = {"angles": "xy", "scale_units": "xy", "scale": 2.5}  # an arrow is 0.4 of the gradient long
        arrows = {"color": COLOURS["encoder"], "width": 0.006, "alpha": 1 if self.is_held else 0.25}
        ax.quiver(z, height, self.shown["pathwise_mu"], torch.zeros_like(height), **in_z, **arrows)
        for end, mark in ((-REACH, "<"), (REACH, ">")):
            if (z / end > 1).any():  # beyond the edge
                ax.plot(end, _objective(end), mark, color=COLOURS["encoder"], clip_on=False)
        ax.set(xlabel="z", xlim=(-REACH, REACH), ylim=(low, 2), yticks=[])
        ax.spines.left.set_visible(False)

    def _draw_plane(self, ax: Axes) -> None:
        for name, marker, colour in (("score", "s", "baseline"), ("pathwise", "o", "encoder")):
            u, v = self.shown[f"{name}_mu"], self.shown[f"{name}_logvar"]
            if self.is_held:
                ax.plot([0, float(u)], [0, float(v)], color=COLOURS[colour])
            ax.plot(u, v, marker, color=COLOURS[colour], ms=4, label="score function" if name == "score" else name)
        exact = self.numbers["exact_mu"], self.numbers["exact_logvar"]
        ax.plot(*exact, "x", color="#222222", ms=8, mew=2, label="exact")
        ax.axhline(0, color="#cccccc", lw=0.8, zorder=0)
        ax.axvline(0, color="#cccccc", lw=0.8, zorder=0)
        ax.set(xlabel="∂/∂μ", ylabel="∂/∂log σ²")
        ax.legend(handletextpad=0.2, frameon=True, framealpha=1, facecolor="white", edgecolor="none")


def _objective(z: float | np.ndarray | Tensor) -> float | np.ndarray | Tensor:
    return -0.5 * (z - DATUM) ** 2


@torch.enable_grad()
def _estimates(noise: Sequence[float], mu: float, logvar: float) -> dict[str, Tensor]:
    """For each noise value (N,): its z, and both estimates, from their definitions."""
    eps = torch.tensor(noise, dtype=torch.float64).unsqueeze(1)  # (N, 1)
    # A copy of the parameters for each sample keeps the gradients apart.
    means, logvars = (torch.full_like(eps, value).requires_grad_() for value in (mu, logvar))
    z = means + torch.exp(0.5 * logvars) * eps
    value = _objective(z[:, 0])
    log_q = gaussian.log_prob(z.detach(), means, logvars)
    pathwise = torch.autograd.grad(value.sum(), (means, logvars))
    score = torch.autograd.grad((value.detach() * log_q).sum(), (means, logvars))
    names = ("eps", "z", "pathwise_mu", "pathwise_logvar", "score_mu", "score_logvar")
    return {name: column.detach()[:, 0] for name, column in zip(names, (eps, z, *pathwise, *score), strict=True)}
