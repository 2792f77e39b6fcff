"""The models: shapes, starting points, errors, and losses against PyTorch's own."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import distributions, nn
from torch.nn import functional as nnf

from vae_lessons import VAE, Autoencoder, Bernoulli, Classifier, ContinuousBernoulli, Gaussian, inference

SHAPE = (4, 5)  # of an image
LIKELIHOODS = {
    "Gaussian": lambda: Gaussian(0.4),
    "learned Gaussian": lambda: Gaussian(0.4, learned=True),
    "Bernoulli": Bernoulli,
    "continuous Bernoulli": ContinuousBernoulli,
}
every_likelihood = pytest.mark.parametrize("make_likelihood", LIKELIHOODS.values(), ids=LIKELIHOODS)
FAMILIES = {
    "autoencoder": Autoencoder,
    "VAE": lambda *arguments, **named: VAE(*arguments, **named, likelihood=Bernoulli()),
}
every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
architectures = given(
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    latent_dim=st.integers(1, 4),
    hidden=st.lists(st.integers(1, 8), max_size=3),
    batch=st.integers(1, 5),
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_vae(likelihood: nn.Module, latent_dim: int = 2, seed: int = 0) -> VAE:
    return VAE(SHAPE, latent_dim, (7,), likelihood=likelihood, generator=seeded(seed)).double()


def images(n: int = 3, seed: int = 1) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=seeded(seed), dtype=torch.float64)


def pytorchs(model: VAE, z: torch.Tensor) -> distributions.Distribution:
    """p(x | z) from the decoder's raw outputs, as torch.distributions has it; grey pixels are let in."""
    outputs = model.decoder(z).view(-1, *model.image_shape)
    match model.likelihood:
        case Gaussian(log_sigma=log_sigma):
            return distributions.Normal(torch.sigmoid(outputs), torch.as_tensor(log_sigma, dtype=z.dtype).exp())
        case Bernoulli():
            return distributions.Bernoulli(logits=outputs, validate_args=False)
        case ContinuousBernoulli():
            return distributions.ContinuousBernoulli(logits=outputs, validate_args=False)


# Of both kinds


@every_family
def test_encoder_and_decoder_are_modules_of_their_own(family):
    model = family((4, 4), 2, (8, 6))
    inside = {id(p) for part in (model.encoder, model.decoder) for p in part.parameters()}
    assert inside == {id(p) for p in model.parameters()}
    widths = [layer.out_features for layer in model.decoder if hasattr(layer, "out_features")]
    assert widths == [6, 8, 16]


@every_family
def test_one_seed_gives_one_network_and_leaves_the_global_generator_alone(family):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first, second, other = (family((4, 4), 2, generator=seeded(s)) for s in (3, 3, 4))
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.encoder[0].weight, other.encoder[0].weight)


@every_family
def test_a_decoder_that_gets_nothing_answers_with_the_mean_image_it_started_at(family):
    model, mean_image = family((3, 3), 2, (5,)), torch.linspace(0.01, 0.99, 9).view(3, 3)
    model.start_at_mean(mean_image)
    torch.testing.assert_close(model.decode(torch.zeros(1, 2))[0], mean_image)  # the other biases are zero


@every_family
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (((28,), 2), "image_shape must be made of 2 positive whole numbers"),
        (((28, 0), 2), "image_shape must be"),
        (((28, 28), 0), "latent_dim must be"),
        (((28, 28), 2.5), "latent_dim must be"),
        (((28, 28), True), "latent_dim must be"),
        (((28, 28), 2, (512, -1)), "hidden must be"),
        ((28, 2), "image_shape must be"),
    ],
)
def test_impossible_networks_are_named(family, arguments, named):
    with pytest.raises(ValueError, match=named):
        family(*arguments)


@every_family
@pytest.mark.parametrize("shape", [(784,), (5, 784), (5, 1, 28, 28), (28, 28), (5, 28, 27)])
def test_images_of_another_shape_are_named(family, shape):
    with pytest.raises(ValueError, match=r"x must be images of shape \(B, 28, 28\)"):
        family((28, 28), 2).encode(torch.rand(shape))


@every_family
@pytest.mark.parametrize("shape", [(2,), (5, 3), (1, 5, 2)])
def test_codes_of_another_shape_are_named(family, shape):
    with pytest.raises(ValueError, match=r"z must be codes of shape \(B, 2\)"):
        family((28, 28), 2).decode(torch.rand(shape))


@every_family
def test_images_and_codes_of_another_kind_are_named(family):
    model = family(SHAPE, 2, (7,))
    with pytest.raises(ValueError, match=r"x must be torch\.float32, as the model is, got torch\.float64"):
        model(torch.rand(3, *SHAPE, dtype=torch.float64))
    with pytest.raises(TypeError, match="x must be a tensor, got ndarray"):
        model(np.zeros((3, *SHAPE), dtype=np.float32))
    with pytest.raises(TypeError, match="z must be a tensor, got list"):
        model.decode([0.5, 0.5])
    with pytest.raises(ValueError, match=r"z must be torch\.float32, as the model is, got torch\.int64"):
        model.decode(torch.zeros(1, 2, dtype=torch.int64))


@every_family
def test_sizes_may_be_numbers_of_numpy(family):
    model = family(np.array(SHAPE), np.int64(2), np.array([7]), generator=seeded())
    same = family(SHAPE, 2, (7,), generator=seeded())
    assert repr(model) == repr(same)
    assert (model.image_shape, model.latent_dim, model.hidden) == (SHAPE, 2, (7,))


@every_family
def test_a_generator_that_is_none_is_named(family):
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator, got 0"):
        family(SHAPE, 2, generator=0)


# The autoencoder


@architectures
def test_shapes_follow_image_shape_and_latent_dim(height, width, latent_dim, hidden, batch):
    model = Autoencoder((height, width), latent_dim, hidden)
    x = torch.rand(batch, height, width)
    z, x_hat = model.encode(x), model(x)
    assert z.shape == (batch, latent_dim)
    assert x_hat.shape == x.shape
    assert ((x_hat >= 0) & (x_hat <= 1)).all()
    assert model.loss(x).shape == (batch,)


def test_loss_and_its_gradient_are_the_sum_of_squares_of_pytorch():
    model, x = Autoencoder((4, 5), 2, (7,), seeded()).double(), torch.rand(3, 4, 5, generator=seeded(1)).double()
    expected = torch.stack([nnf.mse_loss(model(image[None])[0], image, reduction="sum") for image in x])
    torch.testing.assert_close(model.loss(x), expected)
    ours = torch.autograd.grad(model.loss(x).mean(), model.parameters())
    theirs = torch.autograd.grad(expected.mean(), model.parameters())
    torch.testing.assert_close(ours, theirs)


def test_the_code_of_an_autoencoder_is_what_it_encodes():
    model, x = Autoencoder(SHAPE, 2, (7,), seeded()).double(), images()
    assert torch.equal(model.code(x), model.encode(x))


# The VAE


@every_likelihood
@settings(max_examples=30)
@architectures
def test_shapes_of_a_vae_follow_image_shape_and_latent_dim(make_likelihood, height, width, latent_dim, hidden, batch):
    model = VAE((height, width), latent_dim, hidden, likelihood=make_likelihood())
    x = torch.rand(batch, height, width)
    mu, logvar = model.encode(x)
    assert mu.shape == logvar.shape == model.code(x).shape == (batch, latent_dim)
    for pictures in (model(x), model.decode(mu), model.sample(batch)):
        assert pictures.shape == x.shape
        assert ((pictures >= 0) & (pictures <= 1)).all()
    assert model.sample(batch, pixel_noise=True).shape == x.shape
    assert model.log_likelihood(x, mu).shape == model.loss(x).shape == (batch,)


def test_an_encoder_puts_out_means_and_then_log_variances():
    model = VAE(SHAPE, 2, (), likelihood=Bernoulli())
    nn.init.zeros_(model.encoder[0].weight)
    with torch.no_grad():
        model.encoder[0].bias.copy_(torch.tensor([1.0, 2.0, -3.0, -4.0]))
    mu, logvar = model.encode(torch.rand(1, *SHAPE))
    assert (mu.tolist(), logvar.tolist()) == ([[1, 2]], [[-3, -4]])


def test_the_code_of_a_vae_is_the_mean_of_q_and_its_reconstruction_that_code_decoded():
    model, x = make_vae(Bernoulli()), images()
    mu, _ = model.encode(x)
    assert torch.equal(model.code(x), mu)
    torch.testing.assert_close(model(x), pytorchs(model, mu).mean)


@every_likelihood
def test_a_code_is_decoded_to_the_mean_of_the_likelihood(make_likelihood):
    model, z = make_vae(make_likelihood()), 3 * torch.randn(20, 2, generator=seeded(1), dtype=torch.float64)
    torch.testing.assert_close(model.decode(z), pytorchs(model, z).mean)


@every_likelihood
@settings(max_examples=30)
@given(seed=st.integers(0, 2**31), latent_dim=st.integers(1, 3))
def test_the_log_likelihood_is_that_of_torch_distributions(make_likelihood, seed, latent_dim):
    model, x = make_vae(make_likelihood(), latent_dim, seed), images(seed=seed + 1)
    z = torch.randn(3, latent_dim, generator=seeded(seed + 2), dtype=torch.float64)
    torch.testing.assert_close(model.log_likelihood(x, z), pytorchs(model, z).log_prob(x).sum(dim=(1, 2)))


@every_likelihood
def test_the_loss_of_a_vae_and_its_gradient_are_those_of_minus_the_elbo_with_the_same_noise(make_likelihood):
    model, x = make_vae(make_likelihood()), images()
    torch.manual_seed(3)
    loss = model.loss(x)
    torch.manual_seed(3)
    mu, logvar = model.encode(x)
    q = distributions.Normal(mu, torch.exp(logvar / 2))
    z = q.mean + q.stddev * torch.randn(3, 2, dtype=torch.float64)
    kl = distributions.kl_divergence(q, distributions.Normal(torch.zeros_like(mu), 1.0)).sum(dim=1)
    expected = kl - pytorchs(model, z).log_prob(x).sum(dim=(1, 2))
    torch.testing.assert_close(loss, expected)
    parameters = list(model.parameters())
    ours, theirs = (torch.autograd.grad(value.mean(), parameters) for value in (loss, expected))
    torch.testing.assert_close(ours, theirs)
    assert all(gradient.abs().max() > 0 for gradient in ours)


def test_the_likelihood_is_all_that_differs_between_two_vaes_of_one_seed():
    first, *others = (make_vae(make_likelihood()) for make_likelihood in LIKELIHOODS.values())
    for other in others:
        for part in ("encoder", "decoder"):
            same, as_this = (getattr(model, part).state_dict() for model in (first, other))
            assert all(torch.equal(weight, as_this[name]) for name, weight in same.items())


def test_how_a_vae_is_printed_tells_its_likelihood():
    """In all digits of a fixed σ: by this and by the weights the cache tells one run from another."""
    likelihoods = [Gaussian(), Gaussian(0.5), Gaussian(0.50001), Gaussian(0.5, learned=True)]
    likelihoods += [Bernoulli(), ContinuousBernoulli()]
    assert len({repr(make_vae(likelihood)) for likelihood in likelihoods}) == len(likelihoods)


@pytest.mark.parametrize("learned", [True, False])
def test_sigma_is_among_the_parameters_if_it_is_learned(learned):
    model = make_vae(Gaussian(0.4, learned))
    assert ("likelihood.log_sigma" in dict(model.named_parameters())) == learned
    assert ("likelihood.log_sigma" in model.state_dict()) == learned


def test_weights_that_are_loaded_bring_their_sigma():
    here, there = make_vae(Gaussian(0.4, learned=True), seed=1), make_vae(Gaussian(learned=True), seed=2)
    there.load_state_dict(here.state_dict())
    assert there.likelihood.sigma == pytest.approx(0.4)
    torch.testing.assert_close(
        there.log_likelihood(images(), torch.zeros(3, 2).double()),
        here.log_likelihood(images(), torch.zeros(3, 2).double()),
    )


@every_likelihood
def test_a_vae_starts_with_the_logits_of_the_mean_image(make_likelihood):
    model, mean_image = make_vae(make_likelihood()), images(1)[0]
    model.start_at_mean(mean_image)
    torch.testing.assert_close(model.decoder(torch.zeros(1, 2).double()).view(SHAPE), mean_image.logit())


@pytest.mark.parametrize("likelihood", [Bernoulli, Gaussian, None, "bernoulli", distributions.Bernoulli(0.5)], ids=str)
def test_what_is_no_likelihood_is_named(likelihood):
    with pytest.raises(TypeError, match=r"likelihood must be an object such as Gaussian\(\) or Bernoulli\(\), got"):
        VAE((28, 28), 2, likelihood=likelihood)


@pytest.mark.parametrize("shape", [(3, 20), (3, 5, 4), (4, 5)])
def test_images_that_a_vae_cannot_weigh_are_named(shape):
    with pytest.raises(ValueError, match=r"x must be images of shape \(B, 4, 5\), got"):
        make_vae(Bernoulli()).log_likelihood(torch.zeros(shape).double(), torch.zeros(3, 2).double())


def test_what_an_encoder_gives_is_no_code():
    model = VAE(SHAPE, 2, (7,), likelihood=Bernoulli())
    with pytest.raises(TypeError, match=r"z must be a tensor of codes, got a tuple, .* use `code\(x\)`"):
        model.decode(model.encode(torch.rand(3, *SHAPE)))


def test_images_and_codes_that_are_no_pairs_are_named():
    with pytest.raises(ValueError, match="x and z must have as many rows, got x 3, z 4"):
        make_vae(Bernoulli()).log_likelihood(images(3), torch.zeros(4, 2).double())


@pytest.mark.parametrize("likelihood", [Bernoulli(), ContinuousBernoulli()], ids=repr)
@pytest.mark.parametrize(
    "of",
    [
        lambda vae, x: vae.loss(x),
        lambda vae, x: vae.log_likelihood(x, vae.code(x)),
        lambda vae, x: inference.elbo(vae, x),
        lambda vae, x: inference.iwae_bound(vae, x, 5),
        lambda vae, x: inference.log_evidence_quadrature(vae, x),
    ],
    ids=["loss", "log_likelihood", "elbo", "iwae_bound", "log_evidence_quadrature"],
)
def test_images_of_bytes_have_no_loss_and_no_bound(likelihood, of):
    vae = make_vae(likelihood)
    with pytest.raises(ValueError, match=r"x must lie in \[0, 1\] under a Bernoulli, got pixels from 0 to 255"):
        of(vae, torch.linspace(0, 255, 60, dtype=torch.float64).view(3, *SHAPE))


def test_of_a_likelihood_that_learns_each_model_has_its_own():
    """Training the second must not move the first, nor what both were made with."""
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


def see_through(likelihood: nn.Module) -> VAE:
    """A VAE whose decoder's outputs are the codes themselves."""
    model = VAE((1, 2), 2, (), likelihood=likelihood).double()
    nn.init.eye_(model.decoder[0].weight)
    return model


def blind(likelihood: nn.Module, output: float) -> VAE:
    """A VAE whose decoder has one output for all pixels and codes."""
    model = VAE((10, 10), 2, (), likelihood=likelihood).double()
    nn.init.zeros_(model.decoder[0].weight)
    nn.init.constant_(model.decoder[0].bias, output)
    return model


def test_samples_are_of_codes_from_the_prior():
    z = see_through(Bernoulli()).sample(20_000, seeded()).logit().flatten(1)
    for code in z.T:
        assert scipy.stats.kstest(code, scipy.stats.norm.cdf).pvalue > 1e-3
    assert abs(float(torch.corrcoef(z.T)[0, 1])) < 5 / math.sqrt(20_000)


@every_likelihood
@torch.no_grad()
def test_a_sample_is_the_mean_of_the_likelihood_unless_noise_is_asked_for(make_likelihood):
    model = blind(make_likelihood(), output=-1.5)
    z = torch.zeros(1, 2).double()
    clean, noisy = model.sample(300, seeded()), model.sample(300, seeded(), pixel_noise=True)
    assert (clean == model.decode(z)).all()
    theirs = pytorchs(model, z)
    assert noisy.unique().numel() > 1
    five_errors = 5 * float(theirs.stddev[0, 0, 0]) / math.sqrt(noisy.numel())
    assert float(noisy.mean()) == pytest.approx(float(theirs.mean[0, 0, 0]), abs=five_errors)
    assert float(noisy.std()) == pytest.approx(float(theirs.stddev[0, 0, 0]), rel=0.02)


@every_likelihood
@pytest.mark.parametrize("pixel_noise", [False, True])
def test_one_generator_gives_the_same_samples_and_the_global_one_is_left_alone(make_likelihood, pixel_noise):
    model = make_vae(make_likelihood())
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, second, other = (model.sample(4, seeded(seed), pixel_noise) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_have_the_weights_dtype_and_no_graph(dtype):
    for pixel_noise in (False, True):
        samples = make_vae(Gaussian(learned=True)).to(dtype).sample(2, seeded(), pixel_noise)
        assert samples.dtype == dtype
        assert not samples.requires_grad


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ((3, 0), TypeError, r"generator must be a torch\.Generator, got 0"),
        ((2.5,), ValueError, "n must be a whole number, got 2.5"),
        ((-1,), ValueError, "n must be at least 0, got -1"),
        ((torch.tensor(3),), ValueError, r"n must be a whole number, got 3: take its \.item\(\)"),
    ],
    ids=repr,
)
def test_draws_that_cannot_be_made_are_named(arguments, error, named):
    with pytest.raises(error, match=named):
        make_vae(Bernoulli()).sample(*arguments)


def test_as_many_draws_as_a_number_of_numpy_says():
    assert make_vae(Bernoulli()).sample(np.int64(3)).shape == (3, *SHAPE)


# The classifier


def test_classifier_probabilities_and_loss_agree_with_log_softmax():
    model, x = Classifier((4, 4), 3, (5,), seeded()), torch.rand(6, 4, 4)
    labels = torch.tensor([0, 1, 2, 2, 1, 0])
    log_probabilities = nnf.log_softmax(model(x), dim=1)
    torch.testing.assert_close(model.probabilities(x), log_probabilities.exp().detach())
    torch.testing.assert_close(model.loss(x, labels), -log_probabilities[range(6), labels])
