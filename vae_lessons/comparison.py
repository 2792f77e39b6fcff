"""Models side by side: the measurements of lesson 2, made alike for an autoencoder and for any VAE."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from vae_lessons import measures
from vae_lessons.data import ImageData
from vae_lessons.measures import mean_estimate
from vae_lessons.models import VAE, Autoencoder, Classifier

CELLS = 20  # cells of the decoded grid, each way
MIDDLE = (0.01, 0.99)  # quantiles of the training codes, each way, between which the grid lies
N_PICTURES = 500  # reconstructions and samples that are compared with the training images
N_CODES = 1500  # of one class, for its clumps
N_WALKS = 100

ShareOfHoles = Callable[[Tensor], float]


def usable_sigma(images: Tensor, latent_dim: int = 2) -> float:
    """The first of σ_x = 1, 1/2, 1/4, ... at which `latent_dim` dimensions are safely worth their cost (lesson 7).

    That is: σ_x² < λ / 2, with λ the `latent_dim`-th largest eigenvalue of the covariance of images (M, H, W).
    ValueError for images that do not vary in so many directions.
    """
    eigenvalues = torch.linalg.eigvalsh(torch.cov(images.flatten(1).double().T, correction=0))
    if latent_dim not in range(1, len(eigenvalues) + 1) or eigenvalues[-latent_dim] <= 1e-12 * eigenvalues[-1]:
        raise ValueError(f"latent_dim must be at most the number of directions that images vary in, got {latent_dim}")
    sigma = 1.0
    while sigma**2 >= eigenvalues[-latent_dim] / 2:
        sigma /= 2
    return sigma


@torch.no_grad()
def decoded_grid(model: Autoencoder | VAE, data: ImageData, n: int = CELLS) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures (n, n, H, W) of the plane where the codes are, and the codes (2,) of two opposite corners.

    The grid lies over the middle 98 % of the training codes, each way; its rows go up in z₂.
    ValueError for K other than 2.
    """
    if model.latent_dim != 2:
        raise ValueError(f"latent_dim must be 2 for a grid over the plane, got {model.latent_dim}")
    low, high = model.code(data.train).quantile(torch.tensor(MIDDLE), dim=0)
    z1, z2 = (torch.linspace(low[j].item(), high[j].item(), n) for j in range(2))
    z = torch.cartesian_prod(z2, z1).flip(1)  # (n * n, 2), z1 runs first
    return model.decode(z).unflatten(0, (n, n)), low, high


@torch.no_grad()
def measure(model: Autoencoder | VAE, data: ImageData, judge: Classifier, seed: int = 0) -> dict[str, float]:
    """What the course asks of a two-dimensional latent space, as numbers by name.

    Codes are those that `model.code` gives: of a VAE, the means. `judge` is a classifier trained on the same data;
    `seed` draws samples and pairs. ValueError for K other than 2.
    """
    generator = torch.Generator().manual_seed(seed)
    train_codes, test_codes = model.code(data.train), model.code(data.test)
    limit = measures.hole_limit(model(data.test[:N_PICTURES]), data.train)

    def share_of_holes(pictures: Tensor) -> float:
        return _share(measures.nearest_distance(pictures, data.train) > limit)

    return (
        _of_reconstructions(model.decode(test_codes), data.test)
        | _of_codes(train_codes, test_codes, data)
        | _of_grid(model, train_codes, data, share_of_holes)
        | _of_draws(model, judge, generator, share_of_holes)
        | _of_walks(model, data, judge, generator, share_of_holes)
    )


def compare(measured: dict[str, Sequence[dict[str, float]]]) -> str:
    """A Markdown table with a line for each measurement and a column for each model: mean and standard error.

    measured : for each model's name, what `measure` gave, one for each seed
    """
    names = list(measured)
    lines = [f"| | {' | '.join(names)} |", "|---" + "|--:" * len(names) + "|"]
    for quantity in next(iter(measured.values()))[0]:
        estimates = [mean_estimate([seed[quantity] for seed in measured[name]]) for name in names]
        lines.append(f"| {quantity} | {' | '.join(map(str, estimates))} |")
    return "\n".join(lines)


def contrast(measured: dict[str, Sequence[dict[str, float]]], errors: float = 3.0) -> str:
    """A Markdown list of what sets the last model apart from the first: higher, lower, or not told apart.

    measured : as for `compare`. Two means are told apart if they differ by more than `errors` standard errors of
        their difference.

    ValueError for fewer than two models, or seeds.
    """
    if len(measured) < 2:
        raise ValueError(f"measured must hold at least two models, got {list(measured)}")
    first, *_, last = measured
    verdicts: dict[str, list[str]] = {"higher": [], "lower": [], "not told apart": []}
    for quantity in measured[first][0]:
        a, b = (mean_estimate([seed[quantity] for seed in measured[name]]) for name in (first, last))
        difference, error = b.value - a.value, math.hypot(a.error, b.error)
        told_apart = abs(difference) > errors * error
        verdicts["not told apart" if not told_apart else "higher" if difference > 0 else "lower"].append(quantity)
    lines = [f"- {verdict}: {'; '.join(quantities) or 'none'}" for verdict, quantities in verdicts.items()]
    return "\n".join([f"{last} against {first}:\n", *lines])


def _of_reconstructions(x_hat: Tensor, x: Tensor) -> dict[str, float]:
    return {
        "squared error per pixel": float((x - x_hat).square().mean()),
        "ink where the image has none": float(x_hat[x == 0].mean()),
        "greyness 4 x̂ (1 − x̂)": float((4 * x_hat * (1 - x_hat)).mean()),
    }


def _of_codes(train_codes: Tensor, test_codes: Tensor, data: ImageData) -> dict[str, float]:
    labels = data.train_labels
    clumps = [measures.count_clumps(train_codes[labels == c][:N_CODES]) for c in labels.unique()]
    accuracy = measures.knn_accuracy(train_codes, labels, test_codes, data.test_labels)
    return {
        "10-nearest-neighbour accuracy": accuracy.value,
        "rank correlation of class distances": measures.class_distance_correlation(
            test_codes, data.test, data.test_labels
        ),
        "digits that need several Gaussians": sum(c.n_components > 1 for c in clumps),
        "digits in several clumps": sum(c.n_clumps > 1 for c in clumps),
    }


def _of_grid(
    model: Autoencoder | VAE, train_codes: Tensor, data: ImageData, share_of_holes: ShareOfHoles
) -> dict[str, float]:
    grid, low, high = decoded_grid(model, data)
    column, row = ((train_codes - low) / (high - low) * (CELLS - 1)).round().long().T
    inside = (column >= 0) & (column < CELLS) & (row >= 0) & (row < CELLS)
    codes_in_cell = (CELLS * row + column)[inside].bincount(minlength=CELLS**2)
    return {
        "empty cells of the grid": _share(codes_in_cell == 0),
        "holes in the grid": share_of_holes(grid.flatten(0, 1)),
    }


def _of_draws(
    model: Autoencoder | VAE, judge: Classifier, generator: torch.Generator, share_of_holes: ShareOfHoles
) -> dict[str, float]:
    decoded = model.decode(torch.randn(N_PICTURES, 2, generator=generator))
    return {
        "holes among decoded N(0, I)": share_of_holes(decoded),
        "kinds of digits among decoded N(0, I)": _kinds(judge.probabilities(decoded).argmax(dim=1)),
    }


def _of_walks(
    model: Autoencoder | VAE,
    data: ImageData,
    judge: Classifier,
    generator: torch.Generator,
    share_of_holes: ShareOfHoles,
) -> dict[str, float]:
    """Half way from ones to twos."""
    ends = [data.test[data.test_labels == digit] for digit in (1, 2)]
    pairs = min(N_WALKS, *map(len, ends))
    a, b = (model.code(x[torch.randperm(len(x), generator=generator)[:pairs]]) for x in ends)
    half_way = model.decode((a + b) / 2)
    answers = judge.probabilities(half_way)
    named = answers.argmax(dim=1)
    return {
        "half way from 1 to 2, a third digit": _share((named != 1) & (named != 2)),
        "half way from 1 to 2, holes": share_of_holes(half_way),
        "half way from 1 to 2, the judge's doubt in nats": float(measures.entropy(answers).mean()),
    }


def _kinds(named: Tensor) -> float:
    """The effective number of classes, exp of the entropy of their shares: from 1 for one to C for C as frequent."""
    return math.exp(float(measures.entropy(named.bincount()[None] / len(named))))


def _share(hits: Tensor) -> float:
    return float(hits.float().mean())
