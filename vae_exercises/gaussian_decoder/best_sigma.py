"""The exercise "the best noise level"."""

import math

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _reconstructions(generator: Generator, n_draws: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Draw reconstructions with an error common to all, one for each image, and one for each draw."""
    n_images = int(torch.randint(15, 25, (), generator=generator))
    x = torch.rand(n_images, height, width, generator=generator)
    scale = 0.1 + 0.4 * torch.rand(n_images, 1, 1, generator=generator)
    noise = torch.randn(n_draws, n_images, height, width, generator=generator)
    scatter = 0.3 * torch.randn(n_draws, n_images, height, width, generator=generator)
    return x, x + 0.2 + scale * noise[0] + scatter


def _best_sigma(x: Tensor, x_hat: Tensor) -> Tensor:
    return (x_hat - x).square().mean().sqrt()


BEST_SIGMA = Function(
    name="best-sigma",
    points=2,
    inputs=_reconstructions,
    answer=_best_sigma,
    mistakes=(
        Mistake(
            lambda x, x_hat: _best_sigma(x, x_hat).square(),
            "This is σ², the variance. The task asks for σ.",
        ),
        Mistake(
            lambda x, x_hat: (x_hat - x).square().sum(dim=(2, 3)).mean(),
            "This is the squared error of an image. The noise is that of a single pixel, and a root is missing.",
        ),
        Mistake(
            lambda x, x_hat: (x_hat - x).square().sum(dim=(2, 3)).mean().sqrt(),
            "The error is summed over pixels. The log-likelihood has D terms with log σ in them, too; what does D do "
            "when the derivative is set to 0?",
        ),
        Mistake(
            lambda x, x_hat: _best_sigma(x, x_hat) / math.sqrt(2),
            "Too small by the root of 2. Set the derivative of both terms in σ² to 0: both have a half.",
        ),
        Mistake(
            lambda x, x_hat: _best_sigma(x, x_hat) * math.sqrt(2),
            "Too large by the root of 2. Set the derivative of both terms in σ² to 0: both have a half.",
        ),
        Mistake(
            lambda x, x_hat: (x_hat.mean(dim=0) - x).square().mean().sqrt(),
            "The reconstructions are averaged first, and then compared with the image. The bound has the average of "
            "the errors of the draws, which is larger, because the spread of q adds to the error.",
        ),
        Mistake(
            lambda x, x_hat: (x_hat[0] - x).square().mean().sqrt(),
            "Only the first draw of each image is used.",
        ),
        Mistake(
            lambda x, x_hat: (x_hat - x).square().mean(dim=(2, 3)).sqrt().mean(),
            "This is an average of roots. There is one σ for all images: average the squares first, and take the root "
            "at the very end.",
        ),
        Mistake(
            lambda x, x_hat: (x_hat - x).square().mean(dim=(0, 2, 3)).sqrt().mean(),
            "Each image gets its own σ here, and these are averaged. There is one for all: average the "
            "squares, and take the root at the very end.",
        ),
        Mistake(
            lambda x, x_hat: (x_hat - x).std(),
            "The average error is subtracted before squaring, as `std` and `var` do. If all reconstructions are too "
            "bright, that is an error like any other.",
        ),
        Mistake(
            lambda x, x_hat: (x_hat - x).abs().mean(),
            "This is the mean absolute error. A Gaussian's log-density has squares.",
        ),
        Mistake(
            lambda x, x_hat: x.std(),
            "This is how much pixels vary, whatever the decoder does. What is left over after decoding?",
        ),
        Mistake(
            lambda x, x_hat: torch.log(_best_sigma(x, x_hat)),
            "This is log σ. It is a good thing to learn, but the task asks for σ.",
        ),
    ),
    hint="Write the terms of minus the ELBO that have σ² in them, for one pixel: e/(2σ²) + ½ log σ². Where is its "
    "derivative 0? Then average e over all pixels of all draws of all images.",
)
