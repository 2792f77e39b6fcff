"""Exercises of lesson 6: the KL term in closed form."""

from vae_lessons.checks.exercises import Exercise
from vae_lessons.checks.lesson_6.kl import KL
from vae_lessons.checks.lesson_6.kl_bits import BITS
from vae_lessons.checks.lesson_6.kl_direction import DIRECTION
from vae_lessons.checks.lesson_6.kl_general import GENERAL
from vae_lessons.checks.lesson_6.kl_monte_carlo import MONTE_CARLO
from vae_lessons.checks.lesson_6.kl_slopes import SLOPES

EXERCISES: tuple[Exercise, ...] = (KL, SLOPES, GENERAL, DIRECTION, BITS, MONTE_CARLO)
