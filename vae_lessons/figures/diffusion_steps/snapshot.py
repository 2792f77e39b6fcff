"""What DiffusionSteps shows at one level of noise."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from vae_lessons.evaluation.plots import COLOURS
from vae_lessons.figures.diffusion_steps.chains import LEVELS, Reverse, arrow_places
from vae_lessons.figures.runtime.snapshot import Snapshot
from vae_lessons.figures.runtime.widget import MINUS

N_FOLLOWED = 5
TRAIL = 4  # moves
ARROW = 0.14  # units of the plane for noise of length 1


@dataclass(frozen=True)
class DiffusionSnapshot(Snapshot):
    """Points and draws at one level of noise, and how they came there.

    Attributes
    ----------
    reverses : sequence of Reverse
        In order of T.
    chosen : int
        Which of them is shown.
    place : int
        Which of its levels is seen.
    forward : Tensor
        (LEVELS + 1, N, 2), points at every level.
    arrows : Tensor
        (LEVELS, A, 2), minus the noise that the network sees.
    reach : float
        Of the planes, to each side.
    exact : float or None
        -log p(x) of the points, if known.
    numbers : dict of str to float
        `step`, `signal`, `so_far`, and `negative_elbo` with its `error`.
    """

    reverses: Sequence[Reverse]
    chosen: int
    place: int
    forward: Tensor
    arrows: Tensor
    reach: float
    exact: float | None
    numbers: dict[str, float]

    @classmethod
    def at(
        cls,
        reverses: Sequence[Reverse],
        chosen: int,
        level: int,
        forward: Tensor,
        arrows: Tensor,
        signals: Tensor,
        reach: float,
        exact: float | None,
    ) -> "DiffusionSnapshot":
        """Make the snapshot of one number of steps at one level."""
        reverse = reverses[chosen]
        place = reverse.index(level)
        seen = reverse.levels[place]
        numbers = {
            "step": seen * reverse.n_steps // LEVELS,
            "signal": float(signals[seen]),
            "so_far": float(reverse.costs[place]),
            "negative_elbo": float(reverse.costs[0]),
            "error": reverse.negative_elbo.error,
        }
        return cls(reverses, chosen, place, forward, arrows, reach, exact, numbers)

    @property
    def reverse(self) -> Reverse:
        """The draws that are shown."""
        return self.reverses[self.chosen]

    @property
    def level(self) -> int:
        """The level that is seen."""
        return self.reverse.levels[self.place]

    def printed(self) -> dict[str, str]:
        """Return the step, the signal and the nats."""
        values = self.numbers
        return {
            "step t": f"{values['step']} of {self.reverse.n_steps}",
            "signal α²": f"{100 * values['signal']:.1f} %",
            "so far": f"{values['so_far']:z.2f} nats",
            f"{MINUS}ELBO": f"{values['negative_elbo']:z.2f} ± {values['error']:.2f} nats",
        }

    def alt(self) -> str:
        """Describe the planes and the costs."""
        values, n_steps = self.numbers, self.reverse.n_steps
        return (
            f"Left: {self.forward.shape[1]} points of the data with the noise of step {values['step']} of {n_steps}, "
            f"where {100 * values['signal']:.0f}% are signal. Right: draws on their way from noise to data at this "
            f"step, and arrows that point away from the noise that the network sees. Of each, {N_FOLLOWED} have a "
            f"trail. Below: nats against noise level, from noise down to data: {values['so_far']:.2f} so far, and "
            f"{values['negative_elbo']:.2f} in all, which is minus the ELBO."
        )

    def draw(self, figure: Figure) -> None:
        """Draw both planes, and the costs below."""
        above, below = figure.subfigures(2, 1, height_ratios=(32, 18))
        left, right = above.subplots(1, 2)
        if self.level:
            places, arrows = arrow_places(self.reach), ARROW * self.arrows[self.level - 1]
            options = {"color": "#999999", "angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.004}
            right.quiver(*places.T.numpy(), *arrows.T.numpy(), **options)
        self._draw_plane(left, self.forward[: self.level + 1], "forward, from data", COLOURS["data"])
        self._draw_plane(right, self.reverse.states[self.place :].flip(0), "reverse, from noise", COLOURS["decoder"])
        self._draw_costs(below.subplots())

    def _draw_plane(self, ax: Axes, states: Tensor, name: str, colour: str) -> None:
        """Draw points (N, 2) as they are in the last of the states, and the trails of a few."""
        ax.scatter(*states[-1].T, color=colour, s=8, lw=0, alpha=0.7)
        ax.plot(*states[-TRAIL - 1 :, :N_FOLLOWED].permute(2, 0, 1).numpy(), color="#222222", lw=0.7)
        ax.scatter(*states[-1, :N_FOLLOWED].T, color="#222222", s=14, lw=0, zorder=3)
        ends = (-self.reach, self.reach)
        ax.set(xlim=ends, ylim=ends, aspect="equal", xticks=(ends[0], 0, ends[1]), yticks=(ends[0], 0, ends[1]))
        ax.set_title(name, fontsize="medium")

    def _draw_costs(self, ax: Axes) -> None:
        reverse = self.reverse
        ax.step(reverse.levels, reverse.costs, where="pre", color=COLOURS["decoder"])
        ax.plot(self.level, self.numbers["so_far"], "o", color=COLOURS["decoder"], ms=8, mfc="white", mew=2)
        height, name = reference(self.reverses, self.exact)
        ax.axhline(height, color="#222222", lw=1.25, ls=":", label=name)
        ax.set(xlim=(-0.5, LEVELS + 0.5), xticks=(0, LEVELS), ylabel="nats so far", xlabel="noise level")
        ax.margins(y=0.15)
        ax.legend(handlelength=1.5)


def reference(reverses: Sequence[Reverse], exact: float | None) -> tuple[float, str]:
    """Return what -ELBO is compared with and its name: the exact -log p(x), or the lowest -ELBO of all T."""
    if exact is not None:
        return exact, f"exact {MINUS}log p(x)"
    lowest = min(reverses, key=lambda each: float(each.costs[0]))
    return float(lowest.costs[0]), f"lowest {MINUS}ELBO, at T = {lowest.n_steps}"
