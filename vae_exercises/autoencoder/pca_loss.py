"""The exercise "what PCA leaves over"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import Stage


def _cloud(generator: Generator, n_kept: int, n_lost: int) -> tuple[Tensor, int]:
    """Draw points, off centre, with a different width along each direction, none of which is an axis."""
    d = n_kept + n_lost + 2
    rotation, _ = torch.linalg.qr(torch.randn(d, d, generator=generator))
    widths, mean = torch.linspace(1, 2.5, d), 2 + torch.rand(d, generator=generator)
    return widths * torch.randn(25 + n_lost, d, generator=generator) @ rotation + mean, n_kept


def _eigenvalues(x: Tensor) -> Tensor:
    """Return the eigenvalues of the covariance matrix, largest first, (D,)."""
    return torch.linalg.eigvalsh(torch.cov(x.T.double(), correction=0)).flip(0)


def _pca_loss(x: Tensor, n_dims: int) -> Tensor:
    return _eigenvalues(x)[n_dims:].sum()


PCA_LOSS = Function(
    name="pca-loss",
    points=3,
    inputs=_cloud,
    answer=_pca_loss,
    mistakes=(
        Mistake(
            lambda x, n_dims: _eigenvalues(x)[:n_dims].sum(),
            "This is the variance that PCA keeps. The error is what it loses.",
        ),
        Mistake(
            lambda x, n_dims: _eigenvalues(x).flip(0)[n_dims:].sum(),
            "The smallest directions are kept and the largest lost. In which order does your list come?",
        ),
        Mistake(
            lambda x, n_dims: _eigenvalues(x).flip(0)[:n_dims].sum(),
            "These are the smallest values, but as many as are kept. How many are lost, of D in all?",
        ),
        Mistake(
            lambda x, n_dims: _eigenvalues(x)[n_dims + 1 :].sum(),
            "One direction too many is kept. Does your list begin at 0 or at 1?",
        ),
        Mistake(
            lambda x, n_dims: _eigenvalues(x)[n_dims - 1 :].sum(),
            "One direction too few is kept. Does your list begin at 0 or at 1?",
        ),
        Mistake(
            lambda x, n_dims: _pca_loss(x, n_dims) * len(x) / (len(x) - 1),
            "This divides by M - 1, as the usual estimate of a variance does (`torch.cov`, and scikit-learn's "
            "`explained_variance_`). The loss is a mean over the M images that are there.",
        ),
        Mistake(
            lambda x, n_dims: _pca_loss(x, n_dims) * len(x),
            "This is the error of all images together. The loss is their mean.",
        ),
        Mistake(
            lambda x, n_dims: (len(x) * _eigenvalues(x)).clamp(min=0).sqrt()[n_dims:].sum() / len(x),
            "The singular values are added up as they are. How are they related to the eigenvalues: try a matrix "
            "with one column.",
        ),
        Mistake(
            lambda x, n_dims: (len(x) * _eigenvalues(x)).clamp(min=0).sqrt()[n_dims:].sum(),
            "The singular values are added up as they are, and nothing is divided by the number of images. How are "
            "they related to the eigenvalues: try a matrix with one column.",
        ),
        Mistake(
            lambda x, n_dims: torch.linalg.svdvals(x.double())[n_dims:].square().sum() / len(x),
            "The data are not centred. PCA's directions are those about the mean image, which the decoder adds "
            "without using a direction.",
        ),
        Mistake(
            lambda x, n_dims: torch.linalg.svdvals(x.double())[n_dims:].square().sum(),
            "Two things: the data are not centred, and the result is that of all images together, not of one.",
        ),
        Mistake(
            lambda x, n_dims: _pca_loss(x, n_dims) / x.shape[1],
            "This is the error per pixel. The task asks for the sum over pixels.",
        ),
        Mistake(
            lambda x, n_dims: _pca_loss(x, n_dims).sqrt(),
            "There is a root too many: the error is squared, and so is what an eigenvalue measures.",
        ),
        Mistake(
            lambda x, n_dims: _pca_loss(x, n_dims) / _eigenvalues(x).sum(),
            "This is the share of the variance that is lost. The task asks how much that is.",
        ),
        Mistake(
            lambda x, n_dims: 1 - _pca_loss(x, n_dims) / _eigenvalues(x).sum(),
            "This is the share of the variance that is kept. The task asks how much is lost, and not as a share.",
        ),
    ),
    hint="Two cases can be done by hand. With K = D nothing is lost; with K = 0 the copy is the mean image, and the "
    "error is the sum of the pixels' variances.",
    stages=(
        Stage(
            lambda generator, n_lost: _cloud(generator, 0, n_lost),
            "Right for two directions and more, but not for 0. Print what your list holds in that case: `[:-n]` "
            "is not all of it when n is 0.",
        ),
    ),
    remark="λ_j = s_j² / M. For 0 directions it is the whole variance, which is the error of the mean image.",
)
