"""Exercises of lesson 5: the reparameterisation trick."""

from vae_lessons.checks.exercises import Exercise
from vae_lessons.checks.lesson_5.best_baseline import BEST_BASELINE
from vae_lessons.checks.lesson_5.draw_a_code import DRAW
from vae_lessons.checks.lesson_5.draw_exponential import EXPONENTIAL
from vae_lessons.checks.lesson_5.expected_fit_slopes import FIT_SLOPES
from vae_lessons.checks.lesson_5.score_surrogate import SURROGATE
from vae_lessons.checks.lesson_5.switch_gradient import SWITCH

EXERCISES: tuple[Exercise, ...] = (DRAW, FIT_SLOPES, SURROGATE, BEST_BASELINE, EXPONENTIAL, SWITCH)
