"""The exercise "how many directions are enough?"."""

from functools import cache

import torch
from torch import Tensor

from vae_exercises.engine.kinds import Mistake, Number
from vae_lessons.data import load_images

LEFT_OVER = 0.1


@cache
def _pca_curves() -> dict[str, Tensor]:
    """Return PCA's error per image on the digits for each number of directions, (D + 1,), measured in several ways."""
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
    mistakes=(
        Mistake(
            lambda: _enough(_pca_curves()["test"]) - 1,
            "One too few, which has two usual causes. Either the error was measured on the training images, to which "
            "PCA was fitted; or a list was counted from 0.",
        ),
        Mistake(
            lambda: _enough(_pca_curves()["test"]) + 1,
            "One too many. Does your list begin with K = 0 or with K = 1?",
        ),
        Mistake(
            lambda: _enough(_pca_curves()["fitted to test"]),
            "PCA was fitted to the test images. Then they test nothing. Fit it to the training images, and measure "
            "on the test images.",
        ),
        Mistake(
            lambda: _enough(_pca_curves()["not centred"]),
            "The images are not centred: then the first direction is spent on the mean image, and the share refers to "
            "something else. Subtract the mean training image from both splits.",
        ),
        Mistake(
            lambda: _enough(_pca_curves()["test"], 1 - LEFT_OVER),
            "There the error has lost a tenth. The task asks where no more than a tenth is left.",
        ),
        Mistake(
            lambda: _enough(_pca_curves()["test"], LEFT_OVER**2),
            "That is where the root of the error is down to a tenth. Compare the squared errors.",
        ),
        Mistake(
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
