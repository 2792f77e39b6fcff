"""Exercises: tighter bounds."""

from vae_exercises.engine.kinds import Exercise
from vae_exercises.tighter_bounds.ais_weight import ANNEALED
from vae_exercises.tighter_bounds.best_of_ten import BEST
from vae_exercises.tighter_bounds.dreg_gradient import DREG
from vae_exercises.tighter_bounds.effective_samples import EFFECTIVE
from vae_exercises.tighter_bounds.samples_needed import NEEDED
from vae_exercises.tighter_bounds.swap_one import SWAP

EXERCISES: tuple[Exercise, ...] = (BEST, EFFECTIVE, NEEDED, DREG, ANNEALED, SWAP)
