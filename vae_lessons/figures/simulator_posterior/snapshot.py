"""What SimulatorPosterior shows at one observation."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from vae_lessons.evaluation.plots import COLOURS
from vae_lessons.figures.runtime.snapshot import Snapshot
from vae_lessons.figures.runtime.widget import MINUS
from vae_lessons.figures.simulator_posterior import two_moons
from vae_lessons.figures.simulator_posterior.approximations import Approximation, draws_of
from vae_lessons.probability.distributions import FullGaussianMixture

REACH = {"x": 0.6, "θ": 0.75}  # of the maps, to each side
TICKS, TICK_NAMES = (-0.5, 0, 0.5), (f"{MINUS}0.5", "0", "0.5")


@dataclass(frozen=True)
class SimulatorPosteriorSnapshot(Snapshot):
    """Amortised posteriors of two moons, and the exact one, at one observation.

    Attributes
    ----------
    x : Tensor
        (2,), the observation.
    simulations : Tensor
        (N, 2), observations of parameters that the prior drew.
    draws : dict of str to Tensor
        (M, 2), of each model's q(θ | x).
    numbers : dict of str to float
        For each model KL( p(θ | x) || q(θ | x) ) in nats, and the probability that q gives to the moons.
    """

    x: Tensor
    simulations: Tensor
    draws: dict[str, Tensor]
    numbers: dict[str, float]

    @classmethod
    def at(
        cls, x: Tensor, simulations: Tensor, models: Mapping[str, Approximation], eps: Tensor
    ) -> "SimulatorPosteriorSnapshot":
        """Compute each model's q at the observation, and compare it with the exact posterior."""
        draws, numbers = {}, {}
        for name, model in models.items():
            q = model.at(x.unsqueeze(0))
            draws[name] = draws_of(q, eps)
            numbers |= {f"{name}: KL": kl_from_exact(q, x), f"{name}: in the moons": mass_in_moons(q, x)}
        return cls(x, simulations, draws, numbers)

    def printed(self) -> dict[str, str]:
        """Return the KL of each model."""
        values = [f"{self.numbers[f'{name}: KL']:z.2f}" for name in self.draws]
        return {"KL(exact ‖ q)": f"{', '.join(values)} nats"}

    def alt(self) -> str:
        """Describe the maps, and say how far each model is from the exact posterior."""
        values = self.numbers
        of_models = (
            f"{name}, KL {values[f'{name}: KL']:.2f} nats and {100 * values[f'{name}: in the moons']:.0f}% of q in the "
            f"moons"
            for name in self.draws
        )
        return (
            f"Left: simulated observations, and one at ({self.x[0]:.2f}, {self.x[1]:.2f}). Then, for each model, the "
            f"plane of the two parameters, with the two moons that hold 95% of the exact posterior, and "
            f"{len(next(iter(self.draws.values())))} draws from q: {'; '.join(of_models)}."
        )

    def draw(self, figure: Figure) -> None:
        """Draw the observation, and beside it a map for each model."""
        first, *others = figure.subplots(1, 1 + len(self.draws))
        first.plot(*self.simulations.T, ".", color=COLOURS["data"], ms=2.5, mew=0, alpha=0.6)
        first.plot(*self.x, "o", color=COLOURS["data"], ms=8, mfc="white", mew=2)
        _set_axes(first, "observation x", "x")
        for ax, (name, draws) in zip(others, self.draws.items(), strict=True):
            ax.plot(*draws.T, ".", color=COLOURS["encoder"], ms=3, mew=0, alpha=0.7)
            for moon in two_moons.outline(self.x):
                ax.fill(*moon.T, facecolor="none", edgecolor=COLOURS["posterior"], lw=1)
            _set_axes(ax, name, "θ")
        for ax in others[1:]:
            ax.set(ylabel="", yticklabels=[])


def _set_axes(ax: Axes, title: str, symbol: str) -> None:
    ends = -REACH[symbol], REACH[symbol]
    ax.set_title(title, fontsize="small", parse_math=False)
    ax.set(xlim=ends, ylim=ends, xticks=TICKS, yticks=TICKS, aspect="equal", xlabel=f"{symbol}₁", ylabel=f"{symbol}₂")
    ax.set(xticklabels=TICK_NAMES, yticklabels=TICK_NAMES)
    ax.tick_params(labelsize="small")


def kl_from_exact(q: FullGaussianMixture, x: Tensor) -> float:
    """Compute KL( p(θ | x) || q ) by quadrature, nats."""
    r, weights = torch.tensor(two_moons.radii(), dtype=torch.float64).T
    log_q = q.log_prob(two_moons.moons(x, r).unsqueeze(-2)).squeeze(-1)  # (2, R, N_ANGLES)
    return two_moons.expected_log_density() - float(weights @ log_q.mean(dim=(0, 2)))


def mass_in_moons(q: FullGaussianMixture, x: Tensor) -> float:
    """Compute the probability of q in the bands that hold 95 % of p(θ | x), by quadrature."""
    r, areas = torch.tensor(two_moons.band(), dtype=torch.float64).T
    density = q.log_prob(two_moons.moons(x, r).unsqueeze(-2)).squeeze(-1).exp()
    return float(2 * torch.pi * areas @ density.mean(dim=(0, 2)))
