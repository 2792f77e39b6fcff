"""Explorables: figures that the reader moves, with a kernel and without one."""

from vae_lessons.explorables.elbo_gap import ElboGap
from vae_lessons.explorables.gaussian_kl import GaussianKL
from vae_lessons.explorables.reparameterisation import Reparameterisation

__all__ = ["ElboGap", "GaussianKL", "Reparameterisation"]
