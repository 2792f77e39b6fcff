"""Data sets: the embedded digits, the checks of ImageData, and which data set `auto` loads."""

import hashlib
import re
import urllib.error
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

import vae_lessons
from vae_lessons import ImageData, load_images
from vae_lessons.data import EmbeddedDigitsWarning
from vae_lessons.data.downloads import MNIST_SHA256, DataError, NotOnDiskError

COURSE = Path(vae_lessons.__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def offline_without_settings(monkeypatch):
    """Keep every test of this file off the network and independent of the environment."""

    def no_network(*_, **__):
        raise urllib.error.URLError("Temporary failure in name resolution")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    for name in ("VAE_LESSONS_DATASET", "VAE_LESSONS_FAST", "VAE_LESSONS_DATA"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def requests(monkeypatch) -> list[tuple[str, Path]]:
    """Pretend that every folder holds a tiny MNIST; list the data sets requested, with their folders."""
    requests = []

    def load_splits(name, root):
        requests.append((name, root))
        images, labels = torch.arange(256, dtype=torch.uint8).view(4, 8, 8), torch.arange(4)
        return images, labels, images[:2], labels[:2]

    monkeypatch.setattr("vae_lessons.data.images.load_splits", load_splits)
    return requests


def tiny(**others) -> ImageData:
    images = torch.linspace(0, 1, 24).view(4, 2, 3)
    whole = {"train": images, "train_labels": torch.arange(4), "test": images[:2], "test_labels": torch.arange(2)}
    return ImageData("tiny", **whole | others)


@pytest.mark.parametrize("inside", ["MNIST", "MNIST/raw", "FashionMNIST/raw"])
def test_folder_inside_data_root_is_refused(inside, tmp_path, monkeypatch):
    raw = tmp_path / inside.split("/")[0] / "raw"
    raw.mkdir(parents=True)
    monkeypatch.setenv("VAE_LESSONS_DATA", str(tmp_path / inside))
    with pytest.raises(DataError, match=f"holds {inside.split('/')[0]}/raw, got .*; use {re.escape(str(tmp_path))}$"):
        load_images()
    assert list(raw.iterdir()) == []


# The digits


def test_digits_are_scikit_learns_without_repeats():
    digits, bunch = load_images("digits"), load_digits()
    splits = [(digits.train, digits.train_labels), (digits.test, digits.test_labels)]
    actual = np.concatenate([np.column_stack([images.flatten(1) * 16, labels]) for images, labels in splits])
    expected = np.column_stack([bunch.data, bunch.target])
    assert len(np.unique(expected, axis=0)) == 1797
    np.testing.assert_array_equal(np.unique(actual, axis=0), np.unique(expected, axis=0))
    assert len(actual) == 1797


def test_digits_have_documented_shapes_types_and_range():
    digits = load_images("digits")
    assert (digits.name, digits.image_shape, digits.n_pixels) == ("digits", (8, 8), 64)
    assert digits.train.shape == (1437, 8, 8)
    assert digits.test.shape == (360, 8, 8)
    for images, labels in [(digits.train, digits.train_labels), (digits.test, digits.test_labels)]:
        assert images.dtype == torch.float32
        assert (float(images.min()), float(images.max())) == (0, 1)
        assert labels.dtype == torch.int64
        assert labels.shape == images.shape[:1]


def test_digits_hold_out_a_fifth_per_class():
    digits = load_images("digits")
    in_test, in_all = digits.test_labels.bincount(), np.bincount(load_digits().target)
    assert np.abs(in_test.numpy() - in_all / 5).max() < 1


def test_digits_split_is_reproducible():
    first, second = load_images("digits"), load_images("DIGITS")
    assert first.fingerprint == second.fingerprint
    order = hashlib.sha256(first.test_labels.numpy().astype("u1").tobytes()).hexdigest()
    assert order.startswith("70ee2850bb25b543")


# ImageData


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize(
    ("images", "shown"),
    [
        (torch.zeros(4, 2, 3, dtype=torch.float64), r"float64 \(4, 2, 3\)"),
        (torch.zeros(4, 2, 3, dtype=torch.uint8), r"uint8 \(4, 2, 3\)"),
        (torch.zeros(4, 6), r"float32 \(4, 6\)"),
        (torch.zeros(4, 1, 2, 3), r"float32 \(4, 1, 2, 3\)"),
        (torch.zeros(0, 2, 3), r"float32 \(0, 2, 3\)"),
    ],
    ids=["float64", "bytes", "flat", "with channels", "empty"],
)
def test_images_of_wrong_kind_are_named(split, images, shown):
    labels = torch.zeros(len(images), dtype=torch.int64)
    with pytest.raises(ValueError, match=rf"^{split} must be float32 images of shape \(M, H, W\), got .*{shown}"):
        tiny(**{split: images, f"{split}_labels": labels})


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (torch.zeros(3, dtype=torch.int64), r"int64 \(3,\): each image needs its own"),
        (torch.zeros(4, 1, dtype=torch.int64), r"int64 \(4, 1\)"),
        (torch.zeros(4), r"float32 \(4,\)"),
        (torch.zeros(4, dtype=torch.uint8), r"uint8 \(4,\)"),
        (torch.tensor(3), r"int64 \(\): each image needs its own"),
    ],
    ids=["too few", "a column", "float", "bytes", "one number"],
)
def test_mismatched_labels_are_named(split, labels, shown):
    with pytest.raises(ValueError, match=rf"^{split}_labels must be 4 int64 labels, got .*{shown}"):
        tiny(**{split: torch.zeros(4, 2, 3), f"{split}_labels": labels})


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize(
    ("pixel", "shown"),
    [(-0.25, "from -0.25 to 1"), (1.5, "from 0 to 1.5"), (255.0, "to 255")],
)
def test_single_pixel_out_of_range_is_named(split, pixel, shown):
    images = torch.linspace(0, 1, 24).view(4, 2, 3)
    images[2, 1, 1] = pixel
    with pytest.raises(ValueError, match=rf"^{split} must lie in \[0, 1\], got values .*{shown}"):
        tiny(**{split: images, f"{split}_labels": torch.arange(4)})


@pytest.mark.parametrize("pixel", [torch.nan, torch.inf, -torch.inf])
def test_image_that_is_not_finite_is_named(pixel):
    images = torch.linspace(0, 1, 24).view(4, 2, 3)
    images[2, 1, 1] = pixel
    with pytest.raises(ValueError, match=r"^test must be finite, image 2 is not$"):
        tiny(test=images, test_labels=torch.arange(4))


def test_negative_labels_are_named():
    with pytest.raises(ValueError, match=r"^test_labels must be 0 or more, got -1"):
        tiny(test=torch.zeros(2, 2, 3), test_labels=torch.tensor([0, -1]))


def remedied(make, *columns):
    """Follow the remedy of each error, as a reader does, until `make` takes the columns x and labels."""
    given, names, errors = dict(zip(("x", "labels"), columns, strict=True)), {"torch": torch, "H": 5, "W": 6}, []
    while True:
        try:
            return make(given["x"], given["labels"]), errors
        except (TypeError, ValueError) as error:
            errors.append(str(error))
            name, remedy = re.fullmatch(r"train(\w*) must .*: use (\S.*?)(?: for .*)?", errors[-1]).groups()
            name = name.lstrip("_") or "x"
            remedy = remedy.replace("train_labels", "labels").replace("train", "x")
            remedy += f"({name})" * (remedy in ("torch.as_tensor", "torch.stack"))
            given[name] = eval(remedy, names | given)


GREY = torch.randint(256, (7, 5, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
GREY[0, 0, 0] = 255
CLASSES = torch.arange(7)


@pytest.mark.parametrize(
    ("images", "n_steps"),
    [
        (GREY, 1),
        (GREY.unsqueeze(1), 1),
        (GREY.unsqueeze(3) / 255, 1),
        (GREY.flatten(1).double(), 1),
        (GREY.float(), 1),
        (GREY.double() / 255, 1),
        (GREY.short(), 1),
        (GREY.numpy(), 2),
        (GREY.numpy()[:, None] / 255, 2),
        ([image / 255 for image in GREY], 1),
        (GREY.tolist(), 2),
        (GREY / 127.5 - 1, 1),
    ],
    ids=[
        "bytes", "one channel", "one channel at the end", "flat float64 bytes", "float32 bytes", "float64", "int16",
        "NumPy bytes", "NumPy with a channel", "list of tensors", "lists", "from -1 to 1",
    ],
)  # fmt: skip
def test_remedies_make_ones_own_images_fit(images, n_steps):
    data, errors = remedied(
        lambda x, labels: tiny(train=x, train_labels=labels, test=GREY / 255, test_labels=CLASSES), images, CLASSES
    )
    torch.testing.assert_close(data.train, GREY / 255)
    assert len(errors) == n_steps


@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
@pytest.mark.parametrize("n_channels", [3, 4])
def test_remedy_for_colour_lays_channels_one_below_the_other(n_channels, last):
    colour = torch.rand(7, n_channels, 5, 6)
    images = (255 * (colour.permute(0, 2, 3, 1) if last else colour)).byte()
    data, _ = remedied(
        lambda x, labels: tiny(train=x, train_labels=labels, test=x, test_labels=labels), images, CLASSES
    )
    assert data.image_shape == (n_channels * 5, 6)
    torch.testing.assert_close(data.train.unflatten(1, (n_channels, 5)), colour, rtol=0, atol=1 / 255)


@pytest.mark.parametrize(
    "labels",
    [CLASSES.float(), CLASSES.int(), CLASSES[:, None], CLASSES.numpy(), CLASSES.tolist(), torch.eye(7)],
    ids=["float", "int32", "a column", "NumPy", "a list", "one-hot"],
)
def test_remedies_make_ones_own_labels_fit(labels):
    data, errors = remedied(
        lambda x, labels: tiny(train=x, train_labels=labels, test=x, test_labels=CLASSES), GREY / 255, labels
    )
    assert torch.equal(data.train_labels, CLASSES)
    assert len(errors) == 1


@pytest.mark.parametrize("kind", [lambda columns: DataLoader(columns, 3, shuffle=True), lambda columns: columns])
def test_remedy_for_a_loader_and_its_data_set_keeps_rows_together(kind):
    given = kind(TensorDataset(GREY / 255, CLASSES))
    with pytest.raises(
        TypeError, match=r"^train must be a tensor, got .*: collect its batches first, x, labels = "
    ) as error:
        tiny(train=given)
    names = {"train": given, "torch": torch, "DataLoader": DataLoader}
    exec(str(error.value).partition("first, ")[2], names)
    order = names["labels"].argsort()
    assert torch.equal(names["labels"][order], CLASSES)
    assert torch.equal(names["x"][order], GREY / 255)


def test_train_and_test_of_different_sizes_are_named():
    with pytest.raises(ValueError, match=r"the same size, got \(2, 3\) and \(3, 2\)"):
        tiny(test=torch.zeros(2, 3, 2))


def test_fingerprint_ignores_memory_layout():
    strided = tiny().train.transpose(1, 2).contiguous().transpose(1, 2)
    assert not strided.is_contiguous()
    assert tiny(train=strided).fingerprint == tiny().fingerprint


@given(
    field=st.sampled_from(["train", "train_labels", "test", "test_labels"]),
    place=st.integers(0, 10**6),
    change=st.floats(2**-10, 0.375),
)
def test_fingerprint_covers_every_pixel_and_label(field, place, change):
    changed = getattr(tiny(), field).clone()
    flat = changed.view(-1)
    place %= len(flat)
    flat[place] += 1 if "labels" in field else (change if flat[place] < 0.5 else -change)
    assert tiny(**{field: changed}).fingerprint != tiny().fingerprint


def test_fingerprint_covers_the_shape():
    images = tiny()
    reshaped = replace(images, train=images.train.view(4, 3, 2), test=images.test.view(2, 3, 2))
    assert reshaped.fingerprint != images.fingerprint


def test_text_shows_name_counts_and_size():
    assert str(tiny()) == repr(tiny()) == "tiny: 4 training and 2 test images of 2 × 3 = 6 pixels"
    assert str(load_images("digits")) == (
        "scikit-learn's 8×8 digits: 1,437 training and 360 test images of 8 × 8 = 64 pixels"
    )


# Which data set load_images loads


@pytest.mark.parametrize("name", ["cifar", "", "mnist ", None, 3])
def test_unknown_name_lists_known_names(name):
    with pytest.raises(ValueError, match="name must be one of") as error:
        load_images(name)
    assert all(repr(known) in str(error.value) for known in ("auto", "mnist", "fashion-mnist", "digits"))
    assert str(error.value).endswith(f"got {name!r}")


def test_bytes_are_scaled_to_unit_interval(requests):
    images = load_images("mnist")
    expected = np.arange(256).reshape(4, 8, 8) / 255
    np.testing.assert_allclose(images.train, expected, rtol=1e-7)
    np.testing.assert_allclose(images.test, expected[:2], rtol=1e-7)
    assert images.test_labels.tolist() == [0, 1]


def test_auto_loads_mnist_from_disk(requests, tmp_path):
    assert load_images(root=tmp_path).name == "mnist"
    assert requests == [("mnist", tmp_path)]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"VAE_LESSONS_FAST": "1"}, "digits"),
        ({"VAE_LESSONS_FAST": "0"}, "mnist"),
        ({"VAE_LESSONS_FAST": ""}, "mnist"),
        ({"VAE_LESSONS_DATASET": "digits"}, "digits"),
        ({"VAE_LESSONS_DATASET": "Fashion-MNIST"}, "fashion-mnist"),
        ({"VAE_LESSONS_DATASET": ""}, "mnist"),
        ({"VAE_LESSONS_DATASET": "auto"}, "mnist"),
        ({"VAE_LESSONS_DATASET": "fashion-mnist", "VAE_LESSONS_FAST": "1"}, "fashion-mnist"),
    ],
)
def test_environment_changes_auto_only(requests, monkeypatch, environment, expected):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert load_images("auto").name == expected
    assert load_images("mnist").name == "mnist"
    assert load_images("digits").name == "digits"


def test_unknown_name_in_environment_names_variable(monkeypatch):
    monkeypatch.setenv("VAE_LESSONS_DATASET", "cifar")
    with pytest.raises(ValueError, match=r"\$VAE_LESSONS_DATASET must be one of .*'cifar'") as error:
        load_images()
    assert all(known in str(error.value) for known in ("mnist", "fashion-mnist", "digits"))


def test_auto_without_network_warns_and_loads_digits(tmp_path):
    with pytest.warns(EmbeddedDigitsWarning, match="MNIST could not be loaded.*name resolution") as caught:
        images = load_images(root=tmp_path)
    assert images.fingerprint == load_images("digits").fingerprint
    assert [Path(warning.filename) for warning in caught] == [Path(__file__)]


def test_auto_reports_a_damaged_file(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in MNIST_SHA256:
        (raw / file).write_bytes(b"<html>Please log in</html>")
    with pytest.raises(DataError, match="is damaged") as error:
        load_images(root=tmp_path)
    assert not isinstance(error.value, NotOnDiskError)


@pytest.mark.parametrize(("name", "title"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")])
def test_named_data_set_is_never_replaced(tmp_path, monkeypatch, name, title):
    monkeypatch.setenv("VAE_LESSONS_FAST", "1")
    with pytest.raises(DataError, match="downloading it failed") as error:
        load_images(name, root=tmp_path)
    message = str(error.value)
    attempts = [title, str(tmp_path), "http", "name resolution"]
    remedies = ["Connect to the network", "copy the four files", "VAE_LESSONS_DATA"]
    assert [words for words in attempts + remedies if words not in message] == []


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (None, COURSE / "data"),
        ("", COURSE / "data"),
        ("elsewhere/data", COURSE / "elsewhere" / "data"),
        ("../shared", COURSE.parent / "shared"),
        ("/somewhere/else", Path("/somewhere/else")),
        ("~/data", Path.home() / "data"),
    ],
)
def test_data_folder_is_relative_to_course_root(requests, monkeypatch, tmp_path, setting, expected):
    monkeypatch.chdir(tmp_path)
    if setting is not None:
        monkeypatch.setenv("VAE_LESSONS_DATA", setting)
    load_images("mnist")
    assert requests == [("mnist", expected.resolve())]


def test_root_argument_overrides_environment(requests, monkeypatch, tmp_path):
    monkeypatch.setenv("VAE_LESSONS_DATA", "/somewhere/else")
    load_images("mnist", root=str(tmp_path))
    assert requests == [("mnist", tmp_path)]
