"""Exercises of lesson 1: the autoencoder and its loss."""

from vae_lessons.checks.exercises import Exercise
from vae_lessons.checks.lesson_1.crossed_copies import CROSSED
from vae_lessons.checks.lesson_1.data_loss import DATA_LOSS
from vae_lessons.checks.lesson_1.denoising import DENOISING
from vae_lessons.checks.lesson_1.enough_directions import ENOUGH
from vae_lessons.checks.lesson_1.linear_beats_pca import LINEAR_BEATS_PCA
from vae_lessons.checks.lesson_1.pca_loss import PCA_LOSS

EXERCISES: tuple[Exercise, ...] = (DATA_LOSS, PCA_LOSS, LINEAR_BEATS_PCA, CROSSED, ENOUGH, DENOISING)
