"""The exercise "the noise for a rate"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _budget(generator: Generator, n: int) -> tuple[Tensor, float]:
    """Draw eigenvalues in any order, and the rate at which about half of the units are used."""
    eigenvalues = torch.exp(2.5 * torch.randn(n + 4, generator=generator))
    level = eigenvalues.quantile(0.3 + 0.3 * float(torch.rand((), generator=generator)))
    return eigenvalues, float(_rate(eigenvalues.double(), level.double()))


def _rate(eigenvalues: Tensor, variance: Tensor) -> Tensor:
    return (0.5 * (eigenvalues / variance).log()).clamp(min=0).sum()


def _sigma(eigenvalues: Tensor, rate: float) -> Tensor:
    """Return σ, with which the units of the n largest eigenvalues are used, for the one n that fits."""
    logs = eigenvalues.double().log().sort(descending=True).values
    n = torch.arange(1, len(logs) + 1)
    levels = (logs.cumsum(0) - 2 * rate) / n  # log σ² if just n units are used
    used = int((levels < logs).sum())
    return torch.exp(0.5 * levels[used - 1])


SIGMA_OF_A_RATE = Function(
    name="sigma-of-a-rate",
    points=3,
    inputs=_budget,
    answer=_sigma,
    mistakes=(
        Mistake(
            lambda eigenvalues, rate: _sigma(eigenvalues, rate).square(),
            "This is σ², the variance. The task asks for σ.",
        ),
        Mistake(
            lambda eigenvalues, rate: torch.exp(
                0.5 * (eigenvalues.double().log().mean() - 2 * rate / len(eigenvalues))
            ),
            "All units are used in yours, and those with an eigenvalue below σ² have a negative rate, which makes room "
            "for the others. What does a unit do that is not worth its cost?",
        ),
        Mistake(
            lambda eigenvalues, rate: _sigma(eigenvalues, 0.5 * rate),
            "The rate of a unit has a half before its logarithm.",
        ),
        Mistake(
            lambda eigenvalues, rate: _sigma(eigenvalues, 2 * rate),
            "There is one half too many: compare the rate of a unit with the logarithm of σ, and of σ².",
        ),
        Mistake(
            lambda eigenvalues, rate: _sigma(eigenvalues, 0.6931471805599453 * rate),
            "The rate is given in nats, and taken here for bits.",
        ),
        Mistake(
            lambda eigenvalues, rate: _sigma(eigenvalues.square(), rate),
            "The eigenvalues are variances already. They are squared here.",
        ),
        Mistake(
            lambda eigenvalues, rate: _sigma(eigenvalues.sqrt(), rate),
            "The eigenvalues are variances. Their roots are taken here, and compared with σ².",
        ),
        Mistake(
            lambda eigenvalues, rate: torch.exp(0.5 * (eigenvalues.double().log().max() - 2 * rate)),
            "Only the largest eigenvalue spends the rate here.",
        ),
    ),
    hint="Try two eigenvalues, 1 and e⁻⁴. With a rate of 1 only the first unit is used, and σ = 1/e. With a rate of 3 "
    "the second is used too: 2 and 1 more nat than at σ = 1/e², where it begins, so that σ = e^(-5/2).",
    rtol=1e-3,
    remark="The sum falls with σ, so any search finds the one place where it is the budget.",
)
