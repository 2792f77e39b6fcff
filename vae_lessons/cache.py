"""Trained models and what was measured on them, kept and found again, so that a lesson need not do what another has.

A model is two files: `KEY.safetensors` with the weights, and `KEY.json` with what they are; a measurement is
`measured/KEY.json`. The key is the SHA-256 of everything that the result depends on: the model with its weights,
and whatever its code takes from outside, the data, the settings, the source of this package, and torch's version.
"""

import difflib
import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from vae_lessons.choices import with_choices_made
from vae_lessons.data import ImageData, course_root
from vae_lessons.identity import identity
from vae_lessons.live import progress_bar
from vae_lessons.runs import History, Settings
from vae_lessons.trainable import check_arguments
from vae_lessons.training import TRAINED, fit

NOT_ABOUT_LESSONS = ("checks", "classroom")  # rooms that no lesson enters
# Rooms in which a change cannot change a trained model.
NOT_ABOUT_TRAINING = (
    *NOT_ABOUT_LESSONS,
    "cache.py",
    "comparison.py",
    "diagrams",
    "explorables",
    "gradients.py",
    "identity.py",
    "linear_gaussian.py",
    "live.py",
    "measures.py",
    "plots.py",
    "quadrature.py",
)


class DamagedCacheWarning(UserWarning):
    """Something that was kept could not be read, and was made again."""


def fit_or_load(model: nn.Module, data: ImageData, *, folder: str | Path | None = None, **settings) -> History:
    """As `fit`, but a run that was done before is loaded, with the history it had.

    Parameters
    ----------
    folder : where trained models are kept; by default $VAE_LESSONS_CACHE, else `.cache/models` in
        the course's folder. Deleting it is always safe.
    settings : as for `fit`, by name

    A model is the same if its weights and attributes are, and what its code does, with the values that it takes from
    outside: a class of your own is trained again once you change it, or a number that its loss uses.

    Two notebooks that want the same model at once train it once: the second waits. A damaged entry
    is trained again, with a `DamagedCacheWarning`. An interrupted run is not kept.

    Raises
    ------
    As `fit`; and TypeError, naming it, for what no run can be told from others by, such as an open file that the
    model's loss uses.
    """
    check_arguments(model, data)
    told = _settings(settings)
    folder = _made(folder)
    description = describe(model, data, told)
    key = _key(description)
    with _only_one(folder / f"{key}.lock"):
        history = _load(model, folder, key)
        if history is None:
            history = fit(model, data, **settings)
            _keep(model, history, description, folder, key)
    return history


def describe(model: nn.Module, data: ImageData, settings: Settings) -> dict[str, object]:
    """Everything that decides what training gives, as JSON has it."""
    return {
        **identity(model),
        "data": data.name,
        "data_sha256": data.fingerprint,
        "settings": asdict(with_choices_made(settings, len(data.train))),
        "package_sha256": package_fingerprint(NOT_ABOUT_TRAINING),
        "torch": torch.__version__,
    }


def measured_or_kept(
    description: dict[str, object], measure: Callable[[], dict[str, float]], folder: str | Path | None = None
) -> dict[str, float]:
    """What `measure` gives, numbers by name; of a second call with the same `description`, what it gave.

    description : everything that decides the result except the package's source and torch's version, as JSON has it
    folder : as for `fit_or_load`. A damaged entry is measured again, with a `DamagedCacheWarning`; two notebooks
        that want the same at once measure it once.
    """
    folder = _made(_made(folder) / "measured")
    source = {"package_sha256": package_fingerprint(NOT_ABOUT_LESSONS), "torch": torch.__version__}
    key = _key(description | source)
    with _only_one(folder / f"{key}.lock"):
        return _measured(folder / f"{key}.json", measure)


def package_fingerprint(leave_out: tuple[str, ...] = ()) -> str:
    """SHA-256 of the package's source files, names included."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        name = path.relative_to(package)
        if path.is_file() and "__pycache__" not in name.parts and name.parts[0] not in leave_out:
            digest.update(name.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _settings(given: dict[str, object]) -> Settings:
    known = [field.name for field in fields(Settings)]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; do you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
            raise TypeError(f"settings must be named as fit names them, got {name!r}{hint}")
    return Settings(**given)


def _measured(path: Path, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
    if path.exists():
        try:
            return {str(name): float(value) for name, value in json.loads(path.read_text(encoding="utf-8")).items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            _warn_of_damage("measurement", path, error)
    measured = {name: float(value) for name, value in measure().items()}
    _write_atomically(path, json.dumps(measured, indent=1).encode())
    return measured


def _key(description: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:32]


def _made(folder: str | Path | None) -> Path:
    folder = _cache_folder() if folder is None else Path(folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _cache_folder() -> Path:
    return course_root() / Path(os.environ.get("VAE_LESSONS_CACHE") or ".cache/models").expanduser()


def _weights(model: nn.Module) -> bytes:
    return save({name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()})


def _load(model: nn.Module, folder: Path, key: str) -> History | None:
    weights_path, description_path = folder / f"{key}.safetensors", folder / f"{key}.json"
    if not description_path.exists():
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
        _warn_of_damage("model", weights_path, error)
        return None
    model.eval()
    setattr(model, TRAINED, True)
    return history


def _warn_of_damage(what: str, path: Path, error: Exception) -> None:
    warnings.warn(f"the kept {what} {path} is damaged ({error}); making it again", DamagedCacheWarning, stacklevel=4)


def _keep(model: nn.Module, history: History, description: dict, folder: Path, key: str) -> None:
    weights = _weights(model)
    entry = {"weights_sha256": hashlib.sha256(weights).hexdigest(), "history": asdict(history), "key": description}
    _write_atomically(folder / f"{key}.safetensors", weights)
    _write_atomically(folder / f"{key}.json", json.dumps(entry, indent=1).encode())  # last: it makes the entry


def _write_atomically(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold a lock file; while another process has it, say what we wait for."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        with progress_bar(1, "waiting for another notebook that does the same"):
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
