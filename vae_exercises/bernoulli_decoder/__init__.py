"""Exercises: a Bernoulli decoder."""

from vae_exercises.bernoulli_decoder.bce_compare import COMPARE
from vae_exercises.bernoulli_decoder.bce_excess import EXCESS
from vae_exercises.bernoulli_decoder.bce_loss import LOSS
from vae_exercises.bernoulli_decoder.bernoulli_logits import LOGITS
from vae_exercises.bernoulli_decoder.bits_per_pixel import BITS
from vae_exercises.bernoulli_decoder.cb_normaliser import NORMALISER
from vae_exercises.engine.kinds import Exercise

EXERCISES: tuple[Exercise, ...] = (LOGITS, LOSS, EXCESS, COMPARE, NORMALISER, BITS)
