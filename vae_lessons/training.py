"""One training loop for every model of the course.

The images lie in memory as one tensor; an epoch is a permutation of its rows. Nothing in the
loop waits for a number from the device: losses stay tensors until the epoch is over.
"""

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR
from tqdm.auto import tqdm

from vae_lessons.choices import with_choices_made
from vae_lessons.data import ImageData
from vae_lessons.live import progress_bar
from vae_lessons.runs import History, Settings, TrainingDivergedError

ADAM_BETAS = (0.9, 0.95)
WARM_UP = 0.1  # share of the steps in which the rate climbs to `lr`; then it falls linearly to zero
LEAST_WARM_UP = 20  # steps, in a short run half of them: a high rate at once kills units
EVALUATION_BATCH = 4096


def fit(
    model: nn.Module,
    data: ImageData,
    epochs: int = Settings.epochs,
    batch_size: int | None = Settings.batch_size,
    lr: float | None = Settings.lr,
    schedule: str = Settings.schedule,
    seed: int = Settings.seed,
    device: str = Settings.device,
    precision: str = Settings.precision,
    start_at_mean: bool = Settings.start_at_mean,
) -> History:
    """Minimise the mean of `model.loss` over data.train, in place, with Adam, beta = (0.9, 0.95).

    Bit for bit the same for the same seed, model, settings and machine. What it chose is in the result's
    `settings`, and printed with it.

    Parameters
    ----------
    model : has `loss(x) -> (B,)`, one value per image; or, with `uses_labels = True`,
        `loss(x, labels) -> (B,)`
    batch_size : None is 512 images, on a CPU in float32 384; fewer for a small data set, so that an epoch has some steps
    lr : None is 0.016 at 512 images, and follows the root of the batch size
    schedule : "linear": the rate climbs to `lr` over the first tenth of the steps (over 20 or half of them,
        if the run is short) and falls linearly to zero over the rest; "constant": it is `lr`
    seed : of the order of the images, and of what the model's loss draws from PyTorch's own generator, which
        is put back afterwards; the starting weights are the model's own
    device : "cpu", "cuda", "mps"; "auto" takes an accelerator if there is one. The model goes
        there to train and comes back after.
    precision : of the matrix products in training, "float32" or "bfloat16"; weights, losses and the
        evaluation stay in float32. "auto" is "bfloat16" on a processor that is quicker by it, which is tried out
    start_at_mean : start a new model's decoder at the mean training image

    Returns
    -------
    History. After Ctrl-C too: then the model keeps what it has learned so far.

    Raises
    ------
    ValueError, TypeError : for settings out of range, images of another size, a model without `loss`.
    TrainingDivergedError : as soon as an epoch has a loss that is not finite; the model is put back to
        where that epoch began.
    """
    settings = Settings(epochs, batch_size, lr, schedule, seed, device, precision, start_at_mean)
    settings = with_choices_made(settings, len(data.train))
    _check_model(model, data)
    if start_at_mean and hasattr(model, "start_at_mean"):
        model.start_at_mean(data.train.mean(dim=0))
    target = torch.device(settings.device)
    with _moved_to(model, target), _seeded(settings.seed, target):
        return _train(model, data, settings)


@torch.no_grad()
def mean_loss(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Mean of `model.loss` over all images, in large batches."""
    batches = zip(images.split(EVALUATION_BATCH), labels.split(EVALUATION_BATCH), strict=True)
    return float(sum(_loss(model, x, y).sum() for x, y in batches) / len(images))


def _train(model: nn.Module, data: ImageData, settings: Settings) -> History:
    device = torch.device(settings.device)
    train, train_labels = data.train.to(device), data.train_labels.to(device)
    test, test_labels = data.test.to(device), data.test_labels.to(device)
    steps = settings.epochs * math.ceil(len(train) / settings.batch_size)
    optimiser = Adam(model.parameters(), lr=settings.lr, betas=ADAM_BETAS, fused=True)
    schedule = LambdaLR(optimiser, _warm_up_then_decay(steps) if settings.schedule == "linear" else lambda _: 1.0)
    lower_precision = torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16")
    generator = torch.Generator().manual_seed(settings.seed)
    history = History(settings)
    start, in_steps = time.perf_counter(), 0.0
    try:
        with progress_bar(steps, "training") as bar:
            for _ in range(settings.epochs):
                epoch_start, before = time.perf_counter(), copy.deepcopy(model.state_dict())
                order = torch.randperm(len(train), generator=generator).to(device)
                batches = (
                    (
                        train.index_select(0, rows),
                        train_labels[rows],
                    )  # a copy of whole images, twice as fast as train[rows]
                    for rows in order.split(settings.batch_size)
                )
                losses = _one_epoch(model, batches, optimiser, schedule, lower_precision, bar)
                _stop_if_diverged(model, before, losses, history)
                history.train_loss.append(float(losses.sum() / len(train)))
                in_steps += time.perf_counter() - epoch_start
                history.test_loss.append(mean_loss(model, test, test_labels))
                bar.set_postfix(train=history.train_loss[-1], test=history.test_loss[-1])
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        model.eval()
    history.seconds = time.perf_counter() - start
    history.images_per_second = history.epochs * len(train) / in_steps if in_steps else 0.0
    return history


@torch.enable_grad()  # also where a notebook has switched gradients off
def _one_epoch(
    model: nn.Module,
    batches: Iterable,
    optimiser: Adam,
    schedule: LambdaLR,
    lower_precision: torch.autocast,
    bar: tqdm,
) -> Tensor:
    """One step for each batch. Returns each step's loss summed over its images, (steps,)."""
    model.train()
    losses = []
    for images, labels in batches:
        with lower_precision:
            loss = _loss(model, images, labels)  # (B,)
        optimiser.zero_grad()
        loss.mean().backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.detach().sum())  # stays on the device: no step waits for it
        bar.update()
    model.eval()
    return torch.stack(losses)


def _loss(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    return model.loss(images, labels) if getattr(model, "uses_labels", False) else model.loss(images)


def _warm_up_then_decay(steps: int) -> Callable[[int], float]:
    warm_up = max(1, round(WARM_UP * steps), min(LEAST_WARM_UP, steps // 2))
    return lambda step: min((step + 1) / warm_up, (steps - step) / max(1, steps - warm_up))


def _stop_if_diverged(model: nn.Module, before: dict[str, Tensor], losses: Tensor, history: History) -> None:
    finite = losses.isfinite()
    if finite.all():
        return
    model.load_state_dict(before)
    settings, step = history.settings, int((~finite).nonzero()[0, 0])
    raise TrainingDivergedError(
        f"the loss is {float(losses[step])} in epoch {history.epochs + 1} of {settings.epochs}, step {step + 1} of "
        f"{len(losses)}. Try a smaller rate (lr={settings.lr / 10:g} instead of {settings.lr:g}), and see that the "
        "model's loss is finite on a few images before training. The model is back where this epoch began; "
        "the epochs before are in this error's .history.",
        history,
    )


def _check_model(model: nn.Module, data: ImageData) -> None:
    if not callable(getattr(model, "loss", None)):
        raise TypeError(
            f"model must have a method loss(x) that gives one value per image, {type(model).__name__} has none"
        )
    expected = getattr(model, "image_shape", data.image_shape)
    if tuple(expected) != data.image_shape:
        raise ValueError(
            f"model was made for images of {tuple(expected)} pixels, {data.title} has {data.image_shape}: "
            "make it with image_shape=data.image_shape"
        )
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        loss = _loss(model, data.train[:2], data.train_labels[:2])
    if loss.shape != (len(data.train[:2]),):
        raise ValueError(
            f"model.loss must give one value per image, shape ({len(data.train[:2])},) for "
            f"{len(data.train[:2])} images, got {tuple(loss.shape)}: sum over pixels, leave the mean to fit"
        )


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """PyTorch's generators start from `seed` inside; those of the CPU and a CUDA `device` are put back afterwards."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@contextmanager
def _moved_to(model: nn.Module, device: torch.device) -> Iterator[None]:
    home = next(model.parameters()).device
    model.to(device)
    try:
        yield
    finally:
        model.to(home)
