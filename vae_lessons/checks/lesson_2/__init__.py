"""Exercises of lesson 2: what the latent space looks like."""

from vae_lessons.checks.exercises import Exercise
from vae_lessons.checks.lesson_2.fitted_codes import FITTED_CODES
from vae_lessons.checks.lesson_2.judge_entropy import JUDGE_ENTROPY
from vae_lessons.checks.lesson_2.knn_leave_one_out import LEAVE_ONE_OUT
from vae_lessons.checks.lesson_2.rank_correlation import RANK_CORRELATION
from vae_lessons.checks.lesson_2.strict_yardstick import STRICT_YARDSTICK
from vae_lessons.checks.lesson_2.walk_steps import WALK_STEPS

EXERCISES: tuple[Exercise, ...] = (
    JUDGE_ENTROPY,
    RANK_CORRELATION,
    LEAVE_ONE_OUT,
    WALK_STEPS,
    STRICT_YARDSTICK,
    FITTED_CODES,
)
