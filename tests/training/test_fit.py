"""The training loop: what it does to a model, what it reports, and how it fails."""

import math
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import distributions, nn

from vae_lessons import (
    VAE,
    Autoencoder,
    Bernoulli,
    Classifier,
    Gaussian,
    ImageData,
    elbo,
    fit,
    load_images,
    mnist_epochs,
    notebook,
)
from vae_lessons.training import Settings, TrainingDivergedError
from vae_lessons.training.defaults import resolve
from vae_lessons.training.fit import warm_up_then_decay
from vae_lessons.training.model_checks import check_loss


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return load_images("digits")


@pytest.fixture
def few(digits) -> ImageData:
    """Hundred images: enough to see that something happens."""
    return replace(
        digits,
        train=digits.train[:100],
        train_labels=digits.train_labels[:100],
        test=digits.test[:50],
        test_labels=digits.test_labels[:50],
    )


def autoencoder(data: ImageData, seed: int = 0) -> Autoencoder:
    return Autoencoder(data.image_shape, 2, (32,), torch.Generator().manual_seed(seed))


def vae(data: ImageData, likelihood: nn.Module, seed: int = 0) -> VAE:
    return VAE(data.image_shape, 2, (32,), likelihood=likelihood, generator=torch.Generator().manual_seed(seed))


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.parameters()]


class OneNumber(nn.Module):
    """The loss (x - a)^2 of one parameter, whose minimum is known: the mean."""

    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.zeros(()))

    def loss(self, x):
        return (x.mean(dim=(1, 2)) - self.a).square()


class Exploding(OneNumber):
    """Its loss is infinite from the third step of the second epoch on."""

    calls = 0

    def loss(self, x):
        if torch.is_grad_enabled():
            self.calls += 1
        return super().loss(x) + (math.inf if self.calls > 6 else 0)


def test_fit_finds_a_minimum_that_is_known(few):
    model = OneNumber()
    history = fit(model, few, epochs=300, batch_size=100, lr=0.05)
    assert float(model.a.detach()) == pytest.approx(float(few.train.mean()), abs=1e-3)
    assert history.train_loss[-1] == pytest.approx(float(few.train.mean(dim=(1, 2)).var(unbiased=False)), rel=1e-2)


def test_an_autoencoder_beats_the_mean_image_and_pca_on_the_digits(digits):
    history = fit(autoencoder(digits), digits, epochs=80)
    centred = (digits.train - digits.train.mean(dim=0)).flatten(1).double()
    test = (digits.test - digits.train.mean(dim=0)).flatten(1).double()
    directions = torch.linalg.svd(centred, full_matrices=False).Vh[:2]
    pca_error = float((test - test @ directions.T @ directions).square().sum(dim=1).mean())
    assert history.test_loss[-1] < 0.8 * pca_error


def collapsed_loss(data: ImageData, likelihood: nn.Module) -> float:
    """-ELBO on the test images, if every code gives the training images' mean and q is the prior; by PyTorch."""
    mean = data.train.mean(dim=0)
    if isinstance(likelihood, Gaussian):
        log_probs = distributions.Normal(mean, likelihood.sigma).log_prob(data.test)
    else:
        log_probs = distributions.Bernoulli(mean.clamp(1e-3, 1 - 1e-3), validate_args=False).log_prob(data.test)
    return -float(log_probs.sum(dim=(1, 2)).mean())


@pytest.mark.parametrize("likelihood", [Gaussian(0.25), Bernoulli()], ids=repr)
def test_a_vae_beats_its_own_collapse_on_the_digits(digits, likelihood):
    """What it earns pays for its code, which holds a nat and more."""
    model = vae(digits, likelihood)
    history = fit(model, digits, epochs=40)
    with torch.no_grad():
        rate = float(elbo(model, digits.test).kl.mean())
    assert history.test_loss[-1] < collapsed_loss(digits, likelihood) - 0.5
    assert rate > 1


def test_a_vae_whose_noise_is_larger_than_every_variance_in_the_data_collapses(digits):
    largest = float(np.linalg.eigvalsh(np.cov(digits.train.flatten(1).T))[-1])
    model = vae(digits, Gaussian(math.sqrt(1.5 * largest)))
    history = fit(model, digits, epochs=40)
    with torch.no_grad():
        assert float(elbo(model, digits.test).kl.mean()) < 1e-3
    assert history.test_loss[-1] == pytest.approx(collapsed_loss(digits, model.likelihood), abs=0.01)


def test_a_learned_sigma_goes_where_the_closed_form_has_it_and_a_fixed_one_stays(digits):
    """The root of the mean squared error of training images, decoded from draws of q."""
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


def test_the_history_says_what_happened(few):
    model = autoencoder(few)
    history = fit(model, few, epochs=3, batch_size=32, seed=5, device="cpu")
    assert history.epochs == len(history.train_loss) == len(history.test_loss) == 3
    assert (history.interrupted, history.loaded) == (False, False)
    assert (history.settings.seed, history.settings.device, history.settings.batch_size) == (5, "cpu", 32)
    assert history.seconds > 0
    assert history.images_per_second > 0
    assert history.test_loss[-1] == pytest.approx(float(model.loss(few.test).detach().mean()), rel=1e-5)
    for said in ("3 epochs", "seed 5", "batches of 32", history.settings.precision, "lr 0.004 linear"):
        assert said in str(history)


def test_what_is_left_to_fit_is_chosen_and_said(few, digits, monkeypatch):
    """A batch leaves an epoch five steps, the rate follows its root, and bfloat16 is for processors that gain by it."""
    monkeypatch.setattr("vae_lessons.training.defaults.has_amx", lambda: False)
    chosen = fit(OneNumber(), digits, epochs=1, device="cpu").settings
    assert (chosen.batch_size, chosen.precision) == (192, "float32")
    assert chosen.lr == pytest.approx(0.016 * math.sqrt(192 / 512))
    assert resolve(Settings(device="cpu"), 60_000).batch_size == 384
    assert resolve(Settings(device="cpu"), 3).batch_size == 1
    monkeypatch.setattr("vae_lessons.training.defaults.has_amx", lambda: True)
    assert resolve(Settings(device="cpu"), 100).precision == "bfloat16"
    assert resolve(Settings(device="cpu"), 60_000).batch_size == 512
    told = Settings(batch_size=7, lr=0.1, precision="float32", device="cpu", schedule="constant")
    assert fit(OneNumber(), few, **vars(told) | {"epochs": 1}).settings == replace(told, epochs=1)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_only_the_products_of_training_are_in_the_lower_precision(few, precision):
    """Weights, losses and everything that comes out of a network stay in float32."""
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


def test_bfloat16_learns_as_well(digits):
    losses = []
    for precision in ("float32", "bfloat16"):
        model = vae(digits, Bernoulli())
        losses.append(fit(model, digits, epochs=40, device="cpu", precision=precision).test_loss[-1])
    assert losses[1] == pytest.approx(losses[0], rel=0.01)


def test_a_constant_rate_is_constant(few):
    """Under Adam the first step is as long as the rate, whatever the gradient; under a warm-up it is shorter."""
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


def test_train_loss_is_a_mean_over_images_also_with_a_smaller_last_batch(few):
    frozen = OneNumber()
    history = fit(frozen, few, epochs=1, batch_size=64, lr=1e-12)
    assert history.train_loss[0] == pytest.approx(float(frozen.loss(few.train).detach().mean()), rel=1e-5)


def test_every_image_is_seen_once_an_epoch(few):
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


def test_one_seed_gives_one_result_bit_for_bit(digits):
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


def test_a_model_with_noise_in_its_loss_trains_bit_for_bit_the_same_for_the_same_seed(few):
    """Wherever PyTorch's own generator stands."""
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
    """Keeps the noise that its loss drew in training."""

    def __init__(self):
        super().__init__()
        self.drawn = []

    def loss(self, x):
        noise = torch.randn(len(x))
        if torch.is_grad_enabled():
            self.drawn.append(noise)
        return super().loss(x) + noise * self.a


def test_the_seed_is_that_of_the_noise_too_which_is_new_in_each_step(few):
    models = [Noisy() for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        fit(model, few, epochs=2, batch_size=50, seed=seed)
    first, second, other = (torch.stack(model.drawn) for model in models)  # (4, 50)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert len(first.unique(dim=0)) == 4


def test_the_rate_climbs_then_falls_to_nearly_nothing():
    for steps, warm_up in ((1000, 100), (100, 20), (12, 6)):
        rate = warm_up_then_decay(steps)
        rates = [rate(step) for step in range(steps)]
        assert max(rates) == rates[warm_up - 1] == 1
        assert rates[:warm_up] == sorted(rates[:warm_up])
        assert rates[warm_up:] == sorted(rates[warm_up:], reverse=True)
        assert 0 < rates[-1] < 0.2
        assert 0 < rates[0] <= 0.2


def test_a_single_step_has_a_rate():
    assert warm_up_then_decay(1)(0) == 1


def test_a_loss_that_is_not_finite_says_where_and_what_to_try(few):
    model = Exploding()
    with pytest.raises(
        TrainingDivergedError, match=r"inf in epoch 2 of 3, step 3 of 4.*lr=0\.01 instead of 0\.1"
    ) as info:
        fit(model, few, epochs=3, batch_size=25, lr=0.1)
    assert info.value.history.epochs == 1


def test_after_a_divergence_the_model_is_where_the_epoch_began(few):
    reference, model = OneNumber(), Exploding()
    fit(reference, few, epochs=1, batch_size=25, lr=0.1)
    with pytest.raises(TrainingDivergedError):
        fit(model, few, epochs=3, batch_size=25, lr=0.1)
    assert model.a.isfinite()


def test_a_huge_rate_diverges_with_a_message_and_not_with_nan_weights(digits):
    model = Autoencoder(digits.image_shape, 2, (16,))
    with torch.no_grad():
        model.encoder[0].weight.fill_(1e38)
    with pytest.raises(TrainingDivergedError, match="Try a smaller rate"):
        fit(model, digits, epochs=1)
    assert all(p.isfinite().all() for p in model.parameters())


def test_ctrl_c_keeps_the_model_and_the_epochs_so_far(few):
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
    assert history.images_per_second > 0
    assert float(model.a.detach()) != 0
    assert not model.training
    assert "interrupted" in str(history)


def test_ctrl_c_ends_a_loop_of_trainings(few):
    """In whose table a model that is half trained would not be seen to be one."""
    table, models = {}, [OneNumber(), FailingNoisily(KeyboardInterrupt()), OneNumber()]
    with pytest.raises(KeyboardInterrupt):
        table.update((seed, fit(model, few, epochs=1, batch_size=25)) for seed, model in enumerate(models))
    assert list(table) == [0]


def test_ctrl_c_between_training_and_test_leaves_as_many_losses_of_both(few):
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


def test_a_test_loss_that_is_not_finite_is_a_divergence_too(few):
    class FineInTraining(OneNumber):
        """Its loss is no number once its parameter has passed 0.05, but only where gradients are off."""

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


def test_a_run_that_goes_on_from_an_earlier_one_says_so(few):
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


def test_a_run_that_diverged_at_once_leaves_a_model_untrained(few):
    model = FailingNoisily(None)
    for _ in range(2):
        model.drawn.clear()
        with pytest.raises(TrainingDivergedError) as info:
            fit(model, few, epochs=1, batch_size=25)
        assert not info.value.history.resumed


def test_training_on_goes_on_from_where_the_model_is(digits):
    model = autoencoder(digits)
    first = fit(model, digits, epochs=20)
    second = fit(model, digits, epochs=5, lr=1e-4)
    assert second.test_loss[0] < 1.05 * first.test_loss[-1]


def test_fit_works_where_gradients_are_switched_off(few):
    with torch.no_grad():
        history = fit(OneNumber(), few, epochs=1)
    assert history.epochs == 1


def test_labels_reach_a_model_that_uses_them(digits):
    judge = Classifier(digits.image_shape, generator=torch.Generator().manual_seed(0))
    fit(judge, digits, epochs=40)
    right = (judge.probabilities(digits.test).argmax(dim=1) == digits.test_labels).float().mean()
    assert right > 0.95


def test_fit_changes_nothing_behind_the_callers_back(few):
    torch.manual_seed(11)
    expected = torch.rand(1)
    torch.manual_seed(11)
    fit(OneNumber(), few, epochs=1, seed=3)
    assert torch.equal(torch.rand(1), expected)
    assert torch.get_default_dtype() == torch.float32


class FailingNoisily(Noisy):
    """Draws, and then fails in the third step as it is told to."""

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


def test_pytorchs_generator_is_afterwards_as_it_was(few):
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
def test_pytorchs_generator_is_as_it_was_after_an_error_too(few, model, error):
    before = torch.get_rng_state()
    with pytest.raises(error):
        fit(model, few, epochs=1, batch_size=25)
    assert len(model.drawn) >= 3
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"epochs": 1.5}, "epochs must be"),
        ({"epochs": True}, "epochs must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"lr": 0}, "lr must be a positive number, got 0"),
        ({"lr": math.nan}, "lr must be"),
        ({"lr": "fast"}, "lr must be"),
        ({"lr": True}, "lr must be a positive number, got True"),
        ({"lr": torch.tensor(0.1)}, r"lr must be a positive number, got 0\.1\d*: take its \.item\(\)"),
        ({"epochs": torch.tensor(2)}, r"epochs must be a whole number, got 2: take its \.item"),
        ({"seed": np.array(2)}, r"seed must be a whole number, got 2: take its \.item"),
        ({"epochs": np.float64(2)}, r"epochs must be a whole number, got np\.float64\(2\.0\)$"),
        ({"seed": 0.5}, "seed must be a whole number"),
        ({"schedule": "none"}, "schedule must be one of linear, constant, got 'none'"),
        ({"precision": "float8"}, "precision must be one of auto, float32, bfloat16, got 'float8'"),
        ({"device": "abacus"}, "device must be 'auto', 'cpu', 'cuda' or 'mps', got 'abacus'"),
    ],
)
def test_settings_out_of_range_are_named(few, settings, named):
    with pytest.raises(ValueError, match=named):
        fit(OneNumber(), few, **settings)


def test_a_device_that_is_not_there_is_named(few):
    absent = "mps" if not torch.backends.mps.is_available() else "xpu"
    with pytest.raises(ValueError, match=f"device '{absent}' is not on this machine"):
        fit(OneNumber(), few, device=absent)


def test_a_model_for_other_images_is_named(few):
    with pytest.raises(ValueError, match=r"made for images of \(28, 28\) pixels.*image_shape=data\.image_shape"):
        fit(Autoencoder((28, 28), 2), few)


@pytest.mark.parametrize("kind", [np.int64, np.int8, np.uint16])
def test_numbers_of_numpy_are_settings(kind):
    settings = Settings(epochs=kind(2), batch_size=kind(3), seed=kind(4), lr=np.float32(0.5))
    assert settings == Settings(2, 3, 0.5, seed=4)
    assert {type(value) for value in (settings.epochs, settings.batch_size, settings.seed)} == {int}
    assert type(settings.lr) is float


def test_a_model_without_a_loss_is_named(few):
    with pytest.raises(TypeError, match="model must have a method loss"):
        fit(nn.Linear(2, 2), few)


def test_what_is_no_model_or_no_data_is_named_before_all_else(few):
    model = OneNumber()
    for arguments, named in (
        (
            (OneNumber, few),
            r"model must be an object .*got the class OneNumber: make an object of it, OneNumber\(\.\.\.\)",
        ),
        ((few, model), "model must be an object .*got ImageData: the model comes first, then the data"),
        (("swapped", few), "model must be an object .*got str$"),
        ((model, few.train), "data must be an ImageData, .*got Tensor: pass the whole data set, not one of"),
        ((model, "digits"), "data must be an ImageData, .*got str$"),
        ((model, None), "data must be an ImageData, .*got NoneType$"),
    ):
        with pytest.raises(TypeError, match=named):
            fit(*arguments, epochs=0)


def test_a_model_with_nothing_to_train_is_named(few):
    class Nothing(nn.Module):
        def loss(self, x):
            return x.sum(dim=(1, 2))

    with pytest.raises(ValueError, match="model must have parameters to train, Nothing has none"):
        fit(Nothing(), few)


@pytest.mark.parametrize(
    ("result", "error", "named"),
    [
        (lambda loss: None, TypeError, r"got NoneType: is a return missing\?"),
        (lambda loss: (loss, loss), TypeError, "got tuple: return one tensor, with nothing beside it"),
        (lambda loss: loss.mean().item(), TypeError, r"got float: return one tensor.*no \.item"),
        (lambda loss: loss.detach(), ValueError, "no gradient passes through this one .* is there a detach"),
        (lambda loss: torch.tensor(loss.tolist()), ValueError, "must depend on the model's parameters"),
    ],
    ids=["None", "a tuple", "a float", "detached", "made anew"],
)
def test_a_loss_that_cannot_be_minimised_is_named(few, result, error, named):
    class Odd(OneNumber):
        def loss(self, x):
            return result(super().loss(x))

    with pytest.raises(error, match=named):
        fit(Odd(), few)


def test_a_loss_that_is_already_averaged_is_named(few):
    class Averaged(OneNumber):
        def loss(self, x):
            return super().loss(x).mean()

    with pytest.raises(ValueError, match=r"model\.loss must give one value per image"):
        fit(Averaged(), few)


def test_epochs_grow_for_small_data_and_shrink_in_fast_mode(digits, monkeypatch):
    monkeypatch.delenv("VAE_LESSONS_FAST", raising=False)
    assert mnist_epochs(digits, 4) == 80
    many = torch.zeros(60_000, 1, 1)
    mnist_sized = ImageData("large", many, torch.zeros(60_000, dtype=torch.int64), many, torch.zeros(60_000).long())
    assert mnist_epochs(mnist_sized, 4) == 4
    monkeypatch.setenv("VAE_LESSONS_FAST", "1")
    assert mnist_epochs(digits, 4) == 2


def test_defaults_of_fit_are_those_of_settings():
    assert fit.__defaults__ == tuple(vars(Settings()).values())


@pytest.mark.parametrize("static", ["1", ""])
def test_a_log_file_gets_no_bar(few, monkeypatch, capsys, static):
    monkeypatch.setitem(os.environ, "VAE_LESSONS_STATIC", static)
    fit(OneNumber(), few, epochs=1)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_a_terminal_gets_a_bar_unless_a_page_is_made(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("VAE_LESSONS_STATIC", "0")
    with notebook.progress_bar(3, "training") as bar:
        assert not bar.disable
    monkeypatch.setenv("VAE_LESSONS_STATIC", "1")
    with notebook.progress_bar(3, "training") as bar:
        assert bar.disable


def test_a_model_that_is_elsewhere_already_is_looked_at_there(few):
    """As after model.to("cuda"): the two images go to it."""
    model, seen = autoencoder(few).to("meta"), []
    model.loss = lambda x: seen.append(x.device.type) or model.decode(model.encode(x)).sum(dim=(1, 2))
    check_loss(model, few)
    assert seen == ["meta"]


def test_the_first_look_at_a_loss_leaves_no_trace(few):
    class Normed(Autoencoder):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.norm = nn.BatchNorm1d(2)

        def encode(self, x):
            return self.norm(super().encode(x))

    model = Normed(few.image_shape, 2, (8,))
    model.decoder.eval()
    state = torch.random.get_rng_state()
    check_loss(model, few)
    assert model.norm.num_batches_tracked == 0
    assert [model.training, model.norm.training, model.decoder.training] == [True, True, False]
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_loss_with_a_derivative_in_it_is_told_where_that_goes(few):
    class Smooth(Autoencoder):
        def loss(self, x):
            z = self.encode(x).detach().requires_grad_()
            (slopes,) = torch.autograd.grad(self.decode(z).sum(), z, create_graph=True)
            return super().loss(x) + slopes.square().sum(dim=1)

    class SmoothEverywhere(Smooth):
        @torch.enable_grad()
        def loss(self, x):
            return super().loss(x)

    with pytest.raises(ValueError, match=r"model\.loss takes a derivative, and fit evaluates without gradients: "):
        fit(Smooth(few.image_shape, 2, (32,)), few, epochs=1, device="cpu")
    assert fit(SmoothEverywhere(few.image_shape, 2, (32,)), few, epochs=1, device="cpu").epochs == 1


def test_more_images_than_there_are_is_all_of_them(few):
    """And the rate is that of a batch as large as it is."""
    chosen = fit(OneNumber(), few, epochs=1, batch_size=10**6, device="cpu").settings
    assert chosen.batch_size == 100
    assert chosen.lr == pytest.approx(0.016 * math.sqrt(100 / 512))
