"""Exercises of lesson 8: a Bernoulli decoder."""

from vae_lessons.checks.exercises import Exercise
from vae_lessons.checks.lesson_8.bce_compare import COMPARE
from vae_lessons.checks.lesson_8.bce_excess import EXCESS
from vae_lessons.checks.lesson_8.bce_loss import LOSS
from vae_lessons.checks.lesson_8.bernoulli_logits import LOGITS
from vae_lessons.checks.lesson_8.bits_per_pixel import BITS
from vae_lessons.checks.lesson_8.cb_normaliser import NORMALISER

EXERCISES: tuple[Exercise, ...] = (LOGITS, LOSS, EXCESS, COMPARE, NORMALISER, BITS)
