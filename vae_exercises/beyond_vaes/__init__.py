"""Exercises: beyond VAEs."""

from vae_exercises.beyond_vaes.code_price import PRICE
from vae_exercises.beyond_vaes.codes_in_use import IN_USE
from vae_exercises.beyond_vaes.diffusion_step import STEP
from vae_exercises.beyond_vaes.ladder_product import PRODUCT
from vae_exercises.beyond_vaes.straight_through import STRAIGHT
from vae_exercises.engine.kinds import Exercise

EXERCISES: tuple[Exercise, ...] = (IN_USE, STRAIGHT, PRICE, PRODUCT, STEP)
