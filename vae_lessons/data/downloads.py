"""MNIST and Fashion-MNIST on disk: fetched by torchvision, then checked before anyone learns from them.

torchvision compares the compressed files with its checksums as it downloads them, but
later opens whatever lies on disk without a look. This room looks.
"""

import errno
import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from importlib.metadata import version
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor

TORCHVISION_CLASS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}
SPLIT_SIZES = {"train": 60_000, "t10k": 10_000}
UNWRITABLE = (errno.ENOSPC, errno.EROFS)
DOWNLOAD_TIMEOUT = 20.0  # seconds without an answer from a mirror

# SHA-256 of the uncompressed MNIST files, and the names of Fashion-MNIST's too.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


class DataError(RuntimeError):
    """A data set that cannot be had, or that is not what its name says."""


class NotOnDiskError(DataError):
    """Not on disk and not to be downloaded: the one failure for which `auto` has another way."""


def load_splits(name: str, root: Path) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Train images, train labels, test images, test labels as the files have them (uint8, int64).

    Downloads what is missing, then checks every file. Raises DataError, NotOnDiskError and
    ImportError as `vae_lessons.load_images` says.
    """
    datasets = _torchvision_datasets()
    raw = root / TORCHVISION_CLASS[name] / "raw"
    if _missing(raw):
        _download(getattr(datasets, TORCHVISION_CLASS[name]), root, raw)
    for file in MNIST_SHA256:
        _check_file(name, raw / file)
    # Not through the class: where an older torchvision has left its `processed` folder, it reads that.
    read = {"images": datasets.mnist.read_image_file, "labels": datasets.mnist.read_label_file}
    return tuple(read[file.split("-")[1]](str(raw / file)) for file in MNIST_SHA256)


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
    """Let torchvision download into `root`, which it checks against its own checksums."""
    what = f"{dataset_class.__name__} is not complete in {root} (missing: {', '.join(_missing(raw))})"
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / ".download.lock"), _socket_timeout(DOWNLOAD_TIMEOUT):
            dataset_class(root, download=True)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise _cannot_write(what, root, error) from error
    except (RuntimeError, OSError, HTTPException) as error:  # torchvision raises RuntimeError once no mirror answered
        if not os.access(root, os.W_OK) or getattr(error, "errno", None) in UNWRITABLE:
            raise _cannot_write(what, root, error) from error
        raise NotOnDiskError(
            f"{what}, and downloading it failed: {' '.join(str(error).split())} "
            "Connect to the network and try again, or copy the four files there from another machine, "
            "or set VAE_LESSONS_DATA to a folder that has them."
        ) from error
    if _missing(raw):
        raise DataError(
            f"{what}, but torchvision takes it for complete because of {raw.parent / 'processed'}, which an older "
            "version made. Delete that folder and call again to download."
        )


def _cannot_write(what: str, root: Path, error: Exception) -> DataError:
    return DataError(
        f"{what}, and the folder cannot be written to ({error}). Set VAE_LESSONS_DATA, or "
        "root=, to a folder of yours, or to one that has the data already."
    )


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """torchvision downloads without a time limit; behind a silent firewall that is forever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _check_file(name: str, path: Path) -> None:
    """Compare a file with what its name promises: size, header and (for MNIST) checksum."""
    split, kind = path.name.split("-")[:2]
    shape = (SPLIT_SIZES[split], 28, 28) if kind == "images" else (SPLIT_SIZES[split],)
    header = bytes((0, 0, 8, len(shape))) + b"".join(n.to_bytes(4, "big") for n in shape)
    expected_size = len(header) + torch.Size(shape).numel()
    remedy = f"Delete {path} and call again to download it."
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}). {remedy}") from error
    digest = hashlib.sha256(content).hexdigest()
    belongs = next((file for file, known in MNIST_SHA256.items() if known == digest), None)
    if belongs and (name, path.name) != ("mnist", belongs):
        raise DataError(f"{path} is mislabelled: it holds MNIST's {belongs}. {remedy}")
    if len(content) < expected_size:
        raise DataError(f"{path} is truncated: {len(content):,} bytes of {expected_size:,}. {remedy}")
    if len(content) > expected_size or not content.startswith(header):
        raise DataError(
            f"{path} is not {TORCHVISION_CLASS[name]}'s {path.name}: its header or size is another's. {remedy}"
        )
    if name == "mnist":
        intact = digest == MNIST_SHA256[path.name]
    elif kind == "labels":  # Fashion-MNIST has no published checksum of these; its classes are of equal size
        intact = all(content[len(header) :].count(label) * 10 == SPLIT_SIZES[split] for label in range(10))
    else:
        intact = True
    if not intact:
        raise DataError(f"{path} is corrupted: its contents are not those of {TORCHVISION_CLASS[name]}. {remedy}")
