"""The forward process and the learned reverse of a distribution in the plane, step by step."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from traitlets import Dict, List

from vae_lessons.figures.diffusion_steps import chains
from vae_lessons.figures.diffusion_steps.snapshot import ARROW, N_FOLLOWED, TRAIL, DiffusionSnapshot, reference
from vae_lessons.figures.runtime.controls import Slider
from vae_lessons.figures.runtime.images import to_bytes
from vae_lessons.figures.runtime.widget import LiveFigure
from vae_lessons.models import Diffusion
from vae_lessons.probability.likelihoods import Gaussian
from vae_lessons.validation import check_int, check_rows

CHOICES = (1, 2, 5, 10, 100, 1000)
LEAST_REACH = 3  # of the planes, to each side
CAPTION = (
    "Left: data on their way to noise. Right: noise on its way to data; the arrows point away from the noise that the "
    "network sees. Five of each have a trail. Below: the nats that the way from noise down to this level costs; "
    "at level 0 they are −ELBO. With few steps, draws jump over several levels at once."
)


class DiffusionSteps(LiveFigure):
    """Points in the plane on their way to noise, and a diffusion model's draws on their way back.

    One trained network is used with several numbers of steps T, each of which starts from the same noise. Points, draws
    and arrows travel; the page runs no network.

    Its numbers are `step`, the t of the z_t that are shown; `signal`, its α_t²; `so_far`, the KL of z_T to N(0, I) and
    those of all steps from T down to t, at t = 0 less the reconstruction term, in nats, averaged over points; and
    `negative_elbo`, with its standard `error` over points.

    Parameters
    ----------
    model : Diffusion
        Of points, with `image_shape` (2,) and a Gaussian likelihood.
    points : Tensor
        (M, 2), test data. 200 are shown, and up to 1,000 make the averages.
    exact : float, optional
        -log p(x) in nats, averaged over points, where it is known: what -ELBO would be if the model were the data's own
        distribution. A line shows it.
    choices : sequence of int
        The numbers of steps T that can be chosen, each a multiple or a divisor of 20.
    level : int
        Level of noise, from 0 (data) to 20 (z_T).
    steps : int
        T.
    caption : str
        Plain text below the figure.

    Raises
    ------
    TypeError
        For another model, and one without a Gaussian likelihood.
    ValueError
        For a model of other than points, points of another shape, fewer than two choices, and a choice that is neither
        a multiple nor a divisor of 20.
    TraitError
        For a `level` out of range, and `steps` that are not among the choices.
    """

    folder = Path(__file__).parent
    still_size = (700, 520)
    _reverses = List().tag(sync=True, state=True)
    _planes = Dict().tag(sync=True, state=True)
    level = Slider("noise level", "noise level", 0, chains.LEVELS, step=1).trait()

    def __init__(
        self,
        model: Diffusion,
        points: Tensor,
        *,
        exact: float | None = None,
        choices: Sequence[int] = CHOICES,
        level: int = 4,
        steps: int = 100,
        caption: str = CAPTION,
    ) -> None:
        _check(model, points, choices)
        self._exact = None if exact is None else float(exact)
        points, values = points.detach().cpu(), tuple(sorted(choices))
        self._reach = max(LEAST_REACH, math.ceil(float(points.abs().quantile(0.99))))
        self._signals = chains.signals_of(model)
        self._forward = chains.forward_of(points, self._signals)
        self._arrows = chains.arrows_of(model, self._signals, self._reach)
        self._all = [chains.reverse_of(model, n_steps, points) for n_steps in values]
        self.add_traits(steps=Slider("steps T", "steps", values[0], values[-1], step=1, values=values).trait())
        super().__init__(
            _reverses=[self._describe(reverse) for reverse in self._all],
            _planes={
                "forward": self._pack(self._forward, self._reach),
                "arrows": self._pack(self._arrows, chains.LONGEST),
                "signals": self._signals.tolist(),
            },
            constants={
                "reach": self._reach,
                "levels": chains.LEVELS,
                "n_arrows": chains.N_ARROWS,
                "longest": chains.LONGEST,
                "arrow": ARROW,
                "n_followed": N_FOLLOWED,
                "trail": TRAIL,
                "reference": reference(self._all, self._exact),
            },
            level=level,
            steps=steps,
            caption=caption,
        )

    def snapshot(self) -> DiffusionSnapshot:
        """Show the present level with the present number of steps."""
        chosen = next(i for i, reverse in enumerate(self._all) if reverse.n_steps == self.steps)
        planes = self._forward, self._arrows, self._signals, self._reach
        return DiffusionSnapshot.at(self._all, chosen, self.level, *planes, self._exact)

    def _describe(self, reverse: chains.Reverse) -> dict[str, Any]:
        """For JSON."""
        return {
            "steps": reverse.n_steps,
            "levels": reverse.levels,
            "states": self._pack(reverse.states, self._reach),
            "costs": reverse.costs.tolist(),
            "error": reverse.negative_elbo.error,
        }

    def _pack(self, values: Tensor, reach: float) -> str:
        """Write each number as a byte, 0 for -reach and 255 for reach."""
        return to_bytes((values / reach / 2 + 0.5).clamp(0, 1))


def _check(model: Diffusion, points: Tensor, choices: Sequence[int]) -> None:
    if not isinstance(model, Diffusion):
        raise TypeError(f"model must be a Diffusion, got {type(model).__name__}")
    if not isinstance(model.likelihood, Gaussian):
        raise TypeError(f"model must have a Gaussian likelihood, got {type(model.likelihood).__name__}")
    if model.image_shape != (2,):
        raise ValueError(f"model must be of points in the plane, image_shape (2,), got {model.image_shape}")
    check_rows("points", points, "points", (2,), torch.float32)
    if len(choices) < 2:
        raise ValueError(f"choices must hold two numbers of steps or more, got {choices!r}")
    for n_steps in choices:
        if chains.LEVELS % check_int("choices", n_steps) and n_steps % chains.LEVELS:
            raise ValueError(f"choices must be multiples or divisors of {chains.LEVELS}, got {n_steps}")
