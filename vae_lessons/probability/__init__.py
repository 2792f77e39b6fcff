"""Densities, likelihoods, divergences, and estimators of gradients through samples."""

from vae_lessons.probability.likelihoods import (
    Bernoulli,
    ContinuousBernoulli,
    DiscretisedLogistic,
    Gaussian,
    Likelihood,
    PixelGaussian,
    RealGaussian,
)

__all__ = [
    "Bernoulli",
    "ContinuousBernoulli",
    "DiscretisedLogistic",
    "Gaussian",
    "Likelihood",
    "PixelGaussian",
    "RealGaussian",
]
