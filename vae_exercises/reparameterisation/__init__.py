"""Exercises: the reparameterisation trick."""

from vae_exercises.engine.kinds import Exercise
from vae_exercises.reparameterisation.best_baseline import BEST_BASELINE
from vae_exercises.reparameterisation.draw_a_code import DRAW
from vae_exercises.reparameterisation.draw_exponential import EXPONENTIAL
from vae_exercises.reparameterisation.expected_fit_slopes import FIT_SLOPES
from vae_exercises.reparameterisation.score_surrogate import SURROGATE
from vae_exercises.reparameterisation.switch_gradient import SWITCH

EXERCISES: tuple[Exercise, ...] = (DRAW, FIT_SLOPES, SURROGATE, BEST_BASELINE, EXPONENTIAL, SWITCH)
