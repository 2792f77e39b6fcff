"""The cache of trained models: what its key covers, and how it handles damaged entries."""

import errno
import json
import multiprocessing
import shutil
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from vae_lessons import (
    VAE,
    Autoencoder,
    Bernoulli,
    ContinuousBernoulli,
    Gaussian,
    ImageData,
    elbo,
    fit,
    fit_or_load,
    load_images,
)
from vae_lessons.training import Settings, cache
from vae_lessons.training.cache import describe_run, load_or_measure, source_fingerprint
from vae_lessons.training.files import DamagedCacheWarning, NotKeptWarning


@pytest.fixture(scope="module")
def few() -> ImageData:
    digits = load_images("digits")
    return replace(digits, train=digits.train[:200], train_labels=digits.train_labels[:200])


def autoencoder(data: ImageData, seed: int = 0, hidden: tuple[int, ...] = (16,)) -> Autoencoder:
    return Autoencoder(data.image_shape, 2, hidden, torch.Generator().manual_seed(seed))


def vae(data: ImageData, likelihood: nn.Module, seed: int = 0) -> VAE:
    return VAE(data.image_shape, 2, (16,), likelihood=likelihood, generator=torch.Generator().manual_seed(seed))


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


def test_second_run_is_loaded_unchanged(few, tmp_path):
    first, second = autoencoder(few), autoencoder(few)
    trained = fit_or_load(first, few, folder=tmp_path, epochs=2)
    loaded = fit_or_load(second, few, folder=tmp_path, epochs=2)
    assert (trained.loaded, loaded.loaded) == (False, True)
    assert replace(loaded, loaded=False) == trained
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert str(loaded).startswith("loaded; it took 2 epochs in")


def test_every_setting_changes_the_key(few, tmp_path, monkeypatch):
    default_precision = fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1).settings.precision
    others = [
        (autoencoder(few, seed=1), few, {}),
        (autoencoder(few, hidden=(17,)), few, {}),
        (autoencoder(few), replace(few, test=few.test.flip(0)), {}),
        (autoencoder(few), few, {"seed": 1}),
        (autoencoder(few), few, {"lr": 1e-3}),
        (autoencoder(few), few, {"batch_size": 16}),
        (autoencoder(few), few, {"schedule": "constant"}),
        (autoencoder(few), few, {"precision": "float32" if default_precision == "bfloat16" else "bfloat16"}),
        (autoencoder(few), few, {"start_at_mean": False}),
    ]
    for count, (model, data, settings) in enumerate(others, start=2):
        assert not fit_or_load(model, data, folder=tmp_path, **{"epochs": 1} | settings).loaded
        assert len(entries(tmp_path)) == count
    monkeypatch.setattr(cache, "source_fingerprint", lambda _: "another source")
    assert not fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1).loaded


def test_key_distinguishes_likelihoods(few):
    """Including all digits of σ, which is among the weights only if it is learned."""
    likelihoods = [Bernoulli(), ContinuousBernoulli()]
    likelihoods += [Gaussian(sigma, learned) for sigma in (1.0, 0.5, 0.50001) for learned in (False, True)]
    descriptions = [describe_run(vae(few, likelihood), few, Settings()) for likelihood in likelihoods]
    assert len({json.dumps(description) for description in descriptions}) == len(likelihoods)
    assert describe_run(vae(few, Gaussian(0.5)), few, Settings()) in descriptions


@pytest.mark.parametrize(
    "make_likelihood", [Bernoulli, lambda: Gaussian(0.5, learned=True)], ids=["Bernoulli", "learned"]
)
def test_loaded_vae_includes_its_sigma(few, tmp_path, make_likelihood):
    """Checked by a draw and a log-likelihood, which need every parameter."""
    first, second = vae(few, make_likelihood()), vae(few, make_likelihood())
    for model, loaded in ((first, False), (second, True)):
        assert fit_or_load(model, few, folder=tmp_path, epochs=2).loaded == loaded
    z = torch.zeros(len(few.test), 2)
    assert torch.equal(first.log_likelihood(few.test, z), second.log_likelihood(few.test, z))
    samples = (model.sample(3, torch.Generator().manual_seed(0), pixel_noise=True) for model in (first, second))
    assert torch.equal(*samples)
    if isinstance(first.likelihood, Gaussian):
        assert second.likelihood.sigma == first.likelihood.sigma != pytest.approx(0.5, rel=1e-3)


def weights(model: nn.Module) -> torch.Tensor:
    return nn.utils.parameters_to_vector(model.parameters()).detach()


BETA = 1.0  # a notebook changes such a global and runs the cell again


class BetaVAE(VAE):
    def loss(self, x):
        terms = elbo(self, x)
        return BETA * terms.kl - terms.reconstruction


def beta_vae(data: ImageData) -> BetaVAE:
    start = torch.Generator().manual_seed(0)
    return BetaVAE(data.image_shape, 2, (16,), likelihood=Bernoulli(), generator=start)


def with_custom_loss(data: ImageData) -> Autoencoder:
    model = autoencoder(data)
    model.loss = lambda x: model.encode(x).square().sum(dim=1) + model.decode(model.encode(x)).sum((1, 2))
    return model


def with_hook(data: ImageData) -> Autoencoder:
    model = autoencoder(data)
    model.encoder.register_forward_hook(lambda module, args, output: 2 * output)
    return model


def with_custom_layer(data: ImageData) -> Autoencoder:
    class Swish(nn.Module):
        def forward(self, x):
            return x * torch.sigmoid(x)

    model = autoencoder(data)
    model.encoder[1] = Swish()
    return model


@pytest.mark.parametrize("make", [beta_vae, with_custom_loss, with_hook, with_custom_layer])
def test_custom_code_is_not_cached(few, tmp_path, make):
    for _ in range(2):
        model, reference = make(few), make(few)
        assert not fit_or_load(model, few, folder=tmp_path, epochs=1).loaded
        fit(reference, few, epochs=1)
        assert torch.equal(weights(model), weights(reference))
    assert entries(tmp_path) == []


def test_custom_code_is_cached_under_a_key(few, tmp_path, monkeypatch):
    for loaded in (False, True):
        for beta in (1.0, 4.0):
            monkeypatch.setitem(globals(), "BETA", beta)
            model, reference = beta_vae(few), beta_vae(few)
            assert fit_or_load(model, few, key=f"beta={beta}", folder=tmp_path, epochs=1).loaded == loaded
            fit(reference, few, epochs=1)
            assert torch.equal(weights(model), weights(reference))


def test_frozen_weights_change_the_key(few, tmp_path):
    for loaded in (False, True):
        for frozen in (False, True):
            model = autoencoder(few)
            model.decoder.requires_grad_(not frozen)
            assert fit_or_load(model, few, folder=tmp_path, epochs=1, start_at_mean=False).loaded == loaded


def test_device_does_not_change_the_key(few, tmp_path):
    assert not fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1, device="cpu").loaded
    assert fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1, device="auto").loaded


def test_wrong_arguments_are_named(few, tmp_path):
    with pytest.raises(TypeError, match=r"model must be an object .* got the class Autoencoder"):
        fit_or_load(Autoencoder, few, folder=tmp_path)
    with pytest.raises(TypeError, match=r"data must be an ImageData.* got Tensor: pass the whole data set"):
        fit_or_load(autoencoder(few), few.train, folder=tmp_path)
    with pytest.raises(TypeError, match="as fit names them, got 'epoch'; do you mean 'epochs'"):
        fit_or_load(autoencoder(few), few, folder=tmp_path, epoch=3)
    with pytest.raises(TypeError, match="got 'optimizer'; there are epochs, batch_size, lr"):
        fit_or_load(autoencoder(few), few, folder=tmp_path, optimizer="Adam")
    with pytest.raises(TypeError, match="takes 2 positional arguments but 3 were given"):
        fit_or_load(autoencoder(few), few, 3)
    assert list(tmp_path.iterdir()) == []


def test_numpy_numbers_share_the_key(few, tmp_path):
    for settings, loaded in (
        ({"epochs": 1, "lr": 0.01}, False),
        ({"epochs": np.int64(1), "lr": np.float64(0.01)}, True),
    ):
        assert fit_or_load(autoencoder(few), few, folder=tmp_path, **settings).loaded == loaded


def test_loaded_model_counts_as_trained(few, tmp_path):
    for loaded in (False, True):
        model = autoencoder(few)
        first = fit_or_load(model, few, folder=tmp_path, epochs=1)
        second = fit_or_load(model, few, folder=tmp_path, epochs=2)
        assert [(run.loaded, run.resumed) for run in (first, second)] == [(loaded, False), (loaded, True)]


def damage_weights(entry: Path) -> None:
    weights = entry.with_suffix(".safetensors")
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        damage_weights,
        lambda entry: entry.with_suffix(".safetensors").write_bytes(b""),
        lambda entry: entry.with_suffix(".safetensors").unlink(),
        lambda entry: entry.write_text("{"),
        lambda entry: entry.write_text("{}"),
        lambda entry: entry.write_text("[]"),
        lambda entry: entry.write_bytes(b"\xff\xfe"),
        lambda entry: entry.write_text(json.dumps(json.loads(entry.read_text()) | {"history": {"wrong": 1}})),
    ],
    ids=["a flipped bit", "empty", "no weights", "truncated", "empty JSON", "a list", "not UTF-8", "wrong history"],
)
def test_damaged_entry_is_retrained_with_warning(few, tmp_path, damage):
    reference = fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1)
    damage(entries(tmp_path)[0])
    with pytest.warns(DamagedCacheWarning, match="damaged"):
        again = fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1)
    assert not again.loaded
    assert again.test_loss == reference.test_loss
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1).loaded


def test_entry_without_description_is_ignored(few, tmp_path):
    fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1)
    entries(tmp_path)[0].unlink()
    assert not fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1).loaded


def test_measurement_is_cached_until_its_inputs_change(tmp_path, monkeypatch):
    calls = []

    def measure():
        calls.append(1)
        return {"share": torch.tensor(0.25), "count": 3}

    for _ in range(2):
        assert load_or_measure({"seed": 0}, measure, tmp_path) == {"share": 0.25, "count": 3.0}
    assert len(calls) == 1
    load_or_measure({"seed": 1}, measure, tmp_path)
    assert len(calls) == 2
    monkeypatch.setattr(cache, "source_fingerprint", lambda _: "another source")
    load_or_measure({"seed": 0}, measure, tmp_path)
    assert len(calls) == 3


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"a": "b"}', b"\xff"], ids=["cut", "a list", "text", "not UTF-8"])
def test_damaged_measurement_is_repeated_with_warning(tmp_path, content):
    load_or_measure({}, lambda: {"a": 1.0}, tmp_path)
    (entry,) = (tmp_path / "measured").glob("*.json")
    entry.write_bytes(content)
    with pytest.warns(DamagedCacheWarning, match="measurement .* is damaged"):
        assert load_or_measure({}, lambda: {"a": 2.0}, tmp_path) == {"a": 2.0}
    assert load_or_measure({}, lambda: {"a": 3.0}, tmp_path) == {"a": 2.0}


def test_interrupted_run_is_not_cached(few, tmp_path):
    class Stopped(Autoencoder):
        def loss(self, x):
            if torch.is_grad_enabled():
                raise KeyboardInterrupt
            return super().loss(x)

    with pytest.raises(KeyboardInterrupt) as info:
        fit_or_load(Stopped(few.image_shape, 2), few, folder=tmp_path, epochs=1)
    assert info.value.history.interrupted
    assert entries(tmp_path) == []


def test_full_disk_is_said_and_leaves_no_partial_entry(few, tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full_disk)
    model, reference = autoencoder(few), autoencoder(few)
    with pytest.warns(NotKeptWarning, match=r"cannot be written to \(No space left on device\)") as warned:
        assert not fit_or_load(model, few, folder=tmp_path, epochs=2).loaded
    assert len(warned) == 1
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]
    fit(reference, few, epochs=2)
    assert torch.equal(weights(model), weights(reference))


def train_in_process(folder: Path, start, results) -> None:
    data = load_images("digits")
    start.wait()
    results.put(fit_or_load(autoencoder(data, hidden=(64,)), data, folder=folder, epochs=20).loaded)


@pytest.mark.check
def test_two_processes_train_one_model_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(2), context.Queue()
    workers = [context.Process(target=train_in_process, args=(tmp_path, start, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    loaded = sorted(results.get(timeout=120) for _ in workers)
    for worker in workers:
        worker.join()
    assert loaded == [False, True]
    assert len(entries(tmp_path)) == 1


def test_cache_folder_comes_from_environment(few, monkeypatch, tmp_path):
    monkeypatch.setenv("VAE_LESSONS_CACHE", str(tmp_path))
    fit_or_load(autoencoder(few), few, epochs=1)
    assert len(entries(tmp_path)) == 1


COPIED = """
import sys
sys.path.insert(0, sys.argv[1])
from vae_lessons.training import cache
assert str(cache.PACKAGE).startswith(sys.argv[1])
print(cache.source_fingerprint(cache.DECIDES_TRAINING), cache.source_fingerprint(cache.DECIDES_MEASUREMENTS))
"""


def fingerprints(course: Path) -> list[str]:
    return subprocess.run(
        [sys.executable, "-c", COPIED, course], capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.mark.check
def test_unrelated_source_changes_keep_trained_models(tmp_path):
    """In a copy of the package: add or change unrelated files first, then files that decide training."""
    shutil.copytree(cache.PACKAGE, tmp_path / "vae_lessons", ignore=shutil.ignore_patterns("__pycache__"))
    package, before = tmp_path / "vae_lessons", fingerprints(tmp_path)
    assert before[0] == source_fingerprint(cache.DECIDES_TRAINING)
    (package / "new_module.py").write_text("one = 1\n")
    for name in ("figures/runtime/figure.css", "evaluation/plots/lessons.mplstyle", "figures/gaussian_kl/figure.py"):
        (package / name).write_text((package / name).read_text() + "\n")
    assert fingerprints(tmp_path) == before
    (package / "evaluation" / "metrics.py").write_text((package / "evaluation" / "metrics.py").read_text() + "\n")
    training, measurements = fingerprints(tmp_path)
    assert (training == before[0], measurements == before[1]) == (True, False)
    (package / "models" / "new_module.py").write_text("one = 1\n")
    assert fingerprints(tmp_path)[0] != before[0]
