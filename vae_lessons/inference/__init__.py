"""Bounds on the log-evidence log p(x), and log p(x) itself where quadrature can reach it.

Everything is in nats, summed over pixels and latent dimensions, with one value per image; averaging is the caller's. A
bound is maximised: a loss is minus a bound.
"""

from vae_lessons.inference.aggregate import KlSplit, aggregate_posterior, split_kl
from vae_lessons.inference.ais import ais_log_evidence, ais_upper_bound
from vae_lessons.inference.black_box import black_box_elbo
from vae_lessons.inference.elbo import Elbo, elbo
from vae_lessons.inference.grid import GridDensity, QuadratureError
from vae_lessons.inference.iwae import effective_sample_size, iwae_bound, log_importance_weights
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
    "KlSplit",
    "LatentVariableModel",
    "QuadratureError",
    "aggregate_posterior",
    "ais_log_evidence",
    "ais_upper_bound",
    "best_gaussian",
    "black_box_elbo",
    "effective_sample_size",
    "elbo",
    "elbo_quadrature",
    "iwae_bound",
    "log_evidence_quadrature",
    "log_importance_weights",
    "posterior_quadrature",
    "split_kl",
]
