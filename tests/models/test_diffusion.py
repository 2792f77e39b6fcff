"""Diffusion: T = 1 against a VAE, steps against Bayes' rule, and whole bounds against closed forms."""

import math

import pytest
import torch
from model_helpers import SHAPE, images, seeded
from torch import nn
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Normal, kl_divergence

from vae_lessons import VAE, Bernoulli, ContinuousBernoulli, Gaussian, elbo, fit
from vae_lessons.data import TensorData
from vae_lessons.inference import iwae_bound
from vae_lessons.models import Diffusion

N_PIXELS = math.prod(SHAPE)
LIKELIHOODS = [Bernoulli(), Gaussian(0.3)]


def make(likelihood=None, n_steps=1000, shape=SHAPE, **settings):
    settings = {"likelihood": likelihood or Bernoulli(), "n_steps": n_steps, "generator": seeded()} | settings
    return Diffusion(shape, (16,), **settings).double()


def binary(n=3, seed=1):
    return (images(n, seed) < 0.5).double()


def without_network(model, bias=0.0):
    """The same guess of the network for every image: logits of independent pixels, or N(0, I)."""
    nn.init.zeros_(model.network[-1].weight)
    with torch.no_grad():
        model.network[-1].bias.copy_(torch.as_tensor(bias))
    return model


def alpha_and_sigma(model, step):
    snr = model.log_snr(torch.tensor(float(step)).double()).exp()
    return torch.sqrt(snr / (1 + snr)), torch.sqrt(1 / (1 + snr))


def bayes(model, step, z, signal):
    """q(z_{t-1} | z_t, x), from q(z_{t-1} | x) and the noise that step t adds, by adding precisions."""
    (alpha, sigma), (alpha_t, sigma_t) = (alpha_and_sigma(model, t) for t in (step - 1, step))
    scale = alpha_t / alpha
    added = sigma_t**2 - scale**2 * sigma**2
    precision = 1 / sigma**2 + scale**2 / added
    return Normal((alpha * signal / sigma**2 + scale * z / added) / precision, precision.rsqrt())


class FixedEncoder(nn.Module):
    """Pixels x to mu and log σ² of N(α (2 x - 1), σ² I)."""

    def __init__(self, alpha, sigma):
        super().__init__()
        self.alpha, self.sigma = alpha, sigma

    def forward(self, x):
        return torch.cat([self.alpha * (2 * x - 1), (self.sigma**2).log().expand_as(x)], dim=1)


class Decoder(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, z):
        return self.model.likelihood_params(z, z.new_ones(len(z))).flatten(1)


def test_one_step_is_a_vae_whose_encoder_is_fixed():
    model, x = make(n_steps=1), binary()
    vae = VAE(SHAPE, N_PIXELS, (1,), likelihood=Bernoulli()).double()
    vae.encoder, vae.decoder = FixedEncoder(*alpha_and_sigma(model, 1)), Decoder(model)
    expected, actual = elbo(vae, x, generator=seeded(2)), model.bound(x, generator=seeded(2))
    for terms in (actual, elbo(model, x, generator=seeded(2))):  # inference takes it as any VAE
        torch.testing.assert_close(terms.reconstruction, expected.reconstruction, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(terms.kl, expected.kl, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(iwae_bound(model, x, 5, seeded(3)), iwae_bound(vae, x, 5, seeded(3)))


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=["pixels", "points"])
@pytest.mark.parametrize("step", [2, 5, 9])
def test_the_kl_of_a_step_is_that_of_two_posteriors(likelihood, step):
    model, x = make(likelihood, n_steps=9), binary()
    t = torch.full((len(x),), float(step)).double()
    alpha, sigma = alpha_and_sigma(model, step)
    signal = (2 * x - 1 if isinstance(likelihood, Bernoulli) else x).flatten(1)
    z = alpha * signal + sigma * torch.randn(len(x), N_PIXELS, generator=seeded(4), dtype=torch.float64)
    guess = model.likelihood.mean(model.likelihood_params(z, t))
    guess = (2 * guess - 1 if isinstance(likelihood, Bernoulli) else guess).flatten(1)
    expected = kl_divergence(bayes(model, step, z, signal), bayes(model, step, z, guess)).sum(dim=1)
    torch.testing.assert_close(model.kl_of_step(x, t, seeded(4)), expected)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=["pixels", "points"])
def test_a_step_back_draws_from_the_posterior_of_the_guess(likelihood):
    model = make(likelihood, n_steps=9)
    z = torch.randn(1, N_PIXELS, generator=seeded(4), dtype=torch.float64).expand(20_000, -1)
    t = torch.full((len(z),), 4.0).double()
    guess = model.likelihood.mean(model.likelihood_params(z[:1], t[:1])).flatten(1)
    expected = bayes(model, 4, z[:1], 2 * guess - 1 if isinstance(likelihood, Bernoulli) else guess)
    drawn = model.step_back(z, t, seeded(5))
    torch.testing.assert_close(drawn.mean(dim=0), expected.mean[0], rtol=0, atol=0.03)
    torch.testing.assert_close(drawn.std(dim=0), expected.stddev[0], rtol=0.03, atol=0)


def test_many_steps_give_the_probability_of_independent_pixels():
    """There the best guess has a closed form, so that the bound is tight."""
    logits = torch.randn(N_PIXELS, generator=seeded(6), dtype=torch.float64)
    model, x = without_network(make(n_steps=10_000), logits), binary(1).expand(20_000, -1, -1)
    value = model.bound(x, 5, seeded(7)).value
    expected = TorchBernoulli(logits=logits).log_prob(x[0].flatten()).sum().item()
    assert value.mean().item() == pytest.approx(expected, abs=4 * value.std().item() / math.sqrt(len(x)) + 0.02)


def test_many_steps_give_the_density_of_a_gaussian():
    model = without_network(make(Gaussian(math.exp(-3.5)), n_steps=10_000, shape=(2,)))
    x = torch.tensor([[0.5, -1.0]]).double().expand(20_000, -1)
    value = model.bound(x, 5, seeded(8)).value
    expected = Normal(0.0, 1.0).log_prob(x[0]).sum().item()
    assert value.mean().item() == pytest.approx(expected, abs=4 * value.std().item() / math.sqrt(len(x)) + 0.02)


def test_a_few_steps_estimate_what_all_steps_give():
    model, x = make(n_steps=20), binary(1).expand(5000, -1, -1)
    few, every = (model.bound(x, n, seeded(n)).kl for n in (1, 1000))
    error = few.std().item() / math.sqrt(len(x))
    assert few.mean().item() == pytest.approx(every.mean().item(), abs=4 * error)
    steps = sum(model.kl_of_step(x, torch.full((len(x),), float(t)).double(), seeded(t)) for t in range(2, 21))
    last = make(n_steps=1).bound(x).kl  # the code of T = 1 has the noise of the last step
    assert (steps + last).mean().item() == pytest.approx(every.mean().item(), rel=0.01)


def test_the_simple_loss_is_the_error_of_the_guessed_noise():
    """For N(0, I) and the best guess, α z, its average over the noise has a closed form."""
    model = without_network(make(Gaussian(1.0), n_steps=7, shape=(2,)))
    x = torch.tensor([[0.5, -1.0]]).double().expand(70_000, -1)
    expected = 0.0
    for step in range(1, 8):
        alpha, sigma = alpha_and_sigma(model, step)  # ε - ε̂ = α (α ε - σ x)
        expected += alpha**2 * (2 * alpha**2 + sigma**2 * x[0].square().sum()).item() / 7
    torch.manual_seed(0)
    assert model.loss(x).mean().item() == pytest.approx(float(expected), rel=0.02)


def test_the_loss_weighted_as_the_bound_is_minus_the_bound():
    model, x = make(n_steps=12, weighting="bound"), binary(1).expand(20_000, -1, -1)
    torch.manual_seed(0)
    assert model.loss(x).mean().item() == pytest.approx(-model.bound(x, 20).value.mean().item(), rel=0.03)


@pytest.mark.parametrize("n_steps", [1, 60])
def test_draws_of_independent_pixels_have_their_means(n_steps):
    logits = torch.randn(N_PIXELS, generator=seeded(6), dtype=torch.float64)
    model = without_network(make(n_steps=n_steps), logits)
    drawn = model.sample(3000, seeded(9), pixel_noise=True)
    assert set(drawn.unique().tolist()) == {0, 1}
    torch.testing.assert_close(drawn.mean(dim=0).flatten(), logits.sigmoid(), rtol=0, atol=0.05)
    assert torch.equal(drawn, model.sample(3000, seeded(9), pixel_noise=True))


def test_noise_grows_from_step_to_step():
    model = make(n_steps=50)
    log_snr = model.log_snr(torch.arange(51).double())
    assert (log_snr.diff() < 0).all()
    assert log_snr[[0, -1]].tolist() == pytest.approx([4, -8])
    mu, logvar = model.encode(binary())  # z_T is nearly N(0, I)
    assert mu.abs().max() < 0.02
    assert logvar.abs().max() < 1e-3


@pytest.mark.parametrize("weighting", ["simple", "bound"])
def test_fit_trains_it(weighting):
    """Two pixels that always agree: log 2 nats, where independent pixels need twice as many."""
    x = (torch.rand(1000, 1, 1, generator=seeded(3)) < 0.5).float().expand(-1, 1, 2)
    settings = {"likelihood": Bernoulli(), "n_steps": 100, "generator": seeded()}
    model = Diffusion((1, 2), (32,), weighting=weighting, **settings)
    fit(model, TensorData("pairs", (x,), (x[:500],)), epochs=40, batch_size=100)
    model.n_steps = 1000  # may be set after training
    with torch.no_grad():
        value = -model.bound(x, 20, seeded()).value
    assert value.mean().item() == pytest.approx(math.log(2), abs=0.08)
    model.n_steps = 100
    drawn = model.sample(300, seeded(), pixel_noise=True)
    assert (drawn[:, 0, 0] == drawn[:, 0, 1]).float().mean().item() > 0.95


def test_it_starts_at_the_mean_image():
    model, mean = make(), images(1)[0]
    model.start_at_mean(mean)
    torch.testing.assert_close(model.network[-1].bias.sigmoid().view(SHAPE), mean)
    points = make(Gaussian(), shape=(2,))
    points.start_at_mean(torch.tensor([5.0, -5.0]).double())  # no pixels: left alone
    assert not points.network[-1].bias.any()


def test_errors_say_what_to_do():
    with pytest.raises(TypeError, match=r"likelihood must be Bernoulli\(\) or Gaussian"):
        make(ContinuousBernoulli())
    with pytest.raises(ValueError, match="weighting must be one of simple, bound, got 'elbo'"):
        make(weighting="elbo")
    with pytest.raises(ValueError, match="n_steps must be at least 1, got 0"):
        make(n_steps=0)
    with pytest.raises(ValueError, match="x must be images of shape"):
        make().bound(torch.zeros(2, 3, 3))
