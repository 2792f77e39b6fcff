"""Exercises: the reparameterisation trick."""

from vae_exercises.engine.kinds import Exercise
from vae_exercises.reparameterisation.best_baseline import BEST_BASELINE
from vae_exercises.reparameterisation.draw_a_code import DRAW
from vae_exercises.reparameterisation.draw_exponential import EXPONENTIAL
from vae_exercises.reparameterisation.expected_reconstruction_gradients import RECONSTRUCTION_GRADIENTS
from vae_exercises.reparameterisation.score_surrogate import SURROGATE
from vae_exercises.reparameterisation.switch_gradient import SWITCH

EXERCISES: tuple[Exercise, ...] = (DRAW, RECONSTRUCTION_GRADIENTS, SURROGATE, BEST_BASELINE, EXPONENTIAL, SWITCH)
