"""Networks other than multilayer perceptrons: trained, kept, loaded again and measured."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from vae_lessons import VAE, Bernoulli, Classifier, ImageData, elbo, fit, fit_or_load
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


def transposed_convolution(vae: VAE) -> None:
    vae.decoder = nn.Sequential(
        nn.Linear(2, 64), nn.ReLU(), nn.Unflatten(1, (4, 4, 4)), nn.ConvTranspose2d(4, 1, 2, stride=2), nn.Flatten()
    )


def without_bias(vae: VAE) -> None:
    vae.decoder = nn.Sequential(nn.Linear(2, 32, bias=False), nn.ReLU(), nn.Linear(32, N_PIXELS, bias=False))


def plain_module(vae: VAE) -> None:
    vae.decoder = TwoPaths()


def batch_norm(vae: VAE) -> None:
    vae.encoder = nn.Sequential(nn.Linear(N_PIXELS, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4))


def convolution(vae: VAE) -> None:
    vae.encoder = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3, stride=2), nn.Flatten(), nn.Linear(36, 4)
    )


def tied_weights(vae: VAE) -> None:
    vae.encoder = nn.Sequential(nn.Linear(N_PIXELS, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4))
    vae.decoder = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), vae.encoder[2], nn.ReLU(), nn.Linear(16, N_PIXELS))


NETWORKS = (transposed_convolution, without_bias, plain_module, batch_norm, convolution, tied_weights)
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
        key = "two paths" if network is plain_module else None
        assert fit_or_load(vae, data, key=key, folder=tmp_path, epochs=2, device="cpu").loaded == loaded
    states = [vae.state_dict() for vae in vaes]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert torch.equal(*(vae.code(data.test) for vae in vaes))


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


def test_network_of_wrong_shape_is_named(few):
    vae = vae_with(without_bias)
    vae.decoder = nn.Sequential(nn.Linear(2, 64), nn.Unflatten(1, (1, 8, 8)))
    with pytest.raises(ValueError, match=r"decoder must map \(2, 2\) to \(2, 64\), got \(2, 1, 8, 8\): .*a Flatten"):
        fit(vae, few)
    vae.encoder = nn.Linear(64, 2)
    with pytest.raises(ValueError, match=r"encoder must map \(5, 64\) to \(5, 4\), got \(5, 2\)"):
        vae.encode(few.test[:5])
