"""Exercises of lesson 9: exploring the latent space."""

from vae_lessons.checks.exercises import Exercise
from vae_lessons.checks.lesson_9.approximation_gap import APPROXIMATION
from vae_lessons.checks.lesson_9.beta_vae import BETA
from vae_lessons.checks.lesson_9.elbo_by_sampling import SAMPLED
from vae_lessons.checks.lesson_9.importance_bound import IMPORTANCE
from vae_lessons.checks.lesson_9.midpoint import MIDPOINT
from vae_lessons.checks.lesson_9.which_gap import GAP

EXERCISES: tuple[Exercise, ...] = (GAP, APPROXIMATION, IMPORTANCE, SAMPLED, MIDPOINT, BETA)
