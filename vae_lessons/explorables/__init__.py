"""Explorables: figures that the reader moves, with a kernel and without one."""

from vae_lessons.explorables.draw_digit import DrawDigit
from vae_lessons.explorables.elbo_gap import ElboGap
from vae_lessons.explorables.gaussian_kl import GaussianKL
from vae_lessons.explorables.interpolation import Interpolation
from vae_lessons.explorables.latent_explorer import LatentExplorer
from vae_lessons.explorables.reparameterisation import Reparameterisation

__all__ = ["DrawDigit", "ElboGap", "GaussianKL", "Interpolation", "LatentExplorer", "Reparameterisation"]
