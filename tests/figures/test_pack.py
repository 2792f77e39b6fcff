"""Networks that run in a page: against PyTorch, and how they get there."""

import base64
import io
import math
import re
from pathlib import Path
from types import MethodType

import numpy as np
import pytest
import torch
from live_figures import digits, small_models
from PIL import Image
from torch import Generator, nn

from vae_lessons import VAE, Autoencoder, Bernoulli, Classifier, ContinuousBernoulli, Gaussian, fit
from vae_lessons.figures import runtime
from vae_lessons.figures.runtime.images import from_bytes, pack_floats, sprite_sheet, to_bytes
from vae_lessons.figures.runtime.modules import join_modules
from vae_lessons.figures.runtime.pack import check_model, models_by_name, pack_decoder, pack_encoder, weights_of
from vae_lessons.probability.gaussian import kl_to_standard_normal

LIKELIHOODS = {
    "Gaussian": lambda: Gaussian(0.3),
    "learned Gaussian": lambda: Gaussian(0.3, learned=True),
    "Bernoulli": Bernoulli,
    "continuous Bernoulli": ContinuousBernoulli,
}
FAMILIES = {
    "autoencoder": lambda *sizes, generator: Autoencoder(*sizes, generator=generator),
    **{
        name: lambda *sizes, generator, make=make: VAE(*sizes, likelihood=make(), generator=generator)
        for name, make in LIKELIHOODS.items()
    },
}
every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
every_likelihood = pytest.mark.parametrize("make_likelihood", LIKELIHOODS.values(), ids=LIKELIHOODS)
RUNTIME = Path(runtime.__file__).parent
IN_PAGE = """async ([module, body, args]) => {
    const networks = await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
    return await new Function("networks", "args", `return (async () => { ${body} })()`)(networks, args);
}"""


@pytest.fixture(scope="module")
def in_page(browser):
    """Run JavaScript with `networks`, the module's functions, and `args`, its arguments."""
    page = browser.new_page()
    module = join_modules(RUNTIME / "networks.js", RUNTIME / "images.js")
    yield lambda body, **args: page.evaluate(IN_PAGE, [module, body, args])
    page.close()


def seeded():
    return Generator().manual_seed(0)


def packed(model):
    encoder, decoder = pack_encoder(model), pack_decoder(model)
    weights = weights_of([encoder, decoder])
    return {"encoder": encoder.description, "decoder": decoder.description, "weights": weights}


RUN = """
    const model = { get: name => args[name === "_weights" ? "weights" : name] };
    const encode = networks.loadNetwork(model, args.encoder);
    const decode = networks.loadNetwork(model, args.decoder);
    return args.images.map((image, i) => {
        const outputs = decode(args.codes[i]);
        const pixels = networks.meanImage(args.decoder, outputs);
        const hasLikelihood = Boolean(args.decoder.likelihood);
        const logLikelihood = hasLikelihood ? networks.logLikelihood(args.decoder, image, outputs) : null;
        return { code: Array.from(encode(image)), pixels: Array.from(pixels), logLikelihood };
    });
"""


def assert_agrees(model, images, in_page):
    """JavaScript's codes, pixels and log-likelihoods of some images (M, H, W) with PyTorch's."""
    with torch.no_grad():
        encoded = model.encoder(images.flatten(1))
        codes = model.code(images)
        expected = model.decode(codes)
    found = in_page(RUN, images=images.flatten(1).tolist(), codes=codes.tolist(), **packed(model))
    code = torch.tensor([one["code"] for one in found])
    pixels = torch.tensor([one["pixels"] for one in found]).view_as(expected)
    assert (pixels - expected).abs().mean() < 0.5 / 255
    assert (pixels - expected).abs().mean(dim=(1, 2)).max() < 1 / 255
    assert (code - encoded).abs().max() < 0.03
    if isinstance(model, VAE):
        kl, expected_kl = (kl_to_standard_normal(*q.chunk(2, dim=1)) for q in (code, encoded))
        assert (kl - expected_kl).abs().max() < 0.05
        log_likelihoods = torch.tensor([one["logLikelihood"] for one in found])
        with torch.no_grad():
            assert log_likelihoods == pytest.approx(model.log_likelihood(images, codes), rel=0.01, abs=0.3)


@every_family
def test_trained_networks_compute_what_pytorch_does(family, in_page):
    model = family((8, 8), 2, (64, 32), generator=seeded())
    fit(model, digits(), epochs=12, seed=0)
    assert_agrees(model, digits().test[:50], in_page)


@every_family
@pytest.mark.parametrize(
    ("shape", "latent_dim", "hidden"), [((28, 28), 2, (256, 128)), ((3, 5), 1, ()), ((4, 6), 7, (9,))]
)
def test_any_sizes_will_do(family, shape, latent_dim, hidden, in_page):
    model = family(shape, latent_dim, hidden, generator=seeded())
    assert_agrees(model, torch.rand(10, *shape, generator=seeded()), in_page)


@every_likelihood
def test_the_meaning_of_outputs_is_exact_for_outputs_of_any_size(make_likelihood, in_page):
    model = VAE((1, 1), 1, (), likelihood=make_likelihood(), generator=seeded())
    logits = [-1000, -40, -5, -0.0501, -0.05, -0.049, -1e-3, -1e-9, 0, 1e-6, 0.02, 0.0499, 0.05, 0.051, 1, 30, 1000]
    pairs = [(x, logit) for logit in logits for x in (0, 0.3, 1)]
    body = """return args.pairs.map(([x, logit]) => [
        networks.meanImage(args.decoder, new Float64Array([logit]))[0],
        networks.logLikelihood(args.decoder, [x], [logit]),
    ])"""
    found = torch.tensor(in_page(body, pairs=pairs, **packed(model)), dtype=torch.float64)
    x, outputs = torch.tensor(pairs, dtype=torch.float64).unsqueeze(2).unbind(dim=1)
    likelihood = model.likelihood
    with torch.no_grad():
        parameters = likelihood.from_outputs(outputs)
        assert found[:, 0] == pytest.approx(likelihood.mean(parameters)[:, 0], rel=1e-9, abs=1e-12)
        assert found[:, 1] == pytest.approx(likelihood.log_prob(x, parameters), rel=1e-6)  # a learned σ has float32


def test_a_weight_is_off_by_half_a_scale_at_most_and_zeros_stay_zero(in_page):
    model = Autoencoder((4, 4), 3, (5,), generator=seeded())
    with torch.no_grad():
        model.decoder[2].weight[3] = 0
        model.decoder[2].weight[4] *= 1e-6
    body = """
        const run = networks.loadNetwork({ get: () => args.weights }, args.decoder);
        return args.codes.map(code => Array.from(run(code)));
    """
    layer = pack_decoder(model).description["layers"]
    assert layer == [[3, 5, 16], [5, 16, 8]]
    codes = torch.randn(20, 3, generator=seeded())
    found = torch.tensor(in_page(body, codes=codes.tolist(), **packed(model)))
    with torch.no_grad():
        hidden = model.decoder[:2](codes)
        error = (found - model.decoder(codes)).abs()  # (20, 16)
    half_scale = model.decoder[2].weight.detach().abs().amax(dim=1) / 127 / 2
    assert (error <= hidden.sum(dim=1, keepdim=True) * half_scale + 1e-3 * hidden.max() * half_scale + 1e-5).all()
    assert error[:, 3].max() < 1e-7


def test_layers_without_bias_are_packed_as_with_biases_of_zero():
    model, same = (Autoencoder((4, 4), 2, (5,), generator=seeded()) for _ in range(2))
    for layer in (model.decoder[0], model.decoder[2]):
        layer.bias = None
    assert pack_decoder(model) == pack_decoder(same)


def test_a_network_has_one_digest_wherever_it_is_packed():
    models = [Autoencoder((4, 4), 2, (5,), generator=seeded()) for _ in range(2)]
    assert pack_decoder(models[0]) == pack_decoder(models[1])
    with torch.no_grad():
        models[1].decoder[0].bias[0] += 1
    first, second = (pack_decoder(model) for model in models)
    assert first.description["weights"] != second.description["weights"]
    assert set(weights_of([first, second, first])) == {first.description["weights"], second.description["weights"]}


def test_packing_leaves_a_model_as_it_was():
    model = small_models()["BCE VAE"]
    before = {name: values.clone() for name, values in model.state_dict().items()}
    packed(model)
    assert all(torch.equal(values, before[name]) for name, values in model.state_dict().items())


# What cannot run in a page.


class ItsOwnDecode(Autoencoder):
    def decode(self, z):
        return super().decode(z) ** 2


class ItsOwnPixels(VAE):
    def likelihood_params(self, z):
        return super().likelihood_params(z) / 2


class ItsOwnGaussian(Gaussian):
    pass


class OnlyItsOwnName(Autoencoder):
    """Computes what an Autoencoder does."""


def with_layers(*layers):
    model = Autoencoder((4, 4), 2, (5,))
    model.decoder = nn.Sequential(*layers)
    return model


def with_plain_module():
    model = Autoencoder((4, 4), 2, (5,))
    model.decoder = nn.Bilinear(2, 2, 16)
    return model


def with_method_of_its_own():
    model = Autoencoder((4, 4), 2)
    model.decode = MethodType(lambda self, z: z, model)
    return model


WRONG_MODELS = [
    (lambda: Classifier((4, 4)), "model must be an Autoencoder or a VAE of this package, got Classifier"),
    (lambda: Autoencoder, "model must be an Autoencoder or a VAE of this package, got the class Autoencoder"),
    (lambda: None, "model must be an Autoencoder or a VAE of this package, got NoneType"),
    (lambda: ItsOwnDecode((4, 4), 2), "got a ItsOwnDecode with its own decode"),
    (lambda: ItsOwnPixels((4, 4), 2, likelihood=Bernoulli()), "got a ItsOwnPixels with its own likelihood_params"),
    (with_method_of_its_own, "got a Autoencoder with its own decode"),
    (
        lambda: VAE((4, 4), 2, likelihood=ItsOwnGaussian()),
        "model must have a likelihood of this package, got ItsOwnGaussian",
    ),
    (lambda: with_layers(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 16)), "model must have linear layers with a ReLU"),
    (lambda: with_layers(nn.Linear(2, 16), nn.ReLU()), "model must have linear layers with a ReLU"),
    (lambda: with_layers(nn.Linear(2, 16), nn.Flatten()), "model must have linear layers with a ReLU"),
    (with_plain_module, "model must have linear layers with a ReLU between two in its decoder, got Bilinear"),
    (lambda: with_layers(), "model must have linear layers with a ReLU"),
]


@pytest.mark.parametrize(("make", "message"), WRONG_MODELS)
@pytest.mark.parametrize("pack", [pack_encoder, pack_decoder])
def test_what_the_page_cannot_compute_is_refused(pack, make, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        pack(make())


def test_a_subclass_that_computes_the_same_is_welcome():
    model = OnlyItsOwnName((4, 4), 2, generator=Generator().manual_seed(0))
    check_model(model)
    assert pack_decoder(model) == pack_decoder(Autoencoder((4, 4), 2, generator=Generator().manual_seed(0)))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_named(value):
    model = VAE((4, 4), 2, likelihood=Bernoulli())
    with torch.no_grad():
        model.encoder[2].bias[0] = value
    with pytest.raises(ValueError, match=re.escape("got encoder.2.bias with NaN or infinity")):
        pack_decoder(model)


def test_models_by_name():
    models = small_models()
    assert models_by_name(models) == models
    assert models_by_name(models["autoencoder"]) == {"autoencoder": models["autoencoder"]}
    assert models_by_name(models["MSE VAE"]) == {"VAE": models["MSE VAE"]}
    for wrong, error, message in [
        ([models["MSE VAE"]], TypeError, "models must be an Autoencoder, a VAE, or a dict of some by name, got list"),
        (VAE, TypeError, "got the class VAE"),
        ({}, ValueError, "models must hold at least one model, got an empty dict"),
        ({1: models["MSE VAE"]}, TypeError, "models must have strings as names, got 1"),
        ({"a": models["MSE VAE"], "b": 3}, TypeError, "models['b'] must be an Autoencoder or a VAE"),
        (Classifier((8, 8)), TypeError, "models must be an Autoencoder or a VAE of this package, got Classifier"),
    ]:
        with pytest.raises(error, match=re.escape(message)):
            models_by_name(wrong)


# Images and numbers.


def test_a_sprite_sheet_holds_images_in_sixteen_levels():
    images = digits().test[:7]  # 17 levels of grey
    sheet = sprite_sheet(images)
    assert (sheet["columns"], sheet["shape"]) == (3, [8, 8])
    picture = Image.open(io.BytesIO(base64.b64decode(sheet["image"].removeprefix("data:image/png;base64,"))))
    assert picture.size == (24, 24)
    colour, alpha = np.split(np.asarray(picture.convert("RGBA")), [3], axis=2)
    assert not colour.any()
    tiles = alpha.reshape(3, 8, 3, 8).swapaxes(1, 2).reshape(9, 8, 8) / 255
    assert np.abs(tiles[:7] - images.numpy()).max() <= 1 / 30 + 1e-6
    assert not tiles[7:].any()


ALPHA = """
    const alpha = canvas => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, 8, 8);
        return Array.from(data).filter((_, i) => i % 4 === 3);
    };
"""


def test_images_and_sprites_are_painted_as_ink(in_page):
    images = digits().test[:7]
    body = f"""{ALPHA}
        const canvas = networks.imageCanvas(document.body, [8, 8], "a digit");
        networks.paintImage(canvas, args.pixels, [8, 8]);
        const painted = alpha(canvas);
        const paint = networks.loadSheet(args.sheet);
        await Promise.all([paint(canvas, 0), paint(canvas, 5)]); // the later one stays
        return [painted, alpha(canvas), canvas.getAttribute("aria-label")];
    """
    painted, sprite, label = in_page(body, pixels=images[3].flatten().tolist(), sheet=sprite_sheet(images))
    assert np.abs(np.array(painted) / 255 - images[3].flatten().numpy()).max() < 1 / 255
    assert np.abs(np.array(sprite) / 255 - images[5].flatten().numpy()).max() < 1 / 29
    assert label == "a digit"


def test_numbers_travel_as_floats(in_page):
    table = torch.randn(5, 3, generator=seeded(), dtype=torch.float64)
    found = in_page("return networks.unpackRows(args.text, 3).map(row => Array.from(row))", text=pack_floats(table))
    assert found == table.float().tolist()


def test_images_travel_as_bytes():
    images = torch.randint(0, 256, (3, 4, 5), generator=seeded()) / 255
    assert torch.equal(from_bytes(to_bytes(images), (3, 4, 5)), images)
    with pytest.raises(ValueError, match=re.escape("text must be base64 of 60 bytes, got 40 bytes")):
        from_bytes(to_bytes(images[:2]), (3, 4, 5))
    with pytest.raises(ValueError, match="base64"):
        from_bytes("?", (3, 4, 5))
