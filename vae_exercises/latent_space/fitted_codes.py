"""Exercise 2.6: sample where the codes are."""

import math
from typing import Any

import torch
from torch import Tensor

from vae_exercises.engine.answers import SEEDED, as_function, fresh_generator, one_result, twice
from vae_exercises.engine.kinds import Task

SAMPLES = 8000


TRAIN_CODES = 2000


TOO_FAR = 6.0  # standard errors, for nine numbers at once


def _judge_fitted(answer: Any) -> str | None:
    """By mean and covariance of many samples, for codes in two clumps, correlated, off centre and of unequal widths."""
    function, generator = as_function(answer), fresh_generator()
    mixing = torch.tensor([[2.0, 0.0, 0.0], [1.2, 0.8, 0.0], [-0.5, 0.6, 0.4]])
    mixing = mixing + 0.1 * torch.rand(3, 3, generator=generator).tril()
    shift = torch.tensor([2.0, -1.5, 4.0]) + torch.rand(3, generator=generator)
    along = torch.randn(TRAIN_CODES, 3, generator=generator)
    along[:, 0] = 0.4 * along[:, 0] + torch.where(torch.rand(TRAIN_CODES, generator=generator) < 0.5, -0.9, 0.9)
    codes = along @ mixing.T + shift
    z, again = map(one_result, twice(function, codes, SAMPLES))
    if z.shape != (SAMPLES, 3):
        return f"Your result has shape {tuple(z.shape)}; {SAMPLES} codes of 3 numbers have {(SAMPLES, 3)}."
    if not z.isfinite().all():
        return "There is a NaN or an infinity in your samples. Did you take the root of a negative number?"
    if torch.isin(z, codes.double()).double().mean() > 0.5:  # a few numbers coincide by chance
        return "These are training codes again. New digits need new codes: draw from a density that you fit to them."
    centre, cov = codes.double().mean(dim=0), codes.T.double().cov()
    wrong = _about_spread(z, centre, cov) or _about_centre(z, centre) or _about_shape(z, codes.double())
    return wrong or (SEEDED if torch.equal(z, again) else None)


def _about_spread(z: Tensor, centre: Tensor, cov: Tensor) -> str | None:
    found = z.T.cov()
    if float(torch.linalg.eigvalsh(found)[0]) < 1e-4:
        return (
            "All samples lie on a line or in a plane. Does each dimension of each sample have a draw of its own, or is "
            "one shared?"
        )
    if _covariance_is(z, cov):
        return None
    if _covariance_is(z, torch.eye(3).double()):
        if _mean_is(z, torch.zeros(3).double()):
            return "These are draws from N(0, I). But that is not where the codes are: look at their mean and spread."
        return (
            "The spread is 1 in each direction. That of the codes is not: their widths differ, and they are correlated."
        )
    deviations, factor = cov.diagonal().sqrt(), torch.linalg.cholesky(cov)
    values, vectors = torch.linalg.eigh(cov)
    usual = [
        (
            cov.diagonal().diag(),
            "Each dimension has the right mean and width, but yours are independent, and the codes' are not. Draw a "
            "scatter of both and compare.",
        ),
        (
            cov.diagonal().square().diag(),
            "Two things: the draws are multiplied by variances, where the deviations belong; and the dimensions are "
            "independent, which those of the codes are not.",
        ),
        (
            deviations.diag(),
            "Two things: the widths are the roots of the deviations; and the dimensions are independent, which those "
            "of the codes are not.",
        ),
        (
            cov @ cov,
            "The draws are multiplied by the covariance itself, or by its eigenvalues, which are variances. As σ is "
            "the root of σ², a matrix is wanted here that, times its own transpose, gives the covariance.",
        ),
        (
            factor.T @ factor,
            "The Cholesky factor is on the wrong side, or must be transposed: its rows and columns have changed "
            "places. Which covariance has ε times your matrix?",
        ),
        (
            vectors.T @ values.diag() @ vectors,
            "The eigenvectors are on the wrong side, or must be transposed. Which covariance has ε times your matrix?",
        ),
        (
            values.diag(),
            "The widths are those along the codes' own axes, but the samples have not been turned into those axes.",
        ),
    ]
    for expected, says in usual:
        if _covariance_is(z, expected):
            return says
    return (
        "The samples do not spread as the codes do. Print the covariance matrix of both (`torch.cov` wants one "
        "variable a row) and compare."
    )


def _about_centre(z: Tensor, centre: Tensor) -> str | None:
    if _mean_is(z, centre):
        return None
    if _mean_is(z, torch.zeros(3).double()):
        return "The spread is right, but the samples lie about 0. Where do the codes lie?"
    return "The spread is right, but the mean is not that of the codes."


def _about_shape(z: Tensor, codes: Tensor) -> str | None:
    found, theirs = _fourth_moments(z), _fourth_moments(codes)
    if (found - 3).abs().max() > 0.6:
        if (found - theirs).abs().max() < 0.6:
            return (
                "The samples lie in the same clumps as the codes. Are they training codes, moved a little, or draws "
                "from a mixture? Asked for are draws from one Gaussian."
            )
        return "Mean and spread are right, but these are not draws from a Gaussian. What is ε drawn from?"
    return None


def _fourth_moments(z: Tensor) -> Tensor:
    """Of each dimension, once all have variance 1 and no correlation; 3 for a Gaussian."""
    white = (z - z.mean(dim=0)) @ torch.linalg.inv(torch.linalg.cholesky(z.T.cov())).T
    return (white**4).mean(dim=0)


def _covariance_is(z: Tensor, expected: Tensor) -> bool:
    variances = expected.diagonal()
    errors = ((torch.outer(variances, variances) + expected.square()) / len(z)).sqrt()
    return bool(((z.T.cov() - expected).abs() <= TOO_FAR * errors + 2e-3 * expected.abs().max()).all())


def _mean_is(z: Tensor, expected: Tensor) -> bool:
    return bool(((z.mean(dim=0) - expected).abs() <= TOO_FAR * z.std(dim=0) / math.sqrt(len(z))).all())


FITTED_CODES = Task(
    name="fitted-codes",
    points=3,
    judgement=_judge_fitted,
    remark="A mixture does better where the codes bend, or lie in several clumps: one Gaussian also draws from "
    "what lies between them.",
)
