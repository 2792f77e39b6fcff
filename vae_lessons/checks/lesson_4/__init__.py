"""Exercises of lesson 4: the evidence lower bound."""

from vae_lessons.checks.exercises import Exercise
from vae_lessons.checks.lesson_4.elbo_estimators import ESTIMATORS
from vae_lessons.checks.lesson_4.elbo_full import FULL
from vae_lessons.checks.lesson_4.elbo_gap import GAP
from vae_lessons.checks.lesson_4.elbo_importance import IMPORTANCE
from vae_lessons.checks.lesson_4.elbo_noise import NOISE
from vae_lessons.checks.lesson_4.elbo_rise import RISE

EXERCISES: tuple[Exercise, ...] = (FULL, GAP, ESTIMATORS, IMPORTANCE, RISE, NOISE)
