"""A learned mixture prior: against torch.distributions, closed forms and quadrature, alone and in a VAE."""

import math

import pytest
import torch
from model_helpers import SHAPE, images, seeded
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from vae_lessons import Bernoulli, elbo, fit
from vae_lessons.data import TensorData
from vae_lessons.inference import log_evidence_quadrature
from vae_lessons.models import VAE, MixturePrior
from vae_lessons.probability.distributions import DiagonalGaussian


def make(latent_dim=2, n_components=3, seed=0):
    """A prior with nothing at its start left."""
    prior = MixturePrior(latent_dim, n_components, seeded(seed)).double()
    with torch.no_grad():
        prior.logits.normal_(generator=seeded(1))
        prior.logvar.normal_(generator=seeded(2))
    return prior


def oracle(prior):
    parts = Independent(Normal(prior.mu, torch.exp(0.5 * prior.logvar)), 1)
    return MixtureSameFamily(Categorical(logits=prior.logits), parts)


def vae_with(prior):
    vae = VAE(SHAPE, prior.latent_dim, (7,), likelihood=Bernoulli(), generator=seeded()).double()
    vae.prior = prior
    return vae


def posteriors(n, seed, centre):
    """Narrow posteriors about one of two centres, as a data set's columns."""
    sign = torch.randint(0, 2, (n, 1), generator=seeded(seed)) * 2 - 1
    mu = centre * sign + 0.3 * torch.randn(n, 2, generator=seeded(seed + 1))
    return mu, torch.full_like(mu, 2 * math.log(0.1))


@pytest.mark.parametrize(("latent_dim", "n_components"), [(1, 1), (2, 3), (5, 4)])
def test_the_density_is_that_of_torch(latent_dim, n_components):
    prior, z = make(latent_dim, n_components), 2 * torch.randn(6, latent_dim, generator=seeded(3)).double()
    torch.testing.assert_close(prior().log_prob(z), oracle(prior).log_prob(z))


def test_one_standard_component_changes_no_bound():
    prior, x = MixturePrior(2, 1).double(), images()
    with torch.no_grad():
        prior.mu.zero_()
    vae = vae_with(prior)
    plain = VAE(SHAPE, 2, (7,), likelihood=Bernoulli(), generator=seeded()).double()
    torch.testing.assert_close(log_evidence_quadrature(vae, x), log_evidence_quadrature(plain, x))
    assert elbo(vae, x, 20_000, seeded(4)).kl.tolist() == pytest.approx(elbo(plain, x).kl.tolist(), abs=0.05)


def test_quadrature_takes_it():
    """Codes drawn from the prior give the same evidence."""
    vae, x = vae_with(make()), images()
    z = oracle(vae.prior).sample((200_000,))
    expected = [vae.log_likelihood(image.expand(len(z), -1, -1), z).logsumexp(dim=0) for image in x]
    actual = log_evidence_quadrature(vae, x) + math.log(len(z))
    torch.testing.assert_close(actual, torch.stack(expected), rtol=0, atol=0.02)


def test_a_vae_draws_from_it():
    prior = make(n_components=2)
    with torch.no_grad():
        prior.mu.copy_(torch.tensor([[50.0, 50.0], [-50.0, -50.0]]))
    vae = vae_with(prior)
    decoded = []
    vae.decoder.register_forward_pre_hook(lambda _, inputs: decoded.append(inputs[0]))
    vae.sample(2000, seeded())
    assert (decoded[0][:, 0] > 0).double().mean().item() == pytest.approx(prior.logits.softmax(0)[0].item(), abs=0.05)
    assert (decoded[0].abs() > 30).all()


def test_the_loss_is_what_depends_on_the_prior():
    vae, x = vae_with(make()), images()
    mu, logvar = vae.encode(x)
    torch.manual_seed(0)
    kl = elbo(vae, x).kl
    torch.manual_seed(0)
    q = DiagonalGaussian(mu, logvar)
    z = q.sample()
    torch.manual_seed(0)
    torch.testing.assert_close(vae.prior.loss(mu, logvar) + q.log_prob(z), kl)


def test_it_is_fitted_to_posteriors_afterwards():
    data = TensorData("posteriors", posteriors(2000, 0, centre=2.0), posteriors(500, 10, centre=2.0))
    prior = MixturePrior(2, 2, seeded())
    fit(prior, data, epochs=40, lr=0.05, seed=0)
    best = math.log(2) + 2 * (0.5 * math.log(2 * math.pi * (0.3**2 + 0.1**2)) + 0.5)  # two Gaussians, far apart
    assert float(prior.loss(*data.test).detach().mean()) == pytest.approx(best, abs=0.1)
    assert prior.logits.softmax(0).tolist() == pytest.approx([0.5, 0.5], abs=0.05)


def test_it_learns_with_the_model():
    x = images(64).float()
    vae = vae_with(MixturePrior(2, 3, seeded())).float()
    before = [weight.detach().clone() for weight in vae.prior.parameters()]
    history = fit(vae, TensorData("grey", (x,), (x,)), epochs=20, start_at_mean=False)
    assert history.train_loss[-1] < history.train_loss[0]
    assert all((weight != old).any() for weight, old in zip(vae.prior.parameters(), before, strict=True))


@pytest.mark.parametrize("wrong", [{"latent_dim": 0}, {"n_components": 0}, {"n_components": 2.5}])
def test_a_size_that_makes_no_sense_is_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MixturePrior(**{"latent_dim": 2, "n_components": 2} | wrong)
