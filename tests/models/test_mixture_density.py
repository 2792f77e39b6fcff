"""The mixture density network: its density against torch.distributions, and its fit against an exact posterior."""

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from vae_lessons import fit
from vae_lessons.data import LinearGaussianSimulator, simulations
from vae_lessons.models import MixtureDensityNetwork


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def as_torch(q):
    """The same mixture by torch.distributions, with covariances."""
    root = torch.diag_embed(torch.exp(-q.log_scale)) @ (q.mixing + torch.eye(q.mu.shape[-1]).to(q.mu))
    components = MultivariateNormal(q.mu, precision_matrix=root.mT @ root)
    return MixtureSameFamily(Categorical(logits=q.logits), components)


@pytest.mark.parametrize("n_params", [1, 3])
def test_density_is_that_of_a_mixture_of_gaussians(n_params):
    network = MixtureDensityNetwork(n_params, 4, 5, (8,), generator=seeded()).double()
    x, theta = torch.randn(6, 4, generator=seeded(1)).double(), torch.randn(6, n_params, generator=seeded(2)).double()
    with torch.no_grad():
        q = network.encode(3 * x)
        torch.testing.assert_close(q.log_prob(theta), as_torch(q).log_prob(theta))
        several = theta.expand(7, 6, n_params)
        torch.testing.assert_close(q.log_prob(several), as_torch(q).log_prob(several))
        torch.testing.assert_close(network.loss(theta, 3 * x), -as_torch(q).log_prob(theta))


def test_draws_have_the_moments_of_the_mixture():
    network = MixtureDensityNetwork(2, 1, 3, (8,), generator=seeded(4))
    with torch.no_grad():
        q = network.encode(torch.tensor([[1.0], [-2.0]]))
        draws = q.sample((20_000,), seeded(5))
    exact = as_torch(q)
    assert draws.shape == (20_000, 2, 2)
    torch.testing.assert_close(draws.mean(dim=0), exact.mean, atol=0.05, rtol=0)
    torch.testing.assert_close(draws.var(dim=0), exact.variance, rtol=0.05, atol=0.02)
    components = exact.component_distribution
    between = exact.mixture_distribution.probs[:, :, None] * (components.mean - exact.mean[:, None])
    cov = (exact.mixture_distribution.probs[:, :, None, None] * components.covariance_matrix).sum(dim=1)
    cov = cov + between.mT @ (components.mean - exact.mean[:, None])
    off = ((draws - draws.mean(dim=0))[..., 0] * (draws - draws.mean(dim=0))[..., 1]).mean(dim=0)
    torch.testing.assert_close(off, cov[:, 0, 1], atol=0.05, rtol=0.05)


def test_one_component_finds_a_gaussian_posterior():
    simulator = LinearGaussianSimulator(1)
    data = simulations(simulator, 2000, 500, seeded())
    network = MixtureDensityNetwork(1, 1, 1, (8,), generator=seeded(1))
    fit(network, data, epochs=12, batch_size=100, lr=1e-2, start_at_mean=False)
    theta, x = data.test
    with torch.no_grad():
        excess = simulator.posterior(x).log_prob(theta) - network.encode(x).log_prob(theta)
    assert abs(float(excess.mean())) < 0.05


def test_q_depends_on_the_summaries_alone():
    network = MixtureDensityNetwork(2, 6, 3, (8,), n_summaries=1, generator=seeded())
    x = torch.randn(4, 6, generator=seeded(1))
    with torch.no_grad():
        summaries, before = network.summarise(x), network.encode(x).mu
        assert summaries.shape == (4, 1)
        network.encoder[-1].weight.zero_()
        assert not torch.equal(network.encode(x).mu, before)
        assert torch.equal(*network.encode(x).mu[:2].split(1))
    assert torch.equal(MixtureDensityNetwork(2, 6).summarise(x), x)


def test_components_start_narrow():
    with torch.no_grad():
        q = MixtureDensityNetwork(2, 3, 4, start_width=0.02, generator=seeded()).encode(torch.zeros(1, 3))
    torch.testing.assert_close(q.log_scale.exp(), torch.full((1, 4, 2), 0.02))


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="n_components must be made of"):
        MixtureDensityNetwork(2, 3, 0)
    with pytest.raises(ValueError, match="start_width must be a positive number"):
        MixtureDensityNetwork(2, 3, start_width=0)
    with pytest.raises(ValueError, match="theta must be parameters of shape"):
        MixtureDensityNetwork(2, 3).loss(torch.zeros(4, 3), torch.zeros(4, 3))
    with pytest.raises(ValueError, match="x must be data of shape"):
        MixtureDensityNetwork(2, 3).encode(torch.zeros(4, 2))
