"""The page on one's own data: its lines run on files like those that it names, and do what it says."""

import re
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits, load_iris

from vae_lessons import VAE, Gaussian

PAGE = (Path(__file__).parents[2] / "book/your-own-data.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^## (.+)\n", re.MULTILINE)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^- (.+): `(.+)`$", re.MULTILINE)
LONGEST_LINE = 79
_, *PARTS = SECTION.split(PAGE)
SECTIONS = dict(zip(PARTS[::2], PARTS[1::2], strict=True))
DIGITS = load_digits()
BYTES = (DIGITS.images / 16 * 255).astype("u1")  # (1797, 8, 8)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in an empty folder, without progress bars and without a screen, from one seed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAE_LESSONS_STATIC", "1")
    plt.switch_backend("Agg")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield tmp_path
    plt.close("all")


def run(title: str, after_each: Callable[[dict], None] = lambda names: None) -> dict:
    """Run the blocks of a section, one after the other; return their names."""
    names = {}
    for block in BLOCK.findall(SECTIONS[title]):
        exec(block, names)
        after_each(names)
    return names


def gain(history) -> float:
    """Return by how many nats training lowered the loss of the test rows, from the first epoch to the last."""
    return history.test_loss[0] - history.test_loss[-1]


def test_grey_images_become_image_data_that_trains():
    np.save("images.npy", BYTES)
    np.save("labels.npy", DIGITS.target.astype("i4"))
    names = run("Grey images, with labels")
    data = names["data"]
    assert (len(data.train), len(data.test), data.image_shape) == (1618, 179, (8, 8))
    back = names["order"].roll(-179).argsort()
    np.testing.assert_allclose(torch.cat([data.train, data.test])[back].numpy(), BYTES / 255, rtol=1e-6)
    np.testing.assert_array_equal(torch.cat([data.train_labels, data.test_labels])[back], DIGITS.target)
    assert gain(names["history"]) > 1
    assert names["draws"].shape == (16, 8, 8)
    right = (names["classifier"].probabilities(data.test).argmax(dim=1) == data.test_labels).float().mean()
    assert right > 0.8
    assert names["unlabelled"].columns("test")[0].shape == (179, 8, 8)


@pytest.mark.check
def test_a_trained_model_is_kept_and_scores_images():
    np.save("images.npy", BYTES)
    np.save("labels.npy", DIGITS.target.astype("i4"))
    names = run("Grey images, with labels")
    names["fit"](names["vae"], names["data"], epochs=20)
    for title in ("Keep a trained model", "Which images are unusual?"):
        for block in BLOCK.findall(SECTIONS[title]):
            exec(block, names)
    assert torch.equal(names["codes"], names["vae"].code(names["images"]))
    torch.save(names["vae"], "whole.pt")
    with pytest.raises(Exception, match="Weights only load failed"):
        torch.load("whole.pt")
    for other in ({"latent_dim": 3, "likelihood": names["likelihood"]}, {"latent_dim": 2, "likelihood": Gaussian()}):
        with pytest.raises((RuntimeError, ValueError)):
            VAE(names["data"].image_shape, **other).load_state_dict(torch.load("vae.pt"))

    score, limit, held_out = names["score"], names["limit"], names["data"].test
    assert 0.02 < (score(held_out) > limit).float().mean() < 0.08
    shuffled = held_out.flatten(1)[:, torch.randperm(64)].view_as(held_out)
    assert (score(shuffled) > limit).float().mean() > 0.9
    assert (score(held_out.flip(1)) > limit).float().mean() < 0.8
    twice = [score(held_out) for _ in range(2)]
    assert not torch.equal(*twice)  # fresh codes each time, and so many that they hardly matter
    assert (twice[0] - twice[1]).abs().mean() < 0.5


def test_image_files_become_tensors_with_their_labels(folder):
    for name, shade in (("cats", 51), ("dogs", 204)):
        (folder / "my-images" / name).mkdir(parents=True)
        for i in range(3):
            Image.fromarray(np.full((40, 40 + i, 3), shade, dtype="u1")).save(folder / "my-images" / name / f"{i}.png")
    names = run("Image files, or a DataLoader")
    assert names["images"].shape == (6, 28, 28)
    assert names["labels"].tolist() == [0, 0, 0, 1, 1, 1]
    torch.testing.assert_close(names["images"].mean(dim=(1, 2)), 0.2 + 0.6 * names["labels"])


@pytest.mark.check
def test_colour_images_train_and_their_draws_are_in_colour():
    """Each digit is in one of three colours, and so is nearly each draw."""
    colour = np.zeros((*BYTES.shape, 3), dtype="u1")
    colour[np.arange(1797), ..., np.arange(1797) % 3] = BYTES
    np.save("colour.npy", colour)
    vaes = []
    names = run("Colour", lambda names: vaes.append(names["vae"]))
    rows = names["rows"].unflatten(1, (3, 8)).permute(0, 2, 3, 1)
    np.testing.assert_allclose(rows.numpy(), colour / 255, rtol=1e-6)
    assert gain(names["history"]) > 10  # of the model with a convolution
    shown = [image.get_array() for ax in names["axes"] for image in ax.images]
    np.testing.assert_array_equal(np.stack(shown), names["draws"].permute(0, 2, 3, 1))
    draws = vaes[0].sample(1000).unflatten(1, (3, 8)).sum(dim=(2, 3))  # (1000, 3), red, green and blue
    share, strongest = (draws / draws.sum(dim=1, keepdim=True)).max(dim=1)
    assert share.median() > 0.8  # of a grey image it is 1/3
    assert (strongest.bincount(minlength=3) > 250).all()


@pytest.mark.check
def test_draws_of_a_table_have_its_means_spreads_and_correlations():
    iris = load_iris()
    np.savetxt("table.csv", iris.data, delimiter=",", header=",".join(iris.feature_names))
    names = run("A table of measurements")
    draws, table = names["draws"].numpy(), iris.data
    assert draws.shape == (1000, 4)
    assert (np.abs(draws.mean(axis=0) - table.mean(axis=0)) < 0.3 * table.std(axis=0)).all()
    np.testing.assert_allclose(draws.std(axis=0), table.std(axis=0), rtol=0.3)
    np.testing.assert_allclose(np.corrcoef(draws.T)[2], np.corrcoef(table.T)[2], atol=0.15)


def test_what_the_last_list_says_makes_what_fits():
    grey = torch.rand(7, 5, 6)
    given = {
        "`(M, 1, H, W)`": grey[:, None],
        "`(M, H, W, 1)`": grey[..., None],
        "flattened images, `(M, H * W)`": grey.flatten(1),
        "an opacity channel, `(M, H, W, 4)`": grey[..., None].expand(-1, -1, -1, 4),
        "bytes from 0 to 255": (255 * grey).byte(),
        "pixels from −1 to 1": 2 * grey - 1,
        "64-bit floats": grey.double(),
        "a NumPy array": grey.numpy(),
        "a list of tensors": list(grey),
        "images with NaN, to be left out": torch.cat([grey, torch.full((1, 5, 6), torch.nan)]),
        "one-hot labels, `(M, C)`": torch.eye(7),
        "labels that are words": np.array(["d", "a", "c", "b", "d", "a", "c"]),
    }
    wanted = {
        "an opacity channel, `(M, H, W, 4)`": grey[..., None].expand(-1, -1, -1, 3),
        "one-hot labels, `(M, C)`": torch.arange(7),
        "labels that are words": torch.tensor([3, 0, 2, 1, 3, 0, 2]),
    }
    rows = dict(ROW.findall(SECTIONS["What the errors ask for"]))
    assert set(rows) == set(given)
    for name, remedy in rows.items():
        names = {"torch": torch, "np": np, "H": 5, "W": 6, "x": given[name], "labels": given[name]}
        result = torch.as_tensor(eval(remedy, names))
        expected = wanted.get(name, grey)
        torch.testing.assert_close(result, expected, rtol=0, atol=1 / 255)
        assert result.dtype == expected.dtype


def test_lines_are_short():
    assert max(len(line) for block in BLOCK.findall(PAGE) for line in block.splitlines()) <= LONGEST_LINE
