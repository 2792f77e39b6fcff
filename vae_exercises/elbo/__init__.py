"""Exercises: the evidence lower bound."""

from vae_exercises.elbo.elbo_estimators import ESTIMATORS
from vae_exercises.elbo.elbo_full import FULL
from vae_exercises.elbo.elbo_gap import GAP
from vae_exercises.elbo.elbo_importance import IMPORTANCE
from vae_exercises.elbo.elbo_noise import NOISE
from vae_exercises.elbo.elbo_rise import RISE
from vae_exercises.engine.kinds import Exercise

EXERCISES: tuple[Exercise, ...] = (FULL, GAP, ESTIMATORS, IMPORTANCE, RISE, NOISE)
