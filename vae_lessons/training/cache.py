"""Trained models and what was measured on them, kept on disk so that a lesson need not repeat what another has done.

A model is two files: `KEY.safetensors` with its weights and `KEY.json` with its description; a run that is not complete
is `KEY.checkpoint`; a measurement is `measured/KEY.json`. The key is a SHA-256 of all that decides the result, and of
nothing else: the model as it starts, the data, the settings without the device, torch's version, and the source of the
folders that training uses.
"""

import difflib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from vae_lessons.data import Dataset, course_root
from vae_lessons.notebook import progress_bar
from vae_lessons.training.checkpoint import Checkpoint
from vae_lessons.training.files import make_folder, warn_of_damage, write
from vae_lessons.training.fit import TRAINED, train
from vae_lessons.training.history import History, TrainingDivergedError
from vae_lessons.training.model_checks import check_arguments
from vae_lessons.training.settings import Settings

PACKAGE = Path(__file__).parents[1]
DECIDES_TRAINING = ("probability", "data", "inference", "models", "training")
DECIDES_MEASUREMENTS = (*DECIDES_TRAINING, "evaluation")
KNOWN_CODE = ("vae_lessons", "torch")  # classes whose source the key covers


def fit_or_load(
    model: nn.Module, data: Dataset, *, key: str | None = None, folder: str | Path | None = None, **settings
) -> History:
    """Train as `fit` does, or load the model if the same run was done before.

    Two notebooks that want the same model at once train it once: the second waits. A damaged entry is trained again,
    with a `DamagedCacheWarning`. In a folder that cannot be written to, what is there is loaded and nothing else is
    kept, with a `NotKeptWarning`. The `History` is of the run, whenever it was; `loaded` says whether it was found. A
    run leaves a checkpoint after each epoch: interrupted or killed, and started again from a model made anew, it goes
    on from there, and on a CPU ends as it would have, to the last bit.

    Parameters
    ----------
    model : nn.Module
        As for `fit`. One that runs code of your own is trained and not kept, since its code is not in the key.
    data : Dataset
    key : str, optional
        Keep a model with code of your own all the same, under this name for its code: change the name whenever you
        change the code, or a number that it uses.
    folder : str or Path, optional
        Where trained models are kept; by default $VAE_LESSONS_CACHE, else `.cache/models` in the course's folder. All
        who may write there can share it. Deleting it is always safe, and removes the checkpoints of unfinished runs.
    **settings
        As for `fit`, by name.

    Raises
    ------
    ValueError, TypeError, TrainingDivergedError, KeyboardInterrupt
        As `fit`.
    """
    check_arguments(model, data)
    requested = _settings(settings)
    if key is None and not has_known_code(model):
        return train(model, data, requested)
    folder = _folder(folder)
    description = describe_run(model, data, requested, key)
    name = _digest(description)
    with _lock(folder / f"{name}.json"):
        history = _load(model, folder, name)
        if history is None:
            checkpoint = Checkpoint(folder / f"{name}.checkpoint")
            try:
                history = train(model, data, requested, checkpoint)
            except TrainingDivergedError:
                checkpoint.delete()
                raise
            _save(model, history, description, folder, name)
            checkpoint.delete()
    return history


def load_or_measure(
    description: dict[str, object], measure: Callable[[], dict[str, float]], folder: str | Path | None = None
) -> dict[str, float]:
    """Call `measure`, which gives numbers by name, or load what it gave before for the same `description`.

    The description, as JSON has it, is all that decides the result except the package's source and torch's version. The
    folder is as for `fit_or_load`.
    """
    folder = _folder(_folder(folder) / "measured")
    source = {"source": source_fingerprint(DECIDES_MEASUREMENTS), "torch": torch.__version__}
    name = _digest(description | source)
    path = folder / f"{name}.json"
    with _lock(path):
        if os.path.exists(path):
            try:
                return {str(k): float(v) for k, v in json.loads(path.read_text(encoding="utf-8")).items()}
            except (OSError, ValueError, TypeError, AttributeError) as error:
                warn_of_damage("measurement", path, error)
        measured = {k: float(v) for k, v in measure().items()}
        write(path, json.dumps(measured, indent=1).encode())
        return measured


def has_known_code(model: nn.Module) -> bool:
    """Whether the model runs only code of this package and of torch: no class, method or hook of anybody else's."""
    return all(
        type(module).__module__.partition(".")[0] in KNOWN_CODE
        and not any(callable(value) for value in vars(module).values())
        and not (module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)
        for module in model.modules()
    )


def describe_model(model: nn.Module) -> dict[str, object]:
    """Tell a model from all others of known code: its class, its structure, its weights and which of them can move."""
    return {
        "model": type(model).__qualname__,
        "structure": repr(model),  # has every setting that is not a weight, such as a fixed σ
        "weights": hashlib.sha256(_weights(model)).hexdigest(),
        "frozen": [name for name, weight in model.named_parameters() if not weight.requires_grad],
    }


def describe_run(model: nn.Module, data: Dataset, settings: Settings, key: str | None = None) -> dict[str, object]:
    """Collect what decides the result of training, for JSON. The device does not: what a GPU trained loads anywhere."""
    return {
        **describe_model(model),
        "key": key,
        "data": data.name,
        "data_sha256": data.fingerprint,
        "whole": data.whole,
        "settings": {name: value for name, value in asdict(settings).items() if name != "device"},
        "source": source_fingerprint(DECIDES_TRAINING),
        "torch": torch.__version__,
    }


def source_fingerprint(folders: tuple[str, ...] | None = None) -> str:
    """Compute the SHA-256 of the Python files in these folders of the package, or of all its files."""
    if folders is None:
        files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    else:
        files = [path for folder in folders for path in (PACKAGE / folder).rglob("*.py")]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _settings(arguments: dict[str, object]) -> Settings:
    known = [field.name for field in fields(Settings)]
    for name in arguments:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; do you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
            raise TypeError(f"settings must be named as fit names them, got {name!r}{hint}")
    return Settings(**arguments)


def _digest(description: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:32]


def _folder(folder: str | Path | None) -> Path:
    """Give the cache's folder, made if that is possible; where it is not, `write` says so."""
    if folder is None:
        folder = course_root() / Path(os.environ.get("VAE_LESSONS_CACHE") or ".cache/models").expanduser()
    folder = Path(folder).expanduser()
    with suppress(OSError):
        make_folder(folder)
    return folder


def _weights(model: nn.Module) -> bytes:
    return save(
        {
            name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, tensor in model.state_dict().items()
        }
    )


def _load(model: nn.Module, folder: Path, name: str) -> History | None:
    weights_path, description_path = folder / f"{name}.safetensors", folder / f"{name}.json"
    if not os.path.exists(description_path):  # False also in a folder that we may not look into, unlike Path's
        return None
    try:
        entry = json.loads(description_path.read_text(encoding="utf-8"))
        weights = weights_path.read_bytes()
        if hashlib.sha256(weights).hexdigest() != entry["weights_sha256"]:
            raise ValueError("the weights are not those that were kept")
        settings = Settings(**entry["history"].pop("settings"))
        history = History(settings, **entry["history"] | {"loaded": True})
        model.load_state_dict(load(weights))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        warn_of_damage("model", weights_path, error)
        return None
    model.eval()
    setattr(model, TRAINED, True)
    return history


def _save(model: nn.Module, history: History, description: dict, folder: Path, name: str) -> None:
    weights = _weights(model)
    entry = {"weights_sha256": hashlib.sha256(weights).hexdigest(), "history": asdict(history), "run": description}
    if write(folder / f"{name}.safetensors", weights):
        write(folder / f"{name}.json", json.dumps(entry, indent=1).encode())  # last: it completes the entry


@contextmanager
def _lock(entry: Path) -> Iterator[None]:
    """Hold a lock file until `entry` is made; while another process holds it, show that we wait.

    An entry that exists is read without a lock. In a folder that we cannot write to, we do without one.
    """
    lock = FileLock(entry.with_suffix(".lock"), mode=0o666)  # of whoever shares the folder
    if not os.path.exists(entry):
        try:
            lock.acquire(timeout=0)
        except Timeout:
            with progress_bar(1, "waiting for another notebook that does the same"):
                lock.acquire()
        except OSError:
            pass
    try:
        yield
    finally:
        lock.release()
