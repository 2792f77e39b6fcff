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
from vae_lessons.trainable import check_arguments, check_gradient, check_loss, loss_of

ADAM_BETAS = (0.9, 0.95)
WARM_UP = 0.1  # share of the steps in which the rate climbs to `lr`; then it falls linearly to zero
LEAST_WARM_UP = 20  # steps, in a short run half of them: a high rate at once kills units
EVALUATION_BATCH = 4096
TRAINED = "trained_by_fit"  # an attribute of a model that has been, so that a second run can say so


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
    batch_size : None is 512 images, on a CPU in float32 384; fewer for a small data set, so that an epoch has steps.
        More than there are is all of them
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
    History

    Raises
    ------
    ValueError, TypeError : for a model or data that are none, settings out of range, images of another size, a
        `loss` that is missing or gives something else than one value per image.
    TrainingDivergedError : as soon as an epoch has a loss that is not finite, on the training or the test images;
        the model is put back to where that epoch began.
    KeyboardInterrupt : after Ctrl-C or the stop button, so that whatever called `fit` stops too. The model keeps
        what it has learned so far, and the exception's `history` has the epochs that were completed; in the next
        cell of a notebook that is `sys.last_value.history`.
    """
    check_arguments(model, data)
    settings = Settings(epochs, batch_size, lr, schedule, seed, device, precision, start_at_mean)
    settings = with_choices_made(settings, len(data.train))
    check_loss(model, data)
    if start_at_mean and hasattr(model, "start_at_mean"):
        model.start_at_mean(data.train.mean(dim=0))
    target = torch.device(settings.device)
    with _moved_to(model, target), _seeded(settings.seed, target):
        return _train(model, data, settings)


@torch.no_grad()
def mean_loss(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Mean of `model.loss` over all images, in large batches."""
    batches = zip(images.split(EVALUATION_BATCH), labels.split(EVALUATION_BATCH), strict=True)
    return float(sum(loss_of(model, x, y).sum() for x, y in batches) / len(images))


def _train(model: nn.Module, data: ImageData, settings: Settings) -> History:
    history = History(settings, resumed=getattr(model, TRAINED, False))
    start = time.perf_counter()
    try:
        _all_epochs(model, data, history)
    except KeyboardInterrupt as interrupt:
        history.interrupted = True
        _explain(interrupt, history)
        raise
    finally:
        model.eval()
        history.seconds = time.perf_counter() - start
        if history.epochs or history.interrupted:
            setattr(model, TRAINED, True)
    return history


def _all_epochs(model: nn.Module, data: ImageData, history: History) -> None:
    settings, device = history.settings, torch.device(history.settings.device)
    train, train_labels = data.train.to(device), data.train_labels.to(device)
    test, test_labels = data.test.to(device), data.test_labels.to(device)
    steps = settings.epochs * math.ceil(len(train) / settings.batch_size)
    optimiser = Adam(model.parameters(), lr=settings.lr, betas=ADAM_BETAS, fused=True)
    schedule = LambdaLR(optimiser, _warm_up_then_decay(steps) if settings.schedule == "linear" else lambda _: 1.0)
    lower_precision = torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16")
    generator = torch.Generator().manual_seed(settings.seed)
    in_steps = 0.0
    with progress_bar(steps, "training") as bar:
        for _ in range(settings.epochs):
            start, before = time.perf_counter(), copy.deepcopy(model.state_dict())
            batches = _batches(train, train_labels, settings.batch_size, generator)
            losses = _one_epoch(model, batches, optimiser, schedule, lower_precision, bar)
            _stop_if_diverged(losses, "step {} of {}", model, before, history)
            train_loss = float(losses.sum() / len(train))
            in_steps += time.perf_counter() - start
            test_loss = mean_loss(model, test, test_labels)
            _stop_if_diverged(torch.tensor([test_loss]), "on the test images", model, before, history)
            history.train_loss.append(train_loss)
            history.test_loss.append(test_loss)
            history.images_per_second = history.epochs * len(train) / in_steps
            bar.set_postfix(train=train_loss, test=test_loss)


def _batches(
    images: Tensor, labels: Tensor, batch_size: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Each image once, in a new order."""
    order = torch.randperm(len(images), generator=generator).to(images.device)
    for rows in order.split(batch_size):
        yield images.index_select(0, rows), labels.index_select(0, rows)  # twice as fast as images[rows]


def _explain(interrupt: KeyboardInterrupt, history: History) -> None:
    interrupt.history = history
    interrupt.args = (
        f"training was stopped after {history.epochs} of {history.settings.epochs} epochs. The model keeps what it has "
        "learned so far, and this exception's .history has those epochs (in the next cell: sys.last_value.history).",
    )


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
            loss = loss_of(model, images, labels)  # (B,)
        check_gradient(loss)
        optimiser.zero_grad()
        loss.mean().backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.detach().sum())  # stays on the device: no step waits for it
        bar.update()
    model.eval()
    return torch.stack(losses)


def _warm_up_then_decay(steps: int) -> Callable[[int], float]:
    warm_up = max(1, round(WARM_UP * steps), min(LEAST_WARM_UP, steps // 2))
    return lambda step: min((step + 1) / warm_up, (steps - step) / max(1, steps - warm_up))


def _stop_if_diverged(
    losses: Tensor, where: str, model: nn.Module, before: dict[str, Tensor], history: History
) -> None:
    """`where` says of which loss this is, with places for its number and for how many there are."""
    finite = losses.isfinite()
    if finite.all():
        return
    model.load_state_dict(before)
    settings, first = history.settings, int((~finite).nonzero()[0, 0])
    raise TrainingDivergedError(
        f"the loss is {float(losses[first])} in epoch {history.epochs + 1} of {settings.epochs}, "
        f"{where.format(first + 1, len(losses))}. Try a smaller rate (lr={settings.lr / 10:g} instead of "
        f"{settings.lr:g}), and see that the model's loss is finite on a few images before training. The model is "
        "back where this epoch began; the epochs before are in this error's .history.",
        history,
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
