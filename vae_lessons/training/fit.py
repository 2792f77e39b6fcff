"""One training loop for every model of the course.

Each column of the data lies in memory as one tensor; an epoch is a permutation of the rows. Nothing in the loop waits
for a number from the device: losses stay tensors until the epoch is over.
"""

import copy
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR
from tqdm.auto import tqdm

from vae_lessons.data import Dataset
from vae_lessons.notebook import progress_bar
from vae_lessons.training.checkpoint import Checkpoint
from vae_lessons.training.defaults import resolve
from vae_lessons.training.history import History, TrainingDivergedError
from vae_lessons.training.model_checks import check_arguments, check_gradient, columns_for_loss
from vae_lessons.training.settings import Settings

ADAM_BETAS = (0.9, 0.95)
WARM_UP = 0.1  # share of the steps in which the rate climbs to `lr`; then it falls linearly to zero
MIN_WARM_UP = 20  # steps, at most half of a short run: a high rate at once kills units
EVALUATION_BATCH_SIZE = 4096
TRAINED = "trained_by_fit"  # attribute of a model that has been trained, so that a second run can say so


def fit(
    model: nn.Module,
    data: Dataset,
    epochs: int = Settings.epochs,
    batch_size: int | None = Settings.batch_size,
    lr: float | None = Settings.lr,
    schedule: str = Settings.schedule,
    seed: int = Settings.seed,
    device: str = Settings.device,
    precision: str = Settings.precision,
    start_at_mean: bool = Settings.start_at_mean,
) -> History:
    """Minimise the mean of `model.loss` over the training split, in place, with Adam, betas (0.9, 0.95).

    The result is the same bit for bit for the same seed, model, settings and machine. The `History` has the losses
    after each epoch, and in `settings` what was chosen.

    Parameters
    ----------
    model : nn.Module
        Has `loss(x) -> (B,)`, one value per row, such as an image. It is given a column of the data for each of its
        parameters that has no default: `loss(x, labels)` gets images and their classes.
    data : Dataset
        As `load_images` gives, or `TensorData(name, train=(x,), test=(x_test,))`. Of data taken whole, as one graph,
        each epoch is one step, and the loss gives any values (n,), whose mean is minimised.
    epochs : int
        Passes over the training split.
    batch_size : int, optional
        By default 512, on a CPU in float32 384; fewer for a small data set, so that an epoch has several steps. At most
        all rows, and a last batch of one row joins the one before it.
    lr : float, optional
        The largest learning rate; by default 0.016 at 512 images, scaled with the root of the batch size.
    schedule : {"linear", "constant"}
        "linear" climbs to `lr` over the first tenth of the steps (over 20 steps, or half of them, in a short run) and
        falls linearly to zero over the rest; "constant" stays at `lr`.
    seed : int
        Of the order of the rows, and of what the model's loss draws from PyTorch's own generator, which is restored
        afterwards. The starting weights are the model's own.
    device : {"auto", "cpu", "cuda", "mps"}
        "auto" takes an accelerator if there is one. The model goes there to train and comes back after.
    precision : {"auto", "float32", "bfloat16"}
        Of the matrix products in training; weights, losses and the evaluation stay in float32. "auto" is bfloat16 on a
        CPU that has matrix units for it.
    start_at_mean : bool
        Start an untrained decoder at the mean training image, if the model has a method for it.

    Raises
    ------
    ValueError, TypeError
        For what is not a model or data, settings out of range, images of another size, a `loss` that is missing or does
        not give one value per image, and batches of one row for a model with BatchNorm.
    TrainingDivergedError
        As soon as an epoch has a loss that is not finite; the model is put back to where that epoch began.
    KeyboardInterrupt
        After Ctrl-C or the stop button, so that the caller stops too. The model keeps what it has learned, and the
        exception's `history` has the completed epochs (in the next cell of a notebook: `sys.last_value.history`).
    """
    check_arguments(model, data)
    return train(model, data, Settings(epochs, batch_size, lr, schedule, seed, device, precision, start_at_mean))


def train(model: nn.Module, data: Dataset, settings: Settings, checkpoint: Checkpoint | None = None) -> History:
    """Do what `fit` documents, for a model and data that were checked; go on from a checkpoint, and renew it."""
    rows = data.columns("train")[0]
    settings = resolve(settings, len(rows), data.whole)
    if settings.start_at_mean and hasattr(model, "start_at_mean"):
        model.start_at_mean(rows.float().mean(dim=0))
    home, device = next(model.parameters()).device, torch.device(settings.device)
    history = History(settings, unit=data.unit, resumed=getattr(model, TRAINED, False))
    try:
        model.to(device)
        with torch.random.fork_rng([device] if device.type == "cuda" else []):  # PyTorch's generators are restored
            torch.manual_seed(settings.seed)
            _run_epochs(model, data, history, checkpoint)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):  # torch's own message
            raise
        message = f"batch_size must be at least 2 for a model with BatchNorm, got {settings.batch_size}"
        raise ValueError(f"{message}: a single row has no variance") from error
    except KeyboardInterrupt as interrupt:
        history.interrupted = True
        interrupt.history = history
        interrupt.args = (
            f"training was stopped after {history.epochs} of {settings.epochs} epochs. The model keeps what it has "
            "learned so far, and this exception's .history has those epochs (in the next cell: "
            "sys.last_value.history).",
        )
        raise
    finally:
        model.to(home)
        model.eval()
        if history.epochs or history.interrupted:
            setattr(model, TRAINED, True)
    return history


@torch.no_grad()
def mean_loss(model: nn.Module, batches: Iterable[Sequence[Tensor]]) -> float:
    """Compute the mean of what `model.loss` gives for all batches."""
    losses = [model.loss(*batch) for batch in batches]
    return float(sum(loss.sum() for loss in losses) / sum(len(loss) for loss in losses))


def warm_up_then_decay(steps: int) -> Callable[[int], float]:
    """Give the "linear" schedule: the share of `lr` to use in each step, from 0 to `steps` - 1."""
    warm_up = max(1, round(WARM_UP * steps), min(MIN_WARM_UP, steps // 2))
    return lambda step: min((step + 1) / warm_up, (steps - step) / max(1, steps - warm_up))


def _run_epochs(model: nn.Module, data: Dataset, history: History, checkpoint: Checkpoint | None) -> None:
    """Train epoch by epoch, and write each epoch's losses into `history`."""
    settings, device = history.settings, torch.device(history.settings.device)
    train, test = ([x.to(device) for x in columns_for_loss(model, data, split)] for split in ("train", "test"))
    test_batches = [test] if data.whole else list(zip(*(x.split(EVALUATION_BATCH_SIZE) for x in test), strict=True))
    sizes = batch_sizes(len(train[0]), settings.batch_size)
    steps = settings.epochs * len(sizes)
    optimizer = Adam(model.parameters(), lr=settings.lr, betas=ADAM_BETAS, fused=True)
    schedule = LambdaLR(optimizer, warm_up_then_decay(steps) if settings.schedule == "linear" else lambda _: 1.0)
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16")
    generator = torch.Generator().manual_seed(settings.seed)
    state = [model, optimizer, schedule], [generator, *_own_generators(device)]
    if checkpoint:
        checkpoint.restore(history, *state)
    _warn_of_a_long_warm_up(model, (settings.epochs - history.epochs) * len(sizes))
    with progress_bar(steps, "training") as bar:
        bar.update(history.epochs * len(sizes))
        while history.epochs < settings.epochs:
            start, before = time.perf_counter(), copy.deepcopy(model.state_dict())
            batches = [train] if data.whole else _shuffled_batches(train, sizes, generator)
            losses, n = _run_epoch(model, batches, optimizer, schedule, autocast, bar)
            _check_finite(losses, "step {} of {}", model, before, history)
            train_loss = float(losses.sum() / n)
            history.seconds_in_steps += time.perf_counter() - start
            test_loss = mean_loss(model, test_batches)
            _check_finite(torch.tensor([test_loss]), f"on the test {data.unit}s", model, before, history)
            history.train_loss.append(train_loss)
            history.test_loss.append(test_loss)
            history.rows_per_second = history.epochs * n / history.seconds_in_steps
            history.seconds += time.perf_counter() - start
            if checkpoint:
                checkpoint.save(history, *state)
            bar.set_postfix(train=train_loss, test=test_loss)


def _warn_of_a_long_warm_up(model: nn.Module, steps: int) -> None:
    """Warn if the `warm_up` of a model, such as a `BetaVAE`, will not be over when training ends."""
    left = getattr(model, "warm_up", 0) - int(getattr(model, "steps", 0))
    if left > steps > 0:
        warnings.warn(
            f"model.warm_up has {left} steps left and training takes {steps}, so the KL term never gets its whole "
            "weight, which the test loss has: make warm_up shorter, or train for more epochs",
            stacklevel=5,
        )


@torch.enable_grad()  # also where a notebook has switched gradients off
def _run_epoch(
    model: nn.Module,
    batches: Iterable[Sequence[Tensor]],
    optimizer: Adam,
    schedule: LambdaLR,
    autocast: torch.autocast,
    bar: tqdm,
) -> tuple[Tensor, int]:
    """Take one step per batch; return the sum of each step's losses, (steps,), and how many losses there were."""
    model.train()
    sums, n = [], 0
    for batch in batches:
        with autocast:
            loss = model.loss(*batch)  # (B,)
        check_gradient(loss)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
        schedule.step()
        sums.append(loss.detach().sum())  # stays on the device: no step waits for it
        n += len(loss)
        bar.update()
    model.eval()
    return torch.stack(sums), n


def batch_sizes(n_rows: int, batch_size: int) -> list[int]:
    """Split rows into batches; a last one of a single row, which has no variance, joins the one before it."""
    sizes = [batch_size] * (n_rows // batch_size) + [n_rows % batch_size] * (n_rows % batch_size > 0)
    if len(sizes) > 1 and sizes[-1] == 1 < batch_size:
        sizes[-2:] = [batch_size + 1]
    return sizes


def _shuffled_batches(
    columns: Sequence[Tensor], sizes: list[int], generator: torch.Generator
) -> Iterator[list[Tensor]]:
    """Give each row once, in a new order."""
    order = torch.randperm(len(columns[0]), generator=generator).to(columns[0].device)
    for rows in order.split(sizes):
        yield [column.index_select(0, rows) for column in columns]  # twice as fast as column[rows]


def _check_finite(losses: Tensor, where: str, model: nn.Module, before: dict[str, Tensor], history: History) -> None:
    """Put the model back and raise TrainingDivergedError for a loss that is not finite; `where` names its place."""
    finite = losses.isfinite()
    if finite.all():
        return
    model.load_state_dict(before)
    settings, first = history.settings, int((~finite).nonzero()[0, 0])
    raise TrainingDivergedError(
        f"the loss is {float(losses[first])} in epoch {history.epochs + 1} of {settings.epochs}, "
        f"{where.format(first + 1, len(losses))}. Try a smaller rate (lr={settings.lr / 10:g} instead of "
        f"{settings.lr:g}), and check that the model's loss is finite on a few {history.unit}s before training. The "
        "model is back where this epoch began; the epochs before are in this error's .history.",
        history,
    )


def _own_generators(device: torch.device) -> list[torch.Generator]:
    """Give PyTorch's own generators that a loss on `device` may draw from."""
    if device.type != "cuda":
        return [torch.default_generator]
    index = torch.cuda.current_device() if device.index is None else device.index
    return [torch.default_generator, torch.cuda.default_generators[index]]
