"""The exercise "one σ, four βs"."""

from collections.abc import Callable

import torch
from torch import Generator

from vae_exercises.engine.kinds import Function, Mistake


def _sizes(generator: Generator) -> tuple[float, int, float]:
    """Draw σ, the number of pixels, and the decoder's own σ, such that no two formulas give the same."""
    sigma, own = 0.1 + 0.8 * torch.rand(2, generator=generator)
    return float(sigma), int(torch.randint(50, 900, (), generator=generator)), 1 + float(own)


def _betas(sigma: float, n_pixels: int, own_sigma: float) -> tuple[float, ...]:
    return sigma**2, 2 * sigma**2, 2 * sigma**2 / n_pixels, sigma**2 / own_sigma**2


def _one_wrong(i: int, factor: Callable[[float, int, float], float], message: str) -> Mistake:
    """Return the mistake of multiplying the β of loss `i` by a factor; the other losses are right."""

    def result(sigma: float, n_pixels: int, own_sigma: float) -> tuple[float, ...]:
        betas = list(_betas(sigma, n_pixels, own_sigma))
        betas[i] *= factor(sigma, n_pixels, own_sigma)
        return tuple(betas)

    return Mistake(result, message)


BETAS_OF_SIGMA = Function(
    name="betas-of-sigma",
    points=3,
    inputs=_sizes,
    answer=_betas,
    mistakes=(
        Mistake(
            lambda *args: tuple(1 / beta for beta in _betas(*args)),
            "All four are upside down. More noise makes an error cheaper, which is the same as a more expensive KL: β "
            "must grow with σ.",
        ),
        Mistake(
            lambda *args: tuple(beta**0.5 for beta in _betas(*args)),
            "These are roots. The factor before a squared error has σ², not σ.",
        ),
        Mistake(
            lambda sigma, n_pixels, own_sigma: (sigma**2, 2 * sigma**2, 2 * sigma**2, sigma**2 / own_sigma**2),
            "Loss c: the mean over the pixels is left out. How much smaller than the sum is it, and what does that do "
            "to the KL beside it?",
        ),
        _one_wrong(0, lambda *_: 2.0, "Loss a: the squared error has its half there. Compare it with 1/(2σ²) again."),
        _one_wrong(
            1,
            lambda *_: 0.5,
            "Loss b: this is the β that goes with half the squared error. Here the half is missing, so errors weigh "
            "twice as much.",
        ),
        _one_wrong(
            1,
            lambda *_: 0.25,
            "Loss b: the 2 is on the wrong side. Twice the weight on the error asks for twice the weight on the KL.",
        ),
        _one_wrong(2, lambda sigma, n_pixels, _: 0.5, "Loss c: there is no half before the squared error there."),
        _one_wrong(
            2,
            lambda sigma, n_pixels, _: n_pixels**2,
            "Loss c: the number of pixels is on the wrong side. A mean is less than a sum, so the KL beside it must "
            "be made smaller too.",
        ),
        _one_wrong(
            3,
            lambda sigma, n_pixels, own: own**2,
            "Loss d: the decoder has a noise of its own already. β changes that one into the other.",
        ),
        _one_wrong(
            3, lambda sigma, n_pixels, own: own**4, "Loss d: the product of β and the decoder's own variance counts."
        ),
        _one_wrong(3, lambda sigma, n_pixels, own: own / sigma, "Loss d: this is the ratio of σ and not of σ²."),
        _one_wrong(
            3,
            lambda sigma, n_pixels, own: own**4 / sigma**4,
            "Loss d: this is upside down. If the decoder's own noise is larger than you want, is β above 1 or below?",
        ),
    ),
    hint="Write each loss as a · ‖x - x̂‖² + b · KL, with both summed, and divide it by b. What stands before the error "
    "must be 1/(2σ²).",
)
