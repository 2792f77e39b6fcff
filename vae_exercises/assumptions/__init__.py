"""Exercises: the assumptions, each broken on purpose."""

from vae_exercises.assumptions.aggregate_density import AGGREGATE
from vae_exercises.assumptions.neighbours import NEIGHBOURS
from vae_exercises.assumptions.rare_good_draws import RARE
from vae_exercises.assumptions.rate_under_a_mixture import RATE
from vae_exercises.assumptions.strange_images import STRANGE
from vae_exercises.assumptions.which_one_failed import FAILED
from vae_exercises.engine.kinds import Exercise

EXERCISES: tuple[Exercise, ...] = (RATE, AGGREGATE, NEIGHBOURS, STRANGE, RARE, FAILED)
