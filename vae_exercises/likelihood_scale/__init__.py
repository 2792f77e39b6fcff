"""Exercises: likelihood and scale."""

from vae_exercises.engine.kinds import Exercise
from vae_exercises.likelihood_scale.betas_of_sigma import BETAS_OF_SIGMA
from vae_exercises.likelihood_scale.dequantised_bits import DEQUANTISED_BITS
from vae_exercises.likelihood_scale.level_probability import LEVEL_PROBABILITY
from vae_exercises.likelihood_scale.pixel_sigmas import PIXEL_SIGMAS
from vae_exercises.likelihood_scale.sigma_free_loss import SIGMA_FREE_LOSS
from vae_exercises.likelihood_scale.sigma_of_a_rate import SIGMA_OF_A_RATE

EXERCISES: tuple[Exercise, ...] = (
    BETAS_OF_SIGMA,
    SIGMA_FREE_LOSS,
    SIGMA_OF_A_RATE,
    PIXEL_SIGMAS,
    LEVEL_PROBABILITY,
    DEQUANTISED_BITS,
)
