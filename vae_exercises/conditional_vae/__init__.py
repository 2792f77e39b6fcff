"""Exercises: the conditional VAE."""

from vae_exercises.conditional_vae.completion_mean import COMPLETION
from vae_exercises.conditional_vae.conditional_elbo import CONDITIONAL_ELBO
from vae_exercises.conditional_vae.label_saving import LABEL_SAVING
from vae_exercises.conditional_vae.most_nats import MOST_NATS
from vae_exercises.conditional_vae.where_the_label import WHERE_THE_LABEL
from vae_exercises.engine.kinds import Exercise

EXERCISES: tuple[Exercise, ...] = (WHERE_THE_LABEL, CONDITIONAL_ELBO, MOST_NATS, LABEL_SAVING, COMPLETION)
