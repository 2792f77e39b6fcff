"""The VAE: shapes, likelihoods, samples, and its loss against torch.distributions."""

import math
import pickle

import numpy as np
import pytest
import safetensors.torch
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model_helpers import SHAPE, architectures, images, seeded
from torch import distributions, nn

from vae_lessons import VAE, Bernoulli, ContinuousBernoulli, Gaussian, inference
from vae_lessons.probability.distributions import GaussianMixture

LIKELIHOODS = {
    "Gaussian": lambda: Gaussian(0.4),
    "learned Gaussian": lambda: Gaussian(0.4, learned=True),
    "Bernoulli": Bernoulli,
    "continuous Bernoulli": ContinuousBernoulli,
}

every_likelihood = pytest.mark.parametrize("make_likelihood", LIKELIHOODS.values(), ids=LIKELIHOODS)


def make_vae(likelihood: nn.Module, latent_dim: int = 2, seed: int = 0) -> VAE:
    return VAE(SHAPE, latent_dim, (7,), likelihood=likelihood, generator=seeded(seed)).double()


def torch_likelihood(model: VAE, z: torch.Tensor) -> distributions.Distribution:
    """Make p(x | z) of torch.distributions from the decoder's raw outputs; grey pixels are allowed."""
    outputs = model.decoder(z).view(-1, *model.image_shape)
    match model.likelihood:
        case Gaussian(log_sigma=log_sigma):
            return distributions.Normal(torch.sigmoid(outputs), torch.as_tensor(log_sigma, dtype=z.dtype).exp())
        case Bernoulli():
            return distributions.Bernoulli(logits=outputs, validate_args=False)
        case ContinuousBernoulli():
            return distributions.ContinuousBernoulli(logits=outputs, validate_args=False)


@every_likelihood
@settings(max_examples=30)
@architectures
def test_shapes_follow_image_shape_and_latent_dim(make_likelihood, height, width, latent_dim, hidden, batch):
    model = VAE((height, width), latent_dim, hidden, likelihood=make_likelihood())
    x = torch.rand(batch, height, width)
    mu, logvar = model.encode(x)
    assert mu.shape == logvar.shape == model.code(x).shape == (batch, latent_dim)
    for pictures in (model(x), model.decode(mu), model.sample(batch)):
        assert pictures.shape == x.shape
        assert ((pictures >= 0) & (pictures <= 1)).all()
    assert model.sample(batch, pixel_noise=True).shape == x.shape
    assert model.log_likelihood(x, mu).shape == model.loss(x).shape == (batch,)


def test_encoder_outputs_means_then_log_variances():
    model = VAE(SHAPE, 2, (), likelihood=Bernoulli())
    nn.init.zeros_(model.encoder[0].weight)
    with torch.no_grad():
        model.encoder[0].bias.copy_(torch.tensor([1.0, 2.0, -3.0, -4.0]))
    mu, logvar = model.encode(torch.rand(1, *SHAPE))
    assert (mu.tolist(), logvar.tolist()) == ([[1, 2]], [[-3, -4]])


def test_reconstruction_is_the_decoded_mean_code():
    model, x = make_vae(Bernoulli()), images()
    mu, _ = model.encode(x)
    assert torch.equal(model.code(x), mu)
    torch.testing.assert_close(model(x), torch_likelihood(model, mu).mean)


@every_likelihood
def test_decode_gives_likelihood_mean(make_likelihood):
    model, z = make_vae(make_likelihood()), 3 * torch.randn(20, 2, generator=seeded(1), dtype=torch.float64)
    torch.testing.assert_close(model.decode(z), torch_likelihood(model, z).mean)


@every_likelihood
@settings(max_examples=30)
@given(seed=st.integers(0, 2**31), latent_dim=st.integers(1, 3))
def test_log_likelihood_matches_torch_distributions(make_likelihood, seed, latent_dim):
    model, x = make_vae(make_likelihood(), latent_dim, seed), images(seed=seed + 1)
    z = torch.randn(3, latent_dim, generator=seeded(seed + 2), dtype=torch.float64)
    torch.testing.assert_close(model.log_likelihood(x, z), torch_likelihood(model, z).log_prob(x).sum(dim=(1, 2)))


@every_likelihood
def test_loss_and_gradient_match_negative_elbo(make_likelihood):
    model, x = make_vae(make_likelihood()), images()
    torch.manual_seed(3)
    loss = model.loss(x)
    torch.manual_seed(3)
    mu, logvar = model.encode(x)
    q = distributions.Normal(mu, torch.exp(logvar / 2))
    z = q.mean + q.stddev * torch.randn(3, 2, dtype=torch.float64)
    kl = distributions.kl_divergence(q, distributions.Normal(torch.zeros_like(mu), 1.0)).sum(dim=1)
    expected = kl - torch_likelihood(model, z).log_prob(x).sum(dim=(1, 2))
    torch.testing.assert_close(loss, expected)
    parameters = list(model.parameters())
    gradients, expected_gradients = (torch.autograd.grad(value.mean(), parameters) for value in (loss, expected))
    torch.testing.assert_close(gradients, expected_gradients)
    assert all(gradient.abs().max() > 0 for gradient in gradients)


def test_likelihood_does_not_change_initial_networks():
    first, *others = (make_vae(make_likelihood()) for make_likelihood in LIKELIHOODS.values())
    for other in others:
        for part in ("encoder", "decoder"):
            expected, actual = (getattr(model, part).state_dict() for model in (first, other))
            assert all(torch.equal(weight, actual[name]) for name, weight in expected.items())


def test_repr_identifies_the_likelihood():
    """Including all digits of a fixed σ: the cache distinguishes runs by the repr and the weights."""
    likelihoods = [Gaussian(), Gaussian(0.5), Gaussian(0.50001), Gaussian(0.5, learned=True)]
    likelihoods += [Bernoulli(), ContinuousBernoulli()]
    assert len({repr(make_vae(likelihood)) for likelihood in likelihoods}) == len(likelihoods)


@pytest.mark.parametrize("learned", [True, False])
def test_only_learned_sigma_is_a_parameter(learned):
    model = make_vae(Gaussian(0.4, learned))
    assert ("likelihood.log_sigma" in dict(model.named_parameters())) == learned
    assert ("likelihood.log_sigma" in model.state_dict()) == learned


def test_loaded_weights_include_sigma():
    source, target = make_vae(Gaussian(0.4, learned=True), seed=1), make_vae(Gaussian(learned=True), seed=2)
    target.load_state_dict(source.state_dict())
    assert target.likelihood.sigma == pytest.approx(0.4)
    torch.testing.assert_close(
        target.log_likelihood(images(), torch.zeros(3, 2).double()),
        source.log_likelihood(images(), torch.zeros(3, 2).double()),
    )


FIXED, LEARNED = Gaussian(0.5), Gaussian(0.5, learned=True)


@pytest.mark.parametrize(
    ("saved", "own", "names"),
    [
        (FIXED, Gaussian(0.25), r"Gaussian\(sigma=0\.5\) .* got Gaussian\(sigma=0\.25\)"),
        (FIXED, Gaussian(0.50001), r"Gaussian\(sigma=0\.5\) .* got Gaussian\(sigma=0\.50001\)"),
        (FIXED, LEARNED, r"Gaussian\(sigma=0\.5\) .* got a learned Gaussian"),
        (LEARNED, FIXED, r"a learned Gaussian .* got Gaussian\(sigma=0\.5\)"),
        (Bernoulli(), ContinuousBernoulli(), r"Bernoulli\(\) .* got ContinuousBernoulli\(\)"),
        (Bernoulli(), FIXED, r"Bernoulli\(\) .* got Gaussian\(sigma=0\.5\)"),
    ],
    ids=["sigma", "digits", "learned", "fixed", "normaliser", "class"],
)
def test_weights_of_another_likelihood_are_refused(saved, own, names):
    """Before any weight has changed: only these words tell them apart."""
    source, target = make_vae(saved, seed=1), make_vae(own, seed=2)
    before = torch.nn.utils.parameters_to_vector(target.parameters())
    with pytest.raises(ValueError, match=f"likelihood must be {names}"):
        target.load_state_dict(source.state_dict())
    assert torch.equal(torch.nn.utils.parameters_to_vector(target.parameters()), before)


@every_likelihood
def test_weights_are_loaded_from_files(make_likelihood, tmp_path):
    source = make_vae(make_likelihood(), seed=1)
    torch.save(source.state_dict(), tmp_path / "weights.pt")
    safetensors.torch.save_file(source.state_dict(), tmp_path / "weights.safetensors")
    read = torch.load(tmp_path / "weights.pt"), safetensors.torch.load_file(tmp_path / "weights.safetensors")
    for state in read:
        target = make_vae(make_likelihood(), seed=2)
        target.load_state_dict(state)
        assert torch.equal(target(images()), source(images()))


def test_weights_that_do_not_name_a_likelihood_are_loaded():
    source, target = make_vae(Bernoulli(), seed=1), make_vae(Bernoulli(), seed=2)
    plain = {name: weight for name, weight in source.state_dict().items() if "extra_state" not in name}
    target.load_state_dict(plain)
    assert torch.equal(target(images()), source(images()))
    del plain["encoder.0.weight"]
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "encoder\.0\.weight"\.'):
        target.load_state_dict(plain)
    copy = pickle.loads(pickle.dumps(target))
    assert torch.equal(copy(images()), source(images()))


@every_likelihood
def test_start_at_mean_sets_mean_image_logits(make_likelihood):
    model, mean_image = make_vae(make_likelihood()), images(1)[0]
    model.start_at_mean(mean_image)
    torch.testing.assert_close(model.decoder(torch.zeros(1, 2).double()).view(SHAPE), mean_image.logit())


@pytest.mark.parametrize("likelihood", [Bernoulli, Gaussian, None, "bernoulli", distributions.Bernoulli(0.5)], ids=str)
def test_invalid_likelihood_is_named(likelihood):
    with pytest.raises(TypeError, match=r"likelihood must be an object such as Gaussian\(\) or Bernoulli\(\), got"):
        VAE((28, 28), 2, likelihood=likelihood)


@pytest.mark.parametrize("shape", [(3, 20), (3, 5, 4), (4, 5)])
def test_log_likelihood_names_wrong_image_shape(shape):
    with pytest.raises(ValueError, match=r"x must be images of shape \(B, 4, 5\), got"):
        make_vae(Bernoulli()).log_likelihood(torch.zeros(shape).double(), torch.zeros(3, 2).double())


def test_encoder_output_is_refused_as_code():
    model = VAE(SHAPE, 2, (7,), likelihood=Bernoulli())
    with pytest.raises(TypeError, match=r"z must be a tensor of codes, got a tuple, .* use `code\(x\)`"):
        model.decode(model.encode(torch.rand(3, *SHAPE)))


def test_unpaired_images_and_codes_are_named():
    with pytest.raises(ValueError, match="x and z must have as many rows, got x 3, z 4"):
        make_vae(Bernoulli()).log_likelihood(images(3), torch.zeros(4, 2).double())


@pytest.mark.parametrize("likelihood", [Bernoulli(), ContinuousBernoulli()], ids=repr)
@pytest.mark.parametrize(
    "evaluate",
    [
        lambda vae, x: vae.loss(x),
        lambda vae, x: vae.log_likelihood(x, vae.code(x)),
        lambda vae, x: inference.elbo(vae, x),
        lambda vae, x: inference.iwae_bound(vae, x, 5),
        lambda vae, x: inference.log_evidence_quadrature(vae, x),
    ],
    ids=["loss", "log_likelihood", "elbo", "iwae_bound", "log_evidence_quadrature"],
)
def test_byte_images_are_refused_by_every_bound(likelihood, evaluate):
    vae = make_vae(likelihood)
    with pytest.raises(ValueError, match=r"x must lie in \[0, 1\] under a Bernoulli, got pixels from 0 to 255"):
        evaluate(vae, torch.linspace(0, 255, 60, dtype=torch.float64).view(3, *SHAPE))


def test_each_model_learns_its_own_sigma():
    """Training the second changes neither the first nor the shared likelihood object."""
    shared = Gaussian(0.4, learned=True)
    first, second = make_vae(shared, seed=1), make_vae(shared, seed=2)
    before = first.log_likelihood(images(), torch.zeros(3, 2).double())
    optimiser = torch.optim.SGD(second.parameters(), lr=1e-3)
    second.loss(images()).sum().backward()
    optimiser.step()
    assert second.likelihood.sigma != pytest.approx(0.4, rel=1e-3)
    assert first.likelihood.sigma == pytest.approx(0.4)
    assert shared.sigma == pytest.approx(0.4)
    assert torch.equal(first.log_likelihood(images(), torch.zeros(3, 2).double()), before)


# Draws from the prior


def identity_vae(likelihood: nn.Module) -> VAE:
    """Make a VAE whose decoder returns the codes themselves."""
    model = VAE((1, 2), 2, (), likelihood=likelihood).double()
    nn.init.eye_(model.decoder[0].weight)
    return model


def constant_vae(likelihood: nn.Module, output: float) -> VAE:
    """Make a VAE whose decoder returns one output for all pixels and codes."""
    model = VAE((10, 10), 2, (), likelihood=likelihood).double()
    nn.init.zeros_(model.decoder[0].weight)
    nn.init.constant_(model.decoder[0].bias, output)
    return model


def test_samples_come_from_prior_codes():
    z = identity_vae(Bernoulli()).sample(20_000, seeded()).logit().flatten(1)
    for code in z.T:
        assert scipy.stats.kstest(code, scipy.stats.norm.cdf).pvalue > 1e-3
    assert abs(float(torch.corrcoef(z.T)[0, 1])) < 5 / math.sqrt(20_000)


def test_samples_of_a_subclass_come_from_its_own_prior():
    class Elsewhere(VAE):
        def prior(self) -> GaussianMixture:
            places = torch.tensor([[[-40.0, 3.0], [7.0, 20.0]]]).double()
            return GaussianMixture(torch.tensor([[0.0, math.log(3)]]).double(), places, torch.full_like(places, -40.0))

    model = Elsewhere(SHAPE, 2, (7,), likelihood=Bernoulli(), generator=seeded()).double()
    first, second = model.decode(model.prior().mu[0]).detach()
    is_first, is_second = (
        torch.isclose(model.sample(2000, seeded()), image).all(dim=(1, 2)) for image in (first, second)
    )
    assert (is_first ^ is_second).all()
    assert float(is_second.double().mean()) == pytest.approx(0.75, abs=5 * math.sqrt(0.75 * 0.25 / 2000))


@every_likelihood
@torch.no_grad()
def test_sample_is_mean_unless_noise_is_requested(make_likelihood):
    model = constant_vae(make_likelihood(), output=-1.5)
    z = torch.zeros(1, 2).double()
    clean, noisy = model.sample(300, seeded()), model.sample(300, seeded(), pixel_noise=True)
    assert (clean == model.decode(z)).all()
    expected = torch_likelihood(model, z)
    assert noisy.unique().numel() > 1
    five_errors = 5 * float(expected.stddev[0, 0, 0]) / math.sqrt(noisy.numel())
    assert float(noisy.mean()) == pytest.approx(float(expected.mean[0, 0, 0]), abs=five_errors)
    assert float(noisy.std()) == pytest.approx(float(expected.stddev[0, 0, 0]), rel=0.02)


@every_likelihood
@pytest.mark.parametrize("pixel_noise", [False, True])
def test_generator_fixes_samples_without_global_state(make_likelihood, pixel_noise):
    model = make_vae(make_likelihood())
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, second, other = (model.sample(4, seeded(seed), pixel_noise) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_keep_dtype_and_no_graph(dtype):
    for pixel_noise in (False, True):
        samples = make_vae(Gaussian(learned=True)).to(dtype).sample(2, seeded(), pixel_noise)
        assert samples.dtype == dtype
        assert not samples.requires_grad


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3, 0), TypeError, r"generator must be a torch\.Generator, got 0"),
        ((2.5,), ValueError, "n must be a whole number, got 2.5"),
        ((-1,), ValueError, "n must be at least 0, got -1"),
        ((torch.tensor(3),), ValueError, r"n must be a whole number, got 3: take its \.item\(\)"),
    ],
    ids=repr,
)
def test_invalid_sample_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        make_vae(Bernoulli()).sample(*arguments)


def test_numpy_sample_count_is_accepted():
    assert make_vae(Bernoulli()).sample(np.int64(3)).shape == (3, *SHAPE)
