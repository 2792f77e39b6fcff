"""What ActiveUnits shows at one σ and β."""

import math
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from vae_lessons.evaluation.plots import COLOURS, show_images
from vae_lessons.figures.runtime.snapshot import Snapshot
from vae_lessons.models import LinearGaussian

NEGLIGIBLE = 1e-6  # of the largest eigenvalue: rounding


@dataclass(frozen=True)
class Spectrum:
    """The directions in which images vary most, from their mean image.

    Attributes
    ----------
    mean : Tensor
        (H, W), float64.
    eigenvalues : Tensor
        (K,), float64, of the data covariance, the largest first.
    directions : Tensor
        (K, D), float64, its orthonormal eigenvectors.
    others : float
        The sum of all other eigenvalues.
    """

    mean: Tensor
    eigenvalues: Tensor
    directions: Tensor
    others: float

    @classmethod
    def of(cls, images: Tensor, n_units: int) -> "Spectrum":
        """Compute the spectrum of images (M, H, W). ValueError if they vary in fewer than `n_units` directions."""
        flat = images.detach().cpu().flatten(1)  # float32 for the large product: four digits are shown
        eigenvalues, vectors = torch.linalg.eigh(flat.T.cov(correction=0).double())
        n_varying = int((eigenvalues > NEGLIGIBLE * eigenvalues[-1]).sum())
        if n_varying < n_units:
            raise ValueError(f"data must vary in at least {n_units} directions, one for each unit, got {n_varying}")
        others = eigenvalues[:-n_units].clamp(min=0).sum()
        mean = images.detach().cpu().mean(dim=0).double()
        return cls(mean, eigenvalues[-n_units:].flip(0), vectors[:, -n_units:].T.flip(0), float(others))

    def model(self, threshold: float) -> LinearGaussian:
        """Make the linear VAE that is best if its noise has this variance."""
        stretch = (self.eigenvalues - threshold).clamp(min=0).sqrt()
        return LinearGaussian(self.directions.T * stretch, self.mean, math.sqrt(threshold))


@dataclass(frozen=True)
class ActiveUnitsSnapshot(Snapshot):
    """The units of the best linear VAE at one σ and β.

    Attributes
    ----------
    eigenvalues : Tensor
        (K,), of the data covariance.
    model : LinearGaussian
        With βσ² as the variance of its noise.
    images, reconstructions : Tensor
        (N, H, W), in [0, 1].
    numbers : dict of str to float
        `sigma`, `threshold` = βσ², how many units are `active`, the `rate` in nats and the squared `error`.
    """

    eigenvalues: Tensor
    model: LinearGaussian
    images: Tensor
    reconstructions: Tensor
    numbers: dict[str, float]

    @classmethod
    def at(cls, spectrum: Spectrum, images: Tensor, log_sigma: float, beta: float) -> "ActiveUnitsSnapshot":
        """Compute the snapshot for one σ and β."""
        threshold, eigenvalues = beta * math.exp(2 * log_sigma), spectrum.eigenvalues
        model = spectrum.model(threshold)
        codes, _ = model.encode(images.double())
        numbers = {
            "sigma": math.exp(log_sigma),
            "threshold": threshold,
            "active": float((eigenvalues > threshold).sum()),
            "rate": float(0.5 * (eigenvalues / threshold).log().clamp(min=0).sum()),
            "error": float(eigenvalues.clamp(max=threshold).sum()) + spectrum.others,
        }
        return cls(eigenvalues, model, images, model.decode(codes).clamp(0, 1), numbers)

    def printed(self) -> dict[str, str]:
        """Return the numbers as the page prints them."""
        values = self.numbers
        return {
            "σ": f"{values['sigma']:.3f}",
            "βσ²": f"{values['threshold']:.3f}",
            "active units": f"{values['active']:.0f}",
            "rate": f"{values['rate']:.2f} nats",
            "squared error": f"{values['error']:.2f}",
        }

    def alt(self) -> str:
        """Describe the bars and the images."""
        values, n = self.numbers, len(self.eigenvalues)
        return (
            f"Left: bars on a logarithmic axis for the {n} largest eigenvalues of the data covariance, from "
            f"{self.eigenvalues[0]:.2g} down to {self.eigenvalues[-1]:.2g}, and a line at βσ² = "
            f"{values['threshold']:.2g}; {values['active']:.0f} bars reach above it. "
            f"Right: {len(self.images)} test images and their reconstructions."
        )

    def draw(self, figure: Figure) -> None:
        """Draw the bars, and the images beside them."""
        bars, images = figure.subplots(1, 2, width_ratios=(38, 32))
        self._draw_bars(bars)
        both = torch.cat([self.images, self.reconstructions.to(self.images)])
        halves = both.view(2, 2, -1, *both.shape[1:])  # (what, row, column, H, W)
        rows = halves.transpose(0, 1).flatten(0, 2)
        show_images(rows, n_columns=len(self.images) // 2, ax=images)

    def _draw_bars(self, ax: Axes) -> None:
        values, threshold = self.eigenvalues.tolist(), self.numbers["threshold"]
        low, high = decades(self.eigenvalues)
        units = range(1, len(values) + 1)
        ax.bar(
            units,
            [min(value, threshold) for value in values],
            width=0.7,
            color=(COLOURS["data"], 0.3),
            ec=COLOURS["data"],
        )
        above = [max(0.0, value - threshold) for value in values]
        ax.bar(units, above, width=0.7, bottom=threshold, color=COLOURS["encoder"])
        ax.axhline(min(high, max(low, threshold)), color=COLOURS["decoder"])
        ax.set(yscale="log", ylim=(low, high), xlabel="unit", ylabel="variance λ", xticks=[1, 5, 10, 15, 20])
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.minorticks_off()


def decades(eigenvalues: Tensor) -> tuple[float, float]:
    """Return the powers of ten below the smallest and above the largest, the ends of the axis."""
    low, high = eigenvalues[-1].log10().floor(), eigenvalues[0].log10().ceil()
    return float(10**low), float(10**high)
