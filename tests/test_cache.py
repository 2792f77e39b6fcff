"""Trained models, kept and found: what makes two runs the same, and what a damaged entry does."""

import json
import multiprocessing
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
    cache,
    elbo,
    fit,
    fit_or_load,
    load_images,
)
from vae_lessons.cache import DamagedCacheWarning


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


def test_the_second_run_is_loaded_and_the_same(few, tmp_path):
    first, second = autoencoder(few), autoencoder(few)
    trained = fit_or_load(first, few, folder=tmp_path, epochs=2)
    loaded = fit_or_load(second, few, folder=tmp_path, epochs=2)
    assert (trained.loaded, loaded.loaded) == (False, True)
    assert replace(loaded, loaded=False) == trained
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert str(loaded).startswith("loaded; it took 2 epochs in")


def test_whatever_changes_the_result_makes_another_entry(few, tmp_path, monkeypatch):
    chosen = fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1).settings.precision
    others = [
        (autoencoder(few, seed=1), few, {}),
        (autoencoder(few, hidden=(17,)), few, {}),
        (autoencoder(few), replace(few, test=few.test.flip(0)), {}),
        (autoencoder(few), few, {"seed": 1}),
        (autoencoder(few), few, {"lr": 1e-3}),
        (autoencoder(few), few, {"batch_size": 16}),
        (autoencoder(few), few, {"schedule": "constant"}),
        (autoencoder(few), few, {"precision": "float32" if chosen == "bfloat16" else "bfloat16"}),
        (autoencoder(few), few, {"start_at_mean": False}),
    ]
    for count, (model, data, settings) in enumerate(others, start=2):
        assert not fit_or_load(model, data, folder=tmp_path, **{"epochs": 1} | settings).loaded
        assert len(entries(tmp_path)) == count
    monkeypatch.setattr(cache, "package_fingerprint", lambda _: "another source")
    assert not fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1).loaded


def test_vaes_that_differ_in_their_likelihood_alone_are_told_apart(few):
    """By σ in all its digits, too, which is among the weights only if it is learned."""
    likelihoods = [Bernoulli(), ContinuousBernoulli()]
    likelihoods += [Gaussian(sigma, learned) for sigma in (1.0, 0.5, 0.50001) for learned in (False, True)]
    descriptions = [cache.describe(vae(few, likelihood), few, cache.Settings()) for likelihood in likelihoods]
    assert len({json.dumps(description) for description in descriptions}) == len(likelihoods)
    assert cache.describe(vae(few, Gaussian(0.5)), few, cache.Settings()) in descriptions


@pytest.mark.parametrize(
    "make_likelihood", [Bernoulli, lambda: Gaussian(0.5, learned=True)], ids=["Bernoulli", "learned"]
)
def test_a_vae_is_loaded_as_it_was_trained_with_its_sigma(few, tmp_path, make_likelihood):
    """A draw and a value of the likelihood, which need all that there is to know of it."""
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


BETA = 1.0  # as in a notebook, where it is changed and the cell run again


class BetaVAE(VAE):
    def loss(self, x):
        terms = elbo(self, x)
        return BETA * terms.kl - terms.log_likelihood


def test_a_notebooks_class_gives_what_fit_gives_whatever_number_its_loss_uses(few, tmp_path, monkeypatch):
    def beta_vae():
        start = torch.Generator().manual_seed(0)
        return BetaVAE(few.image_shape, 2, (16,), likelihood=Bernoulli(), generator=start)

    for loaded in (False, True):
        for beta in (1.0, 4.0, 20.0):
            monkeypatch.setitem(globals(), "BETA", beta)
            model, reference = beta_vae(), beta_vae()
            assert fit_or_load(model, few, folder=tmp_path, epochs=2).loaded == loaded
            fit(reference, few, epochs=2)
            assert torch.equal(weights(model), weights(reference))


def test_a_loss_that_one_object_alone_has_is_not_that_of_its_class(few, tmp_path):
    for changed in (True, False):
        model, reference = autoencoder(few), autoencoder(few)
        if changed:
            for one in (model, reference):
                one.loss = lambda x, one=one: one.encode(x).square().sum(dim=1) + one.decode(one.encode(x)).sum((1, 2))
        assert not fit_or_load(model, few, folder=tmp_path, epochs=1).loaded
        fit(reference, few, epochs=1)
        assert torch.equal(weights(model), weights(reference))


def test_what_no_run_can_be_told_from_others_by_is_named_before_anything_is_trained(few, tmp_path):
    model = autoencoder(few)
    before, model.log = weights(model), (tmp_path / "log").open("w")
    with model.log, pytest.raises(TypeError, match="cannot be kept: log is a TextIOWrapper"):
        fit_or_load(model, few, folder=tmp_path / "models", epochs=1)
    assert torch.equal(weights(model), before)


def test_wrong_arguments_are_named(few, tmp_path):
    with pytest.raises(TypeError, match=r"model must be an object .* got the class Autoencoder"):
        fit_or_load(Autoencoder, few, folder=tmp_path)
    with pytest.raises(TypeError, match=r"data must be an ImageData.* got Tensor: hand over the whole data set"):
        fit_or_load(autoencoder(few), few.train, folder=tmp_path)
    with pytest.raises(TypeError, match="as fit names them, got 'epoch'; do you mean 'epochs'"):
        fit_or_load(autoencoder(few), few, folder=tmp_path, epoch=3)
    with pytest.raises(TypeError, match="got 'optimizer'; there are epochs, batch_size, lr"):
        fit_or_load(autoencoder(few), few, folder=tmp_path, optimizer="Adam")
    with pytest.raises(TypeError, match="takes 2 positional arguments but 3 were given"):
        fit_or_load(autoencoder(few), few, 3)
    assert list(tmp_path.iterdir()) == []


def test_numbers_of_numpy_are_numbers(few, tmp_path):
    for settings, loaded in (
        ({"epochs": 1, "lr": 0.01}, False),
        ({"epochs": np.int64(1), "lr": np.float64(0.01)}, True),
    ):
        assert fit_or_load(autoencoder(few), few, folder=tmp_path, **settings).loaded == loaded


def test_a_model_that_was_loaded_counts_as_trained(few, tmp_path):
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
    ids=["a bit", "empty", "no weights", "half a JSON", "empty JSON", "a list", "no text", "another history"],
)
def test_a_damaged_entry_is_trained_again_with_a_warning(few, tmp_path, damage):
    reference = fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1)
    damage(entries(tmp_path)[0])
    with pytest.warns(DamagedCacheWarning, match="damaged"):
        again = fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1)
    assert not again.loaded
    assert again.test_loss == reference.test_loss
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1).loaded


def test_an_entry_without_its_description_is_not_an_entry(few, tmp_path):
    fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1)
    entries(tmp_path)[0].unlink()
    assert not fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1).loaded


def test_a_measurement_is_kept_and_found_until_something_it_rests_on_changes(tmp_path, monkeypatch):
    calls = []

    def measure():
        calls.append(1)
        return {"share": torch.tensor(0.25), "count": 3}

    for _ in range(2):
        assert cache.measured_or_kept({"seed": 0}, measure, tmp_path) == {"share": 0.25, "count": 3.0}
    assert len(calls) == 1
    cache.measured_or_kept({"seed": 1}, measure, tmp_path)
    assert len(calls) == 2
    monkeypatch.setattr(cache, "package_fingerprint", lambda _: "another source")
    cache.measured_or_kept({"seed": 0}, measure, tmp_path)
    assert len(calls) == 3


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"a": "b"}', b"\xff"], ids=["half", "a list", "text", "no text"])
def test_a_damaged_measurement_is_made_again_with_a_warning(tmp_path, content):
    cache.measured_or_kept({}, lambda: {"a": 1.0}, tmp_path)
    (entry,) = (tmp_path / "measured").glob("*.json")
    entry.write_bytes(content)
    with pytest.warns(DamagedCacheWarning, match="measurement .* is damaged"):
        assert cache.measured_or_kept({}, lambda: {"a": 2.0}, tmp_path) == {"a": 2.0}
    assert cache.measured_or_kept({}, lambda: {"a": 3.0}, tmp_path) == {"a": 2.0}


def test_an_interrupted_run_is_not_kept(few, tmp_path):
    class Stopped(Autoencoder):
        def loss(self, x):
            if torch.is_grad_enabled():
                raise KeyboardInterrupt
            return super().loss(x)

    with pytest.raises(KeyboardInterrupt) as info:
        fit_or_load(Stopped(few.image_shape, 2), few, folder=tmp_path, epochs=1)
    assert info.value.history.interrupted
    assert entries(tmp_path) == []


def test_a_failed_write_leaves_no_half_entry(few, tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        fit_or_load(autoencoder(few), few, folder=tmp_path, epochs=1)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def _train(folder: Path, start, results) -> None:
    data = load_images("digits")
    start.wait()
    results.put(fit_or_load(autoencoder(data, hidden=(64,)), data, folder=folder, epochs=20).loaded)


def test_two_processes_that_want_one_model_train_it_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(2), context.Queue()
    workers = [context.Process(target=_train, args=(tmp_path, start, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    loaded = sorted(results.get(timeout=120) for _ in workers)
    for worker in workers:
        worker.join()
    assert loaded == [False, True]
    assert len(entries(tmp_path)) == 1


def test_the_folder_is_the_environments_or_in_the_course(monkeypatch, tmp_path):
    monkeypatch.setenv("VAE_LESSONS_CACHE", str(tmp_path))
    assert cache._cache_folder() == tmp_path
    monkeypatch.delenv("VAE_LESSONS_CACHE")
    assert cache._cache_folder() == Path(cache.__file__).parents[1] / ".cache" / "models"


def test_the_package_fingerprint_follows_source_and_may_leave_rooms_out(monkeypatch, tmp_path):
    for name in ("models.py", "plots.py"):
        (tmp_path / name).write_text("one = 1\n")
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "cache.py"))
    whole, without_plots = cache.package_fingerprint(), cache.package_fingerprint(("plots.py",))
    (tmp_path / "plots.py").write_text("one = 2\n")
    assert cache.package_fingerprint() != whole
    assert cache.package_fingerprint(("plots.py",)) == without_plots
    (tmp_path / "models.py").write_text("one = 2\n")
    assert cache.package_fingerprint(("plots.py",)) != without_plots
