"""Images with their classes, each split as one tensor.

MNIST and Fashion-MNIST come through torchvision; the 8×8 digits that are part of scikit-learn need neither a network
nor a file. `load_images` loads them all.
"""

import os
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from vae_lessons.data.dataset import SPLITS, sha256_of
from vae_lessons.data.downloads import DataError, NotOnDiskError, load_splits
from vae_lessons.validation import check_finite, check_tensors, grey_layout

DIGITS = "digits"
AUTO = "auto"
TORCHVISION_FOLDERS = ("MNIST", "FashionMNIST")
TITLES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", DIGITS: "scikit-learn's 8×8 digits"}


class EmbeddedDigitsWarning(UserWarning):
    """MNIST could not be loaded, and `auto` fell back to the embedded digits."""


@dataclass(frozen=True, eq=False)
class ImageData:
    """A `Dataset` of grey images, with their classes: its columns are (images, labels).

    Attributes
    ----------
    name : str
        "mnist", "fashion-mnist", "digits", or your own.
    train, test : Tensor, (M, H, W), float32
        From 0, background, to 1, full ink.
    train_labels, test_labels : Tensor, (M,), int64
        The classes, from 0. ValueError if images and labels do not fit each other, or a pixel is outside [0, 1];
        TypeError for what is not a tensor. Each says what to do.
    """

    name: str
    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor
    unit: ClassVar[str] = "image"
    whole: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for split in SPLITS:
            _check_split(split, *self.columns(split))
        if self.train.shape[1:] != self.test.shape[1:]:
            raise ValueError(
                "train and test images must have the same size, got "
                f"{tuple(self.train.shape[1:])} and {tuple(self.test.shape[1:])}"
            )

    def columns(self, split: str) -> tuple[Tensor, Tensor]:
        """Give images and labels of "train" or "test"."""
        return getattr(self, split), getattr(self, f"{split}_labels")

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width in pixels, (H, W)."""
        return tuple(self.train.shape[1:])

    @property
    def n_pixels(self) -> int:
        """D, the number of pixels of one image."""
        return self.train[0].numel()

    @property
    def title(self) -> str:
        """The name as it is written in a sentence."""
        return TITLES.get(self.name, self.name)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all images and labels."""
        return sha256_of(*self.columns("train"), *self.columns("test"))

    def __str__(self) -> str:
        height, width = self.image_shape
        return (
            f"{self.title}: {len(self.train):,} training and {len(self.test):,} test images "
            f"of {height} × {width} = {self.n_pixels} pixels"
        )

    __repr__ = __str__


def load_images(name: str = AUTO, root: str | Path | None = None) -> ImageData:
    """Load a data set by name.

    Parameters
    ----------
    name : {"auto", "mnist", "fashion-mnist", "digits"}
        "auto" is the data set named by $VAE_LESSONS_DATASET, if that is set; the digits if $VAE_LESSONS_FAST is set;
        else MNIST from disk, or downloaded, or without a network the digits, with an `EmbeddedDigitsWarning`.
    root : str or Path, optional
        The folder that holds `MNIST/raw`, in torchvision's layout. By default $VAE_LESSONS_DATA, else `data`; relative
        paths start at the course's own folder.

    Raises
    ------
    ValueError
        For an unknown name.
    DataError
        If a data set asked for by name cannot be loaded, if a file is damaged or is not what its name says, if the
        folder cannot be written to, or is inside the right one.
    ImportError
        If torch and torchvision were not built for each other.
    """
    known = (AUTO, *TITLES)
    if not isinstance(name, str) or name.lower() not in known:
        raise ValueError(f"name must be one of {', '.join(map(repr, known))}, got {name!r}")
    name = name.lower()
    if name == AUTO:
        name = _named_by_environment()
    if name == DIGITS:
        return _load_digits()
    folder = data_root() if root is None else Path(root).expanduser().resolve()
    _check_folder(folder)
    if name != AUTO:
        return _load_downloaded(name, folder)
    try:
        return _load_downloaded("mnist", folder)
    except NotOnDiskError as error:
        warnings.warn(
            f"MNIST could not be loaded, so these are the digits inside scikit-learn. {error}",
            EmbeddedDigitsWarning,
            stacklevel=2,
        )
        return _load_digits()


def _check_folder(folder: Path) -> None:
    """Refuse a folder inside the right one, where torchvision would start a second copy."""
    inside = folder.parent if folder.name == "raw" else folder
    if inside.name in TORCHVISION_FOLDERS and (inside / "raw").is_dir():
        raise DataError(
            f"the folder of the data must be the one that holds {inside.name}/raw, got {folder}; use {inside.parent}"
        )


def course_root() -> Path:
    """Find the folder of the course, or the working directory if the package is installed without it."""
    parent = Path(__file__).resolve().parents[2]
    return parent if (parent / "pyproject.toml").is_file() else Path.cwd()


def data_root() -> Path:
    """Find the folder of downloaded data: $VAE_LESSONS_DATA or `data`, relative to the course's folder."""
    return (course_root() / Path(os.environ.get("VAE_LESSONS_DATA") or "data").expanduser()).resolve()


def _named_by_environment() -> str:
    name = os.environ.get("VAE_LESSONS_DATASET", "").lower()
    if name in ("", AUTO):
        return DIGITS if os.environ.get("VAE_LESSONS_FAST", "") not in ("", "0") else AUTO
    if name not in TITLES:
        raise ValueError(f"$VAE_LESSONS_DATASET must be one of {AUTO}, {', '.join(TITLES)}, got {name!r}")
    return name


def _check_split(split: str, images: Tensor, labels: Tensor) -> None:
    check_tensors(**{split: images, f"{split}_labels": labels})
    if images.dtype != torch.float32 or images.dim() != 3 or not images.numel():
        found = f"{images.dtype} {tuple(images.shape)}"
        floats = ".float()" * (images.dtype != torch.float32) + " / 255" * bool((images > 1).any())
        remedy = f"use {grey_layout(split, images.shape)}{floats}" if images.numel() else "there are none"
        raise ValueError(f"{split} must be float32 images of shape (M, H, W), got {found}: {remedy}")
    if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
        found = f"{labels.dtype} {tuple(labels.shape)}"
        as_classes = ".argmax(dim=1)" if labels.dim() == 2 and labels.shape[1] > 1 else ".flatten().long()"
        remedy = (
            f"use {split}_labels{as_classes}" if labels.shape[:1] == images.shape[:1] else "each image needs its own"
        )
        raise ValueError(f"{split}_labels must be {len(images)} int64 labels, got {found}: {remedy}")
    if labels.min() < 0:
        raise ValueError(f"{split}_labels must be 0 or more, got {int(labels.min())}")
    check_finite(split, images, "image")
    low, high = (float(end) for end in images.aminmax())
    if low < 0 or high > 1:
        remedy = f"use {split} / 255 for bytes" if low >= 0 else f"use ({split} + 1) / 2 for images in [-1, 1]"
        raise ValueError(f"{split} must lie in [0, 1], got values from {low:.3g} to {high:.3g}: {remedy}")


def _load_digits() -> ImageData:
    """Load scikit-learn's 1,797 digits; a fifth of each class, the same on every machine, is the test split."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    images = torch.tensor(bunch.images / 16.0, dtype=torch.float32)  # 17 grey levels
    labels = torch.tensor(bunch.target, dtype=torch.int64)
    train, test = train_test_split(range(len(labels)), test_size=0.2, stratify=labels, random_state=0)
    return ImageData(DIGITS, images[train], labels[train], images[test], labels[test])


def _load_downloaded(name: str, root: Path) -> ImageData:
    train, train_labels, test, test_labels = load_splits(name, root)
    return ImageData(name, train.float().div_(255), train_labels, test.float().div_(255), test_labels)
