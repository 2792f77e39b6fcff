"""The latent plane in which a posterior is drawn, among the codes of test images."""

from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Ellipse
from matplotlib.patheffects import withStroke
from torch import Tensor

from vae_lessons.evaluation.plots import CLASS_COLOURS, COLOURS
from vae_lessons.figures.runtime.images import pack_floats
from vae_lessons.probability import gaussian

N_CODES = 500
APART = 0.07  # from one numeral to the next, of what the codes extend over
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class PosteriorPlane:
    """Two latent dimensions, and codes (N, 2) of test images in them with their labels (N,)."""

    dimensions: list[int]
    codes: Tensor
    labels: Tensor

    @property
    def names(self) -> list[str]:
        """Names of the axes: z₁ is dimension 0."""
        return [f"z{str(index + 1).translate(SUBSCRIPTS)}" for index in self.dimensions]

    def describe(self) -> dict[str, Any]:
        """Describe the plane for JSON."""
        return {
            "dimensions": self.dimensions,
            "names": self.names,
            "positions": pack_floats(self.codes),
            "labels": self.labels.tolist(),
        }

    def draw(self, ax: Axes, mu: Tensor, logvar: Tensor, z: Tensor) -> None:
        """Draw N(mu, diag σ²) and the prior as ellipses of one and two standard deviations, and a code z; all (K,)."""
        mu, logvar, z = (values[self.dimensions] for values in (mu, logvar, z))
        _draw_ellipses(ax, torch.zeros(2), torch.zeros(2), "p(z)", COLOURS["prior"], lw=1)
        _draw_ellipses(ax, mu, logvar, "q(z | x)", COLOURS["encoder"], lw=1.5)
        ax.plot(*z.tolist(), ".", color="#222222", ms=4, label="z")
        self._draw_codes(ax, mu)
        first, second = self.names
        ax.set(xlabel=first, ylabel=second, aspect="equal")
        ax.legend(labelcolor="linecolor", ncols=3, handlelength=1, loc="lower center", bbox_to_anchor=(0.5, 1))

    def _draw_codes(self, ax: Axes, mu: Tensor) -> None:
        """Draw a dot for each, and the numeral of each class amid its own, clear of other numerals and of mu (2,)."""
        apart = APART * float((self.codes.amax(dim=0) - self.codes.amin(dim=0)).max())
        taken = mu.unsqueeze(0)
        halo = [withStroke(linewidth=3, foreground="white")]
        for label in self.labels.unique().tolist():
            codes, colour = self.codes[self.labels == label], CLASS_COLOURS[label % len(CLASS_COLOURS)]
            ax.plot(*codes.T.tolist(), ".", ms=3, mew=0, alpha=0.6, color=colour)
            middle, style = _amid(codes, taken, apart), {"color": _for_letters(colour), "weight": "bold"}
            ax.text(*middle.tolist(), str(label), **style, ha="center", va="center", path_effects=halo)
            taken = torch.cat([taken, middle.unsqueeze(0)])


def plane_of(mu: Tensor, logvar: Tensor, labels: Tensor) -> PosteriorPlane:
    """Choose the plane of the two dimensions whose KL of q(z | x) from the prior, averaged over images, is largest.

    Parameters
    ----------
    mu, logvar : Tensor
        (M, K) with K >= 2, of all images. The plane has the means of up to 500 of them.
    labels : Tensor
        (M,)
    """
    each = torch.stack([_average_kl(mu[:, [k]], logvar[:, [k]]) for k in range(mu.shape[1])])
    dimensions = sorted(each.topk(2).indices.tolist())
    shown = torch.linspace(0, len(mu) - 1, min(N_CODES, len(mu))).round().long()
    return PosteriorPlane(dimensions, mu[shown][:, dimensions], labels[shown])


def _average_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    return gaussian.kl_to_standard_normal(mu, logvar).mean()


def _amid(codes: Tensor, taken: Tensor, apart: float) -> Tensor:
    """Choose the code nearest to the median of codes (N, 2), among those `apart` from taken (M, 2)."""
    distances = torch.cdist(codes, taken.to(codes)).amin(dim=1)
    free = codes[distances >= min(apart, float(distances.max()))]
    return free[torch.linalg.vector_norm(free - codes.median(dim=0).values, dim=1).argmin()]


def _for_letters(colour: str) -> list[float]:
    """Darken by a quarter, as figure.css does: letters need more contrast than dots."""
    return [0.75 * light + 0.25 * dark for light, dark in zip(to_rgb(colour), to_rgb("#222222"), strict=True)]


def _draw_ellipses(ax: Axes, mu: Tensor, logvar: Tensor, name: str, colour: str, lw: float) -> None:
    for radius in (1, 2):
        width, height = (2 * radius * torch.exp(0.5 * logvar)).tolist()
        ax.add_patch(Ellipse(mu.tolist(), width, height, fill=False, color=colour, lw=lw))
    ax.plot([], [], color=colour, lw=lw, label=name)
