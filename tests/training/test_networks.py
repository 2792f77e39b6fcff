"""Networks other than multilayer perceptrons: trained, kept, loaded again and measured."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from vae_lessons import VAE, Bernoulli, Classifier, Gaussian, ImageData, elbo, fit, fit_or_load
from vae_lessons.evaluation.report import measure
from vae_lessons.inference import iwae_bound, log_evidence_quadrature

N_PIXELS = 64


class TwoPaths(nn.Module):
    """A plain module: a decoder with a linear path beside a bent one, its layers not in the order of their use."""

    def __init__(self):
        super().__init__()
        self.out, self.hidden, self.direct = nn.Linear(16, N_PIXELS), nn.Linear(2, 16), nn.Linear(2, N_PIXELS, False)

    def forward(self, z):
        return self.out(torch.tanh(self.hidden(z))) + self.direct(z)


class Recurrent(nn.Module):
    """A plain module: a recurrent layer that reads the pixels row by row, or writes them."""

    def __init__(self, n_in: int, n_out: int, n_steps: int):
        super().__init__()
        self.shape = n_steps, n_in // n_steps if n_in == N_PIXELS else n_in
        self.layer = nn.GRU(self.shape[1], 16, batch_first=True)
        self.out = nn.Linear(16, n_out if n_in == N_PIXELS else n_out // n_steps)

    def forward(self, x):  # (B, n_in)
        rows = x.unflatten(1, self.shape) if x.shape[1] == N_PIXELS else x.unsqueeze(1).expand(-1, *self.shape)
        states, last = self.layer(rows)  # (B, n_steps, 16), (1, B, 16)
        return self.out(last[0]) if x.shape[1] == N_PIXELS else self.out(states).flatten(1)


class Gated(nn.Module):
    """A plain module whose last layer, with a bias for each pixel, is not what its output ends with."""

    def __init__(self):
        super().__init__()
        self.ink, self.gate = nn.Linear(2, N_PIXELS), nn.Linear(2, N_PIXELS)
        nn.init.zeros_(self.gate.bias)

    def forward(self, z):
        return self.ink(z) * torch.sigmoid(self.gate(z))


class Mine(VAE):
    """A class of one's own, with a decoder of one's own."""

    def __init__(self):
        super().__init__((8, 8), 2, (16,), likelihood=Gaussian(0.3))
        self.decoder = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, N_PIXELS), nn.Unflatten(1, (1, 8, 8)))
        self.decoder.append(nn.Conv2d(1, 1, 3, padding=1)).append(nn.Flatten())


def transposed_convolution(vae: VAE) -> None:
    vae.decoder = nn.Sequential(
        nn.Linear(2, 64), nn.ReLU(), nn.Unflatten(1, (4, 4, 4)), nn.ConvTranspose2d(4, 1, 2, stride=2), nn.Flatten()
    )


def without_bias(vae: VAE) -> None:
    vae.decoder = nn.Sequential(nn.Linear(2, 32, bias=False), nn.ReLU(), nn.Linear(32, N_PIXELS, bias=False))


def plain_module(vae: VAE) -> None:
    vae.decoder = TwoPaths()


def recurrent(vae: VAE) -> None:
    vae.encoder, vae.decoder = Recurrent(N_PIXELS, 4, 8), Recurrent(2, N_PIXELS, 8)


def gated(vae: VAE) -> None:
    vae.decoder = Gated()


def ends_in_sigmoid(vae: VAE) -> None:
    vae.decoder = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, N_PIXELS), nn.Sigmoid())
    nn.init.zeros_(vae.decoder.get_submodule("2").bias)


def batch_norm(vae: VAE) -> None:
    vae.encoder = nn.Sequential(nn.Linear(N_PIXELS, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4))


def convolution(vae: VAE) -> None:
    vae.encoder = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3, stride=2), nn.Flatten(), nn.Linear(36, 4)
    )


def tied_weights(vae: VAE) -> None:
    vae.encoder = nn.Sequential(nn.Linear(N_PIXELS, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4))
    vae.decoder = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), vae.encoder[2], nn.ReLU(), nn.Linear(16, N_PIXELS))


NETWORKS = (transposed_convolution, without_bias, plain_module, recurrent, batch_norm, convolution, tied_weights)
OWN_CODE = (plain_module, recurrent)
every_network = pytest.mark.parametrize("network", NETWORKS, ids=[network.__name__ for network in NETWORKS])


def vae_with(network) -> VAE:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # PyTorch's layers take no generator
        vae = VAE((8, 8), 2, (16,), likelihood=Bernoulli())
        network(vae)
    return vae


def first(digits: ImageData, n: int) -> ImageData:
    return replace(digits, train=digits.train[:n], train_labels=digits.train_labels[:n])


@every_network
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_network_learns(digits, network, precision):
    """With a last batch of one row, of which BatchNorm cannot take the variance."""
    data, vae = first(digits, 301), vae_with(network)
    history = fit(vae, data, epochs=10, batch_size=50, precision=precision, start_at_mean=False, device="cpu")
    assert history.train_loss[-1] < history.train_loss[0] - 3
    assert history.test_loss[-1] == pytest.approx(float(-elbo(vae, data.test, 20).value.detach().mean()), abs=1)
    assert {parameter.dtype for parameter in vae.parameters()} == {torch.float32}


@every_network
def test_every_network_is_kept_and_loaded(digits, network, tmp_path):
    """Buffers too, such as BatchNorm's running means; a module with code of its own under a key."""
    data, vaes = first(digits, 200), [vae_with(network) for _ in range(2)]
    for vae, loaded in zip(vaes, (False, True), strict=True):
        key = network.__name__ if network in OWN_CODE else None
        assert fit_or_load(vae, data, key=key, folder=tmp_path, epochs=2, device="cpu").loaded == loaded
    states = [vae.state_dict() for vae in vaes]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert torch.equal(*(vae.code(data.test) for vae in vaes))


@pytest.mark.check
@every_network
def test_every_network_is_measured(digits, network):
    data, vae = first(digits, 500), vae_with(network)
    judge = Classifier((8, 8), generator=torch.Generator().manual_seed(0))
    for model in (judge, vae):
        fit(model, data, epochs=5, device="cpu")
    with torch.no_grad():
        bound = iwae_bound(vae, data.test[:5], 500, torch.Generator().manual_seed(0))
        evidence = log_evidence_quadrature(vae, data.test[:5])
    assert (bound < evidence + 0.5).all()
    assert vae.sample(3, torch.Generator().manual_seed(0)).shape == (3, 8, 8)
    assert all(math.isfinite(value) for value in measure(vae, data, judge).values())


def flat_weights(model: nn.Module) -> torch.Tensor:
    return nn.utils.parameters_to_vector(model.parameters()).detach()


@pytest.mark.parametrize(
    "network", [transposed_convolution, without_bias, plain_module, recurrent, gated, ends_in_sigmoid]
)
def test_start_at_mean_leaves_other_decoders_alone(digits, network):
    vae = vae_with(network)
    before = flat_weights(vae)
    vae.start_at_mean(digits.train.mean(dim=0))
    assert torch.equal(flat_weights(vae), before)
    assert fit(vae, first(digits, 40), epochs=1, device="cpu").epochs == 1


def test_start_at_mean_leaves_a_frozen_decoder_alone(digits):
    vae = VAE((8, 8), 2, (16,), likelihood=Bernoulli())
    before = flat_weights(vae.decoder.requires_grad_(False))
    fit(vae, first(digits, 40), epochs=1, device="cpu")
    assert torch.equal(flat_weights(vae.decoder), before)


def test_start_at_mean_finds_the_end_of_nested_sequences(digits):
    vae, mean = VAE((8, 8), 2, (16,), likelihood=Bernoulli()), digits.train.mean(dim=0).clamp(0.01, 0.99)
    vae.decoder = nn.Sequential(nn.Sequential(nn.Linear(2, 16), nn.ReLU()), nn.Sequential(nn.Linear(16, N_PIXELS)))
    for weights in vae.decoder.parameters():
        nn.init.zeros_(weights)
    vae.start_at_mean(mean)
    torch.testing.assert_close(vae.decode(torch.zeros(3, 2)), mean.expand(3, 8, 8))


def test_class_of_ones_own_learns_and_is_kept_under_a_key(digits, tmp_path):
    for loaded in (False, True):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = Mine()
        history = fit_or_load(model, first(digits, 300), key="mine", folder=tmp_path, epochs=10, device="cpu")
        assert history.loaded == loaded
        assert history.test_loss[-1] < history.test_loss[0] - 1
        assert model.sample(2).shape == (2, 8, 8)


def test_lazy_layers_learn_and_are_kept(digits, tmp_path):
    """Their weights are made when they first see images: before the key is, which has them."""
    for loaded in (False, True):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            vae = VAE((8, 8), 2, (16,), likelihood=Bernoulli())
            vae.encoder = nn.Sequential(nn.LazyLinear(16), nn.ReLU(), nn.LazyLinear(4))
            assert fit_or_load(vae, first(digits, 50), folder=tmp_path, epochs=2, device="cpu").loaded == loaded


def test_batch_norm_trains_where_one_row_is_left_over(digits):
    history = fit(vae_with(batch_norm), digits, epochs=1, batch_size=359, device="cpu")  # 1,437 = 4 × 359 + 1
    assert math.isfinite(history.test_loss[-1])


@pytest.mark.parametrize(("n_rows", "settings"), [(30, {"batch_size": 1}), (1, {"batch_size": 50}), (8, {})])
def test_batch_norm_in_batches_of_one_is_named(digits, n_rows, settings):
    vae = vae_with(batch_norm)
    with pytest.raises(ValueError, match=r"batch_size must be at least 2 for .* BatchNorm, got 1: a single row"):
        fit(vae, first(digits, n_rows), epochs=1, device="cpu", **settings)


def test_recurrent_layer_by_itself_is_named(few):
    vae = vae_with(without_bias)
    vae.encoder = nn.GRU(N_PIXELS, 4)
    with pytest.raises(ValueError, match=r"encoder must map \(2, 64\) to \(2, 4\), got a tuple: .* outputs alone"):
        fit(vae, few)


def test_network_of_wrong_shape_is_named(few):
    vae = vae_with(without_bias)
    vae.decoder = nn.Sequential(nn.Linear(2, 64), nn.Unflatten(1, (1, 8, 8)))
    with pytest.raises(ValueError, match=r"decoder must map \(2, 2\) to \(2, 64\), got \(2, 1, 8, 8\): .*a Flatten"):
        fit(vae, few)
    vae.encoder = nn.Linear(64, 2)
    with pytest.raises(ValueError, match=r"encoder must map \(5, 64\) to \(5, 4\), got \(5, 2\)"):
        vae.encode(few.test[:5])
