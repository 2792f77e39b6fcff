"""Exercises: the autoencoder and its loss."""

from vae_exercises.autoencoder.crossed_copies import CROSSED
from vae_exercises.autoencoder.data_loss import DATA_LOSS
from vae_exercises.autoencoder.denoising import DENOISING
from vae_exercises.autoencoder.enough_directions import ENOUGH
from vae_exercises.autoencoder.linear_beats_pca import LINEAR_BEATS_PCA
from vae_exercises.autoencoder.pca_loss import PCA_LOSS
from vae_exercises.engine.kinds import Exercise

EXERCISES: tuple[Exercise, ...] = (DATA_LOSS, PCA_LOSS, LINEAR_BEATS_PCA, CROSSED, ENOUGH, DENOISING)
