"""Training on a GPU, where there is one."""

import pytest
import torch

from vae_lessons import VAE, Bernoulli, fit, fit_or_load

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
SETTINGS = {"epochs": 5, "batch_size": 300}  # five steps an epoch


@pytest.fixture(autouse=True)
def on_the_gpu(on_the_cpu, monkeypatch) -> None:
    monkeypatch.setattr("torch.accelerator.is_available", lambda: True)


class Stopping(VAE):
    """A VAE that is interrupted after some training steps, or never."""

    steps_to_live = -1

    def loss(self, x):
        if torch.is_grad_enabled():
            if not self.steps_to_live:
                raise KeyboardInterrupt
            self.steps_to_live -= 1
        return super().loss(x)


def stopping(steps_to_live: int = -1) -> Stopping:
    vae = Stopping((8, 8), 2, (16,), likelihood=Bernoulli(), generator=torch.Generator().manual_seed(0))
    vae.steps_to_live = steps_to_live
    return vae


def test_auto_trains_on_the_gpu_as_well_as_on_the_cpu(digits):
    on_gpu, on_cpu = (fit(stopping(), digits, epochs=40, device=device) for device in ("auto", "cpu"))
    assert on_gpu.settings.device == "cuda"
    assert on_gpu.test_loss[-1] == pytest.approx(on_cpu.test_loss[-1], rel=0.02)


def test_model_and_generators_come_back(digits):
    model, before = stopping(), (torch.get_rng_state(), torch.cuda.get_rng_state())
    fit(model, digits, **SETTINGS)
    assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}
    assert all(map(torch.equal, (torch.get_rng_state(), torch.cuda.get_rng_state()), before))


def test_stopped_run_goes_on_with_the_gpus_noise(digits, tmp_path):
    reference = fit(stopping(), digits, **SETTINGS)
    with pytest.raises(KeyboardInterrupt):
        fit_or_load(stopping(12), digits, key="stopping", folder=tmp_path, **SETTINGS)
    history = fit_or_load(stopping(), digits, key="stopping", folder=tmp_path, **SETTINGS)
    assert history.continued_at == 2
    assert history.test_loss == pytest.approx(reference.test_loss, rel=1e-5)
