"""Training beside the usual tutorial's loop: images per second, and the time to the same ELBO."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Generator, Tensor

from benchmarks.measurements import Measurement, by_turns, ratios
from benchmarks.tutorial import BATCH_SIZE, EPOCHS, HIDDEN, LATENT_DIM, LR, Tutorial
from vae_lessons import VAE, Bernoulli, History, ImageData, fit
from vae_lessons.data import data_root

SEEDS = (0, 1, 2)
STEPS = 100  # of the tutorial's loop: turns so short that a slow spell of the machine affects all candidates alike
ROUNDS = 25
ROOFLINE_SECONDS = 0.2
AS_IN_TUTORIAL = {
    "batch_size": BATCH_SIZE,
    "lr": LR,
    "schedule": "constant",
    "precision": "float32",
    "start_at_mean": False,
}
PRECISIONS = ("float32", "bfloat16")
# After these epochs `fit` with its defaults has the tutorial's ELBO or a better one; chosen on held-out images.
EPOCHS_TO_SAME_ELBO = {"float32": 4, "bfloat16": 5}
GOAL_AT_SAME_SETTINGS = 2.6
GOAL_TO_SAME_ELBO = {"float32": 8.0, "bfloat16": 10.0}
GOAL_ROOFLINE = 0.65
WITHIN = 0.5  # nats


def new_vae(seed: int = 0) -> VAE:
    """Make a VAE with the tutorial's architecture."""
    return VAE((28, 28), LATENT_DIM, (HIDDEN,), likelihood=Bernoulli(), generator=Generator().manual_seed(seed))


def train(data: ImageData, seed: int = 0, **settings: object) -> tuple[VAE, History]:
    """Train a new VAE on the CPU."""
    vae = new_vae(seed)
    return vae, fit(vae, data, seed=seed, device="cpu", **settings)


def first(data: ImageData, n: int) -> ImageData:
    """Return its first `n` training images, and a single test image."""
    return replace(
        data,
        train=data.train[:n],
        train_labels=data.train_labels[:n],
        test=data.test[:1],
        test_labels=data.test_labels[:1],
    )


def rates(data: ImageData) -> Iterator[Measurement]:
    """Measure images per second."""
    tutorial = Tutorial(data_root())
    n = STEPS * BATCH_SIZE
    few = first(data, n)

    def rate(**settings: object) -> Callable[[], float]:
        return lambda: train(few, epochs=1, **settings)[1].rows_per_second

    batches = {precision: train(data, epochs=1, precision=precision)[1].settings.batch_size for precision in PRECISIONS}
    results = by_turns(
        {
            "tutorial": lambda: n / tutorial.epoch(STEPS),
            "same": rate(**AS_IN_TUTORIAL),
            "float32": rate(precision="float32"),
            "bfloat16": rate(precision="bfloat16"),
            "products, float32": lambda: n_images_of_products(batches["float32"], torch.float32),
            "products, bfloat16": lambda: n_images_of_products(batches["bfloat16"], torch.bfloat16),
        },
        ROUNDS,
    )
    yield Measurement.of("the tutorial's loop", results["tutorial"], "images/s")
    yield Measurement.of("`fit` at the tutorial's settings, float32", results["same"], "images/s")
    yield Measurement.of(
        "`fit` at the tutorial's settings, float32, against its loop",
        ratios(results["same"], results["tutorial"]),
        goal=GOAL_AT_SAME_SETTINGS,
    )
    for precision in PRECISIONS:
        name = f"`fit` as it chooses, {precision}"
        yield Measurement.of(name, results[precision], "images/s")
        yield Measurement.of(f"{name}, against the tutorial's loop", ratios(results[precision], results["tutorial"]))
        products, kind = results[f"products, {precision}"], f"{precision} by `torch.mm`"
        yield Measurement.of(f"nothing but a step's matrix products, {kind}", products, "images/s")
        yield Measurement.of(
            f"`fit` as a share of that, {kind}",
            [100 * share for share in ratios(results[precision], products)],
            "%",
            goal=100 * GOAL_ROOFLINE if precision == "float32" else None,
        )


def same_elbo(data: ImageData) -> Iterator[Measurement]:
    """Measure the ELBO after the same number of epochs, and the time to the same ELBO."""
    tutorial_elbo, same_elbo, speedups = [], [], {precision: [] for precision in PRECISIONS}
    elbos: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for seed in SEEDS:
        tutorial = Tutorial(data_root(), seed)
        seconds = sum(tutorial.epoch() for _ in range(EPOCHS))
        tutorial_elbo.append(tutorial.negative_elbo(data.test))
        same_elbo.append(train(data, seed, epochs=EPOCHS, **AS_IN_TUTORIAL)[1].test_loss[-1])
        for precision in PRECISIONS:
            epochs = EPOCHS_TO_SAME_ELBO[precision]
            _, history = train(data, seed, epochs=epochs, precision=precision)
            elbos[precision].append(history.test_loss[-1])
            speedups[precision].append(seconds * history.rows_per_second / (epochs * len(data.train)))
    less = {"higher_is_better": False}
    yield Measurement.of(f"−ELBO, the tutorial's loop, {EPOCHS} epochs", tutorial_elbo, "nats", **less)
    yield Measurement.of(f"−ELBO, `fit` at the tutorial's settings, {EPOCHS} epochs", same_elbo, "nats", **less)
    differences = [abs(a - b) for a, b in zip(same_elbo, tutorial_elbo, strict=True)]
    yield Measurement.of("the two differ by", differences, "nats", goal=WITHIN, **less)
    for precision in PRECISIONS:
        name = f"`fit` as it chooses, {precision}, {EPOCHS_TO_SAME_ELBO[precision]} epochs"
        yield Measurement.of(f"−ELBO, {name}", elbos[precision], "nats", **less)
        above = [a - b for a, b in zip(elbos[precision], tutorial_elbo, strict=True)]
        yield Measurement.of("that, less the tutorial's", above, "nats", goal=0.0, **less)
        yield Measurement.of(
            f"{name}: times less time to the tutorial's ELBO", speedups[precision], goal=GOAL_TO_SAME_ELBO[precision]
        )


def n_images_of_products(batch: int, dtype: torch.dtype) -> float:
    """Measure images per second if a step did only its matrix products: the roofline of `torch.mm` at these shapes."""
    products = list(products_of_a_step(batch, dtype))
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < ROOFLINE_SECONDS:
        for left, right, result in products:
            torch.mm(left, right, out=result)
        steps += 1
    return steps * batch / (time.perf_counter() - start)


def products_of_a_step(batch: int, dtype: torch.dtype) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield factors and result of each product: forward, gradient in the weights, gradient in the inputs.

    The first layer needs no gradient in its inputs.
    """
    widths = [(784, HIDDEN), (HIDDEN, 2 * LATENT_DIM), (LATENT_DIM, HIDDEN), (HIDDEN, 784)]
    for i, (n_in, n_out) in enumerate(widths):
        inputs, weights = torch.randn(batch, n_in, dtype=dtype), torch.randn(n_out, n_in, dtype=dtype)
        outputs, gradients = torch.empty(batch, n_out, dtype=dtype), torch.randn(batch, n_out, dtype=dtype)
        yield inputs, weights.T, outputs
        yield gradients.T, inputs, torch.empty_like(weights)
        if i:
            yield gradients, weights, torch.empty_like(inputs)
