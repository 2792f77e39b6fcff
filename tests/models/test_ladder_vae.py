"""A VAE of two layers: against linear Gaussian models, whose evidence is known, and torch.distributions."""

import math

import pytest
import torch
from model_helpers import SHAPE, images, seeded
from torch import distributions, nn

from vae_lessons import Bernoulli, Gaussian, elbo, fit
from vae_lessons.data import TensorData
from vae_lessons.inference import iwae_bound
from vae_lessons.models import LadderVAE
from vae_lessons.models.ladder_vae import product
from vae_lessons.probability.distributions import DiagonalGaussian

ORDERS = ["ladder", "bottom-up"]
D = math.prod(SHAPE)
N = 2000  # draws for each image
orders = pytest.mark.parametrize("order", ORDERS)


class Unbounded(Gaussian):
    """A Gaussian whose mean is what the decoder gives, with no sigmoid."""

    def from_outputs(self, outputs):
        return outputs


def make(order="ladder", dims=(3, 2), **settings) -> LadderVAE:
    return LadderVAE(
        SHAPE, dims, (7,), likelihood=Bernoulli(), top_hidden=(6,), order=order, generator=seeded(), **settings
    ).double()


def draws_of(model, x):
    """Compute the terms of N draws for each image: (N * B,) each."""
    return model.terms(x.repeat(N, 1, 1), seeded())


def assert_mean(values, expected):
    """Assert that the mean over N draws, (N * B,), is what is expected, (B,)."""
    values = values.detach().view(N, -1)
    assert ((values.mean(dim=0) - expected).abs() < 5 * values.std(dim=0) / math.sqrt(N) + 1e-9).all()


def linear(weight, bias) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0]).double()
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer


def constant(weight, bias, variance) -> nn.Linear:
    """A network that gives a linear mean and a constant log-variance."""
    logvar = torch.full((len(weight),), math.log(variance), dtype=torch.float64)
    return linear(torch.cat([weight, torch.zeros_like(weight)]), torch.cat([bias, logvar]))


def linear_gaussian(order, bottom, sigma=0.6, tau=0.7):
    """A linear Gaussian model of two layers with the exact posterior as its encoder, and its marginal.

    z_2 ~ N(0, 1), z_1 ~ N(a z_2 + c, τ²), x ~ N(W z_1 + b, σ²), with orthogonal columns of W. Then p(x | z_1), as a
    density of z_1, is N(m, s²) with m = (WᵀW)⁻¹ Wᵀ(x - b) and s² = σ² / diag WᵀW.
    """
    draw = {"generator": seeded(5), "dtype": torch.float64}
    a, c, b = torch.randn(bottom, 1, **draw), torch.randn(bottom, **draw), torch.randn(D, **draw)
    scale = 1.5  # the norm of each column
    w = scale * torch.linalg.qr(torch.randn(D, bottom, **draw))[0]
    s2 = sigma**2 / scale**2
    model = LadderVAE(SHAPE, (bottom, 1), likelihood=Unbounded(sigma), order=order).double()
    model.decoder, model.top_decoder = linear(w, b), constant(a, c, tau**2)
    if order == "ladder":
        model.encoder = constant(w.T / scale**2, -w.T @ b / scale**2, s2)
        precision = 1 + a.square().sum() / (tau**2 + s2)  # of z_2 given m, whose variance given z_2 is τ² + s²
        gain = a.T / (tau**2 + s2) / precision
    else:  # q(z_1 | x) is the posterior under p(z_1) = N(c, a² + τ²)
        width = a.square().sum() + tau**2
        share = width / (width + s2)
        model.encoder = constant(share * w.T / scale**2, c - share * (w.T @ b / scale**2 + c), float(share * s2))
        precision = 1 + a.square().sum() / tau**2
        gain = a.T / tau**2 / precision
    model.top_encoder = constant(gain, -gain @ c, float(1 / precision))
    noise = sigma**2 * torch.eye(D, dtype=torch.float64)
    cov = w @ (a @ a.T + tau**2 * torch.eye(bottom, dtype=torch.float64)) @ w.T + noise
    return model, distributions.MultivariateNormal(w @ c + b, cov)


@pytest.mark.parametrize(("order", "bottom"), [("ladder", 1), ("ladder", 3), ("bottom-up", 1)])
def test_with_the_exact_posterior_every_draw_gives_the_evidence(order, bottom):
    """A ladder is exact for any number of dimensions; bottom-up, a diagonal q(z_1 | x) is so only for one."""
    model, marginal = linear_gaussian(order, bottom)
    x = marginal.sample((5,)).view(5, *SHAPE)
    exact = marginal.log_prob(x.flatten(1))
    torch.testing.assert_close(elbo(model, x, generator=seeded()).value, exact)
    torch.testing.assert_close(iwae_bound(model, x, 4, seeded()), exact)
    assert_mean(draws_of(model, x).value, exact)


def test_a_worse_encoder_stays_below_the_evidence():
    model, marginal = linear_gaussian("ladder", 3)
    x = marginal.sample((200,)).view(200, *SHAPE)
    exact = marginal.log_prob(x.flatten(1)).mean()
    with torch.no_grad():
        model.top_encoder.bias += 0.5
    bound, tighter = elbo(model, x, 20, seeded()).value.mean(), iwae_bound(model, x, 100, seeded()).mean()
    assert bound < exact - 0.2
    assert float((tighter - exact).abs().detach()) < 0.03


def test_a_product_of_gaussians_is_the_normalised_product():
    grid = torch.linspace(-12, 12, 4001, dtype=torch.float64)
    for q, p in ((0.3, -1.0), (1.2, 0.5)), ((-2.0, 2.0), (0.0, -3.0)):
        one = [DiagonalGaussian(*(torch.tensor([[value]], dtype=torch.float64) for value in part)) for part in (q, p)]
        both = distributions.Normal(q[0], math.exp(q[1] / 2)), distributions.Normal(p[0], math.exp(p[1] / 2))
        density = (both[0].log_prob(grid) + both[1].log_prob(grid)).exp()
        density /= torch.trapezoid(density, grid)
        result = product(*one)
        torch.testing.assert_close(result.log_prob(grid.view(-1, 1, 1)).exp().squeeze(), density)


@orders
def test_densities_are_those_of_torch(order):
    """Of prior and posterior, layer by layer, at the posterior's own draws."""
    model, x = make(order), images()
    z = model.encode(x).sample((4,), seeded())
    bottom, top = z.split([3, 2], dim=-1)

    def normal(network, inputs):
        mu, logvar = network(inputs).chunk(2, dim=-1)
        return distributions.Independent(distributions.Normal(mu, torch.exp(0.5 * logvar)), 1)

    p_bottom = normal(model.top_decoder, top)
    standard = distributions.Normal(torch.tensor(0.0).double(), 1.0)
    torch.testing.assert_close(
        model.prior().log_prob(z), standard.log_prob(top).sum(dim=-1) + p_bottom.log_prob(bottom)
    )
    message = normal(model.encoder, x.flatten(1))
    if order == "bottom-up":
        expected = message.log_prob(bottom) + normal(model.top_encoder, bottom).log_prob(top)
    else:
        precisions = [1 / d.variance for d in (message, p_bottom)]
        means = [d.mean * precision for d, precision in zip((message, p_bottom), precisions, strict=True)]
        q_bottom = distributions.Normal(sum(means) / sum(precisions), sum(precisions) ** -0.5)
        q_top = normal(model.top_encoder, message.mean)
        expected = q_bottom.log_prob(bottom).sum(dim=-1) + q_top.log_prob(top)
    torch.testing.assert_close(model.encode(x).log_prob(z), expected)


@orders
def test_the_terms_are_those_of_the_bound(order):
    """From the same draws they have the same reconstruction, and the same sum in the mean."""
    model, x = make(order), images()
    with torch.no_grad():
        for parameter in model.top_decoder.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=seeded(8))
    terms, bound = draws_of(model, x), elbo(model, x.repeat(N, 1, 1), generator=seeded())
    assert torch.equal(terms.reconstruction, bound.reconstruction)
    assert_mean(terms.value - bound.value, torch.zeros(3))
    torch.testing.assert_close(terms.value, terms.reconstruction - terms.bottom - terms.top)
    torch.manual_seed(0)
    loss = model.loss(x)
    torch.manual_seed(0)
    torch.testing.assert_close(loss, -model.terms(x).value)


@orders
def test_a_top_layer_that_is_not_used_costs_nothing(order):
    model, x = make(order), images()
    with torch.no_grad():
        for network in (model.top_encoder, model.top_decoder):
            for parameter in network[-1].parameters():
                parameter.zero_()
    terms = model.terms(x, seeded())
    assert torch.equal(terms.top, torch.zeros(3, dtype=torch.float64))
    if order == "bottom-up":  # then the bottom layer is a plain VAE's
        mu, logvar = model.encoder(x.flatten(1)).chunk(2, dim=1)
        standard = distributions.Normal(torch.tensor(0.0).double(), 1.0)
        exact = distributions.kl_divergence(distributions.Normal(mu, torch.exp(0.5 * logvar)), standard).sum(dim=1)
        assert_mean(draws_of(model, x).bottom, exact)


def test_the_warm_up_raises_the_weight_of_both_kls_and_spares_the_evaluation():
    model, x, weights = make(warm_up=4), images(), []
    model.train()
    for _ in range(6):
        torch.manual_seed(0)
        terms = model.terms(x)
        torch.manual_seed(0)
        weights.append(float(((model.loss(x) + terms.reconstruction) / (terms.bottom + terms.top)).mean().detach()))
    assert weights == pytest.approx([0, 0.25, 0.5, 0.75, 1, 1])
    torch.manual_seed(0)
    terms = make(warm_up=4).eval().terms(x)
    torch.manual_seed(0)
    torch.testing.assert_close(make(warm_up=4).eval().loss(x), -terms.value)


def test_both_orders_have_the_same_networks():
    ladder, bottom_up = (make(order).state_dict() for order in ORDERS)
    assert ladder.keys() == bottom_up.keys()
    assert all(torch.equal(ladder[key], bottom_up[key]) for key in ladder)


@orders
def test_training_lowers_the_loss_and_a_seed_fixes_it(order):
    data = TensorData("grey", (images(128).float(),), (images(16).float(),))
    losses = [fit(make(order).float(), data, epochs=4, batch_size=16).test_loss for _ in range(2)]
    assert losses[0] == losses[1]
    assert losses[0][-1] < losses[0][0]


@orders
@pytest.mark.parametrize(("batch", "hidden"), [(1, (3,)), (5, (3, 2))])
def test_shapes_fit_together(order, batch, hidden):
    x = torch.rand(batch, 2, 3)
    model = LadderVAE((2, 3), (4, 2), hidden, likelihood=Gaussian(0.5), order=order)
    assert model.code(x).shape == (batch, 6)
    assert model(x).shape == model.sample(batch, seeded()).shape == x.shape
    assert model.loss(x).shape == elbo(model, x, 2).value.shape == (batch,)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="order must be one of ladder, bottom-up, got 'top-down'"):
        make("top-down")
    with pytest.raises(ValueError, match="latent_dims must be made of 2 positive whole numbers"):
        make(dims=(3,))
    with pytest.raises(ValueError, match="warm_up"):
        make(warm_up=-1)
    assert "order='bottom-up', warm_up=3" in repr(make("bottom-up", warm_up=3))
