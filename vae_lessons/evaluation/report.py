"""Models side by side: the same measurements of a two-dimensional latent space for an autoencoder and any VAE."""

import copy
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from vae_lessons.data import ImageData
from vae_lessons.evaluation import metrics
from vae_lessons.evaluation.clusters import count_clusters
from vae_lessons.evaluation.metrics import Estimate, mean_estimate
from vae_lessons.models import VAE, Autoencoder, Classifier
from vae_lessons.training.cache import describe_model, has_known_code, load_or_measure
from vae_lessons.validation import check_finite, check_floating, check_int

CELLS = 20  # of the decoded grid, along each axis
MIDDLE = (0.01, 0.99)  # quantiles of the training codes, along each axis, between which the grid lies
N_IMAGES = 300  # reconstructions and samples that are compared with the training images
N_CODES = 1000  # of one class, for counting its clusters
N_WALKS = 100


def usable_sigma(images: Tensor, latent_dim: int = 2) -> float:
    """Find the first of σ_x = 1, 1/2, 1/4, ... at which `latent_dim` dimensions are safely worth their cost in nats.

    A direction is worth its cost if its variance exceeds σ_x² (the threshold of probabilistic PCA). Here σ_x² < λ / 2
    is required, with λ the `latent_dim`-th largest eigenvalue of the covariance of images (M, H, W).

    Raises
    ------
    ValueError
        For images that are integers, not finite, or vary in fewer directions.
    TypeError
        For what is not a tensor.
    """
    check_floating(images=images)
    check_finite("images", images, "image")
    eigenvalues = torch.linalg.eigvalsh(torch.cov(images.flatten(1).cpu().double().T, correction=0))
    latent_dim = check_int("latent_dim", latent_dim)
    if latent_dim > len(eigenvalues) or eigenvalues[-latent_dim] <= 1e-12 * eigenvalues[-1]:
        raise ValueError(f"latent_dim must be at most the number of directions that images vary in, got {latent_dim}")
    sigma = 1.0
    while sigma**2 >= eigenvalues[-latent_dim] / 2:
        sigma /= 2
    return sigma


@torch.no_grad()
def decoded_grid(model: Autoencoder | VAE, data: ImageData, n: int = CELLS) -> tuple[Tensor, Tensor, Tensor]:
    """Decode a grid over the plane of the codes: images (n, n, H, W), and the codes (2,) of two opposite corners.

    The grid covers the middle 98 % of the training codes along each axis; its rows go up in z₂. Raises ValueError for
    K other than 2.
    """
    _check_plane(model)
    model = _on_cpu(model)
    return _grid_over(model.code(data.train), model, n)


def _check_plane(model: Autoencoder | VAE) -> None:
    if model.latent_dim != 2:
        raise ValueError(f"latent_dim must be 2 for a grid over the plane, got {model.latent_dim}")


def _on_cpu(model: nn.Module) -> nn.Module:
    """Copy a model to where the data are, so that numbers do not depend on where it was trained."""
    return copy.deepcopy(model).cpu()


def _grid_over(codes: Tensor, model: Autoencoder | VAE, n: int) -> tuple[Tensor, Tensor, Tensor]:
    low, high = codes.quantile(torch.tensor(MIDDLE), dim=0)
    z1, z2 = (torch.linspace(low[j].item(), high[j].item(), n) for j in range(2))
    z = torch.cartesian_prod(z2, z1).flip(1)  # (n * n, 2), z1 runs first
    return model.decode(z).unflatten(0, (n, n)), low, high


@torch.no_grad()
def measure(model: Autoencoder | VAE, data: ImageData, judge: Classifier, seed: int = 0) -> dict[str, float]:
    """Measure a two-dimensional latent space: numbers by name.

    Parameters
    ----------
    model : Autoencoder or VAE
        With K = 2; its codes are those of `model.code`, for a VAE the means of q.
    data : ImageData
    judge : Classifier
        Trained on the same data; it names decoded images.
    seed : int
        Of the samples and pairs that are drawn.

    Raises
    ------
    ValueError
        For K other than 2.
    """
    _check_plane(model)
    model, judge = _on_cpu(model), _on_cpu(judge)
    generator = torch.Generator().manual_seed(seed)
    train_codes, test_codes = model.code(data.train), model.code(data.test)
    grid, low, high = _grid_over(train_codes, model, CELLS)
    draws = model.decode(torch.randn(N_IMAGES, 2, generator=generator))
    half_way = _half_way_from_1_to_2(model, data, generator)
    answers = judge.probabilities(half_way)
    named = answers.argmax(dim=1)
    holes = _shares_of_holes(model, data, grid=grid.flatten(0, 1), draws=draws, half_way=half_way)
    return (
        _of_reconstructions(model.decode(test_codes), data.test)
        | _of_codes(train_codes, test_codes, data)
        | {
            "empty cells of the grid": _share_of_empty_cells(train_codes, low, high),
            "holes in the grid": holes["grid"],
            "holes among draws from N(0, I)": holes["draws"],
            "effective number of digits drawn from N(0, I)": _kinds(judge.probabilities(draws).argmax(dim=1)),
            "half way from 1 to 2, a third digit": _share((named != 1) & (named != 2)),
            "half way from 1 to 2, holes": holes["half_way"],
            "half way from 1 to 2, the judge's entropy in nats": float(metrics.entropy(answers).mean()),
        }
    )


def measure_or_load(model: Autoencoder | VAE, data: ImageData, judge: Classifier, seed: int = 0) -> dict[str, float]:
    """Do as `measure`, or load what was measured before, in whichever lesson."""
    if not (has_known_code(model) and has_known_code(judge)):
        return measure(model, data, judge, seed)
    models = {"model": describe_model(model), "judge": describe_model(judge)}
    return load_or_measure(models | {"data": data.fingerprint, "seed": seed}, lambda: measure(model, data, judge, seed))


def estimates(measured: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, dict[str, Estimate]]:
    """Average over seeds: for each quantity, each model's mean and its standard error over training runs.

    `measured` has for each model's name the results of `measure`, one per seed. Raises ValueError for no model, or
    fewer than two seeds.
    """
    if not measured:
        raise ValueError("measured must hold at least one model, got none")
    quantities = next(iter(measured.values()))[0]
    return {
        quantity: {name: mean_estimate([seed[quantity] for seed in seeds]) for name, seeds in measured.items()}
        for quantity in quantities
    }


def table(estimates: Mapping[str, Mapping[str, Estimate]]) -> str:
    """Make a Markdown table with a row for each quantity and a column for each model. Raises ValueError for no rows."""
    if not estimates:
        raise ValueError("estimates must hold at least one quantity, got none")
    names = list(next(iter(estimates.values())))
    lines = [f"| | {' | '.join(names)} |", "|---" + "|--:" * len(names) + "|"]
    for quantity, of_models in estimates.items():
        row = " | ".join(str(of_models[name]).replace(" ", "\N{NO-BREAK SPACE}") for name in names)
        lines.append(f"| {quantity} | {row} |")
    return "\n".join(lines)


def _of_reconstructions(x_hat: Tensor, x: Tensor) -> dict[str, float]:
    return {
        "squared error per pixel": float((x - x_hat).square().mean()),
        "ink where the image has none": float(x_hat[x == 0].mean()),
        "greyness 4 x̂ (1 − x̂)": float((4 * x_hat * (1 - x_hat)).mean()),
    }


def _of_codes(train_codes: Tensor, test_codes: Tensor, data: ImageData) -> dict[str, float]:
    labels = data.train_labels
    clusters = [count_clusters(train_codes[labels == c][:N_CODES]) for c in labels.unique()]
    accuracy = metrics.knn_accuracy(train_codes, labels, test_codes, data.test_labels)
    return {
        "10-nearest-neighbour accuracy": accuracy.value,
        "rank correlation of class distances": metrics.class_distance_correlation(
            test_codes, data.test, data.test_labels
        ),
        "digits that need several Gaussians": sum(c.n_components > 1 for c in clusters),
        "digits in several clusters": sum(c.n_clusters > 1 for c in clusters),
    }


def _share_of_empty_cells(codes: Tensor, low: Tensor, high: Tensor) -> float:
    """Compute the share of the grid's cells that contain none of `codes` (M, 2)."""
    column, row = ((codes - low) / (high - low) * (CELLS - 1)).round().long().T
    inside = (column >= 0) & (column < CELLS) & (row >= 0) & (row < CELLS)
    return _share((CELLS * row + column)[inside].bincount(minlength=CELLS**2) == 0)


def _half_way_from_1_to_2(model: Autoencoder | VAE, data: ImageData, generator: torch.Generator) -> Tensor:
    """Decode midpoints between the codes of test images of a 1 and of a 2: (n, H, W)."""
    ends = [data.test[data.test_labels == digit] for digit in (1, 2)]
    pairs = min(N_WALKS, *map(len, ends))
    a, b = (model.code(x[torch.randperm(len(x), generator=generator)[:pairs]]) for x in ends)
    return model.decode((a + b) / 2)


def _shares_of_holes(model: Autoencoder | VAE, data: ImageData, **decoded: Tensor) -> dict[str, float]:
    """Compute the share of holes in each set of decoded images (n, H, W); one pass, since it is the slowest part."""
    reconstructions = model(data.test[:N_IMAGES])
    images = torch.cat([reconstructions, *decoded.values()])
    own, *others = metrics.nearest_distance(images, data.train).split(
        [len(reconstructions), *map(len, decoded.values())]
    )
    limit = own.quantile(metrics.RECONSTRUCTION_QUANTILE)
    return {name: _share(distances > limit) for name, distances in zip(decoded, others, strict=True)}


def _kinds(named: Tensor) -> float:
    """Compute the effective number of classes, exp of the entropy of their shares: C for C equal classes."""
    return math.exp(float(metrics.entropy(named.bincount()[None] / len(named))))


def _share(hits: Tensor) -> float:
    return float(hits.float().mean())
