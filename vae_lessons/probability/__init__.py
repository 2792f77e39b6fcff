"""Densities, likelihoods, divergences, and estimators of gradients through samples."""

from vae_lessons.probability.likelihoods import Bernoulli, ContinuousBernoulli, Gaussian, Likelihood

__all__ = ["Bernoulli", "ContinuousBernoulli", "Gaussian", "Likelihood"]
