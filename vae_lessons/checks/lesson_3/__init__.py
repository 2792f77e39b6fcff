"""Exercises of lesson 3: latent-variable models."""

from vae_lessons.checks.exercises import Exercise
from vae_lessons.checks.lesson_3.evidence import EVIDENCE
from vae_lessons.checks.lesson_3.evidence_assumption import ASSUMPTION
from vae_lessons.checks.lesson_3.evidence_importance import IMPORTANCE
from vae_lessons.checks.lesson_3.evidence_one_sample import ONE_SAMPLE
from vae_lessons.checks.lesson_3.evidence_posterior import POSTERIOR
from vae_lessons.checks.lesson_3.evidence_several import SEVERAL

EXERCISES: tuple[Exercise, ...] = (EVIDENCE, ONE_SAMPLE, POSTERIOR, IMPORTANCE, ASSUMPTION, SEVERAL)
