"""Burda, Grosse and Salakhutdinov (2016), table 1, one stochastic layer: trained and scored in a budget of seconds."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor, nn

from benchmarks.measurements import Measurement
from vae_lessons import Bernoulli, ImageData, fit
from vae_lessons.evaluation.metrics import active_units
from vae_lessons.inference import iwae_bound
from vae_lessons.models import IWAE
from vae_lessons.training import History

LATENT_DIM, HIDDEN = 50, (200, 200)
BUDGET = 900.0  # s, of training
SETTINGS = {  # of `fit`. In the few epochs that a CPU has time for, many small steps do most
    "cpu": {"batch_size": 64, "lr": 4e-3},
    "cuda": {"batch_size": 512, "lr": 5e-3, "precision": "bfloat16"},
}
N_SAMPLES, N_IMAGES = 5000, 500  # codes and images on which a CPU scores a model; a GPU takes all images
SCORED_AT_ONCE = 50  # images
PROBE_STEPS = 20  # by which the time of an epoch is found


@dataclass(frozen=True)
class Cell:
    """A cell of the table: what is trained, the epochs of the recipe on a GPU, and the paper's two numbers."""

    bound: str
    n_samples: int
    epochs: int
    nll: float
    active_units: int

    @property
    def name(self) -> str:
        return f"{'IWAE' if self.bound == 'iwae' else 'VAE'}, k = {self.n_samples}"


CELLS = (
    Cell("elbo", 1, 1600, 86.76, 19),
    Cell("elbo", 5, 900, 86.47, 20),
    Cell("elbo", 50, 1000, 86.35, 20),
    Cell("iwae", 5, 900, 85.54, 22),
    Cell("iwae", 50, 1300, 84.78, 25),
)
STEPS = ((1, 0), (2, 1), (3, 0), (4, 3))  # differences: each cell and the one with fewer codes, by their places


def rows(data: ImageData, budget: float = BUDGET, n_samples: int = N_SAMPLES) -> Iterator[Measurement]:
    """Train all cells for the same number of epochs, at most the recipe's, and score them on the same binary images.

    Lowest and highest are one standard error over images on each side.
    """
    trained = replace(data, test=data.test[:2], test_labels=data.test_labels[:2])  # whose loss does not matter here
    epochs = epochs_in(budget, trained)
    x = torch.bernoulli(data.test if device() == "cuda" else data.test[:N_IMAGES], generator=Generator().manual_seed(0))
    less, scores = {"higher_is_better": False}, []
    yield Measurement.of("epochs, at most", [epochs], "epochs")
    for cell in CELLS:
        model = new_model(data.image_shape, cell)
        train(model, trained, min(epochs, cell.epochs))
        scores.append(negative_log_likelihood(model, x, n_samples))
        yield with_error(f"{cell.name} (paper {cell.nll:.2f})", scores[-1], **less)
        n_active = int(active_units(model.code(x).detach()).sum())
        yield Measurement.of(f"{cell.name}: active units (paper {cell.active_units})", [n_active], "units")
    for i, j in STEPS:
        published = f"paper {CELLS[i].nll - CELLS[j].nll:.2f}".replace("-", "−")
        yield with_error(f"{CELLS[i].name}, less {CELLS[j].name} ({published})", scores[i] - scores[j], **less)


def new_model(image_shape: tuple[int, int], cell: Cell) -> IWAE:
    """Make the paper's model, with tanh between the layers and pixels drawn afresh."""
    model = IWAE(
        image_shape,
        LATENT_DIM,
        HIDDEN,
        likelihood=Bernoulli(),
        n_samples=cell.n_samples,
        bound=cell.bound,
        binarise=True,
        generator=Generator().manual_seed(0),
    )
    model.encoder, model.decoder = (
        nn.Sequential(*(nn.Tanh() if isinstance(layer, nn.ReLU) else layer for layer in network))
        for network in (model.encoder, model.decoder)
    )
    return model


def train(model: IWAE, data: ImageData, epochs: int) -> History:
    """Train on a GPU if there is one."""
    return fit(model, data, epochs=epochs, device=device(), **SETTINGS[device()])


def device() -> str:
    """Name the device that trains and scores."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def epochs_in(budget: float, data: ImageData) -> int:
    """Count the epochs for which all cells can be trained in a budget of seconds: at least one."""
    n = min(len(data.train), PROBE_STEPS * SETTINGS[device()]["batch_size"])
    few = replace(data, train=data.train[:n], train_labels=data.train_labels[:n])
    rates = [train(new_model(data.image_shape, cell), few, 1).rows_per_second for cell in CELLS]
    seconds = sum(len(data.train) / rate for rate in rates)  # of an epoch of each
    return max(1, int(budget / seconds))


@torch.no_grad()
def negative_log_likelihood(model: IWAE, x: Tensor, n_samples: int) -> Tensor:
    """Estimate -log p(x) of each image by minus the bound of `n_samples` codes: (B,), on the CPU."""
    model.to(device())
    bounds = [iwae_bound(model, part.to(device()), n_samples) for part in x.split(SCORED_AT_ONCE)]
    model.cpu()
    return -torch.cat(bounds).cpu()


def with_error(name: str, values: Tensor, **rest: object) -> Measurement:
    """Give the mean over images, with a standard error on each side."""
    mean, error = float(values.mean()), float(values.std() / math.sqrt(len(values)))
    return Measurement(name, mean, mean - error, mean + error, "nats", **rest)
