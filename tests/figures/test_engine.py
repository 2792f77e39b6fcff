"""The engine of the playground against PyTorch and the package: gradients, steps, evidence; and bit for bit itself."""

import base64
import itertools

import pytest
import torch
from numpy.polynomial.hermite_e import hermegauss
from torch import Tensor, nn
from torch.distributions import Bernoulli, ContinuousBernoulli, Normal, kl_divergence

from vae_lessons import VAE, load_images
from vae_lessons import Bernoulli as BernoulliPixels
from vae_lessons.figures.engine import ENGINE, SIMD
from vae_lessons.figures.runtime.modules import join_modules
from vae_lessons.inference import log_evidence_quadrature
from vae_lessons.probability import ContinuousBernoulli as ContinuousBernoulliPixels
from vae_lessons.probability import Gaussian, RealGaussian

MISTAKES = ("pixelMean", "klOverBatch", "sigmaFromVariance", "meanDecoded", "oneNoise", "sigmoidTwice")
SETTINGS = {
    "objective": "elbo", "beta": 1.0, "samples": 1, "learnSigma": False, "mistakes": {}, "warmup": 0, "batch": 16,
    "rate": 0.003, "optimiser": "adam", "logSigma": -1.0,
}  # fmt: skip
IN_PAGE = """async ([module, body, input]) => {
    const engine = await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
    return new Function("engine", "input", body)(engine, input);
}"""
KERNELS = """
    const kernels = input.kernels === "simd" ? engine.simdKernels(input.simd)
        : engine.plainKernels(input.kernels === "float64" ? Float64Array : Float32Array);
    const given = values => { const array = kernels.array(values.length); array.set(values); return array; };
"""
DIFFERENTIATE = """
    const vae = new engine.Vae(kernels, input.shape, input.images, input.objective.samples);
    vae.weights.set(input.weights);
    const result = vae.differentiate(given(input.x), input.images, input.noise, input.objective);
    return [result.loss, Array.from(vae.gradients)];
"""
TRAIN = """
    const data = Float32Array.from(input.data);
    const training = new engine.Training(kernels, input.shape, data, input.seed, input.settings);
    const start = Array.from(training.vae.weights);
    const steps = [];
    for (let i = 0; i < input.steps; i++) {
        const { chosen, loss } = training.advance();
        const n = chosen.length * training.samples * input.shape.latent;
        steps.push([chosen, Array.from(training.noise.subarray(0, n)), loss]);
    }
    return [start, steps, Array.from(training.vae.weights)];
"""
MEASURE = """
    const vae = new engine.Vae(kernels, input.shape, 4, 1);
    vae.weights.set(input.weights);
    const measure = new engine.Measure(kernels, vae, input.x);
    const { values, error } = measure.evidence({ tolerance: 1e-5, most: 400000 });
    return [Array.from(values), error, Array.from(measure.elbo().elbos)];
"""


@pytest.fixture
def engine(open_page):
    """Run a function of the engine, in a browser, with some kernels."""
    page, _ = open_page()
    module = join_modules(*(ENGINE / f"{name}.js" for name in ("kernels", "session", "training", "vae", "evidence")))
    simd = base64.b64encode(SIMD.read_bytes()).decode("ascii")

    def run(body, kernels="float64", **values):
        return page.evaluate(IN_PAGE, [module, KERNELS + body, {"kernels": kernels, "simd": simd, **values}])

    return run


def shape_of(likelihood, latent=2, dim=6, hidden=(7, 5), activation="tanh", limited=True):
    return {
        "dim": dim, "latent": latent, "hidden": list(hidden), "activation": activation, "likelihood": likelihood,
        "limited": limited,
    }  # fmt: skip


def networks(shape, weights) -> tuple[nn.Sequential, nn.Sequential, Tensor]:
    """The encoder, the decoder and log σ that lie in the engine's weights, with gradients."""
    weights = torch.as_tensor(weights, dtype=torch.float64)
    activation = {"tanh": nn.Tanh, "relu": nn.ReLU}[shape["activation"]]
    hidden, at, result = shape["hidden"], 0, []
    for widths in (
        [shape["dim"], *hidden, 2 * shape["latent"]],
        [shape["latent"], *reversed(hidden), shape["dim"]],
    ):
        layers = []
        for n_in, n_out in itertools.pairwise(widths):
            layer = nn.Linear(n_in, n_out, dtype=torch.float64)
            with torch.no_grad():
                layer.weight.copy_(weights[at : at + n_in * n_out].view(n_in, n_out).T)
                layer.bias.copy_(weights[at + n_in * n_out :][:n_out])
            at += (n_in + 1) * n_out
            layers += [layer, activation()]
        result.append(nn.Sequential(*layers[:-1]))
    return *result, weights[at].clone().requires_grad_()


def flat(encoder, decoder, log_sigma, of=lambda p: p.detach()) -> Tensor:
    """Weights, or what `of` makes of them, in the engine's order."""
    layers = [layer for network in (encoder, decoder) for layer in network if isinstance(layer, nn.Linear)]
    parts = [part for layer in layers for part in (of(layer.weight).T.flatten(), of(layer.bias))]
    return torch.cat([*parts, of(log_sigma).view(1)])


def loss_in_torch(shape, objective, encoder, decoder, log_sigma, x, noise) -> Tensor:
    """What the engine differentiates, by torch.distributions: x (B, D), noise (L, B, K)."""
    mistakes = objective["mistakes"]
    mu, logvar = encoder(x).chunk(2, dim=1)
    q, prior = Normal(mu, (0.5 * logvar).exp()), Normal(torch.zeros_like(mu), 1.0)
    if "oneNoise" in mistakes:
        noise = noise[:, :1].expand_as(noise)
    spread = logvar.exp() if "sigmaFromVariance" in mistakes else q.stddev
    z = mu.expand_as(noise) if "meanDecoded" in mistakes else mu + spread * noise
    outputs = decoder(z)
    if shape["likelihood"] == "gaussian":
        p = Normal(torch.sigmoid(outputs) if shape["limited"] else outputs, log_sigma.exp())
    else:
        family = {"bernoulli": Bernoulli, "continuous": ContinuousBernoulli}[shape["likelihood"]]
        p = family(logits=torch.sigmoid(outputs) if "sigmoidTwice" in mistakes else outputs, validate_args=False)
    log_likelihood = p.log_prob(x).mean(dim=2) if "pixelMean" in mistakes else p.log_prob(x).sum(dim=2)  # (L, B)
    per_kl = objective["beta"] / (len(x) if "klOverBatch" in mistakes else 1)
    if objective["objective"] == "elbo":
        return (per_kl * kl_divergence(q, prior).sum(dim=1) - log_likelihood).mean()
    ratio = (prior.log_prob(z) - q.log_prob(z)).sum(dim=2)
    return -((log_likelihood + per_kl * ratio).logsumexp(dim=0) - torch.tensor(float(len(z))).log()).mean()


def case(shape, objective, images=4, seed=0):
    """Weights, data and noise: x binary where a Bernoulli's density must be one."""
    generator = torch.Generator().manual_seed(seed)
    count = sum((a + 1) * b for a, b in itertools.pairwise([shape["dim"], *shape["hidden"], 2 * shape["latent"]]))
    count += sum((a + 1) * b for a, b in itertools.pairwise([shape["latent"], *shape["hidden"][::-1], shape["dim"]]))
    weights = 0.5 * torch.randn(count + 1, generator=generator, dtype=torch.float64)
    x = torch.rand(images, shape["dim"], generator=generator, dtype=torch.float64)
    noise = torch.randn(objective["samples"], images, shape["latent"], generator=generator, dtype=torch.float64)
    return weights, x, noise


def everything():
    """Every likelihood with every objective, and every mistake of each."""
    for likelihood, objective in itertools.product(("gaussian", "bernoulli", "continuous"), ("elbo", "iwae")):
        for mistake in (None, *MISTAKES):
            if mistake != "sigmoidTwice" or likelihood != "gaussian":
                yield likelihood, objective, mistake


@pytest.mark.parametrize(("kernels", "tolerance"), [("float64", 1e-5), ("float32", 1e-4), ("simd", 1e-4)])
def test_gradients_equal_those_of_pytorch(engine, kernels, tolerance):
    for likelihood, objective, mistake in everything():
        shape = shape_of(likelihood, activation="relu" if objective == "iwae" else "tanh")
        settings = {
            "objective": objective, "beta": 0.7, "samples": 3, "learnSigma": likelihood == "gaussian",
            "mistakes": {mistake: True} if mistake else {},
        }  # fmt: skip
        weights, x, noise = case(shape, settings)
        if kernels != "float64":
            weights, x = weights.float().double(), x.float().double()
        parts = networks(shape, weights)
        expected = loss_in_torch(shape, settings, *parts, x, noise)
        expected.backward()
        gradients = flat(*parts, of=lambda p: torch.zeros_like(p) if p.grad is None else p.grad)
        values = {"weights": weights.tolist(), "x": x.flatten().tolist(), "noise": noise.flatten().tolist()}
        got = engine(DIFFERENTIATE, kernels, shape=shape, objective=settings, images=4, **values)
        what = f"{likelihood}, {objective}, {mistake}"
        assert got[0] == pytest.approx(expected.item(), rel=tolerance), what
        got = torch.tensor(got[1], dtype=torch.float64)
        assert torch.allclose(got, gradients, rtol=tolerance, atol=tolerance / 10), f"{what}: {got - gradients}"


@pytest.mark.parametrize("kernels", ["float64", "simd"])
@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_fifty_steps_equal_those_of_pytorch(engine, kernels, optimiser):
    shape = shape_of("continuous", activation="relu")
    settings = SETTINGS | {"optimiser": optimiser, "samples": 2, "beta": 0.5, "warmup": 20}
    data = torch.rand(100, shape["dim"], generator=torch.Generator().manual_seed(3))
    values = {"shape": shape, "settings": settings, "data": data.flatten().tolist(), "seed": 7, "steps": 50}
    start, steps, end = engine(TRAIN, kernels, **values)
    parts = networks(shape, start)
    parameters = [*parts[0].parameters(), *parts[1].parameters()]
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[optimiser]
    torch_optimiser = kind(parameters, lr=settings["rate"])
    for i, (chosen, noise, loss) in enumerate(steps):
        objective = settings | {"beta": 0.5 * min(1.0, (i + 1) / 20)}
        noise = torch.tensor(noise, dtype=torch.float64).view(2, len(chosen), 2)
        expected = loss_in_torch(shape, objective, *parts, data[chosen].double(), noise)
        torch_optimiser.zero_grad()
        expected.backward()
        torch_optimiser.step()
        assert loss == pytest.approx(expected.item(), rel=1e-4)
    torch.testing.assert_close(torch.tensor(end, dtype=torch.float64)[:-1], flat(*parts)[:-1], rtol=1e-4, atol=1e-4)


def test_each_epoch_sees_every_image_once(engine):
    values = {"shape": shape_of("bernoulli"), "data": [0.5] * 6 * 60, "seed": 1, "steps": 15}
    _, steps, _ = engine(TRAIN, settings=SETTINGS, **values)
    seen = [image for chosen, _, _ in steps for image in chosen]
    epochs = [seen[i : i + 60] for i in range(0, 240, 60)]
    assert all(sorted(epoch) == list(range(60)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    noise = torch.tensor([noise for _, noise, _ in steps]).flatten()
    assert abs(noise.mean()) < 4 / len(noise) ** 0.5
    assert noise.std() == pytest.approx(1, abs=0.15)


def vae_of(shape, weights, log_sigma=None) -> VAE:
    """The package's own VAE with the engine's weights, in float64."""
    kinds = {
        "gaussian": Gaussian if shape["limited"] else RealGaussian,
        "bernoulli": lambda sigma: BernoulliPixels(),
        "continuous": lambda sigma: ContinuousBernoulliPixels(),
    }
    likelihood = kinds[shape["likelihood"]](float(weights[-1].exp()))
    vae = VAE((1, shape["dim"]), shape["latent"], shape["hidden"], likelihood=likelihood).double()
    vae.encoder, vae.decoder, _ = networks(shape, weights)
    return vae.eval()


def elbo_by_numpy(vae: VAE, x: Tensor) -> Tensor:
    """The ELBO of each row without noise, by a fine rule of Gauss and Hermite: (B,)."""
    nodes, weights = map(torch.from_numpy, hermegauss(50))
    grid = torch.cartesian_prod(*[nodes] * vae.latent_dim).view(-1, 1, vae.latent_dim)
    shares = torch.cartesian_prod(*[weights / weights.sum()] * vae.latent_dim).view(len(grid), -1).prod(dim=1)
    mu, logvar = vae.encode(x)
    z = mu + (0.5 * logvar).exp() * grid  # (G, B, K)
    log_likelihood = vae.log_likelihood(x.expand(len(grid), *x.shape).flatten(0, 1), z.flatten(0, 1)).view(
        len(grid), -1
    )
    kl = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum(dim=1)
    return shares @ log_likelihood - kl


@pytest.mark.parametrize("latent", [1, 2])
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli", "continuous"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@torch.no_grad()
def test_evidence_equals_the_package_s_quadrature(engine, latent, likelihood, activation):
    shape = shape_of(likelihood, latent, activation=activation, limited=likelihood != "gaussian")
    weights, x, _ = case(shape, {"samples": 1}, images=12, seed=latent)
    weights[-1] = -0.7
    values = {"shape": shape, "weights": weights.tolist(), "x": x.flatten().tolist()}
    evidence, error, elbos = engine(MEASURE, **values)
    vae = vae_of(shape, weights)
    x = x.unsqueeze(1)
    expected = log_evidence_quadrature(vae, x, tolerance=1e-5)
    assert error < 1e-4
    torch.testing.assert_close(torch.tensor(evidence, dtype=torch.float64), expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(torch.tensor(elbos, dtype=torch.float64), elbo_by_numpy(vae, x), rtol=5e-3, atol=0.05)
    assert (torch.tensor(elbos) <= torch.tensor(evidence) + 1e-4).all()


SAME_BITS = """
    const make = () => new engine.Session(engine.simdKernels(input.simd), { ...input.run,
        images: Float32Array.from(input.run.images), test: Float32Array.from(input.run.test) });
    const bits = session => Array.from(new Uint32Array(Float32Array.from(session.training.vae.weights).buffer));
    const one = make();
    one.advance(100);
    one.measure();
    one.advance(200);
    const end = bits(one);
    one.measure();
    one.advance(77);
    one.seek(150); // what was measured at 100 is the last before
    const back = one.step;
    one.advance(200);
    const again = bits(one);
    const two = make();
    two.advance(300);
    return [end, back, again, bits(two)];
"""


def digits_run(**settings):
    digits = load_images("digits")
    images, test = (part.flatten().tolist() for part in (digits.train[:300], digits.test[:50]))
    shape = shape_of("bernoulli", dim=64, hidden=(32,), activation="relu")
    return {"shape": shape, "images": images, "test": test, "seed": 3, "settings": SETTINGS | settings}


def test_a_seed_gives_the_same_bits_twice_and_after_going_back(engine):
    end, back, again, second = engine(SAME_BITS, "simd", run=digits_run())
    assert back == 100
    assert end == again == second


TROUBLE = """
    const session = new engine.Session(kernels, { ...input.run,
        images: Float32Array.from(input.run.images), test: Float32Array.from(input.run.test) });
    session.advance(3000);
    const entry = session.measure();
    return [session.trouble, session.step, Number.isFinite(entry.test.elbo)];
"""


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"rate": 30.0, "optimiser": "sgd"}, "lower learning rate than 30"),
        ({"rate": 3.0}, "lower learning rate than 3"),
    ],
)
def test_a_divergence_is_explained_and_undone(engine, settings, cause):
    trouble, step, is_finite = engine(TROUBLE, "simd", run=digits_run(**settings))
    assert cause in trouble
    assert trouble.startswith("At step")
    assert (step, is_finite) == (0, True)
