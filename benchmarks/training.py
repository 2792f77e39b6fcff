"""Training, beside the loop that everyone writes: images a second, and the time to the same ELBO."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Generator, Tensor
from torch.nn.functional import linear

from benchmarks.measurements import Measurement, by_turns, ratios
from benchmarks.tutorial import BATCH_SIZE, EPOCHS, HIDDEN, LATENT_DIM, LR, Tutorial
from vae_lessons import VAE, Bernoulli, History, ImageData, fit
from vae_lessons.data import data_root

SEEDS = (0, 1, 2)
STEPS = 100  # of the tutorial's: by turns so short that a machine's moods meet all contenders alike
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
# After which `fit` as it chooses has the tutorial's ELBO or a better one; found on images held out for it.
EPOCHS_TO_SAME_ELBO = {"float32": 4, "bfloat16": 5}
GOAL_AT_SAME_SETTINGS = 2.6
GOAL_TO_SAME_ELBO = {"float32": 8.0, "bfloat16": 10.0}
GOAL_ROOFLINE = 0.65
WITHIN = 0.5  # nats


def new_vae(seed: int = 0) -> VAE:
    return VAE((28, 28), LATENT_DIM, (HIDDEN,), likelihood=Bernoulli(), generator=Generator().manual_seed(seed))


def train(data: ImageData, seed: int = 0, **settings: object) -> tuple[VAE, History]:
    vae = new_vae(seed)
    return vae, fit(vae, data, seed=seed, device="cpu", **settings)


def first(data: ImageData, n: int) -> ImageData:
    """Its first `n` images to train on, and next to none to test on."""
    return replace(
        data,
        train=data.train[:n],
        train_labels=data.train_labels[:n],
        test=data.test[:1],
        test_labels=data.test_labels[:1],
    )


def rates(data: ImageData) -> Iterator[Measurement]:
    """Images a second."""
    tutorial = Tutorial(data_root())
    n = STEPS * BATCH_SIZE
    few = first(data, n)

    def rate(**settings: object) -> Callable[[], float]:
        return lambda: train(few, epochs=1, **settings)[1].images_per_second

    batches = {precision: train(data, epochs=1, precision=precision)[1].settings.batch_size for precision in PRECISIONS}
    roofs = {
        ("float32", "`torch.mm`"): lambda: n_images_of_products(batches["float32"], torch.float32),
        ("float32", "oneDNN"): lambda: n_images_of_products(batches["float32"], torch.float32, multiply_by_onednn),
        ("bfloat16", "`torch.mm`"): lambda: n_images_of_products(batches["bfloat16"], torch.bfloat16),
    }
    if not torch.backends.mkldnn.is_available():
        del roofs["float32", "oneDNN"]
    found = by_turns(
        {
            "tutorial": lambda: n / tutorial.epoch(STEPS),
            "same": rate(**AS_IN_TUTORIAL),
            "float32": rate(precision="float32"),
            "bfloat16": rate(precision="bfloat16"),
            **roofs,
        },
        ROUNDS,
    )
    yield Measurement.of("the tutorial's loop", found["tutorial"], "images/s")
    yield Measurement.of("`fit` at the tutorial's settings, float32", found["same"], "images/s")
    yield Measurement.of(
        "`fit` at the tutorial's settings, float32, against its loop",
        ratios(found["same"], found["tutorial"]),
        goal=GOAL_AT_SAME_SETTINGS,
    )
    for precision in PRECISIONS:
        name = f"`fit` as it chooses, {precision}"
        yield Measurement.of(name, found[precision], "images/s")
        yield Measurement.of(f"{name}, against the tutorial's loop", ratios(found[precision], found["tutorial"]))
        for roof in roofs:
            if roof[0] == precision:
                products = found[roof]
                where = f"{precision} by {roof[1]}"
                yield Measurement.of(f"nothing but a step's matrix products, {where}", products, "images/s")
                yield Measurement.of(
                    f"`fit` as a share of that, {where}",
                    [100 * share for share in ratios(found[precision], products)],
                    "%",
                    goal=100 * GOAL_ROOFLINE if roof == ("float32", "`torch.mm`") else None,
                )


def same_elbo(data: ImageData) -> Iterator[Measurement]:
    """Quality after the same epochs, and time to the same quality."""
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
            speedups[precision].append(seconds * history.images_per_second / (epochs * len(data.train)))
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


def multiply_by_mm(left: Tensor, right: Tensor, result: Tensor) -> Callable[[], Tensor]:
    return lambda: torch.mm(left, right, out=result)


def multiply_by_onednn(left: Tensor, right: Tensor, _: Tensor) -> Callable[[], Tensor]:
    """What lies ready is in oneDNN's layout already, and its result stays in it."""
    inputs, weights = left.contiguous().to_mkldnn(), right.T.contiguous()
    return lambda: linear(inputs, weights)


def n_images_of_products(batch: int, dtype: torch.dtype, multiply: Callable = multiply_by_mm) -> float:
    """Images a second, if a step did nothing but its matrix products: the roofline at these shapes."""
    products = [multiply(*product) for product in products_of_a_step(batch, dtype)]
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < ROOFLINE_SECONDS:
        for product in products:
            product()
        steps += 1
    return steps * batch / (time.perf_counter() - start)


def products_of_a_step(batch: int, dtype: torch.dtype) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Of each layer forward, its weights' gradient, and its input's gradient, which the first layer does not need."""
    widths = [(784, HIDDEN), (HIDDEN, 2 * LATENT_DIM), (LATENT_DIM, HIDDEN), (HIDDEN, 784)]
    for i, (n_in, n_out) in enumerate(widths):
        inputs, weights = torch.randn(batch, n_in, dtype=dtype), torch.randn(n_out, n_in, dtype=dtype)
        outputs, slopes = torch.empty(batch, n_out, dtype=dtype), torch.randn(batch, n_out, dtype=dtype)
        yield inputs, weights.T, outputs
        yield slopes.T, inputs, torch.empty_like(weights)
        if i:
            yield slopes, weights, torch.empty_like(inputs)
