"""Exercises: exploring the latent space."""

from vae_exercises.engine.kinds import Exercise
from vae_exercises.vae_latent_space.approximation_gap import APPROXIMATION
from vae_exercises.vae_latent_space.beta_vae import BETA
from vae_exercises.vae_latent_space.elbo_by_sampling import SAMPLED
from vae_exercises.vae_latent_space.importance_bound import IMPORTANCE
from vae_exercises.vae_latent_space.midpoint import MIDPOINT
from vae_exercises.vae_latent_space.which_gap import GAP

EXERCISES: tuple[Exercise, ...] = (GAP, APPROXIMATION, IMPORTANCE, SAMPLED, MIDPOINT, BETA)
