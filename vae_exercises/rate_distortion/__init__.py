"""Exercises: rate and distortion."""

from vae_exercises.engine.kinds import Exercise
from vae_exercises.rate_distortion.free_bits import FREE_BITS
from vae_exercises.rate_distortion.kl_split import SPLIT
from vae_exercises.rate_distortion.least_leftover import LEFTOVER
from vae_exercises.rate_distortion.mi_gap import MI_GAP
from vae_exercises.rate_distortion.rd_slope import SLOPE
from vae_exercises.rate_distortion.warm_up import WARM_UP

EXERCISES: tuple[Exercise, ...] = (SLOPE, SPLIT, LEFTOVER, FREE_BITS, WARM_UP, MI_GAP)
