"""Files on disk and downloads: each way they can be wrong raises an error that names the remedy.

The tests make small files that stand in for the real ones.
"""

import errno
import hashlib
import http.client
import importlib.metadata
import os
import socket
import struct
import sys
import types
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from vae_lessons import load_images
from vae_lessons.data import data_root, downloads
from vae_lessons.data.downloads import DataError, NotOnDiskError, load_splits

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
SIZES = {"train": 30, "t10k": 20}
REAL = data_root() if os.environ.get("VAE_LESSONS_DATA") else None


def idx(values: np.ndarray) -> bytes:
    """Encode the values in the format of the MNIST files."""
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.astype("u1").tobytes()


def small_arrays(seed: int) -> dict[str, np.ndarray]:
    """Make the contents of the four files: noise as images, and labels in equal numbers."""
    rng = np.random.default_rng(seed)
    images = {f"{split}-images-idx3-ubyte": rng.integers(0, 256, (n, 28, 28)) for split, n in SIZES.items()}
    labels = {f"{split}-labels-idx1-ubyte": rng.permutation(np.arange(n) % 10) for split, n in SIZES.items()}
    return images | labels


def write(root: Path, files: dict[str, bytes], folder: str = "MNIST") -> Path:
    raw = root / folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (raw / name).write_bytes(content)
    return raw


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    return small_arrays(seed=0)


@pytest.fixture(autouse=True)
def files(arrays, monkeypatch) -> dict[str, bytes]:
    """Let the small files count as MNIST's own while a test runs."""
    files = {name: idx(arrays[name]) for name in FILES}
    monkeypatch.setattr(downloads, "SPLIT_SIZES", SIZES)
    monkeypatch.setattr(downloads, "MNIST_SHA256", {f: hashlib.sha256(c).hexdigest() for f, c in files.items()})
    return files


@pytest.fixture
def fashion() -> dict[str, bytes]:
    return {name: idx(values) for name, values in small_arrays(seed=1).items()}


@pytest.fixture(autouse=True)
def network(monkeypatch):
    """Make the network fail as if it were absent, or with another error: network(error)."""

    def fails_with(error: Exception) -> None:
        def urlopen(*_, **__):
            raise error

        monkeypatch.setattr("urllib.request.urlopen", urlopen)

    fails_with(urllib.error.URLError("No route to host"))
    return fails_with


@pytest.fixture
def mirror(files, monkeypatch) -> list[Path]:
    """Serve the small files from a mirror; list the folders that were downloaded to."""
    folders = []

    def download(dataset):
        folders.append(Path(dataset.root))
        write(Path(dataset.root), files)

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", download)
    return folders


# Files on disk


def test_checksums_cover_mnists_four_files():
    assert tuple(downloads.MNIST_SHA256) == FILES


def assert_splits_are(splits: tuple[torch.Tensor, ...], arrays: dict[str, np.ndarray]) -> None:
    assert [t.dtype for t in splits] == [torch.uint8, torch.int64] * 2
    for name, tensor in zip(FILES, splits, strict=True):
        np.testing.assert_array_equal(tensor, arrays[name])


def test_intact_files_are_read_unchanged(files, arrays, tmp_path):
    write(tmp_path, files)
    assert_splits_are(load_splits("mnist", tmp_path), arrays)


def test_fashion_mnist_is_read_from_its_own_folder(files, fashion, tmp_path):
    write(tmp_path, files)
    write(tmp_path, fashion, "FashionMNIST")
    assert_splits_are(load_splits("fashion-mnist", tmp_path), small_arrays(seed=1))


DAMAGES = {
    "empty": lambda content: b"",
    "header only": lambda content: content[:8],
    "a byte missing": lambda content: content[:-1],
    "an extra byte": lambda content: content + b"\0",
    "another magic number": lambda content: b"\0\0\x09" + content[3:],
    "another count": lambda content: content[:4] + struct.pack(">I", 7) + content[8:],
    "the first value changed": lambda content: content[:16] + bytes([content[16] ^ 1]) + content[17:],
    "the last value changed": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_is_named_with_remedy(files, tmp_path, file, damage):
    path = write(tmp_path, files | {file: DAMAGES[damage](files[file])}) / file
    with pytest.raises(DataError) as error:
        load_splits("mnist", tmp_path)
    assert str(error.value).startswith(f"{path} is damaged: its contents are not those of MNIST.")
    assert str(error.value).endswith(f"Delete {path} and call again to download it.")
    assert not isinstance(error.value, NotOnDiskError)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", [name for name in DAMAGES if "value" not in name])
def test_damaged_fashion_mnist_file_is_named(fashion, tmp_path, file, damage):
    path = write(tmp_path, fashion | {file: DAMAGES[damage](fashion[file])}, "FashionMNIST") / file
    with pytest.raises(DataError, match="is damaged: its contents are not those of FashionMNIST") as error:
        load_splits("fashion-mnist", tmp_path)
    assert f"Delete {path}" in str(error.value)


@pytest.mark.parametrize("other", FILES)
@pytest.mark.parametrize("file", FILES)
def test_mislabelled_file_is_identified(files, tmp_path, file, other):
    path = write(tmp_path, files | {file: files[other]}) / file
    if file == other:
        load_splits("mnist", tmp_path)
        return
    with pytest.raises(DataError, match=f"mislabelled: it holds MNIST's {other}") as error:
        load_splits("mnist", tmp_path)
    assert str(error.value).startswith(str(path))
    assert f"Delete {path}" in str(error.value)


@pytest.mark.parametrize("file", FILES)
def test_mnist_file_is_refused_as_fashion_mnist(files, fashion, tmp_path, file):
    path = write(tmp_path, fashion | {file: files[file]}, "FashionMNIST") / file
    with pytest.raises(DataError, match=f"mislabelled: it holds MNIST's {file}") as error:
        load_splits("fashion-mnist", tmp_path)
    assert f"Delete {path}" in str(error.value)


@pytest.mark.parametrize("file", [name for name in FILES if "labels" in name])
def test_fashion_mnist_class_counts_are_checked(fashion, tmp_path, file):
    labels = bytearray(fashion[file])
    labels[-1] = (labels[-1] + 1) % 10
    path = write(tmp_path, fashion | {file: bytes(labels)}, "FashionMNIST") / file
    with pytest.raises(DataError, match="damaged: its contents are not those of FashionMNIST") as error:
        load_splits("fashion-mnist", tmp_path)
    assert f"Delete {path}" in str(error.value)


def write_processed_files(root: Path) -> None:
    """Write other data to processed/*.pt, as early versions of torchvision did; later versions still prefer it."""
    processed = root / "MNIST" / "processed"
    processed.mkdir(parents=True)
    for name in ("training.pt", "test.pt"):
        torch.save((torch.zeros(3, 28, 28, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64)), processed / name)


def test_checked_files_are_the_ones_read(files, arrays, tmp_path):
    write(tmp_path, files)
    write_processed_files(tmp_path)
    assert_splits_are(load_splits("mnist", tmp_path), arrays)


def test_old_torchvision_folder_is_refused(tmp_path):
    write_processed_files(tmp_path)
    with pytest.raises(DataError):
        load_splits("mnist", tmp_path)


@pytest.mark.skipif(
    REAL is None or not all((REAL / "MNIST" / "raw" / file).is_file() for file in FILES),
    reason="needs MNIST in $VAE_LESSONS_DATA",
)
def test_real_mnist_has_known_statistics(monkeypatch):
    monkeypatch.undo()  # the real sizes and checksums
    mnist = load_images("mnist", root=REAL)
    assert mnist.train.shape == (60_000, 28, 28)
    assert mnist.test.shape == (10_000, 28, 28)
    assert mnist.train_labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert mnist.test_labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert float(mnist.train.mean()) == pytest.approx(0.1307, abs=5e-5)
    assert float(mnist.train.std()) == pytest.approx(0.3081, abs=5e-5)


# Downloads


def test_missing_files_are_downloaded_once(mirror, arrays, tmp_path):
    root = tmp_path / "not" / "yet" / "there"
    assert_splits_are(load_splits("mnist", root), arrays)
    load_splits("mnist", root)
    assert mirror == [root]


def test_one_missing_file_triggers_download(mirror, files, arrays, tmp_path):
    (write(tmp_path, files) / FILES[3]).unlink()
    assert_splits_are(load_splits("mnist", tmp_path), arrays)
    assert mirror == [tmp_path]


def test_downloaded_files_are_checked(mirror, files, tmp_path):
    files[FILES[2]] = files[FILES[2]][:-1] + b"\0"
    with pytest.raises(DataError, match=f"{FILES[2]} is damaged"):
        load_splits("mnist", tmp_path)


FAILURES = [
    urllib.error.URLError("the failure"),
    urllib.error.HTTPError("http://mirror", 503, "the failure", None, None),
    TimeoutError("the failure"),
    ConnectionResetError("the failure"),
    http.client.RemoteDisconnected("the failure"),
    http.client.BadStatusLine("the failure"),  # a proxy that does not answer in HTTP
    http.client.IncompleteRead(b"the failure"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_failed_download_shows_cause_and_remedy(network, files, tmp_path, failure):
    network(failure)
    write(tmp_path, {name: files[name] for name in FILES[:3]})
    with pytest.raises(NotOnDiskError, match="downloading it failed") as error:
        load_splits("mnist", tmp_path)
    message = str(error.value)
    assert f"MNIST is not complete in {tmp_path} (missing: {FILES[3]})" in message
    assert all(words in message for words in ("Connect to the network", "copy", "VAE_LESSONS_DATA"))
    assert "\n" not in message


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_download_error_lists_every_mirror(tmp_path, name):
    with pytest.raises(NotOnDiskError, match="No route to host") as error:
        load_splits(name, tmp_path)
    dataset = {"mnist": torchvision.datasets.MNIST, "fashion-mnist": torchvision.datasets.FashionMNIST}[name]
    assert all(mirror in str(error.value) for mirror in dataset.mirrors)
    assert all(file in str(error.value) for file in FILES)


@pytest.mark.parametrize("before", [None, 7.5])
@pytest.mark.parametrize("failure", [None, RuntimeError("no mirror answered"), KeyboardInterrupt()])
def test_socket_timeout_is_set_during_download_only(monkeypatch, files, tmp_path, before, failure):
    during = []

    def download(dataset):
        during.append(socket.getdefaulttimeout())
        if failure:
            raise failure
        write(Path(dataset.root), files)

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", download)
    outside = socket.getdefaulttimeout()
    socket.setdefaulttimeout(before)
    try:
        if failure:
            with pytest.raises((NotOnDiskError, KeyboardInterrupt)):
                load_splits("mnist", tmp_path)
        else:
            load_splits("mnist", tmp_path)
        assert socket.getdefaulttimeout() == before
    finally:
        socket.setdefaulttimeout(outside)
    assert during == [downloads.DOWNLOAD_TIMEOUT]


# Folders that cannot be written to


def below_a_file(tmp_path, monkeypatch) -> Path:
    (tmp_path / "file").write_text("not a folder")
    return tmp_path / "file" / "data"


def a_file(tmp_path, monkeypatch) -> Path:
    return below_a_file(tmp_path, monkeypatch).parent


def forbidden(tmp_path, monkeypatch) -> Path:
    def mkdir(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", mkdir)
    return tmp_path / "data"


def forbidden_inside(tmp_path, monkeypatch) -> Path:
    def makedirs(path, *_, **__):  # torchvision makes MNIST/raw with this
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "makedirs", makedirs)
    return tmp_path


def read_only_disk(tmp_path, monkeypatch) -> Path:
    def makedirs(path, *_, **__):
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(os, "makedirs", makedirs)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    return tmp_path


@pytest.mark.parametrize("name", ["mnist", "auto"])
@pytest.mark.parametrize("make", [below_a_file, a_file, forbidden, forbidden_inside, read_only_disk])
def test_unwritable_folder_is_named(tmp_path, monkeypatch, make, name):
    for variable in ("VAE_LESSONS_DATASET", "VAE_LESSONS_FAST"):
        monkeypatch.delenv(variable, raising=False)
    root = make(tmp_path, monkeypatch)
    with pytest.raises(DataError, match="the folder cannot be written to") as error:
        load_images(name, root)
    assert str(root) in str(error.value)
    assert "Set VAE_LESSONS_DATA, or root=" in str(error.value)
    assert not isinstance(error.value, NotOnDiskError)


def test_full_disk_is_reported_as_such(monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "makedirs", full)
    with pytest.raises(DataError, match=r"cannot be written to.*No space left") as error:
        load_splits("mnist", tmp_path)
    assert not isinstance(error.value, NotOnDiskError)


def test_unreadable_file_is_named(files, monkeypatch, tmp_path):
    write(tmp_path, files)

    def forbidden(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte cannot be read.*Permission denied"):
        load_splits("mnist", tmp_path)


# PyTorch and torchvision


@pytest.fixture
def mismatched_torchvision(monkeypatch) -> None:
    """Replace torchvision by one that fails like a build for another version of torch."""

    class Misfit(types.ModuleType):
        def __getattr__(self, name):
            raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setitem(sys.modules, "torchvision", Misfit("torchvision"))


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "auto"])
def test_mismatched_torchvision_shows_both_versions(mismatched_torchvision, monkeypatch, tmp_path, name):
    for variable in ("VAE_LESSONS_DATASET", "VAE_LESSONS_FAST"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ImportError, match="operator torchvision::nms does not exist") as error:
        load_images(name, tmp_path)
    message = str(error.value)
    assert f"torch {importlib.metadata.version('torch')}" in message
    assert f"torchvision {importlib.metadata.version('torchvision')}" in message
    assert "requirements.txt" in message


def test_digits_load_without_torchvision(mismatched_torchvision):
    assert load_images("digits").name == "digits"


def test_missing_torchvision_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ImportError, match=r"torchvision is not installed.*requirements\.txt"):
        load_splits("mnist", tmp_path)
