"""Simulators x ~ p(x | θ) with a prior p(θ). Their likelihood is known, so that a posterior can be held against it.

Each has `n_params` and `n_outputs`, `sample_prior`, `simulate`, `log_prior` and `log_likelihood`, both nats. Those with
two parameters have a uniform prior on a box from `low` to `high`, so that `grid_posterior` integrates over all of it.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Generator, Tensor
from torch.distributions import Normal

from vae_lessons.data.dataset import TensorData
from vae_lessons.probability.distributions import DiagonalGaussian
from vae_lessons.probability.noise import noise
from vae_lessons.validation import check_int, check_positive, check_rows


class Simulator(Protocol):
    """A prior over parameters θ, (B, D), and a way to draw data x, (B, N), given each."""

    name: str
    n_params: int  # D
    n_outputs: int  # N

    def sample_prior(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw parameters (n, D)."""
        ...

    def simulate(self, theta: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw data (B, N), one row for each of the parameters (B, D)."""
        ...

    def log_prior(self, theta: Tensor) -> Tensor:
        """Compute log p(θ), (B,), nats; -inf outside of the prior's support."""
        ...

    def log_likelihood(self, x: Tensor, theta: Tensor) -> Tensor:
        """Compute log p(x | θ), (B,), nats, of each pair of data (B, N) and parameters (B, D)."""
        ...


def simulations(simulator: Simulator, n_train: int, n_test: int, generator: Generator | None = None) -> TensorData:
    """Draw pairs (θ, x) from p(θ) p(x | θ), as data for `fit`: columns θ, (M, D), and x, (M, N).

    Raises ValueError for numbers of pairs below one.
    """

    def draw(name: str, n: int) -> tuple[Tensor, Tensor]:
        theta = simulator.sample_prior(check_int(name, n), generator)
        return theta, simulator.simulate(theta, generator)

    train, test = draw("n_train", n_train), draw("n_test", n_test)
    return TensorData(simulator.name, train, test, unit="simulation")


@dataclass(frozen=True)
class LinearGaussianSimulator:
    """θ ~ N(0, s² I), x | θ ~ N(θ, σ² I): the posterior is N(x s² / (s² + σ²), s² σ² / (s² + σ²) I).

    The defaults, variances of 0.1 in ten dimensions, make it the task "Gaussian linear" of Lueckmann et al. (2021).
    """

    n_params: int = 10
    prior_variance: float = 0.1
    noise_variance: float = 0.1
    name: ClassVar[str] = "linear Gaussian"

    def __post_init__(self) -> None:
        check_int("n_params", self.n_params)
        check_positive("prior_variance", self.prior_variance)
        check_positive("noise_variance", self.noise_variance)

    @property
    def n_outputs(self) -> int:
        """N, as many as parameters."""
        return self.n_params

    def sample_prior(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw parameters (n, D)."""
        return math.sqrt(self.prior_variance) * noise(torch.randn, (n, self.n_params), torch.empty(0), generator)

    def simulate(self, theta: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw data (B, D) given parameters (B, D)."""
        check_rows("theta", theta, "parameters", (self.n_params,), theta.dtype)
        return theta + math.sqrt(self.noise_variance) * noise(torch.randn, theta.shape, theta, generator)

    def log_prior(self, theta: Tensor) -> Tensor:
        """Compute log p(θ), (B,), nats."""
        return Normal(0.0, math.sqrt(self.prior_variance)).log_prob(theta).sum(dim=-1)

    def log_likelihood(self, x: Tensor, theta: Tensor) -> Tensor:
        """Compute log p(x | θ), (B,), nats."""
        return Normal(theta, math.sqrt(self.noise_variance)).log_prob(x).sum(dim=-1)

    def posterior(self, x: Tensor) -> DiagonalGaussian:
        """Give p(θ | x) of data (B, D)."""
        share = self.prior_variance / (self.prior_variance + self.noise_variance)
        return DiagonalGaussian(share * x, torch.full_like(x, math.log(share * self.noise_variance)))


class _Box:
    """A uniform prior on [low_1, high_1] x [low_2, high_2]."""

    n_params = 2
    low: tuple[float, float]
    high: tuple[float, float]

    def sample_prior(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw parameters (n, 2)."""
        low, high = torch.tensor(self.low), torch.tensor(self.high)
        return low + (high - low) * noise(torch.rand, (n, 2), low, generator)

    def log_prior(self, theta: Tensor) -> Tensor:
        """Compute log p(θ), (B,), nats; -inf outside of the box."""
        low, high = torch.tensor(self.low).to(theta), torch.tensor(self.high).to(theta)
        inside = ((theta >= low) & (theta <= high)).all(dim=-1)
        return torch.where(inside, -(high - low).log().sum(), -math.inf)


class TwoMoons(_Box):
    """θ uniform on [-1, 1]², x = r (cos a, sin a) + (1/4, 0) + (-abs(θ₁ + θ₂), θ₂ - θ₁) / √2.

    Here a ~ U(-π/2, π/2) and r ~ N(0.1, 0.01²) are noise. Because of the absolute value a posterior has two moons,
    where the prior allows both. Source: Greenberg, Nonnenmacher and Macke (2019); Lueckmann et al. (2021).
    """

    name = "two moons"
    n_outputs = 2
    low, high = (-1.0, -1.0), (1.0, 1.0)
    radius, width, shift = 0.1, 0.01, 0.25

    def simulate(self, theta: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw data (B, 2) given parameters (B, 2)."""
        check_rows("theta", theta, "parameters", (2,), theta.dtype)
        return self._moon(len(theta), theta, generator) + self._place(theta)

    def log_likelihood(self, x: Tensor, theta: Tensor) -> Tensor:
        """Compute log p(x | θ) = log N(ρ; 0.1, 0.01²) - log(π ρ), (B,), nats, with ρ the distance to the moon's centre.

        It is -inf on the far side of the centre. Radii below 0, at -10 of their deviations, are left out.
        """
        right, up = (x - self._place(theta) - torch.tensor([self.shift, 0.0]).to(x)).unbind(dim=-1)
        distance = torch.hypot(right, up)
        log_density = Normal(self.radius, self.width).log_prob(distance) - (math.pi * distance).log()
        return torch.where(right > 0, log_density, -math.inf)

    def sample_posterior(self, x: Tensor, n: int, generator: Generator | None = None) -> Tensor:
        """Draw n parameters, (n, 2), from the exact posterior of one datum x, (2,).

        Noise is drawn from its own distribution and the equation solved for θ, which is then drawn again unless it lies
        in the box. Raises ValueError if hardly any does, as for an x that no θ gives.
        """
        kept, n_kept = [], 0
        for _ in range(100):
            back, across = (self._moon(2 * n, x, generator) - x).unbind(dim=1)  # (θ₁ + θ₂) / √2 = ±back
            sign = 2.0 * (noise(torch.rand, (2 * n,), x, generator) < 0.5) - 1
            theta = torch.stack([sign * back + across, sign * back - across], dim=1) / math.sqrt(2)
            kept.append(theta[(back >= 0) & (theta.abs() <= 1).all(dim=1)])
            n_kept += len(kept[-1])
            if n_kept >= n:
                return torch.cat(kept)[:n]
        raise ValueError(f"x must be a datum that some theta in the box gives, got {x.tolist()}")

    def _moon(self, n: int, like: Tensor, generator: Generator | None) -> Tensor:
        angle = math.pi * (noise(torch.rand, (n,), like, generator) - 0.5)
        radius = self.radius + self.width * noise(torch.randn, (n,), like, generator)
        return torch.stack([radius * angle.cos() + self.shift, radius * angle.sin()], dim=1)

    @staticmethod
    def _place(theta: Tensor) -> Tensor:
        first, second = theta.unbind(dim=-1)
        return torch.stack([-(first + second).abs(), second - first], dim=-1) / math.sqrt(2)


class DampedOscillator(_Box):
    """x_n = exp(-γ t_n) cos(ω t_n) + noise N(0, 0.2²), at 40 times t_n from 0 to 8; θ = (ω, γ).

    The frequency is uniform on [0.5, 3] and the damping on [0, 1]. Where the oscillation dies out at once, its
    frequency is hard to tell.
    """

    name = "damped oscillator"
    n_outputs = 40
    low, high = (0.5, 0.0), (3.0, 1.0)
    duration, sigma = 8.0, 0.2

    @property
    def times(self) -> Tensor:
        """t_n, (N,)."""
        return torch.linspace(0, self.duration, self.n_outputs)

    def mean(self, theta: Tensor) -> Tensor:
        """Compute the oscillation without noise, (..., N), of parameters (..., 2)."""
        frequency, damping = theta.unsqueeze(-1).unbind(dim=-2)
        times = self.times.to(theta)
        return torch.exp(-damping * times) * torch.cos(frequency * times)

    def simulate(self, theta: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw data (B, N) given parameters (B, 2)."""
        check_rows("theta", theta, "parameters", (2,), theta.dtype)
        mean = self.mean(theta)
        return mean + self.sigma * noise(torch.randn, mean.shape, mean, generator)

    def log_likelihood(self, x: Tensor, theta: Tensor) -> Tensor:
        """Compute log p(x | θ), (B,), nats."""
        return Normal(self.mean(theta), self.sigma).log_prob(x).sum(dim=-1)
