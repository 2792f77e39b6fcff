"""Black-box variational inference: the ELBO of any log-joint and any q, with a choice of gradient estimators."""

from collections.abc import Callable
from dataclasses import fields, replace

from torch import Generator, Tensor

from vae_lessons.probability.distributions import Distribution
from vae_lessons.validation import check_int

ESTIMATORS = ("score", "leave-one-out", "pathwise", "sticking the landing")


def black_box_elbo(
    log_joint: Callable[[Tensor], Tensor],
    q: Distribution,
    n_samples: int,
    estimator: str = "pathwise",
    generator: Generator | None = None,
) -> Tensor:
    """Estimate ELBO = E_q[log p(x, z) - log q(z)], (B,), nats, with a gradient of the kind asked for in q's parameters.

    With f_l = log p(x, z_l) - log q(z_l) at L draws from q, the gradient is the mean over l of

    - "score": f_l ∇ log q(z_l), with z_l held fixed; log_joint needs no derivative;
    - "leave-one-out": the same, less a baseline: (f_l - mean of the other f) ∇ log q(z_l);
    - "pathwise": ∇ f_l, with z_l a function of q's parameters;
    - "sticking the landing": the same, but through z_l alone, which leaves out ∇ log q(z_l) at fixed z_l, of mean 0.
      Its variance is 0 where q is the posterior.

    All four have the gradient of the ELBO for their mean.

    Source: Ranganath, Gerrish and Blei (2014); Kool, van Hoof and Welling (2019) for the baseline; Roeder, Wu and
    Duvenaud (2017) for the last.

    Parameters
    ----------
    log_joint : callable
        From codes (L, B, K) to log p(x, z) with x fixed, (L, B), nats.
    q : DiagonalGaussian or FullGaussian
        With parameters, (B, ...), that require gradients.
    n_samples : int
        L; at least two for "leave-one-out".
    estimator : {"score", "leave-one-out", "pathwise", "sticking the landing"}
    generator : Generator, optional
        Source of the draws; PyTorch's own by default.

    Raises
    ------
    ValueError
        For another estimator, for too few samples, and for a log_joint that does not give one value per code.
    """
    if estimator not in ESTIMATORS:
        raise ValueError(f"estimator must be one of {', '.join(ESTIMATORS)}, got {estimator!r}")
    n_samples = check_int("n_samples", n_samples, minimum=2 if estimator == "leave-one-out" else 1)
    z = q.sample((n_samples,), generator)  # (L, B, K)
    if estimator in ("pathwise", "sticking the landing"):
        log_q = (q if estimator == "pathwise" else _held(q)).log_prob(z)
        return (_values(log_joint, z) - log_q).mean(dim=0)
    z = z.detach()
    log_q = q.log_prob(z)
    f = (_values(log_joint, z) - log_q).detach()
    weight = (f - f.mean(dim=0)) * n_samples / (n_samples - 1) if estimator == "leave-one-out" else f
    score = (weight * log_q).mean(dim=0)
    return f.mean(dim=0) + score - score.detach()  # the value of the ELBO, the gradient of `score`


def _held(q: Distribution) -> Distribution:
    """Copy q with its parameters held fixed."""
    return replace(q, **{field.name: getattr(q, field.name).detach() for field in fields(q)})


def _values(log_joint: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """Compute log_joint at codes (L, B, K): (L, B)."""
    values = log_joint(z)
    if not isinstance(values, Tensor) or values.shape != z.shape[:-1]:
        got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(f"log_joint must map codes {tuple(z.shape)} to values {tuple(z.shape[:-1])}, got {got}")
    return values
