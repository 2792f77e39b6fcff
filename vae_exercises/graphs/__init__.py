"""Exercises: graphs."""

from vae_exercises.engine.kinds import Exercise
from vae_exercises.graphs.best_auc import BEST_AUC
from vae_exercises.graphs.block_elbo import BLOCK_ELBO
from vae_exercises.graphs.graph_likelihood import LIKELIHOOD
from vae_exercises.graphs.mixing_matrix import MIXING
from vae_exercises.graphs.weighted_link import WEIGHTED

EXERCISES: tuple[Exercise, ...] = (MIXING, LIKELIHOOD, BEST_AUC, WEIGHTED, BLOCK_ELBO)
