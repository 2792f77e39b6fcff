"""What is computed once of a diffusion model in the plane: points on their way to noise, and draws on their way back.

Places on the way are levels of noise, from 0 (data) to LEVELS (z_T). The signal-to-noise ratio depends on t / T alone,
so that a level means the same for every number of steps T.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from vae_lessons.evaluation.metrics import Estimate, mean_estimate
from vae_lessons.models import Diffusion
from vae_lessons.probability import gaussian
from vae_lessons.probability.noise import noise

LEVELS = 20
N_SHOWN = 200
N_MEASURED = 1_000
N_ARROWS = 13  # to each side of a square
LONGEST = 3.0  # that an arrow may be
SEED = 0


@dataclass(frozen=True)
class Reverse:
    """Draws from a model with T steps at the levels where it stops, and what each part of the way costs.

    Attributes
    ----------
    n_steps : int
        T.
    levels : list of int
        Where z_t are seen, from 0 to LEVELS.
    states : Tensor
        (levels, N, 2), draws x at level 0, and z_t above.
    costs : Tensor
        (levels,), float64: KL of z_T to N(0, I), and of all steps from there down to this level; at level 0 less the
        reconstruction term, which makes it -ELBO. Nats, averaged over points.
    negative_elbo : Estimate
        Over points.
    """

    n_steps: int
    levels: list[int]
    states: Tensor
    costs: Tensor
    negative_elbo: Estimate

    def index(self, level: int) -> int:
        """Return which of the model's levels is seen at a level: the next one above."""
        return next(i for i, own in enumerate(self.levels) if own >= level)


def with_steps(model: Diffusion, n_steps: int) -> Diffusion:
    """Copy a model to the CPU, with T steps: its network serves any number of them."""
    model = copy.deepcopy(model).cpu().float()
    model.n_steps = n_steps
    return model


def reverse_of(model: Diffusion, n_steps: int, points: Tensor) -> Reverse:
    """Draw from a model with T steps, and measure what the way costs on points (M, 2)."""
    model = with_steps(model, n_steps)
    levels = list(range(0, LEVELS + 1, max(1, LEVELS // n_steps)))
    steps = [level * n_steps // LEVELS for level in levels]
    states, costs = draw(model), costs_of(model, points[:N_MEASURED])
    shown, means = (torch.stack([by_step[step] for step in steps]) for by_step in (states, costs))
    return Reverse(n_steps, levels, shown, means.mean(dim=1), mean_estimate(costs[0]))


@torch.no_grad()
def draw(model: Diffusion) -> dict[int, Tensor]:
    """Draw from the model: z_t of every step t, and x as that of step 0, (N, 2) each."""
    z = torch.randn(N_SHOWN, 2, generator=Generator().manual_seed(SEED))  # the same for every T
    generator, states = Generator().manual_seed(SEED + 1), {model.n_steps: z}
    for step in range(model.n_steps, 1, -1):
        z = states[step - 1] = model.step_back(z, torch.full((len(z),), float(step)), generator)
    params = model.likelihood_params(z, torch.ones(len(z)))
    return states | {0: model.likelihood.sample(params, generator)}


@torch.no_grad()
def costs_of(model: Diffusion, x: Tensor) -> dict[int, Tensor]:
    """Estimate the nats from z_T down to each step t, for each point: (M,) each, float64; -ELBO at step 0."""
    generator, ones = Generator().manual_seed(SEED), torch.ones(len(x))
    costs = {model.n_steps: gaussian.kl_to_standard_normal(*model.encode(x)).double()}
    for step in range(model.n_steps, 1, -1):
        costs[step - 1] = costs[step] + model.kl_of_step(x, step * ones, generator)
    z = gaussian.reparameterise(*model.encode(x, ones), generator)
    return costs | {0: costs[1] - model.log_likelihood(x, z)}


def signals_of(model: Diffusion) -> Tensor:
    """Compute α² at each level, (LEVELS + 1,), float64; the data themselves have 1."""
    signals = torch.sigmoid(with_steps(model, LEVELS).log_snr(torch.arange(LEVELS + 1, dtype=torch.float64)))
    signals[0] = 1
    return signals


def forward_of(points: Tensor, signals: Tensor) -> Tensor:
    """Add noise to points from level to level: (LEVELS + 1, N, 2)."""
    generator = Generator().manual_seed(SEED)
    z = points[torch.linspace(0, len(points) - 1, min(N_SHOWN, len(points))).round().long()]
    states = [z]
    for kept in (signals[1:] / signals[:-1]).tolist():  # z_t | z_s ~ N(sqrt(kept) z_s, (1 - kept) I)
        z = kept**0.5 * z + (1 - kept) ** 0.5 * noise(torch.randn, z.shape, z, generator)
        states.append(z)
    return torch.stack(states)


@torch.no_grad()
def arrows_of(model: Diffusion, signals: Tensor, reach: float) -> Tensor:
    """Compute minus the noise that the network sees, on a grid of places at each level above 0: (LEVELS, A, 2).

    What is longer than LONGEST is shortened to it.
    """
    model, z, arrows = with_steps(model, LEVELS), arrow_places(reach), []
    for level in range(1, LEVELS + 1):
        guess = model.likelihood.mean(model.likelihood_params(z, torch.full((len(z),), float(level))))
        signal = float(signals[level])
        away = (signal**0.5 * guess - z) / (1 - signal) ** 0.5
        arrows.append(away * (LONGEST / torch.linalg.vector_norm(away, dim=1, keepdim=True)).clamp(max=1))
    return torch.stack(arrows)


def arrow_places(reach: float) -> Tensor:
    """Return the middles of the squares that a plane is cut into, row by row from below: (A, 2)."""
    middles = (2 * torch.arange(N_ARROWS) + 1) * reach / N_ARROWS - reach
    return torch.cartesian_prod(middles, middles).flip(1)
