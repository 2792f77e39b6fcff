"""The exercise "are the pixels independent?"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _residuals(generator: Generator, n_images: int, height: int, width: int) -> tuple[Tensor]:
    noise = torch.randn(n_images + 4, height, width, generator=generator)
    noise[:, :, 1:] += noise[:, :, :-1].clone()
    noise[:, 1:] += 0.5 * noise[:, :-1].clone()
    spread = 0.2 + torch.rand(height, width, generator=generator)
    return (spread * noise + torch.randn(height, width, generator=generator),)


def _correlation(residuals: Tensor) -> Tensor:
    r = residuals.double()
    r = (r - r.mean(dim=0)) / r.std(dim=0, correction=0)
    return (r[:, :, 1:] * r[:, :, :-1]).mean(dim=0)


def _covariance(residuals: Tensor) -> Tensor:
    r = residuals.double() - residuals.double().mean(dim=0)
    return (r[:, :, 1:] * r[:, :, :-1]).mean(dim=0)


def _uncentred(residuals: Tensor) -> Tensor:
    r = residuals.double()
    left, right = r[:, :, :-1], r[:, :, 1:]
    return (left * right).mean(dim=0) / (left.square().mean(dim=0) * right.square().mean(dim=0)).sqrt()


NEIGHBOURS = Function(
    name="neighbours",
    points=2,
    inputs=_residuals,
    answer=_correlation,
    mistakes=(
        Mistake(
            lambda r: _correlation(r.transpose(1, 2)).transpose(0, 1),
            "These are the neighbours above and below. The task asks for those to the left and right, along the last "
            "axis.",
        ),
        Mistake(
            _covariance,
            "This is a covariance: it depends on how strong the noise is. Divide by both deviations.",
        ),
        Mistake(
            _uncentred,
            "The means have not been subtracted. A pixel whose residual is always positive would look correlated with "
            "its neighbour, whatever the two do.",
        ),
        Mistake(
            lambda r: _correlation(r).abs(),
            "The signs are lost. Half of what can be known is whether neighbours err in the same direction.",
        ),
        Mistake(
            lambda r: _correlation(r).square(),
            "This is the square of the correlation, the share of variance that a neighbour explains.",
        ),
        Mistake(
            lambda r: _correlation(r).mean(),
            "This is one number for the whole image. Keep one for each pair of neighbours.",
        ),
        Mistake(
            lambda r: _correlation(torch.cat([r, r[:, :, :1]], dim=2)),
            "The last column has been paired with the first: `roll` goes round the edge.",
        ),
        Mistake(
            lambda r: _correlation(r[:, :, ::2]) if r.shape[2] > 2 else _covariance(r),
            "Your pairs are two pixels apart: a pixel has been left out between them.",
        ),
    ),
    hint="If every image has the same value in two neighbours, their correlation must be 1. Multiply all residuals by "
    "10: nothing may change.",
    remark="An average of these over the image can be 0 although no pixel is independent of the next: positive and "
    "negative ones cancel. Average their squares or their absolute values.",
)
