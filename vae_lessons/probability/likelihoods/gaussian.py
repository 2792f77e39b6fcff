"""Gaussian likelihoods: one σ for all pixels, or a learned one for each."""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import mse_loss

from vae_lessons.probability.likelihoods.base import Likelihood, check_fit, per_image
from vae_lessons.probability.noise import noise
from vae_lessons.validation import check_positive


class Gaussian(Likelihood):
    """N(x; mean, σ² I) with one σ for all pixels. The parameters are the mean.

    log p = -1/2 sum_n [ log(2π σ²) + (x_n - mean_n)² / σ² ]

    Parameters
    ----------
    sigma : float
        σ, the standard deviation of a pixel given z; ValueError unless it is positive and finite.
    learned : bool
        Whether training moves σ too, starting at `sigma`. What is learned is log σ.
    """

    def __init__(self, sigma: float = 1.0, learned: bool = False) -> None:
        super().__init__()
        sigma = check_positive("sigma", sigma)
        self.learned = learned
        # A fixed σ stays a Python number: as a tensor it would be rounded to the network's precision.
        self.log_sigma = nn.Parameter(torch.tensor(math.log(sigma))) if learned else math.log(sigma)

    @property
    def sigma(self) -> float:
        """The present value of σ."""
        return math.exp(self.log_sigma.item() if self.learned else self.log_sigma)

    def from_outputs(self, outputs: Tensor) -> Tensor:
        """Turn outputs into the mean by a sigmoid, since pixels lie in [0, 1]."""
        return torch.sigmoid(outputs)

    def log_prob(self, x: Tensor, mean: Tensor) -> Tensor:
        """Compute log p of images x, (B, ...), given the mean, (B, ...): (B,), nats."""
        precision = (-2 * self.log_sigma).exp() if self.learned else math.exp(-2 * self.log_sigma)
        check_fit(x, "mean", mean)
        squared_error = per_image(mse_loss(mean, x, reduction="none"))
        constant = math.prod(mean.shape[1:]) * (math.log(2 * math.pi) + 2 * self.log_sigma)
        return -0.5 * (squared_error * precision + constant)

    def mean(self, mean: Tensor) -> Tensor:
        """Return the mean, which is the parameters."""
        return mean

    def sample(self, mean: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw mean + σ ε."""
        return mean + self.sigma * noise(torch.randn, mean.shape, mean, generator)

    def extra_repr(self) -> str:
        """Show σ; a fixed one in full, since it is not among the weights and the cache's key must have it."""
        return f"sigma={self.sigma:.4g}, learned=True" if self.learned else f"sigma={self.sigma:.15g}"


class RealGaussian(Gaussian):
    """The `Gaussian` of data that are any real numbers, such as the parameters of a simulator: a mean has no limits.

    Parameters, errors: as for `Gaussian`. Let `fit` have `start_at_mean=False`, which is for pixels.
    """

    def from_outputs(self, outputs: Tensor) -> Tensor:
        """Take outputs as the mean."""
        return outputs


class PixelGaussian(Likelihood):
    """N(x; mean, diag σ_n²) with a learned σ_n for each pixel, none below a floor. The parameters are the mean.

    log p = -1/2 sum_n [ log(2π σ_n²) + (x_n - mean_n)² / σ_n² ],   σ_n² = floor² + exp(2 s_n),   s_n learned

    Without a floor log p has no upper limit if a pixel can be predicted exactly. Source: Mattei and Frellsen (2018) for
    the limit; Rybkin, Daniilidis and Levine (2021) for a floor.

    Parameters
    ----------
    image_shape : (H, W)
    sigma : float
        What each σ_n starts at.
    floor : float
        The least σ_n; 0 for none. ValueError unless 0 <= floor < sigma.
    """

    def __init__(self, image_shape: Sequence[int], sigma: float = 1.0, floor: float = 0.0) -> None:
        super().__init__()
        sigma, self.floor = check_positive("sigma", sigma), check_positive("floor", floor, or_zero=True)
        if self.floor >= sigma:
            raise ValueError(f"floor must be below sigma, got {floor} and {sigma}")
        start = 0.5 * math.log(sigma**2 - self.floor**2)
        self.log_above_floor = nn.Parameter(torch.full(tuple(image_shape), start))

    @property
    def sigma(self) -> Tensor:
        """The present σ_n, (H, W)."""
        return self._variance().detach().sqrt()

    def from_outputs(self, outputs: Tensor) -> Tensor:
        """Turn outputs into the mean by a sigmoid, since pixels lie in [0, 1]."""
        return torch.sigmoid(outputs)

    def log_prob(self, x: Tensor, mean: Tensor) -> Tensor:
        """Compute log p of images x, (B, H, W), given the mean, (B, H, W): (B,), nats."""
        check_fit(x, "mean", mean)
        variance = self._variance()
        return -0.5 * per_image((x - mean).square() / variance + (2 * math.pi * variance).log())

    def mean(self, mean: Tensor) -> Tensor:
        """Return the mean, which is the parameters."""
        return mean

    def sample(self, mean: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw mean + σ_n ε."""
        return mean + self.sigma * noise(torch.randn, mean.shape, mean, generator)

    def kind(self) -> str:
        """Name the likelihood, with its floor."""
        return f"{super().kind()} with a floor of {self.floor:.15g}"

    def extra_repr(self) -> str:
        """Show the floor; each σ_n is among the weights."""
        return f"floor={self.floor:.15g}"

    def _variance(self) -> Tensor:
        return self.floor**2 + torch.exp(2 * self.log_above_floor)
