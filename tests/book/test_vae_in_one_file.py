"""The VAE in one file: it needs no package of the course, and computes what the package computes."""

import ast
import importlib.util
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from vae_lessons import VAE, Bernoulli, Gaussian, load_images
from vae_lessons.data import DataError, data_root

BOOK = Path(__file__).parents[2] / "book"
FILE = BOOK / "vae_in_one_file.py"
PAGE = (BOOK / "vae-in-one-file.md").read_text(encoding="utf-8")
ELBO = re.compile(r"^epoch (\d+): -ELBO (\d+\.\d) nats per test image$", re.MULTILINE)
SIZES = {"n_pixels": 64, "hidden_dim": 16, "latent_dim": 3}


@pytest.fixture
def module():
    specification = importlib.util.spec_from_file_location("vae_in_one_file", FILE)
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield loaded


@pytest.fixture
def gaussian_vae(module):
    """Return the class with a Gaussian decoder that the page shows."""
    (code,) = re.findall(r"^```python\n(class GaussianVAE.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    names = vars(module).copy()
    exec(code, names)
    return names["GaussianVAE"]


class AnyMean(Gaussian):
    """The Gaussian decoder of the page: its mean may be any number, where the package's lies in [0, 1]."""

    def from_outputs(self, outputs):
        return outputs


def loss_of_the_package(model, x, likelihood):
    """Compute -ELBO by the package, with the networks of `model`."""
    vae = VAE((8, 8), SIZES["latent_dim"], likelihood=likelihood)
    vae.encoder, vae.decoder = model.encoder, model.decoder
    torch.manual_seed(1)
    return vae.loss(x.unflatten(1, (8, 8)))


def test_file_imports_only_pytorch():
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(FILE.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - sys.stdlib_module_names == {"torch", "torchvision"}


def test_loss_is_that_of_the_package(module):
    model, x = module.VAE(**SIZES), torch.rand(5, 64).round()
    torch.manual_seed(1)
    loss = model.loss(x)
    torch.testing.assert_close(loss, loss_of_the_package(model, x, Bernoulli()))
    assert loss.shape == (5,)


def test_gaussian_loss_on_the_page_is_that_of_the_package(gaussian_vae):
    model, x = gaussian_vae(**SIZES), torch.rand(5, 64)
    torch.manual_seed(1)
    loss = model.loss(x)
    torch.testing.assert_close(loss, loss_of_the_package(model, x, AnyMean(model.log_sigma.exp().item())))
    loss.mean().backward()
    assert model.log_sigma.grad.abs() > 0
    assert model.sample(4).shape == (4, 64)


def test_training_lowers_the_loss_of_new_images(module):
    data = load_images("digits")
    model = module.VAE(**SIZES)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    before = module.evaluate(model, data.test.flatten(1))
    for _ in range(5):
        module.train_epoch(model, data.train.flatten(1), optimiser)
    assert module.evaluate(model, data.test.flatten(1)) < before - 5
    assert not model.training


def test_samples_are_probabilities(module):
    samples = module.VAE(**SIZES).sample(7)
    assert samples.shape == (7, 64)
    assert 0 <= samples.min() < samples.max() <= 1


def test_script_prints_the_bound_and_writes_samples(module, monkeypatch, tmp_path, capsys):
    data = SimpleNamespace(data=torch.randint(256, (300, 28, 28), dtype=torch.uint8))
    monkeypatch.setattr(module, "MNIST", lambda root, train, download: data)
    monkeypatch.chdir(tmp_path)
    module.main(["--epochs", "2"])
    assert [int(epoch) for epoch, _ in ELBO.findall(capsys.readouterr().out)] == [1, 2]
    assert (tmp_path / "samples.png").stat().st_size > 0


@pytest.mark.check
def test_page_quotes_the_bound_on_mnist(module, monkeypatch, tmp_path, capsys):
    """To within one nat: rounding differs between processors."""
    try:
        load_images("mnist")
    except DataError as error:
        pytest.skip(str(error))
    (tmp_path / "data").symlink_to(data_root().resolve(), target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    module.main([])
    *_, (epoch, value) = ELBO.findall(capsys.readouterr().out)
    (typed,) = re.findall(r"After ten epochs it is near ([\d.]+) nats", PAGE)
    assert epoch == "10"
    assert float(value) == pytest.approx(float(typed), abs=1)
