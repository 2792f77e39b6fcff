"""SimulatorPosterior: its exact posterior and its numbers by other routes, what it refuses, and how it is dragged."""

import itertools
import math
import re

import numpy as np
import pytest
import torch
from live_figures import amortised, html_of, middle_of, numbers_below, painted, printed, simulator_posterior
from playwright.sync_api import expect
from scipy.stats import norm
from torch import Generator, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

from vae_lessons.data.simulators import TwoMoons
from vae_lessons.evaluation.calibration import grid_posterior
from vae_lessons.figures import SimulatorPosterior
from vae_lessons.figures.simulator_posterior import two_moons
from vae_lessons.figures.simulator_posterior.approximations import Latent, Mixture
from vae_lessons.models import VAE, ConditionalVAE, MixtureDensityNetwork
from vae_lessons.probability import Bernoulli, Gaussian, RealGaussian

PLACES = list(itertools.product((-0.2, 0.05, 0.25), (-0.3, 0.1)))


def observed(x1, x2):
    return torch.tensor([x1, x2], dtype=torch.float64)


def conditional_vae(sizes=((1, 2), 2, 2, (8,)), **options):
    options = {"likelihood": RealGaussian(0.1), "generator": Generator().manual_seed(1)} | options
    return ConditionalVAE(*sizes, **options)


def one_gaussian(mu, log_scale, mixing):
    """A mixture density network that gives the same Gaussian for all x, and beside it a component without weight."""
    model = MixtureDensityNetwork(2, 2, 2, (4,))
    with torch.no_grad():
        model.network[-1].weight.zero_()
        model.linear[-1].weight.zero_()
        model.network[-1].bias.copy_(torch.tensor([0.0, *mu, *log_scale, mixing, -100.0, 0.0, 0.0, 0.0, 0.0, 0.0]))
    return model


# The exact posterior.


@pytest.mark.parametrize("place", PLACES)
def test_moons_are_where_the_simulator_gives_the_observation(place):
    r = torch.tensor([0.08, 0.1, 0.13], dtype=torch.float64)
    theta = two_moons.moons(observed(*place), r)
    assert (theta.abs() < 1).all()
    for moon, (i, radius) in itertools.product(theta, enumerate(r.tolist())):
        log_likelihood = TwoMoons().log_likelihood(observed(*place).expand_as(moon[i]), moon[i])
        expected = norm.logpdf(radius, 0.1, 0.01) - math.log(math.pi * radius)
        assert log_likelihood == pytest.approx(np.full(len(moon[i]), expected), abs=1e-6)


def test_the_mean_of_the_exact_log_density_is_that_of_a_grid():
    grid = grid_posterior(TwoMoons(), observed(0.05, 0.1).unsqueeze(0), cells=1000)
    log_density = grid.log_density[:, 0]
    density = log_density.exp()
    mean = float((density * log_density.nan_to_num(neginf=0)).sum() / density.sum())
    assert two_moons.expected_log_density() == pytest.approx(mean, abs=0.01)


def test_the_outline_holds_95_percent():
    x = observed(0.0, 0.1)
    theta = TwoMoons().sample_posterior(x.float(), 20_000, Generator().manual_seed(0)).double()
    s, d = (theta[:, 0] + theta[:, 1]) / math.sqrt(2), (theta[:, 1] - theta[:, 0]) / math.sqrt(2)
    r = torch.hypot(s.abs() + x[0] - 0.25, x[1] - d)
    edges = torch.cat(two_moons.outline(x))
    s, d = (edges[:, 0] + edges[:, 1]) / math.sqrt(2), (edges[:, 1] - edges[:, 0]) / math.sqrt(2)
    inner, outer = torch.hypot(s.abs() + x[0] - 0.25, x[1] - d).aminmax()
    share = float(((r > inner) & (r < outer)).double().mean())
    assert share == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 20_000))


# Numbers.


@pytest.mark.parametrize("place", PLACES)
def test_kl_and_mass_of_one_gaussian_by_simulation(place):
    mu, scales, mixing = [0.1, -0.05], [0.3, 0.2], 0.6
    figure = SimulatorPosterior({"one": one_gaussian(mu, np.log(scales), mixing)}, x1=place[0], x2=place[1])
    # With A = diag(1 / s) (I + N), the covariance is (Aᵀ A)^-1.
    a = np.diag(1 / np.array(scales)) @ np.array([[1, 0], [mixing, 1]])
    q = MultivariateNormal(torch.tensor(mu).double(), torch.from_numpy(np.linalg.inv(a.T @ a)))
    n, x = 40_000, observed(*place)
    theta = TwoMoons().sample_posterior(x.float(), n, Generator().manual_seed(0)).double()
    values = -q.log_prob(theta)
    kl = two_moons.expected_log_density() + float(values.mean())
    assert abs(figure.numbers()["one: KL"] - kl) < 4 * float(values.std()) / math.sqrt(n) + 1e-3
    torch.manual_seed(0)
    theta = q.sample((n,))
    s, d = (theta[:, 0] + theta[:, 1]) / math.sqrt(2), (theta[:, 1] - theta[:, 0]) / math.sqrt(2)
    right, up = x[0] + s.abs() - 0.25, x[1] - d
    inside = (right > 0) & ((torch.hypot(right, up) - 0.1).abs() < norm.ppf(0.975) * 0.01)
    mass = float(inside.double().mean())
    assert abs(figure.numbers()["one: in the moons"] - mass) < 4 * math.sqrt(mass / n) + 1e-3


@pytest.mark.parametrize("conditional_prior", [False, True])
def test_q_of_a_conditional_vae_is_its_mean_over_many_codes(conditional_prior):
    model, x = conditional_vae(conditional_prior=conditional_prior), torch.tensor([[0.1, -0.2]])
    points = torch.rand(50, 2, generator=Generator().manual_seed(0), dtype=torch.float64) * 0.6 - 0.3
    with torch.no_grad():
        mu, logvar = model.prior_network(x).chunk(2, dim=1) if conditional_prior else torch.zeros(2, 1, 2)
        torch.manual_seed(0)
        z = Normal(mu, (logvar / 2).exp()).sample((20_000,)).squeeze(1)
        means = model.decoder(torch.cat([z, x.expand(len(z), 2)], dim=1)).double()
    mixture = MixtureSameFamily(Categorical(torch.ones(len(means))), Independent(Normal(means, 0.1), 1))
    found = Latent(model, "model").at(x).log_prob(points.unsqueeze(1)).squeeze(1)
    assert found == pytest.approx(mixture.log_prob(points).numpy(), abs=0.1)


def test_draws_are_from_q():
    draws = simulator_posterior().snapshot().draws["mixture density"]
    q = Mixture(amortised()["mixture density"], "model").at(torch.zeros(1, 2))
    many = q.sample((100_000,), Generator().manual_seed(1)).squeeze(1)
    error = many.std(dim=0) / math.sqrt(len(draws))
    assert ((draws.mean(dim=0) - many.mean(dim=0)).abs() < 4 * error).all()
    assert draws.T.cov().numpy() == pytest.approx(many.T.cov().numpy(), rel=0.3, abs=0.3 * float(many.var()))


def test_the_models_stay_as_they_were():
    models = amortised()
    before = {name: {k: v.clone() for k, v in model.state_dict().items()} for name, model in models.items()}
    simulator_posterior().still()
    for name, model in models.items():
        assert all(torch.equal(before[name][k], v) for k, v in model.state_dict().items())


# What it refuses, and what it weighs.

WRONG = {
    "not a dict": (lambda: conditional_vae(), TypeError, "models must be a dict of models by name, got ConditionalVAE"),
    "a name": (lambda: {1: conditional_vae()}, TypeError, "models must be a dict of models by name"),
    "none": (dict, ValueError, "models must hold one to 3 models, got 0"),
    "four": (lambda: dict.fromkeys("abcd", conditional_vae()), ValueError, "one to 3 models, got 4"),
    "a VAE": (
        lambda: {"a": VAE((1, 2), 2, (4,), likelihood=Bernoulli())},
        TypeError,
        "models['a'] must be a ConditionalVAE or a MixtureDensityNetwork, got VAE",
    ),
    "pixels": (lambda: {"a": conditional_vae(likelihood=Gaussian())}, TypeError, "RealGaussian, got Gaussian"),
    "an image": (lambda: {"a": conditional_vae(((2, 2), 2, 2, (4,)))}, ValueError, "got image_shape of 4"),
    "a long x": (lambda: {"a": conditional_vae(((1, 2), 2, 3, (4,)))}, ValueError, "got condition_dim of 3"),
    "three parameters": (lambda: {"a": MixtureDensityNetwork(3, 2, 2, (4,))}, ValueError, "got n_params of 3"),
    "summaries": (lambda: {"a": MixtureDensityNetwork(2, 2, 2, (4,), n_summaries=1)}, ValueError, "x itself"),
}


@pytest.mark.parametrize(("make", "error", "words"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_shown_is_refused_by_name(make, error, words):
    with pytest.raises(error, match=re.escape(words)):
        SimulatorPosterior(make())


def test_networks_of_other_layers_and_broken_weights_are_refused():
    model = MixtureDensityNetwork(2, 2, 2, (4,))
    model.network[1] = nn.Tanh()
    with pytest.raises(TypeError, match=r"models\['a'\].network must have linear layers with a ReLU between two"):
        SimulatorPosterior({"a": model})
    model = conditional_vae()
    with torch.no_grad():
        model.decoder[0].bias[0] = math.nan
    with pytest.raises(ValueError, match=r"models\['a'\].decoder must have finite weights, got 0.bias"):
        SimulatorPosterior({"a": model})


def test_it_is_light(for_a_page):
    assert len(html_of(simulator_posterior())) < 100_000


# How it looks.


@pytest.mark.parametrize("count", [1, 2, 3])
def test_labels_of_the_still_lie_apart(count, assert_labels_lie_apart):
    assert_labels_lie_apart(SimulatorPosterior(dict(list(amortised().items())[-count:]), x1=0.2, x2=-0.3))


def test_the_still_prints_what_the_page_prints(drawing_of, open_page):
    below = numbers_below(drawing_of(simulator_posterior()))
    page, _ = open_page(simulator_posterior())
    texts = printed(page.locator("figure"))
    assert below == [float(texts[f"{name}: KL"]) for name in ("CVAE, learned prior", "mixture density")]


def test_the_observation_can_be_dragged(open_page):
    page, troubles = open_page(simulator_posterior())
    moons = page.locator(".moon").first.get_attribute("d")
    x, y = middle_of(page.locator(".knob"))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y - 30, steps=4)
    page.mouse.up()
    painted(page)
    across, down = middle_of(page.locator(".knob"))
    assert (across, down) == pytest.approx((x + 20, y - 30), abs=7)  # a step of a slider
    texts = [slider.get_attribute("aria-valuetext") for slider in page.get_by_role("slider").all()]
    assert all(re.fullmatch(r"x [12] 0\.\d\d", text) and float(text[4:]) > 0 for text in texts)
    assert page.locator(".moon").first.get_attribute("d") != moons
    expect(page.locator("[aria-live=polite]")).to_contain_text("mixture density: KL")
    assert not troubles


def test_a_finger_drags_the_observation(open_page):
    page, _ = open_page(simulator_posterior(), width=390, has_touch=True)
    labels = [svg.get_attribute("aria-label") for svg in page.locator(".moons-map > svg").all()]
    assert len(set(labels)) == 3
    assert all(labels)
    assert {e.evaluate("e => getComputedStyle(e).touchAction") for e in page.locator(".handle").all()} == {"none"}
