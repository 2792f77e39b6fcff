"""Annealed importance sampling: log p(x) from below and, on simulated images, from above.

A chain passes in many small steps, t = 0 to T, through

    f_t(z) = f_0(z)^(1 - β_t) p(x, z)^β_t,   0 = β_0 < β_1 < ... < β_T = 1

from f_0, which is q(z | x) or p(z), to the joint, by Hamiltonian Monte Carlo. Its log-weight is sum_t (β_t - β_{t-1})
log [ p(x, z) / f_0(z) ], and the weight has the expectation p(x). Without a step between, T = 1, it is the importance
weight of the IWAE's bound.

The size of a Hamiltonian step is found beforehand for each image and temperature, by pilot chains that are then thrown
away. Were it adapted by the chains that count, the weight's expectation would not be p(x) any longer.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from vae_lessons.inference.model import LatentVariableModel, check_finite_images, log_joint, posterior, prior
from vae_lessons.probability.distributions import Distribution
from vae_lessons.probability.noise import noise
from vae_lessons.validation import check_finite, check_int, check_rows, check_same_length

POWERS = {"encoder": 1, "prior": 2}  # β_t = (t / T)^power: a prior is far wider than the posterior, and is left slowly
PAIRS = 2**10  # of chain and image that are moved at a time
N_LEAPFROG = 2  # gradients for each Hamiltonian step: many temperatures with few of them did best
FIRST_STEP = 0.5  # of a Hamiltonian step, in standard deviations of f_0
ACCEPTANCE = 0.65  # share of the steps that should be accepted; Wu et al. (2017)
ADAPTATION = 0.2  # change of the log of the step for each unit of acceptance that is missing
N_FOR_SCALE = 64  # draws from f_0 that tell its standard deviations


@torch.no_grad()
def ais_log_evidence(
    vae: LatentVariableModel,
    x: Tensor,
    n_chains: int = 4,
    n_temperatures: int = 300,
    generator: Generator | None = None,
    *,
    start: str = "encoder",
    condition: Tensor | None = None,
) -> Tensor:
    """Estimate log p(x) by the log of the mean weight of annealed chains: (B,), nats per image.

    It is a lower bound in expectation, which tends to log p(x) as temperatures and chains are added; a single value may
    lie above log p(x). Source: Neal (2001); Wu et al. (2017).

    Parameters
    ----------
    vae : LatentVariableModel
        Its parameters and their gradients stay as they are.
    x : Tensor, (B, ...)
        Images.
    n_chains : int
        Independent chains for each image.
    n_temperatures : int
        T. A temperature costs two gradients of log p(x, z) for each chain and for one pilot chain an image.
    generator : Generator, optional
        Source of the noise; PyTorch's own by default.
    start : {"encoder", "prior"}
        f_0. q(z | x) is nearer, and may miss a peak of the posterior that the prior reaches.
    condition : Tensor, (B, ...), optional
        For a conditional model, a row for each image.

    Raises
    ------
    ValueError
        For numbers below one, another start, no images or images that are not finite, and a condition with other rows.
    TypeError
        For an `x` that is not a tensor and a `vae` that is not a model.
    """
    check_finite_images(vae, x, condition)
    n_chains, betas = check_int("n_chains", n_chains), _temperatures(n_temperatures, start)
    estimates = []
    for path, _ in _paths(vae, x, None, n_chains, start, condition):
        steps = _pilot(path, betas, generator)
        log_weights = _anneal(path, path.draw(n_chains, generator), betas, steps, generator)
        estimates.append(log_weights.logsumexp(dim=0) - math.log(n_chains))
    return torch.cat(estimates)


@torch.no_grad()
def ais_upper_bound(
    vae: LatentVariableModel,
    x: Tensor,
    z: Tensor,
    n_chains: int = 4,
    n_temperatures: int = 300,
    generator: Generator | None = None,
    *,
    start: str = "encoder",
    condition: Tensor | None = None,
) -> Tensor:
    """Estimate log p(x) of simulated images by chains that pass the same path backwards: (B,), nats per image.

    It is an upper bound in expectation over images x and codes z that were drawn together, z from p(z) and x from
    p(x | z): such a z is an exact draw from the posterior p(z | x), which no real image comes with. Together with
    `ais_log_evidence` of the same images it brackets log p(x). Source: Grosse, Ghahramani and Adams (2015); Wu et al.
    (2017).

    Parameters
    ----------
    vae, x, n_chains, n_temperatures, generator, start, condition
        As for `ais_log_evidence`.
    z : Tensor, (B, K)
        The code from which each image was drawn, where its chains start.

    Raises
    ------
    ValueError, TypeError
        As `ais_log_evidence`; ValueError also for codes of another shape and for what is not finite.
    """
    check_finite_images(vae, x, condition)
    n_chains, betas = check_int("n_chains", n_chains), _temperatures(n_temperatures, start)
    check_rows("z", z, "codes", (vae.latent_dim,), x.dtype)
    check_same_length(x=x, z=z)
    check_finite("z", z, "code")
    estimates = []
    for path, z_of_path in _paths(vae, x, z, n_chains, start, condition):
        steps = _pilot(path, betas, generator)
        backwards = z_of_path.expand(n_chains, -1, -1), betas[::-1], steps[::-1]
        log_inverses = _anneal(path, *backwards, generator)  # log 1 / w
        estimates.append(math.log(n_chains) - log_inverses.logsumexp(dim=0))
    return torch.cat(estimates)


@dataclass(frozen=True)
class _State:
    """Codes (C, B, K) with log f_0 and log p(x, z), (C, B) each, and their gradients, (C, B, K) each."""

    z: Tensor
    log_start: Tensor
    log_joint: Tensor
    score_start: Tensor
    score_joint: Tensor

    def log_density(self, beta: float) -> Tensor:
        return (1 - beta) * self.log_start + beta * self.log_joint

    def score(self, beta: float) -> Tensor:
        return (1 - beta) * self.score_start + beta * self.score_joint

    def or_else(self, accepted: Tensor, other: "_State") -> "_State":
        """Keep what is accepted, (C, B), and take the rest from another state."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return _State(*(torch.where(accepted.view(*accepted.shape, *[1] * (a.dim() - 2)), a, b) for a, b in pairs))


@dataclass(frozen=True)
class _Path:
    """The path from f_0 to the joint of a few images."""

    vae: LatentVariableModel
    x: Tensor
    condition: Tensor | None
    start: Distribution

    def draw(self, n: int, generator: Generator | None) -> Tensor:
        """Draw codes (n, B, K) from f_0."""
        z = self.start.sample((n,), generator)
        if z.shape[1] == len(self.x):
            return z
        return self.start.sample((n, len(self.x)), generator).squeeze(2)  # one row serves all images

    def at(self, z: Tensor) -> _State:
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            values = self.start.log_prob(z), log_joint(self.vae, self.x, z, self.condition)
            scores = [torch.autograd.grad(value.sum(), z)[0] for value in values]
        return _State(z.detach(), *(value.detach() for value in values), *scores)


def _temperatures(n: int, start: str) -> list[float]:
    """Give β_0 to β_T."""
    n = check_int("n_temperatures", n)
    if start not in POWERS:
        raise ValueError(f"start must be one of {', '.join(POWERS)}, got {start!r}")
    return [(t / n) ** POWERS[start] for t in range(n + 1)]


def _paths(
    vae: LatentVariableModel, x: Tensor, z: Tensor | None, n_chains: int, start: str, condition: Tensor | None
) -> Iterator[tuple[_Path, Tensor | None]]:
    """Split images, with their codes, into as many as are moved at a time."""
    n = max(1, PAIRS // n_chains)
    for i in range(0, len(x), n):
        images, codes, conditions = (None if part is None else part[i : i + n] for part in (x, z, condition))
        if start == "encoder":
            f_0 = posterior(vae, images, conditions)
        else:
            f_0 = prior(vae, torch.zeros(len(images), vae.latent_dim).to(images), conditions)
        yield _Path(vae, images, conditions, f_0), codes


def _anneal(path: _Path, z: Tensor, betas: list[float], steps: list[Tensor], generator: Generator | None) -> Tensor:
    """Move chains from codes (C, B, K) through the temperatures: log-weights (C, B).

    `steps` has the size of a Hamiltonian step for each temperature but the first and last.
    """
    state, log_weights = path.at(z), 0
    for i, beta in enumerate(betas[1:]):
        log_weights = log_weights + (beta - betas[i]) * (state.log_joint - state.log_start)
        if i < len(steps):
            state, _ = _move(path, state, beta, steps[i], generator)
    return log_weights


def _pilot(path: _Path, betas: list[float], generator: Generator | None) -> list[Tensor]:
    """Find the step sizes, (B, K) for each temperature but the first and last, with a chain for each image."""
    scale = path.draw(N_FOR_SCALE, generator).std(dim=0)  # (B, K)
    step, steps = torch.full_like(scale[:, :1], FIRST_STEP), []
    state = path.at(path.draw(1, generator))
    for beta in betas[1:-1]:
        steps.append(step * scale)
        state, acceptance = _move(path, state, beta, steps[-1], generator)
        step = step * (ADAPTATION * (acceptance[0, :, None] - ACCEPTANCE)).exp()
    return steps


def _move(path: _Path, state: _State, beta: float, step: Tensor, generator: Generator | None) -> tuple[_State, Tensor]:
    """Take a Hamiltonian step at β, which leaves f_β as it is: the new state, and the probabilities of acceptance."""
    start = noise(torch.randn, state.z.shape, state.z, generator)
    momentum, new = start, state
    for _ in range(N_LEAPFROG):
        momentum = momentum + 0.5 * step * new.score(beta)
        new = path.at(new.z + step * momentum)
        momentum = momentum + 0.5 * step * new.score(beta)
    energy = 0.5 * (start.square() - momentum.square()).sum(dim=2)
    acceptance = (new.log_density(beta) - state.log_density(beta) + energy).clamp(max=0).exp().nan_to_num(0)
    accepted = noise(torch.rand, acceptance.shape, acceptance, generator) < acceptance
    return new.or_else(accepted, state), acceptance
