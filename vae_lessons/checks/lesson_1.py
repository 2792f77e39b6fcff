"""Exercises of lesson 1: the autoencoder and its loss."""

import math
from functools import cache
from typing import Any

import torch
from torch import Generator, Tensor, nn

from vae_lessons.checks.calls import call
from vae_lessons.checks.exercises import (
    Choice,
    Exercise,
    Function,
    Number,
    Slip,
    Task,
    as_function,
    as_results,
    fresh_generator,
)
from vae_lessons.data import load_images
from vae_lessons.models import Autoencoder

TOO_FAR = 5.0  # standard errors
MASKED_IMAGES = 300
MASKED_SHAPE = (6, 5)
LEFT_OVER = 0.1


# The loss of a data set that comes in batches


def _unequal_batches(generator: Generator) -> tuple[Tensor, Tensor, int]:
    """Eleven images in batches of four; the last ones have the largest errors, and their batch is short."""
    x = torch.rand(11, 3, 4, generator=generator)
    noise = torch.randn(11, 3, 4, generator=generator)
    return x, x + torch.linspace(0.1, 0.6, 11).view(11, 1, 1) * noise, 4


def _errors(x: Tensor, x_hat: Tensor) -> Tensor:
    return (x - x_hat).flatten(1).square().sum(dim=1)


def _batch_means(x: Tensor, x_hat: Tensor, batch_size: int) -> Tensor:
    return torch.stack([errors.mean() for errors in _errors(x, x_hat).split(batch_size)])


DATA_LOSS = Function(
    name="data-loss",
    points=2,
    inputs=_unequal_batches,
    answer=lambda x, x_hat, _: _errors(x, x_hat).mean(),
    slips=(
        Slip(
            lambda x, x_hat, size: _batch_means(x, x_hat, size).mean(),
            "This is the mean of the batches' means. The last batch is smaller than the others, so each of its images "
            "counts for more. What must you add up in each batch, and what do you divide by at the end?",
        ),
        Slip(
            lambda x, x_hat, _: _errors(x, x_hat).sum(),
            "This is the sum over all images, where the loss is their mean. It would double with the data set.",
        ),
        Slip(
            lambda x, x_hat, size: _batch_means(x, x_hat, size).sum(),
            "The means of the batches are added up, and the number of batches with them. It is the images that all "
            "count alike.",
        ),
        Slip(
            lambda x, x_hat, size: _errors(x, x_hat).sum() / math.ceil(len(x) / size),
            "The sum over all images is divided by the number of batches. This is the error of an average batch, "
            "not that of an average image.",
        ),
        Slip(
            lambda x, x_hat, size: _errors(x, x_hat).sum() / (math.ceil(len(x) / size) * size),
            "You divide by more images than there are: the last batch is counted as a full one.",
        ),
        Slip(
            lambda x, x_hat, size: _errors(x, x_hat).sum() / size,
            "The sum over all images is divided by the size of one batch.",
        ),
        Slip(
            lambda x, x_hat, size: _errors(x, x_hat)[: len(x) // size * size].mean(),
            "The last images are missing: a batch that is not full is dropped. In training that may pass; in a "
            "measurement it leaves images out.",
        ),
        Slip(
            lambda x, x_hat, size: _batch_means(x, x_hat, size)[-1],
            "This is the loss of the last batch alone. Is the total written over where it should be added to?",
        ),
        Slip(
            lambda x, x_hat, size: _errors(x, x_hat).split(size)[-1].sum(),
            "This is the sum over the last batch alone. Is the total written over where it should be added to?",
        ),
        Slip(
            lambda x, x_hat, size: _errors(x, x_hat)[:size].mean(),
            "This is the loss of the first batch alone. Does your loop return too early?",
        ),
        Slip(
            lambda x, x_hat, _: (x - x_hat).square().mean(),
            "This is a mean over pixels as well, smaller by a factor of D. The book sums over pixels; some functions "
            "of PyTorch take the mean unless told otherwise.",
        ),
        Slip(
            lambda x, x_hat, size: _batch_means(x, x_hat, size).mean() / x[0].numel(),
            "Two things: this is a mean over pixels, where the book has a sum; and it is a mean of the batches' "
            "means, though the last batch is smaller.",
        ),
        Slip(
            lambda x, x_hat, _: _errors(x, x_hat).sqrt().mean(),
            "The distances are averaged, not their squares: there is a root too many.",
        ),
        Slip(
            lambda x, x_hat, _: (x - x_hat).abs().flatten(1).sum(dim=1).mean(),
            "This is the absolute error. In the loss each difference is squared.",
        ),
    ),
    hint="Try two images with the errors 1 and 3: the loss is 2. Then try three images with the errors 0, 0 and 3 in "
    "batches of two: it is 1, whichever way they are cut.",
)


# What PCA leaves over


def _clouds(generator: Generator) -> tuple[Tensor, int]:
    """Thirty points, off centre, with a different width along each of nine directions, none of them an axis."""
    rotation, _ = torch.linalg.qr(torch.randn(9, 9, generator=generator))
    widths, mean = torch.linspace(1, 2.5, 9), 2 + torch.rand(9, generator=generator)
    x = widths * torch.randn(30, 9, generator=generator) @ rotation + mean
    return x, int(torch.randint(2, 4, (), generator=generator))


def _eigenvalues(x: Tensor) -> Tensor:
    """Of the covariance matrix, falling, (D,)."""
    return torch.linalg.eigvalsh(torch.cov(x.T.double(), correction=0)).flip(0)


def _pca_loss(x: Tensor, n_dims: int) -> Tensor:
    return _eigenvalues(x)[n_dims:].sum()


PCA_LOSS = Function(
    name="pca-loss",
    points=3,
    inputs=_clouds,
    answer=_pca_loss,
    slips=(
        Slip(
            lambda x, n_dims: _eigenvalues(x)[:n_dims].sum(),
            "This is the variance that PCA keeps. The error is what it loses.",
        ),
        Slip(
            lambda x, n_dims: _eigenvalues(x).flip(0)[n_dims:].sum(),
            "The smallest directions are kept and the largest lost. In which order does your list come?",
        ),
        Slip(
            lambda x, n_dims: _eigenvalues(x).flip(0)[:n_dims].sum(),
            "These are the smallest values, but as many as are kept. How many are lost, of D in all?",
        ),
        Slip(
            lambda x, n_dims: _eigenvalues(x)[n_dims + 1 :].sum(),
            "One direction too many is kept. Does your list begin at 0 or at 1?",
        ),
        Slip(
            lambda x, n_dims: _eigenvalues(x)[n_dims - 1 :].sum(),
            "One direction too few is kept. Does your list begin at 0 or at 1?",
        ),
        Slip(
            lambda x, n_dims: _pca_loss(x, n_dims) * len(x) / (len(x) - 1),
            "This divides by M - 1, as the usual estimate of a variance does (`torch.cov`, and scikit-learn's "
            "`explained_variance_`). The loss is a mean over the M images that are there.",
        ),
        Slip(
            lambda x, n_dims: _pca_loss(x, n_dims) * len(x),
            "This is the error of all images together. The loss is their mean.",
        ),
        Slip(
            lambda x, n_dims: (len(x) * _eigenvalues(x)).clamp(min=0).sqrt()[n_dims:].sum() / len(x),
            "The singular values are added up as they are. How are they related to the eigenvalues: try a matrix "
            "with one column.",
        ),
        Slip(
            lambda x, n_dims: (len(x) * _eigenvalues(x)).clamp(min=0).sqrt()[n_dims:].sum(),
            "The singular values are added up as they are, and nothing is divided by the number of images. How are "
            "they related to the eigenvalues: try a matrix with one column.",
        ),
        Slip(
            lambda x, n_dims: torch.linalg.svdvals(x.double())[n_dims:].square().sum() / len(x),
            "The data are not centred. PCA's directions are those about the mean image, which the decoder adds for "
            "nothing.",
        ),
        Slip(
            lambda x, n_dims: torch.linalg.svdvals(x.double())[n_dims:].square().sum(),
            "Two things: the data are not centred, and the result is that of all images together, not of one.",
        ),
        Slip(
            lambda x, n_dims: _pca_loss(x, n_dims) / x.shape[1],
            "This is the error per pixel. Asked for is the sum over pixels.",
        ),
        Slip(
            lambda x, n_dims: _pca_loss(x, n_dims).sqrt(),
            "There is a root too many: the error is squared, and so is what an eigenvalue measures.",
        ),
        Slip(
            lambda x, n_dims: _pca_loss(x, n_dims) / _eigenvalues(x).sum(),
            "This is the share of the variance that is lost. Asked for is how much that is.",
        ),
        Slip(
            lambda x, n_dims: 1 - _pca_loss(x, n_dims) / _eigenvalues(x).sum(),
            "This is the share of the variance that is kept. Asked for is how much is lost, and not as a share.",
        ),
    ),
    hint="Two cases can be had by hand. With K = D nothing is lost; with K = 0 the copy is the mean image, and the "
    "error is the sum of the pixels' variances.",
)

LINEAR_BEATS_PCA = Choice(
    name="linear-beats-pca",
    points=1,
    right="b",
    wrong={
        "a": "Read again what the minimum is taken over, and which images the mean is over. Does the equation say "
        "anything about images that neither of the two has seen?",
        "c": "On the images that it was fitted to, PCA has the smallest error that any map of rank K can have. "
        "No training undercuts a minimum.",
        "d": "Gradient descent has no advantage over eigenvectors here: on the training images theirs is the minimum. "
        "If it came out lower there, look for the bug.",
    },
)


# A subtraction that broadcasts


def _with_channel(generator: Generator) -> tuple[Tensor, Tensor]:
    return torch.rand(5, 1, 3, 4, generator=generator), torch.rand(5, 3, 4, generator=generator)


def _crossed(x: Tensor, x_hat: Tensor) -> Tensor:
    """The error of each image against each copy, (B, B)."""
    return (x - x_hat).square().sum(dim=(2, 3))


CROSSED = Function(
    name="crossed-copies",
    points=2,
    inputs=_with_channel,
    answer=lambda x, x_hat: (x.flatten(1) - x_hat.flatten(1)).square().sum(dim=1),
    slips=(
        Slip(
            lambda x, x_hat: _crossed(x, x_hat).mean(dim=1),
            "Each image is still compared with the copies of all images in the batch. Print the shape of "
            "the difference: what have (B, 1, H, W) and (B, H, W) been stretched to?",
        ),
        Slip(
            lambda x, x_hat: _crossed(x, x_hat).mean(dim=0),
            "Now each copy is compared with all images. Print the shape of the difference: it has one axis too many, "
            "before any mean is taken.",
        ),
        Slip(
            lambda x, x_hat: _crossed(x, x_hat).sum(dim=1),
            "The mean has become a sum, but each image is still compared with the copies of all. Print the shape of "
            "the difference.",
        ),
        Slip(
            lambda x, x_hat: _crossed(x, x_hat)[:, 0],
            "Every image is compared with the copy of the first one. Print the shape of the difference.",
        ),
        Slip(
            lambda x, x_hat: (x.flatten(1) - x_hat.flatten(1)).square().mean(dim=1),
            "The images meet their own copies now. But this is a mean over pixels, where the book has a sum.",
        ),
        Slip(
            lambda x, x_hat: (x.flatten(1) - x_hat.flatten(1)).square().sum(dim=1).mean(),
            "The images meet their own copies now. But keep one value for each, and leave the mean to whoever trains.",
        ),
        Slip(
            lambda x, x_hat: (x.flatten(1) - x_hat.flatten(1)).square().sum(),
            "The images meet their own copies now. But this is one number for the batch: keep one value for each.",
        ),
        Slip(
            lambda x, x_hat: (x.flatten(1) - x_hat.flatten(1)).norm(dim=1),
            "The images meet their own copies now. But there is a root too many: this is the distance itself.",
        ),
    ),
    hint="If the copies are perfect, the loss of every image must be 0. Exchange two copies, and the loss of those two "
    "images must change, and no other.",
)


# How many directions


@cache
def _pca_curves() -> dict[str, Tensor]:
    """PCA's error per image on the digits for each number of directions, (D + 1,), in several ways."""
    data = load_images("digits")
    train, test = (images.flatten(1).double() for images in (data.train, data.test))
    mean = train.mean(dim=0)
    return {
        "test": _curve(train - mean, test - mean),
        "train": _curve(train - mean, train - mean),
        "fitted to test": _curve(test - test.mean(dim=0), test - test.mean(dim=0)),
        "not centred": _curve(train, test),
    }


def _curve(fitted: Tensor, measured: Tensor) -> Tensor:
    directions = torch.linalg.svd(fitted, full_matrices=True).Vh
    along = (measured @ directions.T).square().mean(dim=0)
    return torch.cat([along.sum().view(1), along.sum() - along.cumsum(dim=0)])


def _enough(curve: Tensor, share: float = LEFT_OVER) -> int:
    return int((curve <= share * curve[0] + 1e-9).nonzero()[0, 0])


ENOUGH = Number(
    name="enough-directions",
    points=2,
    value=lambda: _enough(_pca_curves()["test"]),
    slips=(
        Slip(
            lambda: _enough(_pca_curves()["test"]) - 1,
            "One too few, which has two usual causes. Either the error was measured on the training images, which "
            "PCA was fitted to; or a list was counted from 0.",
        ),
        Slip(
            lambda: _enough(_pca_curves()["test"]) + 1,
            "One too many. Does your list begin with K = 0 or with K = 1?",
        ),
        Slip(
            lambda: _enough(_pca_curves()["fitted to test"]),
            "PCA was fitted to the test images. Then they are no test: fit to the training images, and measure on "
            "the others.",
        ),
        Slip(
            lambda: _enough(_pca_curves()["not centred"]),
            "The images are not centred: then the first direction is spent on the mean image, and the share is one of "
            "something else. Subtract the mean training image from both splits.",
        ),
        Slip(
            lambda: _enough(_pca_curves()["test"], 1 - LEFT_OVER),
            "There the error has lost a tenth. Asked for is where no more than a tenth is left.",
        ),
        Slip(
            lambda: _enough(_pca_curves()["test"], LEFT_OVER**2),
            "That is where the root of the error is down to a tenth. Compare the squared errors.",
        ),
        Slip(
            lambda: _enough(_pca_curves()["test"], 0.5),
            "That is where half of the error is left.",
        ),
    ),
    hint="The error to start from is that of the mean training image, K = 0, on the test images. Print it beside the "
    "error for each K, fitted to the training images and measured on the test images, and look for the first K where "
    "no more than a tenth is left.",
    rtol=0.0,
    atol=0.01,
)


# A denoising autoencoder


class _Watched:
    """A small autoencoder, and what has gone into its encoder and come out of its decoder."""

    def __init__(self, generator: Generator) -> None:
        self.model = Autoencoder(MASKED_SHAPE, 2, (8,), generator)
        self.seen: list[Tensor] = []
        self.copies: list[Tensor] = []
        self.model.encoder.register_forward_hook(self._see)
        self.model.decoder.register_forward_hook(self._copy)

    def _see(self, _module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        self.seen.append(inputs[0].detach().clone().double())

    def _copy(self, _module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self.copies.append(torch.sigmoid(output.detach().double()))


def _judge_denoising(answer: Any) -> str | None:
    """By what the model is shown, and what its copies are compared with."""
    function, generator = as_function(answer), fresh_generator()
    x = 0.3 + 0.7 * torch.rand(MASKED_IMAGES, *MASKED_SHAPE, generator=generator)
    share = 0.2 + 0.1 * float(torch.rand((), generator=generator))
    clean, models = x.flatten(1).double(), [_Watched(generator), _Watched(generator)]
    # Both in one call, since each call starts PyTorch's generator where the one before did.
    values = call(lambda: [function(watched.model, x.clone(), share) for watched in models])
    for value, watched in zip(values, models, strict=True):
        (found,) = as_results(value)
        if not watched.seen or not watched.copies:
            return "The model is never asked for a copy. Which images should it encode and decode?"
        seen, copies = torch.cat(watched.seen), torch.cat(watched.copies)
        if seen.shape != clean.shape or copies.shape != clean.shape:
            return f"The model is shown {len(seen)} images for the {len(x)} that there are. Show it each of them once."
    damage = _about_noise(clean, seen, share)
    if damage is None and torch.equal(*(torch.cat(watched.seen) for watched in models)):
        damage = (
            "The same pixels are blanked in every call. Noise that never changes can be learned by heart: draw it "
            "afresh."
        )
    return damage or _about_comparison(clean, seen, copies, found) or _about_gradient(value)


def _about_noise(clean: Tensor, seen: Tensor, share: float) -> str | None:
    """What is wrong with how the images were damaged; all (B, D)."""
    changed = ~torch.isclose(clean, seen, rtol=1e-4, atol=1e-6)
    if not changed.any():
        return "The model is shown the clean images: nothing is blanked before they are encoded."
    blank = seen.abs() < 1e-9
    if not torch.equal(blank, changed):
        if torch.allclose(seen[~blank], clean[~blank] / (1 - share), rtol=1e-4):
            return (
                "The pixels that are left have been scaled up, as dropout does inside a network. Here a pixel is "
                "either blank or as it was."
            )
        return "Pixels are changed, but not all to 0. A pixel is either blank or as it was."
    grid = blank.unflatten(1, MASKED_SHAPE)
    if (blank == blank[:1]).all():
        return "The same pixels are blanked in every image. Each image needs a draw of its own."
    if (blank == blank[:, :1]).all():
        return "Whole images are blanked, and others left alone. Each pixel needs a draw of its own."
    if (grid == grid[:, :, :1]).all() or (grid == grid[:, :1]).all():
        return "Whole rows or columns are blanked together. Each pixel needs a draw of its own."
    found, error = float(blank.double().mean()), math.sqrt(share * (1 - share) / blank.numel())
    if abs(found - share) <= TOO_FAR * error:
        return None
    if abs(found - (1 - share)) <= TOO_FAR * error:
        return "The mask is upside down: p is the probability with which a pixel is blanked, and yours keeps it so."
    return f"With p = {share:.2f}, a share of {found:.2f} of all pixels is blanked. What does your mask compare?"


def _about_comparison(clean: Tensor, seen: Tensor, copies: Tensor, found: Tensor) -> str | None:
    """What is wrong with the loss; all (B, D), and found (B,)."""
    off, blank = (clean - copies).square(), seen.abs() < 1e-9
    if _same(found, off.sum(dim=1)):
        return None
    usual = [
        (
            (seen - copies).square().sum(dim=1),
            "The copy is compared with the damaged image. Then the network is paid for drawing the damage. (Or was "
            "`x` itself written into?)",
        ),
        ((clean - seen).square().sum(dim=1), "This compares the damaged images with the clean ones; no copy is in it."),
        (
            (off * blank).sum(dim=1),
            "Only the blanked pixels count. The whole copy is to be compared with the whole image.",
        ),
        (
            (off * ~blank).sum(dim=1),
            "Only the pixels that were left count, so nothing asks for the blanked ones to be filled in.",
        ),
        (off.mean(dim=1), "This is a mean over pixels, where the book has a sum."),
        (off.sum(), "This is one number for the batch. Each image has a loss of its own."),
        (off.sum(dim=1).mean(), "This is averaged over the batch. Keep one value for each image."),
        (off.mean(), "This is one number, a mean over pixels and images. Sum over pixels, one value for each image."),
        (off.sum(dim=1).sqrt(), "There is a root too many: this is the distance itself, not its square."),
        (-off.sum(dim=1), "The sign is flipped: training would make the copies worse."),
    ]
    for expected, says in usual:
        if _same(found, expected):
            return says
    if found.shape != (len(clean),):
        return f"Your result has shape {tuple(found.shape)} for {len(clean)} images; it must have one value for each."
    return (
        "The images are damaged as they should be, but the loss is not the squared error of the copy. What is "
        "compared with what, and what is summed?"
    )


def _about_gradient(value: Any) -> str | None:
    if not isinstance(value, Tensor) or not value.requires_grad:
        return (
            "The values are right, but nothing can be learned from them: no gradient leads back to the model. Is "
            "there a `detach`, a `no_grad`, or a way through NumPy?"
        )
    return None


def _same(mine: Tensor, theirs: Tensor) -> bool:
    return mine.shape == theirs.shape and torch.allclose(mine, theirs, rtol=1e-3, atol=1e-5)


DENOISING = Task(name="denoising", points=3, judgement=_judge_denoising)

EXERCISES: tuple[Exercise, ...] = (DATA_LOSS, PCA_LOSS, LINEAR_BEATS_PCA, CROSSED, ENOUGH, DENOISING)
