"""Samples that move with the distribution they are drawn from, and two estimates of a gradient made of them."""

import math

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Generator, Tensor
from traitlets import List

from vae_lessons.evaluation.plots import COLOURS
from vae_lessons.figures.runtime.controls import Action, Slider, Switch
from vae_lessons.figures.runtime.widget import LiveFigure, module
from vae_lessons.probability import gaussian

N_BATCHES, N_SAMPLES, SEED = 20, 100, 0
CAPTION = (
    "The same noise ε, carried to z = μ + σ ε: μ shifts it, σ stretches it, and the gradient of f at z becomes one in "
    "μ and log σ². Let ε go for a hundred such estimates beside a hundred of the score function's."
)


def noise_table() -> list[list[float]]:
    """Standard normal noise in batches, always the same, short enough to travel."""
    eps = torch.randn(N_BATCHES, N_SAMPLES, generator=Generator().manual_seed(SEED), dtype=torch.float64)
    return [[round(value, 3) for value in batch] for batch in eps.tolist()]


class Reparameterisation(LiveFigure):
    """z = mu + σ ε, and estimates of the gradient of E_q[f(z)] in mu and log σ², for f(z) = -1/2 (z - DATUM)².

    The pathwise estimate is df/dz carried to mu and log σ²; the score-function estimate is f(z) times the
    gradient of log q(z). While ε is held, there is one sample, at `eps`; else a batch of noise is shown.

    Parameters
    ----------
    mu : mean of q, from -3 to 3
    logvar : log σ², from -3 to 2
    eps : the noise that is held, from -2.5 to 2.5
    frozen : whether it is
    draws : number of the batch; there are 20, then they come round again
    caption : plain text

    Raises TraitError for a value outside its range.
    """

    DATUM = 2.0
    _esm = module("reparameterisation/figure.js")
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
        super().__init__(mu=mu, logvar=logvar, eps=eps, frozen=frozen, draws=draws, caption=caption)

    def numbers(self) -> dict[str, float]:
        """`z`, the estimates and the exact gradient; `_deviation` is that of ∂/∂mu over a batch, held or not.

        Estimates are those of the sample that is held, or else the batch's means.
        """
        shown, batch = self._estimates(self._shown_noise()), self._estimates(self._batch())
        return {
            **{name: float(values.mean()) for name, values in shown.items()},
            "exact_mu": self.DATUM - self.mu,
            "exact_logvar": -math.exp(self.logvar) / 2,
            "pathwise_deviation": float(batch["pathwise_mu"].std()),
            "score_deviation": float(batch["score_mu"].std()),
        }

    def alt(self) -> str:
        values = self.numbers()
        samples = f"the noise {self.eps:.2f}" if self.frozen else f"{N_SAMPLES} noise values"
        return (
            f"Left: {samples} carried to q, with mean {self.mu:.2f} and log variance {self.logvar:.2f}, above the "
            f"curve of f. Right: estimates of the gradient in the mean and in log variance, pathwise "
            f"{values['pathwise_mu']:.2f} and {values['pathwise_logvar']:.2f}, score function "
            f"{values['score_mu']:.2f} and {values['score_logvar']:.2f}, exact {values['exact_mu']:.2f} and "
            f"{values['exact_logvar']:.2f}."
        )

    def draw_still(self, figure: Figure) -> None:
        axes = figure.subplot_mosaic(
            [["noise", "plane"], ["objective", "plane"]], width_ratios=(38, 32), height_ratios=(10, 17)
        )
        self._draw_noise(axes["noise"])
        self._draw_objective(axes["objective"])
        self._draw_plane(axes["plane"])

    def _batch(self) -> Tensor:
        return torch.tensor(self._noise[self.draws % N_BATCHES], dtype=torch.float64)

    def _shown_noise(self) -> Tensor:
        return torch.tensor([self.eps], dtype=torch.float64) if self.frozen else self._batch()

    @torch.enable_grad()
    def _estimates(self, eps: Tensor) -> dict[str, Tensor]:
        """Of each noise value (N,): its z, and both estimates, from their definitions."""
        # A copy of the parameters for each sample keeps the gradients apart.
        mu = torch.full_like(eps, self.mu).unsqueeze(1).requires_grad_()
        logvar = torch.full_like(eps, self.logvar).unsqueeze(1).requires_grad_()
        z = mu + torch.exp(0.5 * logvar) * eps.unsqueeze(1)
        value = -0.5 * (z[:, 0] - self.DATUM).square()
        log_q = gaussian.log_prob(z.detach(), mu, logvar)
        pathwise = torch.autograd.grad(value.sum(), (mu, logvar))
        score = torch.autograd.grad((value.detach() * log_q).sum(), (mu, logvar))
        names = ("z", "pathwise_mu", "pathwise_logvar", "score_mu", "score_logvar")
        return {name: column.detach()[:, 0] for name, column in zip(names, (z, *pathwise, *score), strict=True)}

    def _draw_noise(self, ax: Axes) -> None:
        eps, z = self._shown_noise(), self._estimates(self._shown_noise())["z"]
        sd = math.exp(self.logvar / 2)
        for value in range(-2, 3):
            ax.plot([value, self.mu + sd * value], [1, 0], color="#bbbbbb", lw=1)
        alpha = 1 if self.frozen else 0.25
        ax.plot([eps.tolist(), z.tolist()], [1, 0], color=COLOURS["encoder"], lw=2 if self.frozen else 1, alpha=alpha)
        ax.text(3, 0.9, "ε", va="center")
        ax.set(xlim=(-8, 8), ylim=(0, 1), yticks=[], xticks=[])
        ax.spines.left.set_visible(False)
        ax.secondary_xaxis("top").set_xticks([-2, 0, 2])

    def _draw_objective(self, ax: Axes) -> None:
        grid = np.linspace(-8, 8, 401)
        ax.plot(grid, -0.5 * (grid - self.DATUM) ** 2, color=COLOURS["decoder"])
        ax.text(5, -2, "f(z)", color=COLOURS["decoder"])
        points = torch.from_numpy(grid).unsqueeze(1)
        q = gaussian.log_prob(points, torch.full_like(points, self.mu), torch.full_like(points, self.logvar)).exp()
        low = -50 + 35 * q / max(0.8, 1.1 * float(q.max()))
        ax.fill_between(grid, -50, low, color=COLOURS["encoder"], alpha=0.15, lw=0)
        ax.plot(grid, low, color=COLOURS["encoder"], lw=1.25)
        shown = self._estimates(self._shown_noise())
        height = -0.5 * (shown["z"] - self.DATUM).square()
        ax.plot(shown["z"], height, "o", color=COLOURS["encoder"])
        in_z = {"angles": "xy", "scale_units": "xy", "scale": 2.5}  # an arrow is 0.4 of the gradient long
        arrows = {"color": COLOURS["encoder"], "width": 0.006, "alpha": 1 if self.frozen else 0.25}
        ax.quiver(shown["z"], height, shown["pathwise_mu"], torch.zeros_like(height), **in_z, **arrows)
        for end, mark in ((-8, "<"), (8, ">")):
            if (shown["z"] / end > 1).any():  # beyond the edge
                ax.plot(end, -0.5 * (end - self.DATUM) ** 2, mark, color=COLOURS["encoder"], clip_on=False)
        ax.set(xlabel="z", xlim=(-8, 8), ylim=(-50, 2), yticks=[])
        ax.spines.left.set_visible(False)

    def _draw_plane(self, ax: Axes) -> None:
        shown, exact = self._estimates(self._shown_noise()), self.numbers()
        for name, marker, colour in (("score", "s", "baseline"), ("pathwise", "o", "encoder")):
            u, v = shown[f"{name}_mu"], shown[f"{name}_logvar"]
            if self.frozen:
                ax.plot([0, float(u)], [0, float(v)], color=COLOURS[colour])
            ax.plot(u, v, marker, color=COLOURS[colour], ms=4, label="score function" if name == "score" else name)
        ax.plot(exact["exact_mu"], exact["exact_logvar"], "x", color="#222222", ms=8, mew=2, label="exact")
        ax.axhline(0, color="#cccccc", lw=0.8, zorder=0)
        ax.axvline(0, color="#cccccc", lw=0.8, zorder=0)
        ax.set(xlabel="∂/∂μ", ylabel="∂/∂log σ²")
        ax.legend(handletextpad=0.2, frameon=True, framealpha=1, facecolor="white", edgecolor="none")
