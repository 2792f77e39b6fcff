"""Exercises: variational inference for a simulator."""

from vae_exercises.engine.kinds import Exercise
from vae_exercises.simulators.best_classifier import BEST
from vae_exercises.simulators.flat_ranks import FLAT
from vae_exercises.simulators.leave_one_out import LEAVE_ONE_OUT
from vae_exercises.simulators.linear_posterior import POSTERIOR
from vae_exercises.simulators.mixture_log_density import MIXTURE

EXERCISES: tuple[Exercise, ...] = (FLAT, POSTERIOR, LEAVE_ONE_OUT, MIXTURE, BEST)
