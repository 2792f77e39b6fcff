"""MNIST and Fashion-MNIST: torchvision downloads and reads the files, and a check in between says what is wrong.

torchvision verifies checksums only while it downloads; later it reads whatever is on disk.
"""

import errno
import hashlib
import os
import socket
from http.client import HTTPException
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

from filelock import FileLock
from torch import Tensor

TORCHVISION_CLASS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}
SPLIT_SIZES = {"train": 60_000, "t10k": 10_000}
UNWRITABLE = (errno.EACCES, errno.EEXIST, errno.ENOSPC, errno.ENOTDIR, errno.EPERM, errno.EROFS)
DOWNLOAD_TIMEOUT = 20.0  # seconds without an answer from a mirror

# SHA-256 of the uncompressed MNIST files, and the names of Fashion-MNIST's too.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


class DataError(RuntimeError):
    """A data set cannot be loaded, or is not what its name says."""


class NotOnDiskError(DataError):
    """The data are neither on disk nor can they be downloaded; `auto` then falls back to the digits."""


def load_splits(name: str, root: Path) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Load train images, train labels, test images and test labels (uint8 and int64), downloading what is missing.

    Raises DataError, NotOnDiskError and ImportError as `load_images` documents.
    """
    datasets = _torchvision_datasets()
    raw = root / TORCHVISION_CLASS[name] / "raw"
    if _missing(raw):
        _download(getattr(datasets, TORCHVISION_CLASS[name]), root, raw)
    # Not through the dataset class: it prefers the `processed` folder of an older torchvision, which nobody checks.
    return tuple(_read(datasets.mnist, name, raw / file) for file in MNIST_SHA256)


def _missing(raw: Path) -> list[str]:
    return [file for file in MNIST_SHA256 if not (raw / file).is_file()]


def _torchvision_datasets():
    remedy = (
        "Install the pair that requirements.txt names, both from one source: `make clean book`, or "
        "`pip install --force-reinstall` with its torch and torchvision lines. "
        "load_images('digits') works without torchvision."
    )
    try:
        from torchvision import datasets
    except ModuleNotFoundError as error:
        raise ImportError(f"{error.name} is not installed. {remedy}") from error
    except (RuntimeError, ImportError, OSError, AttributeError) as error:
        pair = f"torch {version('torch')} and torchvision {version('torchvision')}"
        raise ImportError(
            f"torchvision does not load: {pair} were not built for each other ({error}). {remedy}"
        ) from error
    return datasets


def _download(dataset_class, root: Path, raw: Path) -> None:
    """Let torchvision download into `root`, verifying its checksums."""
    what = f"{dataset_class.__name__} is not complete in {root} (missing: {', '.join(_missing(raw))})"
    timeout = socket.getdefaulttimeout()
    try:
        root.mkdir(parents=True, exist_ok=True)
        socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)  # torchvision would wait for ever behind a silent firewall
        with FileLock(root / ".download.lock"):
            dataset_class(root, download=True)
    except (RuntimeError, OSError, HTTPException) as error:  # torchvision raises RuntimeError once no mirror answered
        if getattr(error, "errno", None) in UNWRITABLE or not os.access(root, os.W_OK):
            raise DataError(
                f"{what}, and the folder cannot be written to ({error}). Set VAE_LESSONS_DATA, or "
                "root=, to a folder of your own, or to one that has the data already."
            ) from error
        raise NotOnDiskError(
            f"{what}, and downloading it failed: {' '.join(str(error).split())} "
            "Connect to the network and try again, or copy the four files there from another machine, "
            "or set VAE_LESSONS_DATA to a folder that has them."
        ) from error
    finally:
        socket.setdefaulttimeout(timeout)
    if _missing(raw):
        raise DataError(
            f"{what}, but torchvision believes that it is, because of {raw.parent / 'processed'}, which an older "
            "version made. Delete that folder and call again to download."
        )


def _read(reader: ModuleType, name: str, path: Path) -> Tensor:
    """Check a file and read it; DataError says what is wrong and what to do."""
    remedy = f"Delete {path} and call again to download it."
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}). {remedy}") from error
    owner = next((file for file, known in MNIST_SHA256.items() if known == digest), None)
    if owner and (name, path.name) != ("mnist", owner):
        raise DataError(f"{path} is mislabelled: it holds MNIST's {owner}. {remedy}")
    damaged = DataError(f"{path} is damaged: its contents are not those of {TORCHVISION_CLASS[name]}. {remedy}")
    if name == "mnist" and not owner:
        raise damaged
    split, kind = path.name.split("-")[:2]
    try:
        values = reader.read_image_file(str(path)) if kind == "images" else reader.read_label_file(str(path))
    except Exception as error:  # whatever torchvision's parser meets in a file that is not one
        raise damaged from error
    if len(values) != SPLIT_SIZES[split] or (kind == "images" and values.shape[1:] != (28, 28)):
        raise damaged
    # Fashion-MNIST has no published checksums of these files; its classes have the same size.
    if name != "mnist" and kind == "labels" and not (values.bincount(minlength=10) * 10 == len(values)).all():
        raise damaged
    return values
