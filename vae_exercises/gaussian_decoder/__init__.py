"""Exercises: a Gaussian decoder."""

from vae_exercises.engine.kinds import Exercise
from vae_exercises.gaussian_decoder.active_units import ACTIVE_UNITS
from vae_exercises.gaussian_decoder.best_sigma import BEST_SIGMA
from vae_exercises.gaussian_decoder.directions_used import DIRECTIONS
from vae_exercises.gaussian_decoder.gaussian_log_likelihood import LOG_LIKELIHOOD
from vae_exercises.gaussian_decoder.noise_of_a_loss import NOISE_OF_A_LOSS
from vae_exercises.gaussian_decoder.scaling_mistakes import SCALING

EXERCISES: tuple[Exercise, ...] = (LOG_LIKELIHOOD, NOISE_OF_A_LOSS, SCALING, BEST_SIGMA, DIRECTIONS, ACTIVE_UNITS)
