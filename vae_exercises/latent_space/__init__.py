"""Exercises: what the latent space looks like."""

from vae_exercises.engine.kinds import Exercise
from vae_exercises.latent_space.fitted_codes import FITTED_CODES
from vae_exercises.latent_space.judge_entropy import JUDGE_ENTROPY
from vae_exercises.latent_space.knn_leave_one_out import LEAVE_ONE_OUT
from vae_exercises.latent_space.rank_correlation import RANK_CORRELATION
from vae_exercises.latent_space.strict_yardstick import STRICT_YARDSTICK
from vae_exercises.latent_space.walk_steps import WALK_STEPS

EXERCISES: tuple[Exercise, ...] = (
    JUDGE_ENTROPY,
    RANK_CORRELATION,
    LEAVE_ONE_OUT,
    WALK_STEPS,
    STRICT_YARDSTICK,
    FITTED_CODES,
)
