"""What takes a model takes it where it is: on another device all values are those of the CPU.

The other device is CUDA, or a simulation that refuses what CUDA refuses; see `devices.py`.
"""

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from devices import second_device
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Generator, Tensor, nn

from vae_lessons import VAE, Autoencoder, Bernoulli, Classifier, ContinuousBernoulli, Gaussian, ImageData, figures
from vae_lessons.data import TwoMoons
from vae_lessons.data.graphs import karate_club
from vae_lessons.evaluation import clusters, metrics, plots, report
from vae_lessons.inference import (
    aggregate_posterior,
    ais_log_evidence,
    ais_upper_bound,
    best_gaussian,
    elbo,
    elbo_quadrature,
    iwae_bound,
    log_evidence_quadrature,
    posterior_quadrature,
    split_kl,
)
from vae_lessons.models import (
    VQVAE,
    Bilinear,
    BlockVAE,
    CodePrior,
    ConditionalVAE,
    Diffusion,
    GraphVAE,
    LadderVAE,
    LinearGaussian,
    MixtureDensityNetwork,
)
from vae_lessons.probability import DiscretisedLogistic, PixelGaussian, RealGaussian, gradient_estimators
from vae_lessons.probability.distributions import DiagonalGaussian, FullGaussian, GaussianMixture
from vae_lessons.probability.gaussian import reparameterise

SHAPE = (4, 4)
TAKE_A_MODEL = ("DrawDigit", "Interpolation", "LatentExplorer")


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.fixture
def cuda() -> Iterator[torch.device]:
    with second_device() as device:
        yield device


def assert_same(there: Tensor, here: Tensor) -> None:
    """Assert that a tensor is on the other device, with the values of the CPU."""
    assert there.device.type == "cuda"
    torch.testing.assert_close(there.cpu(), here, rtol=1e-3, atol=1e-3)


# The simulation itself


@pytest.mark.parametrize(
    "mix",
    [
        lambda here, there: here + there,
        lambda here, there: there @ here,
        lambda here, there: torch.cat([here, there.exp()]),
        lambda here, there: torch.where(there > 0, there, here),
        lambda here, there: nn.functional.linear(here, there.detach()),
        lambda here, there: here[there.argsort(dim=0)[:, 0]],
        lambda here, there: here.add_(there),
        lambda here, there: nn.Linear(3, 3).to(there.device)(here),
        lambda here, there: here + torch.zeros(3, device=there.device),
        lambda here, there: here @ copy.deepcopy(there),
    ],
)
def test_two_devices_do_not_mix(cuda, mix):
    here = torch.rand(3, 3)
    mix(here, here.clone())
    with pytest.raises(RuntimeError, match=r"on the same device|same device as the indexed tensor"):
        mix(here, here.to(cuda))


@pytest.mark.parametrize("convert", [np.asarray, lambda x: x.numpy(), lambda x: x.detach()[0].numpy()])
def test_a_tensor_there_is_no_array(cuda, convert):
    convert(torch.rand(3))
    with pytest.raises(TypeError, match="can't convert cuda"):
        convert(torch.rand(3, device=cuda))


def test_a_generator_here_draws_nothing_there(cuda):
    generator = torch.Generator()
    p = torch.full((3,), 0.5, device=cuda)
    for draw in (
        lambda: torch.randn(3, generator=generator, device=cuda),
        lambda: torch.bernoulli(p, generator=generator),
    ):
        with pytest.raises(RuntimeError, match="Expected a 'cuda' device type for generator"):
            draw()


def test_what_moves_can_mix(cuda):
    here, there = torch.rand(3), torch.rand(3).to(cuda)
    assert (there.device.type, here.to(there).device.type, there.cpu().device.type) == ("cuda", "cuda", "cpu")
    torch.testing.assert_close(here + there.cpu(), here.to(there.device).add(there).to("cpu"))
    assert (there * torch.tensor(2.0) + 1).sum().item() == pytest.approx(2 * there.sum().item() + 3)
    assert there[torch.tensor([0, 2])].device.type == "cuda"
    assert torch.zeros(3).copy_(there).device.type == "cpu"
    assert [x.device.type for x in there.chunk(3)] == ["cuda"] * 3
    layer = nn.Linear(3, 3).to(cuda)
    layer(there).sum().backward()
    assert layer.weight.grad.device.type == "cuda"
    assert copy.deepcopy(layer).cpu()(here).device.type == "cpu"
    assert layer(there).device.type == "cuda"


# Noise


def on(device: torch.device, *parameters: Tensor) -> list[Tensor]:
    return [value.to(device) for value in parameters]


TWO, FACTOR = torch.rand(2, 3, 2, generator=seeded()), torch.eye(2).expand(3, 2, 2) + 0.1

DRAWS = {
    "reparameterise": lambda d, g: reparameterise(*on(d, *TWO), g),
    "Gaussian": lambda d, g: Gaussian(0.5).sample(*on(d, TWO[0]), g),
    "Bernoulli": lambda d, g: Bernoulli().sample(*on(d, TWO[0]), g),
    "ContinuousBernoulli": lambda d, g: ContinuousBernoulli().sample(*on(d, TWO[0]), g),
    "PixelGaussian": lambda d, g: PixelGaussian((2,)).to(d).sample(*on(d, TWO[0]), g),
    "DiscretisedLogistic": lambda d, g: DiscretisedLogistic(256).to(d).sample(*on(d, TWO[0]), g),
    "DiagonalGaussian": lambda d, g: DiagonalGaussian(*on(d, *TWO)).sample((4,), g),
    "FullGaussian": lambda d, g: FullGaussian(*on(d, TWO[0], FACTOR)).sample((4,), g),
    "GaussianMixture": lambda d, g: GaussianMixture(*on(d, TWO[:, :, 0], TWO, TWO - 1)).sample((4,), g),
    "pathwise": lambda d, g: gradient_estimators.pathwise(lambda z: z.square().sum(dim=1), *on(d, *TWO), 4, g).mu,
    "VAE": lambda d, g: vae(Bernoulli()).to(d).sample(5, g, pixel_noise=True),
    "LadderVAE": lambda d, g: LadderVAE(SHAPE, (2, 1), likelihood=Bernoulli(), generator=seeded()).to(d).sample(5, g),
    "VQVAE": lambda d, g: VQVAE(SHAPE, 3, likelihood=Bernoulli(), generator=seeded()).to(d).sample(5, g),
    "CodePrior": lambda d, g: CodePrior(3, 4, 5, seeded()).to(d).sample((5,), g),
    "LinearGaussian": lambda d, g: LinearGaussian(*on(d, torch.eye(16)[:, :2], torch.ones(SHAPE)), 0.5).sample(5, g),
    "Diffusion": lambda d, g: diffusion().to(d).sample(5, g, pixel_noise=True),
    "bound of Diffusion": lambda d, g: diffusion().to(d).bound(*on(d, torch.ones(3, *SHAPE)), 2, g).value,
}


def vae(likelihood, latent_dim: int = 2) -> VAE:
    return VAE(SHAPE, latent_dim, (5,), likelihood=likelihood, generator=seeded(1))


def diffusion() -> Diffusion:
    return Diffusion(SHAPE, (5,), likelihood=Bernoulli(), n_steps=4, generator=seeded(1)).requires_grad_(False)


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_seed_gives_the_same_noise_on_every_device(draw, cuda):
    assert_same(draw(cuda, seeded()), draw(torch.device("cpu"), seeded()))
    assert draw(cuda, None).device.type == "cuda"


# Bounds


BOUNDS = {
    "elbo": lambda model, x: elbo(model, x, generator=seeded()).value,
    "elbo of several": lambda model, x: elbo(model, x, 3, seeded()).value,
    "iwae": lambda model, x: iwae_bound(model, x, 4, seeded()),
    "iwae, doubly reparameterised": lambda model, x: iwae_bound(model, x, 4, seeded(), doubly_reparameterised=True),
    "annealed": lambda model, x: ais_log_evidence(model, x, 3, 4, seeded()),
    "annealed from the prior": lambda model, x: ais_log_evidence(model, x, 3, 4, seeded(), start="prior"),
    "annealed, backwards": lambda model, x: ais_upper_bound(
        model, x, torch.ones(len(x), model.latent_dim).to(x), 3, 4, seeded()
    ),
    "evidence": lambda model, x: log_evidence_quadrature(model, x, 1e-2),
    "aggregate posterior": lambda model, x: aggregate_posterior(model, x).log_prob(x[:, :1, : model.latent_dim]),
    "split of the KL": lambda model, x: torch.cat(split_kl(model, x, 3, seeded())),
    "elbo quadrature": lambda model, x: elbo_quadrature(model, x, *model.encode(x)).value,
    "best Gaussian": lambda model, x: torch.cat(best_gaussian(model, x), dim=1),
    "best Gaussian of known posteriors": lambda model, x: torch.cat(
        best_gaussian(model, x, [posterior_quadrature(model, image, 1e-2) for image in x.split(1)]), dim=1
    ),
}

every_bound = pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS)


@every_bound
@pytest.mark.parametrize("latent_dim", [1, 2])
def test_bounds_are_where_the_model_is(bound, latent_dim, cuda):
    model, x = vae(Bernoulli(), latent_dim).requires_grad_(False), torch.rand(2, *SHAPE, generator=seeded())
    here = bound(model, x)
    assert_same(bound(model.to(cuda), x.to(cuda)), here)


@every_bound
def test_bounds_with_a_prior_are_where_the_model_is(bound, cuda):
    class WithPrior(VAE):
        def prior(self) -> GaussianMixture:
            device = self.encoder[0].weight.device
            return GaussianMixture(*on(device, TWO[:1, :, 0], TWO[:1], TWO[:1]))

    model = WithPrior(SHAPE, 2, (5,), likelihood=Gaussian(0.5), generator=seeded()).requires_grad_(False)
    x = torch.rand(2, *SHAPE, generator=seeded())
    here = bound(model, x)
    assert_same(bound(model.to(cuda), x.to(cuda)), here)


def test_a_posterior_of_simulations_is_where_the_network_is(cuda):
    simulator, network = TwoMoons(), MixtureDensityNetwork(2, 2, 3, (8,), n_summaries=1, generator=seeded(1))
    theta, there = simulator.sample_prior(4, seeded(2)), copy.deepcopy(network).to(cuda)
    x = simulator.simulate(theta, seeded(3))
    assert_same(simulator.simulate(theta.to(cuda), seeded(3)), x)
    assert_same(simulator.log_likelihood(x.to(cuda), theta.to(cuda)), simulator.log_likelihood(x, theta))
    with torch.no_grad():
        assert_same(there.loss(theta.to(cuda), x.to(cuda)), network.loss(theta, x))
        q, q_there = network.encode(x), there.encode(x.to(cuda))
        assert_same(q_there.sample((5,), seeded(4)), q.sample((5,), seeded(4)))


@pytest.mark.parametrize("conditional_prior", [False, True])
def test_bounds_of_a_conditional_model_are_where_it_is(conditional_prior, cuda):
    options = {"likelihood": Bernoulli(), "conditional_prior": conditional_prior, "generator": seeded(1)}
    model = ConditionalVAE(SHAPE, 2, 3, (5,), **options).requires_grad_(False)
    x, condition = torch.rand(2, *SHAPE, generator=seeded()), torch.tensor([0, 2])
    bounds = (elbo(model, x, 3, seeded(), condition=condition).value, model.sample(condition, seeded()).sum())
    model.to(cuda)
    assert_same(elbo(model, x.to(cuda), 3, seeded(), condition=condition.to(cuda)).value, bounds[0])
    assert_same(model.sample(condition.to(cuda), seeded()).sum(), bounds[1])


@every_bound
def test_bounds_of_a_linear_model_are_where_it_is(bound, cuda):
    weight, bias = torch.randn(16, 2, generator=seeded()), torch.rand(SHAPE, generator=seeded())
    here, there = (LinearGaussian(*on(device, weight, bias), 0.5) for device in (torch.device("cpu"), cuda))
    x = here.sample(2, seeded())
    assert_same(bound(there, x.to(cuda)), bound(here, x))
    assert_same(there.log_evidence(x.to(cuda)), here.log_evidence(x))


@pytest.mark.parametrize("name", ["elbo", "iwae"])
@pytest.mark.parametrize("order", ["ladder", "bottom-up"])
def test_bounds_of_two_layers_are_where_the_model_is(order, name, cuda):
    model = LadderVAE(SHAPE, (2, 1), (5,), likelihood=Bernoulli(), order=order, generator=seeded())
    x = torch.rand(2, *SHAPE, generator=seeded())
    here = BOUNDS[name](model, x)
    assert_same(BOUNDS[name](model.to(cuda), x.to(cuda)), here)


def test_bounds_of_rounded_codes_are_where_the_model_is(cuda):
    model = VQVAE(SHAPE, 3, (5,), likelihood=Bernoulli(), restart_after=1, generator=seeded()).eval()
    x = torch.rand(2, *SHAPE, generator=seeded())
    here = elbo(model, x).value, model.loss(x), model.usage(x)
    model.to(cuda)
    x = x.to(cuda)
    for there, value in zip((elbo(model, x).value, model.loss(x), model.usage(x)), here, strict=True):
        assert_same(there, value)
    model.train().loss(x)  # with restarts
    model.prior.set_shares(model.code(x))
    assert elbo(model, x).value.device.type == "cuda"


# Measures and figures


@pytest.fixture(scope="module")
def data() -> ImageData:
    labels = torch.arange(200) % 5
    images = labels.view(-1, 1, 1) / 5 + 0.2 * torch.rand(200, *SHAPE, generator=seeded())
    images[:, 0] = 0
    return ImageData("stripes", images, labels, images.flip(0), labels.flip(0))


CODES, LABELS = torch.rand(60, 2, generator=seeded()), torch.arange(60) % 5

MEASURES = {
    "knn_accuracy": lambda move: metrics.knn_accuracy(move(CODES), move(LABELS), move(CODES), move(LABELS), 3).value,
    "nearest_labels": lambda move: metrics.nearest_labels(move(CODES), move(LABELS), move(CODES + 0.1), 3).tolist(),
    "class_distance_correlation": lambda move: metrics.class_distance_correlation(
        move(CODES), move(CODES.square().unsqueeze(2)), move(LABELS)
    ),
    "mean_estimate": lambda move: metrics.mean_estimate(move(CODES[:, 0])).value,
    "share_estimate": lambda move: metrics.share_estimate(move(CODES[:, 0] > 0.5)).value,
    "off_manifold": lambda move: metrics.off_manifold(*(move(CODES.unsqueeze(2) + i / 5) for i in range(3))).tolist(),
    "active_units": lambda move: metrics.active_units(move(CODES)).tolist(),
    "entropy": lambda move: metrics.entropy(move(CODES.softmax(dim=1))).sum().item(),
    "count_clusters": lambda move: clusters.count_clusters(move(CODES)).bic_gain,
    "usable_sigma": lambda move: report.usable_sigma(move(CODES.unsqueeze(2))),
}


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_measures_take_tensors_where_they_are(measure, cuda):
    here, there = (measure(lambda value, device=device: value.to(device)) for device in ("cpu", cuda))
    assert there == pytest.approx(here, rel=1e-4)


@pytest.fixture(params=["autoencoder", "VAE"])
def model(request) -> Autoencoder | VAE:
    return vae(Bernoulli()) if request.param == "VAE" else Autoencoder(SHAPE, 2, (5,), seeded())


def test_report_takes_models_where_they_are(model, data, cuda):
    judge = Classifier(SHAPE, 5, (6,), seeded())
    here, grid = report.measure(model, data, judge), report.decoded_grid(model, data, 3)
    assert report.measure(model.to(cuda), data, judge.to(cuda)) == here
    for before, after in zip(grid, report.decoded_grid(model, data, 3), strict=True):
        assert torch.equal(after, before)
    assert {parameter.device.type for parameter in [*model.parameters(), *judge.parameters()]} == {"cuda"}


@pytest.mark.parametrize("make", [getattr(figures, name) for name in figures.__all__ if name in TAKE_A_MODEL])
def test_figures_take_models_where_they_are(make, data, cuda):
    here, there = (make(vae(Bernoulli()).to(device), data) for device in ("cpu", cuda))
    assert there.snapshot().numbers == pytest.approx(here.snapshot().numbers, abs=1e-3)
    assert there.snapshot().alt()
    assert there._repr_mimebundle_()[0].keys() == here._repr_mimebundle_()[0].keys()


@pytest.mark.skipif("RateDistortion" not in figures.__all__, reason="its folder is gone")
def test_a_sweep_is_shown_of_models_where_they_are(data, cuda):
    here, there = (
        figures.RateDistortion({beta: vae(Bernoulli()).to(device) for beta in (1, 2)}, data) for device in ("cpu", cuda)
    )
    assert there.numbers() == pytest.approx(here.numbers(), abs=1e-3)
    assert there._repr_mimebundle_()[0].keys() == here._repr_mimebundle_()[0].keys()


@pytest.mark.skipif("SimulatorPosterior" not in figures.__all__, reason="its folder is gone")
def test_amortised_posteriors_are_shown_of_models_where_they_are(cuda):
    models = {
        "CVAE": ConditionalVAE((1, 2), 2, 2, (8,), likelihood=RealGaussian(0.1), conditional_prior=True),
        "mixture": MixtureDensityNetwork(2, 2, 3, (8,)),
    }
    here = figures.SimulatorPosterior(models).numbers()
    there = figures.SimulatorPosterior({name: model.to(cuda) for name, model in models.items()})
    assert there.numbers() == pytest.approx(here, abs=1e-3)
    assert len(there.still()) > 1000


@pytest.mark.parametrize("make", [GraphVAE, BlockVAE])
def test_bounds_of_a_graph_are_where_its_model_is(make, cuda):
    model, columns = make(34, 3, generator=seeded()).requires_grad_(False), karate_club().hold_out(0.2, seeded()).train
    here = model.elbo(*columns, seeded(1)).value, model.link_probabilities(*columns[:2])
    model, columns = model.to(cuda), on(cuda, *columns)
    there = model.elbo(*columns, seeded(1)).value, model.link_probabilities(*columns[:2])
    for far, near in zip(there, here, strict=True):
        assert_same(far, near)
    assert GraphVAE(34, 2, published=True).to(cuda).loss(*columns).device.type == "cuda"


@pytest.mark.skipif("GraphPlane" not in figures.__all__, reason="its folder is gone")
def test_nodes_of_a_graph_are_shown_of_a_model_where_it_is(cuda):
    model, graph = GraphVAE(34, 2, (8,), decoder=Bilinear(2)), karate_club()
    here = figures.GraphPlane(model, graph).numbers()
    there = figures.GraphPlane(model.to(cuda), graph)
    assert there.numbers() == pytest.approx(here, abs=1e-3)
    assert len(there.still()) > 1000


@pytest.mark.skipif("ConditionalDigits" not in figures.__all__, reason="its folder is gone")
def test_classes_are_shown_of_a_model_where_it_is(data, cuda):
    model = ConditionalVAE(SHAPE, 2, 5, (6,), likelihood=Bernoulli(), generator=seeded())
    judge = Classifier(SHAPE, 5, (6,), seeded())
    here, there = (figures.ConditionalDigits(model.to(d), judge.to(d), data) for d in ("cpu", cuda))
    assert there.numbers() == pytest.approx(here.numbers(), abs=1e-3)
    assert there._repr_mimebundle_()[0].keys() == here._repr_mimebundle_()[0].keys()


@pytest.mark.skipif("DiffusionSteps" not in figures.__all__, reason="its folder is gone")
def test_steps_are_shown_of_a_model_where_it_is(cuda):
    model, points = Diffusion((2,), (6,), likelihood=Gaussian(0.1), generator=seeded()), torch.rand(9, 2)
    here, there = (figures.DiffusionSteps(model.to(d), points.to(d), choices=(1, 2), steps=2) for d in ("cpu", cuda))
    assert there.numbers() == pytest.approx(here.numbers(), abs=1e-3)
    assert there._repr_mimebundle_()[0].keys() == here._repr_mimebundle_()[0].keys()


def test_pictures_are_drawn_of_tensors_where_they_are(cuda):
    images, posterior = torch.rand(4, *SHAPE), posterior_quadrature(vae(Bernoulli()), torch.rand(1, *SHAPE), 1e-2)
    for draw, arguments in (
        (plots.show_images, (images,)),
        (plots.show_grid, (images.unflatten(0, (2, 2)), -torch.ones(2), torch.ones(2))),
        (plots.plot_posterior, (posterior.points[:, 0], posterior.log_density[:, 0], *TWO[:, 0])),
    ):
        here, there = pixels(draw(*arguments, ax=new_axes())), pixels(draw(*on(cuda, *arguments), ax=new_axes()))
        assert here.std() > 0
        assert np.array_equal(there, here)


def new_axes():
    return Figure().subplots()


def pixels(axes):
    canvas = FigureCanvasAgg(axes.figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())
