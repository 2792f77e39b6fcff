"""The exercise "no classifier does better"."""

import torch
from torch import Generator, Tensor
from torch.distributions import Normal

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import Stage


def _densities(generator: Generator, n_draws: int) -> tuple[Tensor, Tensor]:
    """Draw from N(0, 1), and give its log-densities there and those of a shifted, wider one."""
    theta = torch.randn(20 * n_draws, generator=generator)
    shift, width = 0.5 + torch.rand(2, generator=generator)
    return Normal(0.0, 1.0).log_prob(theta), Normal(shift, 0.6 + width).log_prob(theta)


def _narrow(generator: Generator, n_draws: int) -> tuple[Tensor, Tensor]:
    """Draw the same where densities are below 1e-300, or above 1e300."""
    log_p, log_q = _densities(generator, n_draws)
    size = 1000.0 * torch.sign(torch.randn(len(log_p), generator=generator))
    return log_p + size, log_q + size


def _ratio(log_p: Tensor, log_q: Tensor) -> Tensor:
    return torch.exp(log_q.double() - log_p.double())


BEST = Function(
    name="best-classifier",
    points=3,
    inputs=_densities,
    answer=lambda log_p, log_q: 0.5 + 0.5 * (1 - _ratio(log_p, log_q)).clamp(min=0).mean(),
    mistakes=(
        Mistake(
            lambda log_p, log_q: 0.5 + 0.5 * (1 - _ratio(log_p, log_q)).mean(),
            "Where q is above p the terms are negative here, and on average they cancel the others. There the best "
            "classifier answers q.",
        ),
        Mistake(
            lambda log_p, log_q: 0.5 + 0.5 * (1 - _ratio(log_p, log_q)).abs().mean(),
            "This counts where p is above q and where q is above p. The two areas are equal, and only one of them is "
            "the total variation.",
        ),
        Mistake(
            lambda log_p, log_q: (1 - _ratio(log_p, log_q)).clamp(min=0).mean(),
            "This is the total variation distance, from 0 to 1. A classifier that guesses has the accuracy 1/2.",
        ),
        Mistake(
            lambda log_p, log_q: 0.5 + (1 - _ratio(log_p, log_q)).clamp(min=0).mean(),
            "The total variation distance counts twice as much as it should: two distributions that never overlap "
            "must give 1.",
        ),
        Mistake(
            lambda log_p, log_q: (log_p > log_q).double().mean(),
            "This is how often the best classifier recognises a draw from p. Of draws from q it may be right more or "
            "less often, and both count.",
        ),
        Mistake(
            lambda log_p, log_q: (1 / (1 + _ratio(log_p, log_q))).mean(),
            "This is the mean probability of p that the best classifier gives draws from p. The accuracy counts its "
            "decisions.",
        ),
        Mistake(
            lambda log_p, log_q: (log_p.double() - log_q.double()).mean(),
            "This estimates KL(p || q), in nats. The task asks for a share of right decisions.",
        ),
        Mistake(
            lambda log_p, log_q: 0.5 + 0.5 * (_ratio(log_p, log_q) - 1).clamp(min=0).mean(),
            "The sign inside is flipped. That area is the same one in the mean, but as a mean over draws from p it is "
            "dominated by the few draws where p is tiny: take the part that is at most 1.",
        ),
        Mistake(
            lambda log_p, log_q: 1 - (0.5 + 0.5 * (1 - _ratio(log_p, log_q)).clamp(min=0).mean()),
            "This is the best classifier's error.",
        ),
    ),
    hint="If the two densities are equal, the result must be 1/2. If log q is -inf at all draws, it must be 1. And it "
    "is never below 1/2.",
    stages=(
        Stage(
            _narrow,
            "Right for moderate densities, but off where they are as small as exp(-1000): form the ratio before you "
            "leave the logarithms.",
        ),
    ),
    remark="The number needs draws from p alone, which a simulator's exact posterior gives.",
)
