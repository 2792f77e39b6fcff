"""Bounds on the log-evidence log p(x), and log p(x) itself where quadrature can reach it.

Everything is in nats, summed over pixels and latent dimensions, with one value per image; averaging is the caller's. A
bound is maximised: a loss is minus a bound.
"""

from vae_lessons.inference.elbo import Elbo, elbo
from vae_lessons.inference.grid import GridDensity, QuadratureError
from vae_lessons.inference.iwae import iwae_bound
from vae_lessons.inference.model import LatentVariableModel
from vae_lessons.inference.quadrature import (
    best_gaussian,
    elbo_quadrature,
    log_evidence_quadrature,
    posterior_quadrature,
)

__all__ = [
    "Elbo",
    "GridDensity",
    "LatentVariableModel",
    "QuadratureError",
    "best_gaussian",
    "elbo",
    "elbo_quadrature",
    "iwae_bound",
    "log_evidence_quadrature",
    "posterior_quadrature",
]
