"""VAEs trained with several codes: their losses by torch.distributions, and pixels drawn afresh."""

import math

import pytest
import torch
from model_helpers import SHAPE, images, seeded
from torch import Tensor, distributions, nn

from vae_lessons import Bernoulli, elbo, fit
from vae_lessons.data import TensorData
from vae_lessons.models import IWAE, VAE


def make(**settings) -> IWAE:
    return IWAE(SHAPE, 3, (7,), likelihood=Bernoulli(), generator=seeded(), **settings).double()


def log_weights(model: IWAE, x: Tensor, n_samples: int) -> tuple[Tensor, Tensor, Tensor]:
    """Compute log p(x | z), log p(z) and log q(z | x), (L, B) each, by torch.distributions."""
    mu, logvar = model.encode(x)
    q = distributions.Independent(distributions.Normal(mu, torch.exp(0.5 * logvar)), 1)
    z = q.rsample((n_samples,))
    logits = model.decoder(z).view(n_samples, -1, *SHAPE)
    p = distributions.Independent(distributions.Bernoulli(logits=logits, validate_args=False), 2)
    prior = distributions.Independent(distributions.Normal(torch.zeros_like(mu), 1.0), 1)
    return p.log_prob(x), prior.log_prob(z), q.log_prob(z)


@pytest.mark.parametrize("doubly_reparameterised", [False, True])
@pytest.mark.parametrize("n_samples", [1, 5])
def test_loss_is_minus_the_bound(n_samples, doubly_reparameterised):
    model, x = make(n_samples=n_samples, doubly_reparameterised=doubly_reparameterised), images()
    torch.manual_seed(0)
    reconstruction, prior, q = log_weights(model, x, n_samples)
    expected = math.log(n_samples) - (reconstruction + prior - q).logsumexp(dim=0)
    torch.manual_seed(0)
    torch.testing.assert_close(model.loss(x), expected)


@pytest.mark.parametrize("n_samples", [1, 5])
def test_with_the_elbo_it_is_a_vae_of_several_codes(n_samples):
    model, x = make(n_samples=n_samples, bound="elbo"), images()
    torch.manual_seed(0)
    expected = -elbo(model, x, n_samples).value
    torch.manual_seed(0)
    assert torch.equal(model.loss(x), expected)
    plain = VAE(SHAPE, 3, (7,), likelihood=Bernoulli(), generator=seeded()).double()
    if n_samples == 1:
        torch.manual_seed(0)
        assert torch.equal(plain.loss(x), expected)


def test_pixels_are_drawn_afresh_in_each_step():
    """From grey ones as probabilities, while black and white pixels stay."""

    class Seen(nn.Flatten):
        def forward(self, x):
            seen.append(x)
            return super().forward(x)

    seen, model, x = [], make(binarise=True), images()
    x[0] = x[0].round()
    model.encoder = nn.Sequential(Seen(), *model.encoder)
    for _ in range(500):
        model.loss(x)
    drawn = torch.stack(seen).view(500, *x.shape)
    assert set(drawn.unique().tolist()) == {0, 1}
    assert torch.equal(drawn[:, 0], x[0].expand(500, *SHAPE))
    assert ((drawn.mean(dim=0) - x).abs() < 5 * (x * (1 - x) / 500).sqrt() + 1e-12).all()
    assert (drawn[0, 1:] != drawn[1, 1:]).any()


def test_networks_can_be_set_and_are_trained():
    """As the tanh networks of the paper."""
    model = make(n_samples=2, binarise=True).float()
    model.encoder = nn.Sequential(nn.Linear(20, 6), nn.Tanh(), nn.Linear(6, 6))
    data = TensorData("grey", (images(64).float(),), (images(8).float(),))
    history = fit(model, data, epochs=10, batch_size=16, start_at_mean=False)
    assert history.test_loss[-1] < history.test_loss[0]


def test_what_decides_training_is_shown():
    settings = {"n_samples": 7, "bound": "elbo", "doubly_reparameterised": False, "binarise": True}
    shown = repr(make(**settings))
    assert all(f"{name}={value!r}" in shown for name, value in settings.items())
    assert "doubly_reparameterised=True" in repr(make(doubly_reparameterised=True))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"bound": "both"}, "bound must be one of iwae, elbo"),
        ({"bound": "elbo", "doubly_reparameterised": True}, "doubly_reparameterised"),
    ],
)
def test_settings_that_make_no_sense_are_named(wrong, named):
    with pytest.raises(ValueError, match=named):
        make(**wrong)
