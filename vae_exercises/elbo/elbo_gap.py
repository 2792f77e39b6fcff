"""The exercise "a gap without a formula"."""

import math

import torch
from torch import Generator, Tensor
from torch.distributions import Normal

from vae_exercises.engine.kinds import Function, Mistake


def _curves(generator: Generator, n: int) -> tuple[Tensor, Tensor, float]:
    """Return a curved decoder with a code of one number, on a grid.

    The other pixels of the image do not depend on the code. The decoder is so curved that at one end of the grid the
    posterior is 0 in floating point, and q is not.
    """
    z = torch.linspace(-8, 8, 281 + 10 * n, dtype=torch.float64)
    x, bend, mu, width = torch.rand(4, generator=generator).double()
    bend = 0.5 + 0.5 * bend
    likelihood = Normal(z + 0.5 * bend * z.square(), 0.5).log_prob(1 + x)
    log_q = Normal(mu, 0.3 + 0.4 * width).log_prob(z)
    return Normal(0.0, 1.0).log_prob(z) + likelihood - 1200, log_q, float(z[1] - z[0])


def _gap(log_joint: Tensor, log_q: Tensor, step: float) -> Tensor:
    """Compute the gap from the probabilities of the cells, in which the step cancels."""
    cells, others = log_q.log_softmax(dim=0), log_joint.log_softmax(dim=0)
    return cells.exp() @ (cells - others)


def _log_evidence(log_joint: Tensor, step: float) -> Tensor:
    return log_joint.logsumexp(dim=0) + math.log(step)


GAP = Function(
    name="elbo-gap",
    points=3,
    inputs=_curves,
    answer=_gap,
    mistakes=(
        Mistake(
            lambda joint, q, step: _gap(joint, q, step) - _log_evidence(joint, step),
            "This is the divergence of q from the joint density, which is minus the ELBO. The joint density does "
            "not integrate to 1: what makes the posterior of it?",
        ),
        Mistake(
            lambda joint, q, step: _log_evidence(joint, step) - _gap(joint, q, step),
            "This is the ELBO. The task asks by how much it falls short of log p(x).",
        ),
        Mistake(
            lambda joint, q, step: _log_evidence(joint, step),
            "This is log p(x). The task asks by how much the ELBO falls short of it.",
        ),
        Mistake(
            lambda joint, q, step: _gap(q, joint, step),
            "This is KL(posterior || q): q and the posterior have changed places. Over which of the two does the "
            "ELBO average?",
        ),
        Mistake(
            lambda joint, q, step: _gap(joint, q, step) - math.log(step),
            "The posterior that you compare with adds up to 1 on the grid, but does not integrate to 1, as q does. "
            "Your result would change with the fineness of the grid.",
        ),
        Mistake(
            lambda joint, q, step: _gap(joint, q, step) - 2 * math.log(step),
            "The step has entered the evidence on the wrong side. Is an integral a sum times the step, or a sum "
            "divided by it?",
        ),
        Mistake(
            lambda joint, q, step: _gap(joint, q, step) / step,
            "The average over q is an integral. The sum over the grid points is there, the step is not.",
        ),
        Mistake(
            lambda joint, q, step: (_gap(joint, q, step) - math.log(step)) / step,
            "The step of the grid is missing in both integrals: that of the evidence and the average over q.",
        ),
        Mistake(
            lambda joint, q, step: -_gap(joint, q, step),
            "The sign is flipped. A divergence is never negative, and the bound lies below.",
        ),
        Mistake(
            lambda joint, q, step: (q - joint + _log_evidence(joint, step)).mean(),
            "This is an average over the grid, where each point counts alike. The average runs over draws "
            "from q: how much does each point count?",
        ),
        Mistake(
            lambda joint, q, step: (q - joint + _log_evidence(joint, step)).sum() * step,
            "This is an integral over the grid, where each point counts alike. The average runs over draws "
            "from q: how much does each point count?",
        ),
    ),
    hint="Two things to check. The density that you compare q with must integrate to 1: does it? And if q is that "
    "density, your result must be 0.",
    rtol=1e-5,  # the mistakes' values are about 1200
    atol=1e-3,
    not_finite="There is a NaN or an infinity in your result: somewhere you take the logarithm of a density that has "
    "become exactly 0. As they come, all p(x, z) have, since their logarithms are below -1200; and shifted by the "
    "largest, those far out on the grid still have (PyTorch's `kl_divergence` of two Categoricals looks at those too). "
    "Stay in logarithms as long as you can.",
)
