"""DiffusionSteps: its numbers by another route, its draws and arrows where they are known, and what the page shows."""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from live_figures import (
    diffusion_steps,
    html_of,
    middle_of,
    numbers_below,
    painted,
    printed,
    ring,
    set_sliders,
    small_diffusion,
    swipe,
)
from matplotlib.transforms import Bbox
from torch import Generator, nn
from torch.distributions import Normal, kl_divergence
from traitlets import TraitError

from vae_lessons import VAE, Bernoulli, Gaussian
from vae_lessons.figures import DiffusionSteps
from vae_lessons.models import Diffusion

STEPS = (1, 5, 20, 40)


def alpha_and_sigma(model, step):
    snr = model.log_snr(torch.tensor(float(step)).double()).exp()
    return torch.sqrt(snr / (1 + snr)), torch.sqrt(1 / (1 + snr))


def exact_model(n_steps=20):
    """The model that is right for x ~ N(0, I): its network adds nothing."""
    model = Diffusion((2,), (4,), likelihood=Gaussian(0.03), n_steps=n_steps, generator=Generator().manual_seed(0))
    nn.init.zeros_(model.network[-1].weight)
    return model


def step_by_bayes(model, step, z, signal):
    """N(z_{t-1}; ...) given z_t and the signal, from q(z_{t-1} | x) and the noise that step t adds."""
    (alpha, sigma), (alpha_t, sigma_t) = (alpha_and_sigma(model, t) for t in (step - 1, step))
    scale = alpha_t / alpha
    added = sigma_t**2 - scale**2 * sigma**2
    precision = 1 / sigma**2 + scale**2 / added
    return Normal((alpha * signal / sigma**2 + scale * z / added) / precision, precision.rsqrt())


@torch.no_grad()
def costs_by_bayes(n_steps, x, generator):
    """Nats of each point from z_T down to each step, and -ELBO at step 0, with steps from Bayes' rule."""
    model = copy.deepcopy(small_diffusion())
    model.n_steps = n_steps

    def noisy(step):
        alpha, sigma = alpha_and_sigma(model, step)
        return alpha * x + sigma * torch.randn(x.shape, generator=generator).double()

    def guess(z, step):
        return model.likelihood_params(z.float(), torch.full((len(z),), float(step))).double()

    alpha, sigma = alpha_and_sigma(model, n_steps)
    costs = {n_steps: kl_divergence(Normal(alpha * x, sigma), Normal(0.0, 1.0)).sum(dim=1)}
    for step in range(n_steps, 1, -1):
        z = noisy(step)
        q, p = (step_by_bayes(model, step, z, signal) for signal in (x, guess(z, step)))
        costs[step - 1] = costs[step] + kl_divergence(q, p).sum(dim=1)
    costs[0] = costs[1] - Normal(guess(noisy(1), 1), model.likelihood.sigma).log_prob(x).sum(dim=1)
    return costs


@pytest.mark.parametrize("n_steps", [1, 20])
def test_the_costs_by_another_route(n_steps):
    figure, x = diffusion_steps(steps=n_steps), ring()
    expected = costs_by_bayes(n_steps, x.repeat(4, 1).double(), Generator().manual_seed(1))
    for figure.level in range(0, 21, max(1, 20 // n_steps)):
        numbers = figure.numbers()
        costs = expected[numbers["step"]]
        error = float(costs.std()) / math.sqrt(len(x))  # both are estimates at the same points
        assert abs(numbers["so_far"] - float(costs.mean())) < 4 * error + 1e-6
    assert figure.numbers()["so_far"] == pytest.approx(float(expected[n_steps].mean()), rel=1e-3, abs=1e-6)


def test_at_level_0_the_costs_are_minus_the_elbo_and_before_it_they_grow():
    figure = diffusion_steps()
    for figure.steps in STEPS:
        costs = []
        for figure.level in range(21):
            costs.append(figure.numbers()["so_far"])
        assert costs[0] == figure.numbers()["negative_elbo"]
        assert (np.diff(costs[1:]) <= 0).all()


def test_a_line_shows_the_exact_value_or_else_the_lowest_of_all(drawing_of):
    figure = diffusion_steps()
    lowest = min(float(reverse.costs[0]) for reverse in figure.snapshot().reverses)
    for exact, height, name in ((None, lowest, "lowest −ELBO, at T = 40"), (0.25, 0.25, "exact −log p(x)")):
        figure = diffusion_steps(exact=exact)
        assert list(figure.state()["_constants"]["reference"]) == [height, name]
        (legend,) = [axes.get_legend() for axes in drawing_of(figure).axes if axes.get_legend()]
        assert [text.get_text() for text in legend.get_texts()] == [name]


def test_more_steps_cost_less():
    elbos = [float(reverse.costs[0]) for reverse in diffusion_steps().snapshot().reverses]
    assert elbos == sorted(elbos, reverse=True)


def test_the_level_that_is_seen_is_the_next_at_which_the_model_stops():
    figure = diffusion_steps()
    for n_steps, level, step in [(1, 1, 1), (1, 0, 0), (5, 4, 1), (5, 9, 3), (20, 9, 9), (40, 9, 18)]:
        figure.steps, figure.level = n_steps, level
        numbers = figure.numbers()
        assert numbers["step"] == step
        model = copy.deepcopy(small_diffusion())
        model.n_steps = n_steps
        expected = float(alpha_and_sigma(model, step)[0]) ** 2 if step else 1
        assert numbers["signal"] == pytest.approx(expected, abs=1e-9)


def test_points_keep_their_signal_and_get_its_noise():
    forward = diffusion_steps().snapshot().forward
    assert torch.equal(forward[0], ring())
    model = copy.deepcopy(small_diffusion())
    model.n_steps = 20
    for level in (1, 5, 12, 20):
        alpha, sigma = alpha_and_sigma(model, level)
        noise = (forward[level] - alpha * forward[0]) / sigma
        assert abs(float(noise.mean())) < 4 / math.sqrt(400)
        assert float(noise.std()) == pytest.approx(1, abs=4 / math.sqrt(800))


def test_where_the_model_is_exact_its_draws_are_those_of_the_data():
    x = torch.randn(300, 2, generator=Generator().manual_seed(3))
    one, many = DiffusionSteps(exact_model(), x, choices=(1, 200), steps=1).snapshot().reverses
    assert torch.equal(one.states[1], many.states[-1])  # the same noise
    assert float(one.states[0].std()) < 0.1  # one step knows only the mean
    assert many.states.std(dim=(1, 2)).numpy() == pytest.approx(np.ones(21), abs=4 / math.sqrt(800))
    assert many.states.mean(dim=(1, 2)).numpy() == pytest.approx(np.zeros(21), abs=4 / math.sqrt(400))


def test_arrows_point_away_from_the_noise():
    figure = DiffusionSteps(exact_model(), torch.randn(20, 2, generator=Generator().manual_seed(0)))
    middles = torch.linspace(-3, 3, 27)[1::2]
    places = torch.stack([torch.stack([across, up]) for up in middles for across in middles])
    model = exact_model(20)
    for level in (1, 10, 20):
        _, sigma = alpha_and_sigma(model, level)
        expected = -float(sigma) * places  # E[ε | z] = σ z for x ~ N(0, I)
        expected = expected * (3 / expected.norm(dim=1, keepdim=True)).clamp(max=1)
        assert figure.snapshot().arrows[level - 1] == pytest.approx(expected.numpy(), abs=1e-4)


def test_the_model_stays_as_it_was():
    model = copy.deepcopy(small_diffusion())
    model.n_steps = 7
    model.train()
    figure = DiffusionSteps(model, ring(), choices=STEPS, steps=20)
    assert (model.n_steps, model.training) == (7, True)
    assert figure.numbers() == diffusion_steps().numbers()


POINTS = torch.zeros(4, 2)
PLANE = Diffusion((2,), (4,), likelihood=Gaussian(0.1))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: DiffusionSteps(VAE((1, 2), 2, likelihood=Bernoulli()), POINTS), TypeError, "a Diffusion, got VAE"),
        (
            lambda: DiffusionSteps(Diffusion((2,), (4,), likelihood=Bernoulli()), POINTS),
            TypeError,
            "model must have a Gaussian likelihood, got Bernoulli",
        ),
        (
            lambda: DiffusionSteps(Diffusion((3,), (4,), likelihood=Gaussian(0.1)), POINTS),
            ValueError,
            r"points in the plane, image_shape \(2,\), got \(3,\)",
        ),
        (lambda: DiffusionSteps(PLANE, POINTS.T), ValueError, r"points must be points of shape \(B, 2\), got \(2, 4\)"),
        (lambda: DiffusionSteps(PLANE, POINTS, choices=[20]), ValueError, r"two numbers of steps or more, got \[20\]"),
        (lambda: DiffusionSteps(PLANE, POINTS, choices=(3, 20)), ValueError, "multiples or divisors of 20, got 3"),
        (lambda: DiffusionSteps(PLANE, POINTS, choices=(0, 20)), ValueError, "choices must be at least 1, got 0"),
        (
            lambda: DiffusionSteps(PLANE, POINTS, choices=(2, 5)),
            TraitError,
            "steps must be a whole number from 2 to 5, got 100",
        ),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_it_is_light(for_a_page):
    assert len(html_of(diffusion_steps())) < 150_000


@pytest.mark.check
@pytest.mark.parametrize("values", [{"level": 0}, {"level": 20, "steps": 1}, {"level": 10, "steps": 40}])
def test_labels_of_the_still_lie_apart(values, assert_labels_lie_apart):
    assert_labels_lie_apart(diffusion_steps(**values))


def test_the_words_name_step_and_nats():
    words = diffusion_steps(level=9, steps=5).alt()
    assert "the noise of step 3 of 5" in words
    assert f"{diffusion_steps(steps=5).numbers()['negative_elbo']:.2f} in all" in words


# In a browser.


def test_the_still_prints_what_the_page_prints(drawing_of, open_page):
    page, _ = open_page(diffusion_steps())
    texts = printed(page.locator("figure"))
    below = numbers_below(drawing_of(diffusion_steps()))
    assert below == [float(text) for name in ("so_far", "negative_elbo") for text in texts[name].split(" ± ")]
    still = diffusion_steps().snapshot().printed()
    assert (still["step t"], still["signal α²"]) == (f"{texts['step']} of 20", f"{texts['signal']} %")


PLACES = "e => [...e.getAttribute('d').matchAll(/M([-\\d.]+),([-\\d.]+)/g)].map(m => [+m[1], +m[2]])"


def test_the_page_shows_the_points_and_draws_of_the_level(open_page):
    page, troubles = open_page(diffusion_steps())
    figure = page.locator("figure")
    for i, level in itertools.product((0, 1, 3), (0, 7, 20)):
        set_sliders(page, figure, [level, i])
        snapshot = diffusion_steps(level=level, steps=STEPS[i]).snapshot()
        reverse = snapshot.reverse.states[snapshot.place]
        for svg, points in zip(
            figure.locator("svg.clip").all(), (snapshot.forward[snapshot.level], reverse), strict=True
        ):
            found = [*svg.locator(".followed").evaluate(PLACES), *svg.locator(".codes").evaluate(PLACES)]
            there = points.clamp(-3, 3) * torch.tensor([1, -1])
            assert found == pytest.approx(((there / 3 + 1) * 129).numpy(), abs=0.7)
        has_arrows = figure.locator(".arrows").last.get_attribute("d") != ""
        assert has_arrows == (level > 0)
    paths = figure.locator("svg path").evaluate_all("all => all.map(path => path.getAttribute('d') ?? '')")
    assert not any("NaN" in path or "Infinity" in path for path in paths)
    assert not troubles


def test_trails_end_where_the_points_are(open_page):
    page, _ = open_page(diffusion_steps(level=10))
    for svg in page.locator("figure svg.clip").all():
        trails = svg.locator(".trails").get_attribute("d").split("M")[1:]
        ends = [tuple(map(float, trail.split("L")[-1].split(","))) for trail in trails]
        assert ends == [tuple(place) for place in svg.locator(".followed").evaluate(PLACES)]
        assert {len(trail.split("L")) for trail in trails} == {5}


def test_the_level_can_be_dragged_along_the_costs(open_page):
    page, troubles = open_page(diffusion_steps(level=10))
    knob, slider = page.locator(".knob"), page.get_by_role("slider", name="noise level")
    x, y = middle_of(knob)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 1000, y, steps=3)
    page.mouse.up()
    painted(page)
    assert slider.get_attribute("aria-valuetext") == "noise level 20"
    slider.press("ArrowLeft")
    painted(page)
    assert slider.get_attribute("aria-valuetext") == "noise level 19"
    assert printed(page.locator("figure"))["step"] == "19"
    assert not troubles


def test_a_finger_drags_the_level(open_page):
    page, _ = open_page(diffusion_steps(level=10), diffusion_steps(), width=390, has_touch=True)
    x, y = middle_of(page.locator(".knob").first)
    swipe(page, [(x - step, y + step / 2) for step in range(0, 60, 10)])
    painted(page)
    assert int(page.get_by_role("slider", name="noise level").first.input_value()) in (5, 6)
    assert page.evaluate("scrollY") == 0


def test_no_name_lies_on_another(open_page):
    page, _ = open_page(diffusion_steps(), width=800)
    figure = page.locator("figure")
    for i in range(len(STEPS)):
        set_sliders(page, figure, [4, i])
        boxes = [
            Bbox.from_bounds(*name.bounding_box().values()).padded(-2) for name in figure.locator("svg text").all()
        ]
        assert len(boxes) > 6
        for one, other in itertools.combinations(boxes, 2):
            assert Bbox.intersection(one, other) is None, STEPS[i]
