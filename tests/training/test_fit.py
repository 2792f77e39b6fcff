"""The training loop: its effect on a model, its history and its errors."""

import math
import os

import numpy as np
import pytest
import torch
from torch import distributions, nn
from training_helpers import OneNumber, autoencoder

from vae_lessons import VAE, Autoencoder, Bernoulli, Classifier, Gaussian, ImageData, elbo, fit, notebook
from vae_lessons.training import TrainingDivergedError
from vae_lessons.training.fit import batch_sizes, warm_up_then_decay


def vae(data: ImageData, likelihood: nn.Module, seed: int = 0) -> VAE:
    return VAE(data.image_shape, 2, (32,), likelihood=likelihood, generator=torch.Generator().manual_seed(seed))


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.parameters()]


class Exploding(OneNumber):
    """A model whose loss is infinite from the third step of the second epoch on."""

    calls = 0

    def loss(self, x):
        if torch.is_grad_enabled():
            self.calls += 1
        return super().loss(x) + (math.inf if self.calls > 6 else 0)


def test_fit_finds_known_minimum(few):
    model = OneNumber()
    history = fit(model, few, epochs=300, batch_size=100, lr=0.05)
    assert float(model.a.detach()) == pytest.approx(float(few.train.mean()), abs=1e-3)
    assert history.train_loss[-1] == pytest.approx(float(few.train.mean(dim=(1, 2)).var(unbiased=False)), rel=1e-2)


def test_autoencoder_beats_pca_on_digits(digits):
    history = fit(autoencoder(digits), digits, epochs=80)
    centred = (digits.train - digits.train.mean(dim=0)).flatten(1).double()
    test = (digits.test - digits.train.mean(dim=0)).flatten(1).double()
    directions = torch.linalg.svd(centred, full_matrices=False).Vh[:2]
    pca_error = float((test - test @ directions.T @ directions).square().sum(dim=1).mean())
    assert history.test_loss[-1] < 0.8 * pca_error


def collapsed_loss(data: ImageData, likelihood: nn.Module) -> float:
    """Compute -ELBO of the test images, with PyTorch, for q = prior and a decoder that returns the mean image."""
    mean = data.train.mean(dim=0)
    if isinstance(likelihood, Gaussian):
        log_probs = distributions.Normal(mean, likelihood.sigma).log_prob(data.test)
    else:
        log_probs = distributions.Bernoulli(mean.clamp(1e-3, 1 - 1e-3), validate_args=False).log_prob(data.test)
    return -float(log_probs.sum(dim=(1, 2)).mean())


@pytest.mark.parametrize("likelihood", [Gaussian(0.25), Bernoulli()], ids=repr)
def test_vae_beats_posterior_collapse_on_digits(digits, likelihood):
    """It gains more in reconstruction than its code costs, and the code holds over a nat."""
    model = vae(digits, likelihood)
    history = fit(model, digits, epochs=40)
    with torch.no_grad():
        rate = float(elbo(model, digits.test).kl.mean())
    assert history.test_loss[-1] < collapsed_loss(digits, likelihood) - 0.5
    assert rate > 1


def test_vae_collapses_under_large_noise(digits):
    largest = float(np.linalg.eigvalsh(np.cov(digits.train.flatten(1).T))[-1])
    model = vae(digits, Gaussian(math.sqrt(1.5 * largest)))
    history = fit(model, digits, epochs=40)
    with torch.no_grad():
        assert float(elbo(model, digits.test).kl.mean()) < 1e-3
    assert history.test_loss[-1] == pytest.approx(collapsed_loss(digits, model.likelihood), abs=0.01)


def test_learned_sigma_reaches_its_closed_form(digits):
    """The root mean squared error of training images decoded from draws of q; a fixed sigma stays."""
    learned, fixed = vae(digits, Gaussian(0.4, learned=True)), vae(digits, Gaussian(0.4))
    for model in (learned, fixed):
        fit(model, digits, epochs=60)
    assert fixed.likelihood.sigma == pytest.approx(0.4)
    with torch.no_grad():
        mu, logvar = learned.encode(digits.train)
        z = distributions.Normal(mu, torch.exp(logvar / 2)).sample()
        best = float((digits.train - learned.decode(z)).square().mean().sqrt())
    assert learned.likelihood.sigma == pytest.approx(best, rel=0.02)
    assert best < 0.3


def test_history_records_the_run(few):
    model = autoencoder(few)
    history = fit(model, few, epochs=3, batch_size=32, seed=5, device="cpu")
    assert history.epochs == len(history.train_loss) == len(history.test_loss) == 3
    assert (history.interrupted, history.loaded) == (False, False)
    assert (history.settings.seed, history.settings.device, history.settings.batch_size) == (5, "cpu", 32)
    assert history.seconds > 0
    assert history.rows_per_second > 0
    assert history.test_loss[-1] == pytest.approx(float(model.loss(few.test).detach().mean()), rel=1e-5)
    for text in ("3 epochs", "seed 5", "batches of 32", history.settings.precision, "lr 0.004 linear"):
        assert text in str(history)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_only_training_matmuls_use_lower_precision(few, precision):
    """Weights, losses and the outputs of networks stay in float32."""
    seen = set()

    class Watching(VAE):
        def log_likelihood(self, x, z):
            product = z @ z.T
            value = super().log_likelihood(x, z)
            seen.add((torch.is_grad_enabled(), product.dtype, z.dtype, value.dtype))
            return value

    model = Watching(few.image_shape, 2, (32,), likelihood=Bernoulli())
    fit(model, few, epochs=1, device="cpu", precision=precision)
    low, full = getattr(torch, precision), torch.float32
    assert seen == {(True, low, full, full), (False, full, full, full)}
    assert {parameter.dtype for parameter in model.parameters()} == {full}


def test_bfloat16_reaches_the_same_loss(digits):
    losses = []
    for precision in ("float32", "bfloat16"):
        model = vae(digits, Bernoulli())
        losses.append(fit(model, digits, epochs=40, device="cpu", precision=precision).test_loss[-1])
    assert losses[1] == pytest.approx(losses[0], rel=0.01)


def test_constant_schedule_keeps_the_rate(few):
    """Adam's first step has the length of the rate, whatever the gradient; a warm-up shortens it."""
    steps = []
    for schedule in ("constant", "linear"):
        model = OneNumber()
        fit(model, few, epochs=1, batch_size=5, lr=0.01, schedule=schedule)
        steps.append(float(model.a.detach()))
    constant = OneNumber()
    fit(constant, few, epochs=1, batch_size=100, lr=0.01, schedule="constant")
    assert float(constant.a.detach()) == pytest.approx(0.01, rel=1e-3)
    assert 0.15 < steps[0] <= 0.21
    assert steps[1] == pytest.approx(steps[0] / 2, rel=0.2)


def test_train_loss_weights_images_equally(few):
    frozen = OneNumber()
    history = fit(frozen, few, epochs=1, batch_size=64, lr=1e-12)
    assert history.train_loss[0] == pytest.approx(float(frozen.loss(few.train).detach().mean()), rel=1e-5)


def test_every_image_is_seen_once_per_epoch(few):
    seen = []

    class Watching(OneNumber):
        def loss(self, x):
            if torch.is_grad_enabled():
                seen.extend(x.sum(dim=(1, 2)).tolist())
            return super().loss(x)

    fit(Watching(), few, epochs=2, batch_size=32)
    expected = sorted(few.train.sum(dim=(1, 2)).tolist())
    assert sorted(seen[:100]) == sorted(seen[100:]) == expected
    assert seen[:100] != seen[100:]


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "sizes"),
    [
        (7, 3, [3, 4]),
        (8, 3, [3, 3, 2]),
        (6, 3, [3, 3]),
        (1, 1, [1]),
        (3, 1, [1, 1, 1]),
        (2, 2, [2]),
        (1437, 359, [359, 359, 359, 360]),
    ],
)
def test_last_batch_of_one_row_joins_the_one_before(n_rows, batch_size, sizes):
    assert batch_sizes(n_rows, batch_size) == sizes


def test_same_seed_gives_identical_results(digits):
    runs = []
    for seed in (1, 1, 2):
        model = autoencoder(digits)
        runs.append((fit(model, digits, epochs=2, seed=seed), weights(model)))
    (first, w1), (second, w2), (other, w3) = runs
    assert first.test_loss == second.test_loss
    assert first.train_loss == second.train_loss
    assert all(torch.equal(a, b) for a, b in zip(w1, w2, strict=True))
    assert other.test_loss != first.test_loss
    assert not torch.equal(w1[0], w3[0])


def test_same_seed_fixes_noise_in_loss(few):
    """Whatever the state of the global generator."""
    runs = []
    for caller, seed in enumerate((1, 1, 2)):
        torch.manual_seed(caller)
        model = vae(few, Bernoulli())
        runs.append((fit(model, few, epochs=2, batch_size=32, seed=seed), weights(model)))
    (first, w1), (second, w2), (other, w3) = runs
    assert (first.train_loss, first.test_loss) == (second.train_loss, second.test_loss)
    assert all(torch.equal(a, b) for a, b in zip(w1, w2, strict=True))
    assert other.test_loss != first.test_loss
    assert not torch.equal(w1[0], w3[0])


class Noisy(OneNumber):
    """A model that records the noise drawn by its loss in training."""

    def __init__(self):
        super().__init__()
        self.drawn = []

    def loss(self, x):
        noise = torch.randn(len(x))
        if torch.is_grad_enabled():
            self.drawn.append(noise)
        return super().loss(x) + noise * self.a


def test_noise_is_seeded_and_differs_per_step(few):
    models = [Noisy() for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        fit(model, few, epochs=2, batch_size=50, seed=seed)
    first, second, other = (torch.stack(model.drawn) for model in models)  # (4, 50)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert len(first.unique(dim=0)) == 4


def test_rate_warms_up_then_decays():
    for steps, warm_up in ((1000, 100), (100, 20), (12, 6)):
        rate = warm_up_then_decay(steps)
        rates = [rate(step) for step in range(steps)]
        assert max(rates) == rates[warm_up - 1] == 1
        assert rates[:warm_up] == sorted(rates[:warm_up])
        assert rates[warm_up:] == sorted(rates[warm_up:], reverse=True)
        assert 0 < rates[-1] < 0.2
        assert 0 < rates[0] <= 0.2


def test_single_step_uses_full_rate():
    assert warm_up_then_decay(1)(0) == 1


def test_divergence_names_step_and_remedy(few):
    model = Exploding()
    with pytest.raises(
        TrainingDivergedError, match=r"inf in epoch 2 of 3, step 3 of 4.*lr=0\.01 instead of 0\.1"
    ) as info:
        fit(model, few, epochs=3, batch_size=25, lr=0.1)
    assert info.value.history.epochs == 1


def test_divergence_restores_the_epochs_start(few):
    reference, model = OneNumber(), Exploding()
    fit(reference, few, epochs=1, batch_size=25, lr=0.1)
    with pytest.raises(TrainingDivergedError):
        fit(model, few, epochs=3, batch_size=25, lr=0.1)
    assert model.a.isfinite()


def test_divergence_leaves_finite_weights(digits):
    model = Autoencoder(digits.image_shape, 2, (16,))
    with torch.no_grad():
        model.encoder[0].weight.fill_(1e38)
    with pytest.raises(TrainingDivergedError, match="Try a smaller rate"):
        fit(model, digits, epochs=1)
    assert all(p.isfinite().all() for p in model.parameters())


def test_interrupt_keeps_model_and_completed_epochs(few):
    class Stopped(OneNumber):
        calls = 0

        def loss(self, x):
            self.calls += torch.is_grad_enabled()
            if self.calls == 10:  # in the third epoch of four steps
                raise KeyboardInterrupt
            return super().loss(x)

    model = Stopped()
    with pytest.raises(KeyboardInterrupt, match=r"stopped after 2 of 5 epochs.*sys\.last_value\.history") as info:
        fit(model, few, epochs=5, batch_size=25, lr=0.1)
    history = info.value.history
    assert history.interrupted
    assert history.epochs == 2
    assert history.seconds > 0
    assert history.rows_per_second > 0
    assert float(model.a.detach()) != 0
    assert not model.training
    assert "interrupted" in str(history)


def test_interrupt_ends_a_loop_of_trainings(few):
    """Otherwise a half-trained model would enter the table unnoticed."""
    table, models = {}, [OneNumber(), FailingNoisily(KeyboardInterrupt()), OneNumber()]
    with pytest.raises(KeyboardInterrupt):
        table.update((seed, fit(model, few, epochs=1, batch_size=25)) for seed, model in enumerate(models))
    assert list(table) == [0]


def test_interrupt_keeps_loss_lists_equally_long(few):
    class StoppedInTheTest(OneNumber):
        tests = 0

        def loss(self, x):
            self.tests += not torch.is_grad_enabled() and len(x) == len(few.test)
            if self.tests == 2:
                raise KeyboardInterrupt
            return super().loss(x)

    with pytest.raises(KeyboardInterrupt) as info:
        fit(StoppedInTheTest(), few, epochs=3)
    history = info.value.history
    assert len(history.train_loss) == len(history.test_loss) == history.epochs == 1


def test_non_finite_test_loss_is_a_divergence(few):
    class FineInTraining(OneNumber):
        """A model whose loss is NaN once its parameter exceeds 0.05, but only without gradients."""

        def loss(self, x):
            return super().loss(x) + (math.nan if self.a > 0.05 and not torch.is_grad_enabled() else 0)

    model = FineInTraining()
    with pytest.raises(
        TrainingDivergedError, match=r"nan in epoch 2 of 5, on the test images\. Try .*lr=0\.001"
    ) as info:
        fit(model, few, epochs=5, batch_size=25, lr=0.01, schedule="constant")
    history = info.value.history
    assert len(history.train_loss) == len(history.test_loss) == 1
    assert math.isfinite(history.test_loss[0])
    assert float(model.a.detach()) == pytest.approx(0.04, abs=0.005)  # after four steps of 0.01


def test_resumed_run_is_recorded(few):
    model = OneNumber()
    first, second = (fit(model, few, epochs=1) for _ in range(2))
    assert (first.resumed, second.resumed) == (False, True)
    assert "had been trained before" in str(second)
    assert "before" not in str(first)
    assert "trained_by_fit" not in model.state_dict()
    stopped = FailingNoisily(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, few, epochs=1, batch_size=25)
    stopped.drawn, stopped.error = [], None
    with pytest.raises(TrainingDivergedError) as info:
        fit(stopped, few, epochs=1, batch_size=25)
    assert info.value.history.resumed


def test_immediate_divergence_leaves_model_untrained(few):
    model = FailingNoisily(None)
    for _ in range(2):
        model.drawn.clear()
        with pytest.raises(TrainingDivergedError) as info:
            fit(model, few, epochs=1, batch_size=25)
        assert not info.value.history.resumed


def test_second_fit_continues_from_the_first(digits):
    model = autoencoder(digits)
    first = fit(model, digits, epochs=20)
    second = fit(model, digits, epochs=5, lr=1e-4)
    assert second.test_loss[0] < 1.05 * first.test_loss[-1]


def test_fit_works_under_no_grad(few):
    with torch.no_grad():
        history = fit(OneNumber(), few, epochs=1)
    assert history.epochs == 1


def test_labels_reach_a_classifier(digits):
    judge = Classifier(digits.image_shape, generator=torch.Generator().manual_seed(0))
    fit(judge, digits, epochs=40)
    right = (judge.probabilities(digits.test).argmax(dim=1) == digits.test_labels).float().mean()
    assert right > 0.95


def test_fit_leaves_global_state_alone(few):
    torch.manual_seed(11)
    expected = torch.rand(1)
    torch.manual_seed(11)
    fit(OneNumber(), few, epochs=1, seed=3)
    assert torch.equal(torch.rand(1), expected)
    assert torch.get_default_dtype() == torch.float32


class FailingNoisily(Noisy):
    """A model that draws noise and fails in the third step, with an error or an infinite loss."""

    def __init__(self, error: BaseException | None) -> None:
        super().__init__()
        self.error = error

    def loss(self, x):
        loss = super().loss(x)
        if len(self.drawn) < 3:
            return loss
        if self.error is None:
            return loss + math.inf
        raise self.error


def test_global_generator_is_restored(few):
    model, before = Noisy(), torch.get_rng_state()
    fit(model, few, epochs=1, batch_size=25)
    assert len(model.drawn) >= 3
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("model", "error"),
    [
        (FailingNoisily(None), TrainingDivergedError),
        (FailingNoisily(ZeroDivisionError()), ZeroDivisionError),
        (FailingNoisily(KeyboardInterrupt()), KeyboardInterrupt),
    ],
    ids=["diverged", "failed", "interrupted"],
)
def test_global_generator_is_restored_after_error(few, model, error):
    before = torch.get_rng_state()
    with pytest.raises(error):
        fit(model, few, epochs=1, batch_size=25)
    assert len(model.drawn) >= 3
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("static", ["1", ""])
def test_log_file_shows_no_progress_bar(few, monkeypatch, capsys, static):
    monkeypatch.setitem(os.environ, "VAE_LESSONS_STATIC", static)
    fit(OneNumber(), few, epochs=1)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_terminal_shows_progress_bar_except_for_pages(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("VAE_LESSONS_STATIC", "0")
    with notebook.progress_bar(3, "training") as bar:
        assert not bar.disable
    monkeypatch.setenv("VAE_LESSONS_STATIC", "1")
    with notebook.progress_bar(3, "training") as bar:
        assert bar.disable
