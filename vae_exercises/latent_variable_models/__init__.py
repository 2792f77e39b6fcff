"""Exercises: latent-variable models."""

from vae_exercises.engine.kinds import Exercise
from vae_exercises.latent_variable_models.evidence import EVIDENCE
from vae_exercises.latent_variable_models.evidence_assumption import ASSUMPTION
from vae_exercises.latent_variable_models.evidence_importance import IMPORTANCE
from vae_exercises.latent_variable_models.evidence_one_sample import ONE_SAMPLE
from vae_exercises.latent_variable_models.evidence_posterior import POSTERIOR
from vae_exercises.latent_variable_models.evidence_several import SEVERAL

EXERCISES: tuple[Exercise, ...] = (EVIDENCE, ONE_SAMPLE, POSTERIOR, IMPORTANCE, ASSUMPTION, SEVERAL)
