"""What ImportanceWeights shows at one q and decoder, with some of the noise."""

import math
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from vae_lessons.evaluation.plots import COLOURS
from vae_lessons.figures.runtime.bent_decoder import TOLERANCE, BentDecoder, log_normal
from vae_lessons.figures.runtime.snapshot import Snapshot
from vae_lessons.inference import elbo_quadrature, log_evidence_quadrature

DATUM = 1.5
REACH = 5  # of the axis of z, to each side
SAMPLES = tuple(2**i for i in range(11))
SPREAD = 6  # standard deviations of q to each side
PIECES = 400  # that quadrature cuts them into
NEXT_TO_NOTHING = -50  # a power of 2, below which e^-t is 1
LARGE = 6  # above it e^-t is 0


@dataclass(frozen=True)
class ImportanceWeightsSnapshot(Snapshot):
    """The draws from q = N(mu, exp(logvar)), their weights, and bounds on the log-evidence of one datum.

    Attributes
    ----------
    mu, logvar : float
        Parameters of q.
    bend : float
        Curvature of the decoder.
    z, shares : Tensor
        (k,), float64: the draws, and their weights divided by the sum of these.
    running : Tensor
        (k,): the bound of the first draw, of the first two, and so on.
    expected : Tensor
        (11,): the expected bound of 1, 2, 4, ... draws.
    numbers : dict of str to float
        `elbo`, `bound`, `expected_bound` and `log_evidence` in nats, `ess` and `largest`.
    """

    mu: float
    logvar: float
    bend: float
    z: Tensor
    shares: Tensor
    running: Tensor
    expected: Tensor
    numbers: dict[str, float]

    @classmethod
    def at(cls, mu: float, logvar: float, bend: float, eps: Tensor, samples: int) -> "ImportanceWeightsSnapshot":
        """Compute the snapshot for the first `samples` of the noise."""
        model = BentDecoder(bend)
        data, means, logvars = torch.tensor([DATUM, mu, logvar], dtype=torch.float64).view(3, 1, 1)
        z = mu + math.exp(logvar / 2) * eps[:samples]
        log_weights = _log_weights(model, z, mu, logvar)
        shares = log_weights.softmax(dim=0)
        running = log_weights.logcumsumexp(dim=0) - torch.arange(1, samples + 1, dtype=torch.float64).log()
        expected = expected_bounds(model, mu, logvar)
        numbers = {
            "elbo": float(elbo_quadrature(model, data, means, logvars).value),
            "bound": float(running[-1]),
            "expected_bound": float(expected[SAMPLES.index(samples)]),
            "log_evidence": float(log_evidence_quadrature(model, data, TOLERANCE)),
            "ess": float(1 / shares.square().sum()),
            "largest": float(shares.max()),
        }
        return cls(mu, logvar, bend, z, shares, running, expected, numbers)

    def printed(self) -> dict[str, str]:
        """Return bounds in nats, the effective sample size, and the largest weight."""
        values = self.numbers
        return {
            "ELBO": f"{values['elbo']:z.3f}",
            "these draws": f"{values['bound']:z.3f}",
            "expected": f"{values['expected_bound']:z.3f}",
            "log p(x)": f"{values['log_evidence']:z.3f} nats",
            "ESS": f"{values['ess']:.1f}",
        }

    def alt(self) -> str:
        """Describe the stems and the bounds."""
        values, count = self.numbers, len(self.z)
        return (
            f"Left: the true posterior under a decoder with bend {self.bend:.2f}, and q with mean {self.mu:.2f} and "
            f"log variance {self.logvar:.2f}; below, {count} draw{'s' * (count > 1)} from q as stems, the largest with "
            f"{100 * values['largest']:.0f}% of the weight. Right: bounds against the number of samples, from 1 to "
            f"{SAMPLES[-1]:,}. The ELBO is {values['elbo']:.2f} nats; the expected bound rises from there towards "
            f"log p(x), {values['log_evidence']:.2f}, and is {values['expected_bound']:.2f} for {count}. "
            f"The bound of these draws is {values['bound']:.2f}."
        )

    def draw(self, figure: Figure) -> None:
        """Draw densities above stems, and the bounds beside them."""
        axes = figure.subplot_mosaic(
            [["densities", "bounds"], ["weights", "bounds"]], width_ratios=(38, 32), height_ratios=(12, 10)
        )
        axes["densities"].sharex(axes["weights"])
        self._draw_densities(axes["densities"])
        self._draw_weights(axes["weights"])
        self._draw_bounds(axes["bounds"])

    def _draw_densities(self, ax: Axes) -> None:
        z = torch.linspace(-REACH, REACH, 601, dtype=torch.float64).unsqueeze(1)
        posterior = (BentDecoder(self.bend).log_joint(DATUM, z) - self.numbers["log_evidence"]).exp()
        ax.fill_between(z[:, 0], posterior, color=COLOURS["posterior"], alpha=0.15, lw=0)
        ax.plot(z, posterior, color=COLOURS["posterior"], label="p(z | x)")
        ax.plot(z, log_normal(z, self.mu, self.logvar).exp(), color=COLOURS["encoder"], label="q(z | x)")
        ax.set(yticks=[], xlim=(-REACH, REACH))
        ax.set_ylim(bottom=0)
        ax.tick_params(labelbottom=False)
        ax.spines.left.set_visible(False)
        ax.legend(labelcolor="linecolor", handlelength=1)

    def _draw_weights(self, ax: Axes) -> None:
        ax.vlines(self.z, 0, 100 * self.shares, color=COLOURS["encoder"], lw=1.25)
        ax.set(xlabel="z", ylabel="weight, %", xlim=(-REACH, REACH))
        ax.set_ylim(bottom=0)

    def _draw_bounds(self, ax: Axes) -> None:
        elbo, evidence = self.numbers["elbo"], self.numbers["log_evidence"]
        ax.axhline(evidence, color=COLOURS["data"], label="log p(x)")
        ax.plot(SAMPLES, self.expected, "o-", color="#222222", lw=1.25, ms=4, label="expected")
        counts = torch.arange(1, len(self.z) + 1)
        ax.plot(counts, self.running, color=COLOURS["encoder"], label="these draws")
        ax.plot(len(self.z), self.running[-1], "o", color=COLOURS["encoder"], ms=7)
        ax.axhline(elbo, color="#222222", lw=1.25, ls=":", label="ELBO")
        ax.set_xscale("log", base=2)
        ax.set(xlabel="samples", ylabel="nats", ylim=axis_of(elbo, evidence))
        ax.set_xticks(SAMPLES[::2], SAMPLES[::2])
        ax.minorticks_off()
        ax.legend(labelcolor="linecolor", handlelength=1.5, loc="lower right")


def expected_bounds(model: BentDecoder, mu: float, logvar: float) -> Tensor:
    """Compute E[L_k] for k = 1, 2, 4, ..., 1,024 by quadrature: (11,), nats.

    For S > 0, log S = ∫ (e^-t - e^-tS) dt/t. With S = 1/k sum_i w_i, E[e^-tS] = φ(t/k)^k, where φ(s) = E_q[e^-sw]. So
    one table of φ serves all k: the trapezoid rule in log t takes t = 2^j.
    """
    low, phi = laplace_transform(model, mu, logvar)
    before = max(0, low - NEXT_TO_NOTHING)
    phi = torch.cat([torch.ones(before, dtype=torch.float64), phi])
    j = torch.arange(len(phi), dtype=torch.float64) + low - before
    all_of_it = torch.exp(-torch.exp2(j)).sum()
    # φ(t/k) for k = 2^i is the table moved by i places: that many ones more.
    return math.log(2) * torch.stack([all_of_it - (phi**k).sum() - i for i, k in enumerate(SAMPLES)])


def laplace_transform(model: BentDecoder, mu: float, logvar: float) -> tuple[int, Tensor]:
    """Compute φ(s) = E_q[e^-sw] at s = 2^j by quadrature over q, from a j on below which it is 1 until it is 0."""
    eps = torch.linspace(-SPREAD, SPREAD, PIECES + 1, dtype=torch.float64)
    mass = (-eps.square() / 2).softmax(dim=0)
    powers = _log_weights(model, mu + math.exp(logvar / 2) * eps, mu, logvar) / math.log(2)
    begins = torch.floor(NEXT_TO_NOTHING - powers)  # below this j, sw is next to nothing and e^-sw is 1
    j = begins.unsqueeze(1) + torch.arange(LARGE - NEXT_TO_NOTHING + 1)
    low = int(begins.min())
    table = torch.zeros(int(j.max()) - low + 1, dtype=torch.float64)
    whole = table.index_add(0, begins.long() - low, mass)
    values = mass.unsqueeze(1) * torch.exp(-torch.exp2(j + powers.unsqueeze(1)))
    table.index_add_(0, (j.long() - low).flatten(), values.flatten())
    return low, table + whole.sum() - whole.cumsum(dim=0)


def axis_of(elbo: float, evidence: float) -> tuple[float, float]:
    """Return the ends of an axis of nats for both, with space for bounds that differ from their mean."""
    gap = evidence - elbo
    return elbo - gap - 0.1, evidence + 0.3 * gap + 0.1


def _log_weights(model: BentDecoder, z: Tensor, mu: float, logvar: float) -> Tensor:
    """Compute log p(x, z) - log q(z | x) at z (N,): (N,)."""
    return model.log_joint(DATUM, z.unsqueeze(1)) - log_normal(z.unsqueeze(1), mu, logvar)
