"""Images to learn from: whole splits as one tensor each.

MNIST and Fashion-MNIST come through torchvision; the 8x8 digits that lie inside
scikit-learn need neither a network nor a file. `load_images` is the way in.
"""

import hashlib
import os
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from vae_lessons.data.downloads import DataError, NotOnDiskError, load_splits

DIGITS = "digits"
AUTO = "auto"
TORCHVISION_FOLDERS = ("MNIST", "FashionMNIST")
TITLES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", DIGITS: "scikit-learn's 8×8 digits"}


class EmbeddedDigitsWarning(UserWarning):
    """`auto` had to take the embedded digits in place of MNIST."""


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set of grey images, with the classes they belong to.

    Attributes
    ----------
    name : "mnist", "fashion-mnist" or "digits" (or your own)
    train, test : float32 tensors (M, H, W), 0 background to 1 full ink
    train_labels, test_labels : int64 tensors (M,)

    Raises
    ------
    ValueError : if images and labels do not fit each other, or a pixel is outside [0, 1].
    """

    name: str
    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor

    def __post_init__(self) -> None:
        for split in ("train", "test"):
            _check_split(split, getattr(self, split), getattr(self, f"{split}_labels"))
        if self.train.shape[1:] != self.test.shape[1:]:
            raise ValueError(
                "train and test images must have one size, got "
                f"{tuple(self.train.shape[1:])} and {tuple(self.test.shape[1:])}"
            )

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
        """The name as one writes it in a sentence."""
        return TITLES.get(self.name, self.name)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over all images and labels: two data sets with one fingerprint are the same."""
        digest = hashlib.sha256()
        for tensor in (self.train, self.train_labels, self.test, self.test_labels):
            digest.update(str(tuple(tensor.shape)).encode())
            digest.update(tensor.contiguous().numpy().data)
        return digest.hexdigest()

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
    name : "mnist", "fashion-mnist", "digits" or "auto". "auto" is what $VAE_LESSONS_DATASET
        says if it is set; the digits if $VAE_LESSONS_FAST is; else MNIST from disk, else
        MNIST downloaded, else (no network) the digits, with an `EmbeddedDigitsWarning`.
    root : the folder that holds `MNIST/raw` (torchvision's layout). By default
        $VAE_LESSONS_DATA, else `data`; both count from the course's own folder.

    Returns
    -------
    ImageData with images float32 in [0, 1] of shape (M, H, W)

    Raises
    ------
    ValueError : for an unknown name.
    DataError : if a data set asked for by name cannot be had, if a file is truncated, corrupted
        or another's, if the folder cannot be written to, or lies inside the one that is meant.
    ImportError : if torch and torchvision were not built for each other.
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
            f"MNIST could not be had, so these are the digits inside scikit-learn. {error}",
            EmbeddedDigitsWarning,
            stacklevel=2,
        )
        return _load_digits()


def _check_folder(folder: Path) -> None:
    """torchvision would begin a second copy inside the first."""
    inside = folder.parent if folder.name == "raw" else folder
    if inside.name in TORCHVISION_FOLDERS and (inside / "raw").is_dir():
        raise DataError(
            f"the folder of the data must be the one that holds {inside.name}/raw, got {folder}; take {inside.parent}"
        )


def course_root() -> Path:
    """The folder that holds the course, or the working directory if the package stands alone."""
    parent = Path(__file__).resolve().parents[2]
    return parent if (parent / "pyproject.toml").is_file() else Path.cwd()


def data_root() -> Path:
    """Where downloaded data live: $VAE_LESSONS_DATA or `data`, counted from the course's folder."""
    return (course_root() / Path(os.environ.get("VAE_LESSONS_DATA") or "data").expanduser()).resolve()


def _named_by_environment() -> str:
    name = os.environ.get("VAE_LESSONS_DATASET", "").lower()
    if name in ("", AUTO):
        return DIGITS if os.environ.get("VAE_LESSONS_FAST", "") not in ("", "0") else AUTO
    if name not in TITLES:
        raise ValueError(f"$VAE_LESSONS_DATASET must be one of {AUTO}, {', '.join(TITLES)}, got {name!r}")
    return name


def _check_split(split: str, images: Tensor, labels: Tensor) -> None:
    for name, value in ((split, images), (f"{split}_labels", labels)):
        if not isinstance(value, Tensor):
            raise ValueError(f"{name} must be a torch.Tensor, got {type(value).__name__}")
    if images.dtype != torch.float32 or images.dim() != 3 or not images.numel():
        raise ValueError(f"{split} must be float32 images of shape (M, H, W), got {images.dtype} {tuple(images.shape)}")
    if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
        raise ValueError(f"{split}_labels must be {len(images)} int64 labels, got {labels.dtype} {tuple(labels.shape)}")
    if labels.min() < 0:
        raise ValueError(f"{split}_labels must be 0 or more, got {int(labels.min())}")
    low, high = images.aminmax()
    if not (low >= 0 and high <= 1):  # NaN fails both
        raise ValueError(f"{split} must lie in [0, 1], got values from {low:.3g} to {high:.3g}")


def _load_digits() -> ImageData:
    """scikit-learn's 1,797 digits, a fifth of each class kept for testing, the same on every machine."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    images = torch.tensor(bunch.images / 16.0, dtype=torch.float32)  # 17 grey levels
    labels = torch.tensor(bunch.target, dtype=torch.int64)
    train, test = train_test_split(range(len(labels)), test_size=0.2, stratify=labels, random_state=0)
    return ImageData(DIGITS, images[train], labels[train], images[test], labels[test])


def _load_downloaded(name: str, root: Path) -> ImageData:
    train, train_labels, test, test_labels = load_splits(name, root)
    return ImageData(name, _as_ink(train), train_labels, _as_ink(test), test_labels)


def _as_ink(images: Tensor) -> Tensor:
    """Bytes 0 to 255 as float32 in [0, 1]."""
    return images.to(torch.float32).div_(255)
