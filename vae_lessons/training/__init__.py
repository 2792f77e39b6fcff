"""Training: one loop for every model, its settings and history, and a cache of trained models."""

from vae_lessons.training.cache import fit_or_load
from vae_lessons.training.defaults import mnist_epochs
from vae_lessons.training.fit import fit
from vae_lessons.training.history import History, TrainingDivergedError
from vae_lessons.training.settings import Settings

__all__ = ["History", "Settings", "TrainingDivergedError", "fit", "fit_or_load", "mnist_epochs"]
