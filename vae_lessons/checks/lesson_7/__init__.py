"""Exercises of lesson 7: a Gaussian decoder."""

from vae_lessons.checks.exercises import Exercise
from vae_lessons.checks.lesson_7.active_units import ACTIVE_UNITS
from vae_lessons.checks.lesson_7.best_sigma import BEST_SIGMA
from vae_lessons.checks.lesson_7.directions_used import DIRECTIONS
from vae_lessons.checks.lesson_7.gaussian_log_likelihood import LOG_LIKELIHOOD
from vae_lessons.checks.lesson_7.noise_of_a_loss import NOISE_OF_A_LOSS
from vae_lessons.checks.lesson_7.scaling_mistakes import SCALING

EXERCISES: tuple[Exercise, ...] = (LOG_LIKELIHOOD, NOISE_OF_A_LOSS, SCALING, BEST_SIGMA, DIRECTIONS, ACTIVE_UNITS)
