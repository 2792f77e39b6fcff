"""Runs that were killed or interrupted, and go on from their last epoch."""

import multiprocessing
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from vae_lessons import VAE, Bernoulli, ImageData, fit, fit_or_load, load_images
from vae_lessons.training import History, TrainingDivergedError
from vae_lessons.training.files import DamagedCacheWarning

SETTINGS = {"epochs": 5, "batch_size": 300, "device": "cpu"}  # five steps an epoch
KILLED = 9


class Mortal(VAE):
    """A VAE to which something happens in one of its training steps."""

    def __init__(self, with_batch_norm: bool = False):
        super().__init__((8, 8), 2, (16,), likelihood=Bernoulli(), generator=torch.Generator().manual_seed(0))
        if with_batch_norm:
            self.encoder.insert(1, nn.BatchNorm1d(16))
        self.steps_to_live, self.end = -1, None

    def loss(self, x):
        if torch.is_grad_enabled():
            if not self.steps_to_live:
                self.end()
            self.steps_to_live -= 1
        return super().loss(x)


def exit_at_once() -> None:
    os._exit(KILLED)  # as a kill does: nothing is cleaned up


def interrupt() -> None:
    raise KeyboardInterrupt


def run(data: ImageData, folder: Path, *, with_batch_norm=False, steps_to_live=-1, end=None, **settings) -> tuple:
    model = Mortal(with_batch_norm)
    model.steps_to_live, model.end = steps_to_live, end
    return model, fit_or_load(model, data, key="mortal", folder=folder, **SETTINGS | settings)


def run_until_killed(folder: Path, with_batch_norm: bool) -> None:
    torch.set_num_threads(1)
    run(load_images("digits"), folder, with_batch_norm=with_batch_norm, steps_to_live=12, end=exit_at_once)


def is_same(first: tuple[nn.Module, History], second: tuple[nn.Module, History]) -> bool:
    states, histories = zip(first, second, strict=True)
    a, b = (model.state_dict() for model in states)
    losses = [(history.train_loss, history.test_loss) for history in histories]
    return all(torch.equal(value, b[name]) for name, value in a.items()) and losses[0] == losses[1]


def uninterrupted(data: ImageData, with_batch_norm: bool = False) -> tuple[nn.Module, History]:
    model = Mortal(with_batch_norm)
    return model, fit(model, data, **SETTINGS)


@pytest.mark.check
@pytest.mark.parametrize("with_batch_norm", [False, True], ids=["VAE", "BatchNorm"])
def test_killed_run_goes_on_to_the_same_bits(digits, tmp_path, with_batch_norm):
    """In the third epoch: two are kept, and the noise of the loss and the order of the images go on too."""
    process = multiprocessing.get_context("spawn").Process(target=run_until_killed, args=(tmp_path, with_batch_norm))
    process.start()
    process.join(120)
    assert process.exitcode == KILLED
    assert len(list(tmp_path.glob("*.checkpoint"))) == 1
    model, history = run(digits, tmp_path, with_batch_norm=with_batch_norm)
    assert (history.continued_at, history.epochs, history.loaded) == (2, 5, False)
    assert "a run that had stopped after epoch 2 went on from there" in str(history)
    assert is_same((model, history), uninterrupted(digits, with_batch_norm))
    assert not list(tmp_path.glob("*.checkpoint"))
    assert run(digits, tmp_path, with_batch_norm=with_batch_norm)[1].loaded


def test_interrupted_run_goes_on_to_the_same_bits(digits, tmp_path):
    """Twice, and from a model made anew."""
    for steps_to_live, epochs in ((12, 2), (8, 3)):  # the second time, steps of the third epoch and of the fourth
        with pytest.raises(KeyboardInterrupt) as info:
            run(digits, tmp_path, steps_to_live=steps_to_live, end=interrupt)
        assert info.value.history.epochs == epochs
    model, history = run(digits, tmp_path)
    assert history.continued_at == 3
    assert is_same((model, history), uninterrupted(digits))


def test_stopped_run_leaves_the_callers_generator_alone(digits, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(digits, tmp_path, steps_to_live=12, end=interrupt)
    before = torch.get_rng_state()
    run(digits, tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_damaged_checkpoint_is_said_and_ignored(digits, tmp_path):
    for damage in (lambda file: file[:-1] + bytes([file[-1] ^ 1]), lambda file: file[:1000], lambda file: b""):
        with pytest.raises(KeyboardInterrupt):
            run(digits, tmp_path / "runs", steps_to_live=12, end=interrupt)
        (checkpoint,) = (tmp_path / "runs").glob("*.checkpoint")
        checkpoint.write_bytes(damage(checkpoint.read_bytes()))
        with (
            pytest.warns(DamagedCacheWarning, match=r"the kept checkpoint .* is damaged"),
            pytest.raises(KeyboardInterrupt) as info,
        ):
            run(digits, tmp_path / "runs", steps_to_live=7, end=interrupt)
        assert (info.value.history.epochs, info.value.history.continued_at) == (1, 0)
        checkpoint.unlink()


def test_checkpoint_of_another_precision_is_ignored(digits, tmp_path, monkeypatch):
    """A device may choose its own, and the key does not have the device."""
    monkeypatch.setattr("vae_lessons.training.defaults.has_amx", lambda: True)
    with pytest.raises(KeyboardInterrupt):
        run(digits, tmp_path, steps_to_live=12, end=interrupt)
    monkeypatch.setattr("vae_lessons.training.defaults.has_amx", lambda: False)
    assert run(digits, tmp_path)[1].continued_at == 0


def test_diverged_run_leaves_no_checkpoint(digits, tmp_path):
    model = Mortal()
    model.steps_to_live, model.end = 12, lambda: model.decoder[-1].bias.data.fill_(torch.nan)
    with pytest.raises(TrainingDivergedError):
        fit_or_load(model, digits, key="mortal", folder=tmp_path, **SETTINGS)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_seconds_add_up_over_both_runs(digits, tmp_path):
    with pytest.raises(KeyboardInterrupt) as info:
        run(digits, tmp_path, steps_to_live=12, end=interrupt)
    history = run(digits, tmp_path)[1]
    assert history.seconds > info.value.history.seconds > 0
    assert history.seconds >= history.seconds_in_steps > 0
