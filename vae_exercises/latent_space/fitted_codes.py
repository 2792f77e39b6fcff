"""The exercise "sample where the codes are"."""

from typing import Any

import torch
from torch import Generator, Tensor

from vae_exercises.engine.answers import as_function, call_twice, fresh_generator, one_result
from vae_exercises.engine.inputs import draw_trials
from vae_exercises.engine.kinds import Task
from vae_exercises.engine.monte_carlo import SEEDED, mean_is
from vae_exercises.engine.verdict import WrongAnswerError

N_ERRORS = 8.0  # standard errors, since many numbers are looked at, and draws may come in antithetic pairs


def _codes(generator: Generator, size: int, some: int) -> tuple[Tensor, int]:
    """Draw codes (M, K) in two clusters, correlated, off centre and with unequal widths; and how many new ones to ask.

    K is at least 3: a matrix of two eigenvectors may be symmetric, and then neither of its sides is the wrong one.
    """
    latent_dim, n_codes = 3 + size % 3, 1900 + 20 * some
    widths = 2 * 0.65 ** torch.arange(latent_dim)
    signs = torch.randint(0, 2, (latent_dim, latent_dim), generator=generator) * 2 - 1
    weights = signs * (0.5 + 0.5 * torch.rand(latent_dim, latent_dim, generator=generator))
    mixing = widths.diag() + weights.tril(diagonal=-1)
    shift = 4 * torch.rand(latent_dim, generator=generator) + 1
    along = torch.randn(n_codes, latent_dim, generator=generator)
    along[:, 0] = 0.4 * along[:, 0] + torch.where(torch.rand(n_codes, generator=generator) < 0.5, -0.9, 0.9)
    return along @ mixing.T + shift, 16_000 + 200 * some


def _examine_fitted(answer: Any) -> None:
    """Look at many samples."""
    function, generator = as_function(answer), fresh_generator()
    ((codes, n),) = draw_trials([_codes], generator)
    z, again = map(one_result, call_twice(function, codes, n))
    wanted = (n, codes.shape[1])
    if z.shape != wanted:
        raise WrongAnswerError(
            f"Your result has shape {tuple(z.shape)}; {n} codes of {wanted[1]} numbers have {wanted}."
        )
    if not z.isfinite().all():
        raise WrongAnswerError(
            "There is a NaN or an infinity in your samples. Did you take the root of a negative number?"
        )
    if torch.isin(z, codes.double()).double().mean() > 0.5:  # a few numbers coincide by chance
        raise WrongAnswerError(
            "These are training codes again. New digits need new codes: draw from a density that you fit to them."
        )
    centre, cov = codes.double().mean(dim=0), codes.T.double().cov()
    _examine_spread(z, cov)
    _examine_centre(z, centre)
    _examine_shape(z, codes.double())
    if torch.equal(z, again):
        raise WrongAnswerError(SEEDED)


def _examine_spread(z: Tensor, cov: Tensor) -> None:
    if float(torch.linalg.eigvalsh(z.T.cov())[0]) < 1e-6:
        raise WrongAnswerError(
            "All samples lie on a line or in a plane. Does each dimension of each sample have its own draw, or is "
            "one shared?"
        )
    if _covariance_is(z, cov):
        return
    if _covariance_is(z, torch.eye(len(cov)).double()):
        if mean_is(z, 0.0, N_ERRORS):
            raise WrongAnswerError(
                "These are draws from N(0, I). But that is not where the codes are: look at their mean and spread."
            )
        raise WrongAnswerError(
            "The spread is 1 in each direction. That of the codes is not: their widths differ, and they are correlated."
        )
    deviations, factor = cov.diagonal().sqrt(), torch.linalg.cholesky(cov)
    values, vectors = torch.linalg.eigh(cov)
    turned = vectors.T @ values.diag() @ vectors  # up to signs, since each eigenvector may have either
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
            turned.abs() * z.T.cov().sign(),
            "The eigenvectors are on the wrong side, or must be transposed. Which covariance has ε times your matrix?",
        ),
        (
            values.diag(),
            "The widths are those along the codes' own axes, but the samples have not been turned into those axes.",
        ),
    ]
    for expected, message in usual:
        if _covariance_is(z, expected):
            raise WrongAnswerError(message)
    raise WrongAnswerError(
        "The samples do not spread as the codes do. Print the covariance matrix of both (`torch.cov` wants one "
        "variable a row) and compare."
    )


def _examine_centre(z: Tensor, centre: Tensor) -> None:
    if mean_is(z, centre, N_ERRORS):
        return
    if mean_is(z, 0.0, N_ERRORS):
        raise WrongAnswerError("The spread is right, but the samples lie about 0. Where do the codes lie?")
    raise WrongAnswerError("The spread is right, but the mean is not that of the codes.")


def _examine_shape(z: Tensor, codes: Tensor) -> None:
    moments, expected = _fourth_moments(z), _fourth_moments(codes)
    if (moments - 3).abs().max() > 0.6:
        if (moments - expected).abs().max() < 0.6:
            raise WrongAnswerError(
                "The samples lie in the same clusters as the codes. Are they training codes, moved a little, or draws "
                "from a mixture? The task asks for draws from one Gaussian."
            )
        raise WrongAnswerError(
            "Mean and spread are right, but these are not draws from a Gaussian. What is ε drawn from?"
        )


def _fourth_moments(z: Tensor) -> Tensor:
    """Return the mean fourth power in each dimension once whitened, (K,); it is 3 for a Gaussian."""
    white = (z - z.mean(dim=0)) @ torch.linalg.inv(torch.linalg.cholesky(z.T.cov())).T
    return (white**4).mean(dim=0)


def _covariance_is(z: Tensor, expected: Tensor) -> bool:
    variances = expected.diagonal()
    errors = ((torch.outer(variances, variances) + expected.square()) / len(z)).sqrt()
    return bool(((z.T.cov() - expected).abs() <= N_ERRORS * errors + 2e-3 * expected.abs().max()).all())


FITTED_CODES = Task(
    name="fitted-codes",
    points=3,
    examination=_examine_fitted,
    remark="A mixture does better where the codes bend, or lie in several clusters: one Gaussian also draws from "
    "what lies between them.",
)
