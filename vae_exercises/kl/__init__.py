"""Exercises: the KL term in closed form."""

from vae_exercises.engine.kinds import Exercise
from vae_exercises.kl.kl import KL
from vae_exercises.kl.kl_bits import BITS
from vae_exercises.kl.kl_direction import DIRECTION
from vae_exercises.kl.kl_general import GENERAL
from vae_exercises.kl.kl_gradients import GRADIENTS
from vae_exercises.kl.kl_monte_carlo import MONTE_CARLO

EXERCISES: tuple[Exercise, ...] = (KL, GRADIENTS, GENERAL, DIRECTION, BITS, MONTE_CARLO)
