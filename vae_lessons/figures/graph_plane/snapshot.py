"""What GraphPlane shows of two nodes."""

from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from torch import Tensor

from vae_lessons.evaluation.plots import CLASS_COLOURS, COLOURS
from vae_lessons.figures.graph_plane.pairs import PlaneOfNodes, rank
from vae_lessons.figures.runtime.snapshot import Snapshot


@dataclass(frozen=True)
class GraphPlaneSnapshot(Snapshot):
    """Two nodes of a graph among the others.

    Attributes
    ----------
    plane : PlaneOfNodes
        All nodes.
    first, second : int
        The two.
    numbers : dict of str to float
        `probability`, `expected` and `rank` from 0 to 1; `linked` and `held_out`, 0 or 1.
    """

    plane: PlaneOfNodes
    first: int
    second: int
    numbers: dict[str, float]

    @classmethod
    def at(cls, plane: PlaneOfNodes, first: int, second: int, eps: Tensor) -> "GraphPlaneSnapshot":
        """Compute the snapshot, with draws from q made of noise (M, 4), two columns for each node."""
        logit = plane.logits(plane.mu[first], plane.mu[second])
        drawn = [
            plane.mu[node].double() + (plane.logvar[node].double() / 2).exp() * part
            for node, part in zip((first, second), eps.split(2, dim=1), strict=True)
        ]
        numbers = {
            "probability": float(logit.sigmoid()),
            "expected": float(plane.logits(*drawn).sigmoid().mean()),
            "rank": rank(logit, plane.sorted_logits()[1]),
            "linked": float(plane.is_among(first, second, plane.linked)),
            "held_out": float(plane.is_among(first, second, plane.held_out)),
        }
        return cls(plane, first, second, numbers)

    def printed(self) -> dict[str, str]:
        """Return the probability at the means and averaged over q, and what is known."""
        values = self.numbers
        return {
            f"nodes {self.first} and {self.second}: p(link)": f"{values['probability']:.3f}",
            "over q": f"{values['expected']:.3f}",
            "above": f"{100 * values['rank']:.0f} % of pairs without a link",
        }

    def status(self) -> str:
        """Say what is known of the pair."""
        if self.first == self.second:
            return "a node and itself"
        return "linked" if self.numbers["linked"] else "not linked"

    def alt(self) -> str:
        """Describe the plane, and say how likely the link is."""
        values, n, n_links = self.numbers, len(self.plane.mu), self.plane.linked.shape[1]
        held_out = ", held out from training" * bool(values["held_out"])
        two = f"{self.first} and {self.second}"
        return (
            f"Left: {n} nodes at their mean codes in the latent plane, coloured by class, and {n_links} links. "
            f"Nodes {two} are chosen ({self.status()}{held_out}): a link between them has the probability "
            f"{values['probability']:.3f} at the means of q, and {values['expected']:.3f} averaged over q. Right: the "
            f"share of pairs below each probability, for those that are linked and those that are not; "
            f"{100 * values['rank']:.0f}% of the pairs without a link are below this one."
        )

    def draw(self, figure: Figure) -> None:
        """Draw the plane, and beside it how probabilities are distributed."""
        plane, shares = figure.subplots(1, 2, width_ratios=(38, 32))
        self._draw_plane(plane)
        self._draw_shares(shares)

    def _draw_plane(self, ax: Axes) -> None:
        mu, pair = self.plane.mu, [self.first, self.second]
        for i, j in self.plane.linked.T.tolist():
            style = "--" if self.plane.is_among(i, j, self.plane.held_out) else "-"
            ax.plot(*mu[[i, j]].T, style, color="#222222", alpha=0.3, lw=0.8)
        for label in torch.unique(self.plane.labels).tolist():
            colour = CLASS_COLOURS[label % len(CLASS_COLOURS)]
            ax.scatter(*mu[self.plane.labels == label].T, color=colour, marker=f"${label}$", lw=0, s=24, zorder=3)
        ax.plot(*mu[pair].T, "-" if self.numbers["linked"] else ":", color=COLOURS["decoder"], lw=2)
        for node in dict.fromkeys(pair):
            widths = 2 * (self.plane.logvar[node] / 2).exp()
            ax.add_patch(Ellipse(mu[node].tolist(), *widths.tolist(), fill=False, color=COLOURS["encoder"], lw=1.25))
        ends = (-self.plane.reach, self.plane.reach)
        ax.set(xlim=ends, ylim=ends, aspect="equal", xlabel="z₁", ylabel="z₂")
        ax.set(xticks=(ends[0], 0, ends[1]), yticks=(ends[0], 0, ends[1]))

    def _draw_shares(self, ax: Axes) -> None:
        styles = {"linked": ("decoder", "-"), "not linked": ("data", "--")}
        for (name, (colour, style)), logits in zip(styles.items(), self.plane.sorted_logits(), strict=True):
            ax.step(*_cumulative(logits.sigmoid()), where="post", color=COLOURS[colour], ls=style, label=name)
        ax.axvline(self.numbers["probability"], color="#222222", lw=1, ls=":", label="this pair")
        ax.set(xlabel="probability of a link", ylabel="pairs below it, %", ylim=(0, 100))
        ax.set_xlim(left=0)
        ax.legend(
            handlelength=1.8, loc="lower right", bbox_to_anchor=(1.02, 1), ncols=3, columnspacing=0.8, fontsize="small"
        )


def _cumulative(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return sorted values and the percentage that is at or below each, from 0 on."""
    shares = 100 * torch.arange(len(values) + 1, dtype=torch.float64) / max(1, len(values))
    return torch.cat([torch.zeros(1, dtype=torch.float64), values]), shares
