"""The conditional VAE: against torch.distributions, against plain VAEs whose biases hold the condition, quadrature."""

import itertools

import pytest
import torch
from model_helpers import SHAPE, images, seeded
from torch import Tensor, distributions, nn
from torch.nn.functional import one_hot

from vae_lessons import VAE, Bernoulli, Gaussian, elbo, fit
from vae_lessons.data import TensorData
from vae_lessons.inference import ais_log_evidence, iwae_bound, log_evidence_quadrature
from vae_lessons.models import ConditionalVAE

CLASSES, N_CLASSES = torch.tensor([0, 2, 1]), 3
LAYOUTS = [
    {"conditional_prior": conditional_prior, "condition_encoder": condition_encoder}
    for conditional_prior, condition_encoder in itertools.product([False, True], repeat=2)
]

every_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=str)


def make(latent_dim: int = 2, **settings) -> ConditionalVAE:
    settings = {"likelihood": Bernoulli(), "generator": seeded()} | settings
    return ConditionalVAE(SHAPE, latent_dim, N_CLASSES, (7,), **settings).double()


def prior_of_torch(model: ConditionalVAE, c: Tensor) -> distributions.Normal:
    zeros = torch.zeros(len(c), model.latent_dim).double()
    if model.prior_network is None:
        return distributions.Normal(zeros, 1.0)
    mu, logvar = model.prior_network(c).chunk(2, dim=1)
    return distributions.Normal(mu, torch.exp(logvar / 2))


def plain_vae(model: ConditionalVAE, label: int) -> VAE:
    """Write one class into the biases of the first layers: a VAE that knows of no condition."""
    vae = VAE(SHAPE, model.latent_dim, model.hidden, likelihood=Bernoulli()).double()
    for name in ("encoder", "decoder"):
        first, conditional = getattr(vae, name), getattr(model, name)
        first.load_state_dict(
            conditional.state_dict()
            | {
                "0.weight": conditional[0].weight[:, :-N_CLASSES],
                "0.bias": conditional[0].bias + conditional[0].weight[:, label - N_CLASSES],
            }
        )
    return vae


@every_layout
def test_loss_and_gradient_are_those_of_torch(layout):
    model, x, c = make(**layout), images(), one_hot(CLASSES, N_CLASSES).double()
    torch.manual_seed(3)
    loss = model.loss(x, CLASSES)
    torch.manual_seed(3)
    inputs = torch.cat([x.flatten(1), c], dim=1) if layout["condition_encoder"] else x.flatten(1)
    mu, logvar = model.encoder(inputs).chunk(2, dim=1)
    q = distributions.Normal(mu, torch.exp(logvar / 2))
    z = q.mean + q.stddev * torch.randn(3, 2, dtype=torch.float64)
    logits = model.decoder(torch.cat([z, c], dim=1)).view(3, *SHAPE)
    p = distributions.Bernoulli(logits=logits, validate_args=False)
    expected = distributions.kl_divergence(q, prior_of_torch(model, c)).sum(dim=1) - p.log_prob(x).sum(dim=(1, 2))
    torch.testing.assert_close(loss, expected)
    parameters = list(model.parameters())
    gradients, expected_gradients = (torch.autograd.grad(value.mean(), parameters) for value in (loss, expected))
    torch.testing.assert_close(gradients, expected_gradients)
    assert all(gradient.abs().max() > 0 for gradient in gradients)


@pytest.mark.parametrize("label", range(N_CLASSES))
def test_each_class_has_a_plain_vae(label):
    model, x = make(), images()
    vae, condition = plain_vae(model, label), torch.full((3,), label)
    for ours, theirs in zip(model.encode(x, condition), vae.encode(x), strict=True):
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(model(x, condition), vae(x))
    torch.testing.assert_close(
        log_evidence_quadrature(model, x, condition=condition), log_evidence_quadrature(vae, x), rtol=0, atol=1e-3
    )


@every_layout
def test_classes_and_one_hot_vectors_are_the_same(layout):
    model, x, z = make(**layout), images(), torch.randn(3, 2, generator=seeded()).double()
    c = one_hot(CLASSES, N_CLASSES).double()
    for compute in (
        lambda condition: model.log_likelihood(x, z, condition),
        lambda condition: model.decode(z, condition),
        lambda condition: model.sample(condition, seeded()),
        lambda condition: torch.cat(model.encode(x, condition)),
        lambda condition: model.prior(condition).sample(generator=seeded()),
    ):
        assert torch.equal(compute(CLASSES), compute(c))
        assert torch.equal(compute(CLASSES), compute(CLASSES.int()))


@every_layout
def test_the_condition_reaches_what_it_should(layout):
    model, x, z = make(**layout), images(), torch.zeros(3, 2).double()
    other = (CLASSES + 1) % N_CLASSES
    assert not torch.allclose(model.decode(z, CLASSES), model.decode(z, other))
    assert torch.equal(model.code(x, CLASSES), model.code(x, other)) != layout["condition_encoder"]
    priors = [model.prior(condition).mu for condition in (CLASSES, other)]
    assert torch.equal(*priors) != layout["conditional_prior"]


@every_layout
def test_bounds_approach_the_evidence_given_the_condition(layout):
    """That of quadrature, to which the encoder makes no difference."""
    model, x = make(**layout), images()
    exact = log_evidence_quadrature(model, x, condition=CLASSES)
    n = 20_000
    importance = iwae_bound(model, x, n, seeded(), condition=CLASSES)
    torch.testing.assert_close(importance, exact, rtol=0, atol=0.05)
    annealed = ais_log_evidence(model, x, 20, 20, seeded(), condition=CLASSES)
    torch.testing.assert_close(annealed, exact, rtol=0, atol=0.1)
    assert (elbo(model, x, n, seeded(), condition=CLASSES).value < exact + 0.02).all()


def test_samples_follow_the_prior_and_the_likelihood():
    model = make(conditional_prior=True)
    condition = torch.full((4000,), 1)
    codes = model.prior(condition).sample(generator=seeded())
    expected = prior_of_torch(model, one_hot(condition, N_CLASSES).double())
    torch.testing.assert_close(codes.mean(dim=0), expected.mean[0], rtol=0, atol=0.1)
    torch.testing.assert_close(codes.std(dim=0), expected.stddev[0], rtol=0, atol=0.1)
    assert torch.equal(model.sample(condition, seeded()), model.decode(codes, condition))
    pixels = model.sample(condition, seeded(), pixel_noise=True)
    assert set(pixels.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(pixels.mean(dim=0), model.decode(codes, condition).mean(dim=0), rtol=0, atol=0.05)


def test_training_learns_two_classes():
    """Two pictures, one for each class: the code has nothing to say, and the label all."""
    labels = torch.arange(64) % 2
    x = labels.float().view(-1, 1, 1).expand(-1, *SHAPE).contiguous()
    model = ConditionalVAE(SHAPE, 2, 2, (16,), likelihood=Bernoulli(), generator=seeded())
    data = TensorData("two pictures", train=(x, labels), test=(x, labels))
    fit(model, data, epochs=40, batch_size=16, lr=0.02)
    drawn = model.sample(torch.tensor([0, 1]), seeded())
    assert drawn[0].max() < 0.25
    assert drawn[1].min() > 0.75
    assert elbo(model, x, condition=labels).kl.mean() < 0.3


def test_real_conditions_and_data():
    """Pairs of numbers, conditioned on others, as for a simulator."""
    model = ConditionalVAE((1, 2), 1, 4, (5,), likelihood=Gaussian(0.5, learned=True), conditional_prior=True)
    theta, x = torch.rand(6, 1, 2), torch.randn(6, 4)
    fit(model, TensorData("pairs", train=(theta, x), test=(theta, x)), epochs=1)
    assert model.sample(x, seeded()).shape == (6, 1, 2)
    assert torch.isfinite(iwae_bound(model, theta, 3, condition=x)).all()


def test_repr_and_weights_tell_layouts_apart():
    assert len({repr(make(**layout)) for layout in LAYOUTS}) == len(LAYOUTS)
    with pytest.raises(RuntimeError, match="prior_network"):
        make().load_state_dict(make(conditional_prior=True).state_dict())


@pytest.mark.parametrize(
    ("condition", "error", "message"),
    [
        (torch.tensor([0, 1, 3]), ValueError, "condition must be classes from 0 to 2, got 3"),
        (torch.tensor([0, 1, -1]), ValueError, "condition must be classes from 0 to 2, got -1"),
        (torch.zeros(3), ValueError, r"whole numbers \(B,\) or real numbers \(B, 3\), got torch.float32 \(3,\)"),
        (torch.zeros(3, 2).double(), ValueError, r"conditions of shape \(B, 3\), got \(3, 2\)"),
        (torch.zeros(3, 3), ValueError, "condition must be torch.float64, as the model is, got torch.float32"),
        ([0, 1, 2], TypeError, "condition must be a tensor, got list"),
        (torch.tensor([0, 1]), ValueError, "as many rows"),
    ],
)
def test_conditions_that_do_not_fit(condition, error, message):
    model, x, z = make(), images(), torch.zeros(3, 2).double()
    for call in (lambda: model.loss(x, condition), lambda: model.decode(z, condition)):
        with pytest.raises(error, match=message):
            call()


def test_networks_and_arguments_that_do_not_fit():
    with pytest.raises(ValueError, match="condition_dim must be made of positive whole numbers"):
        ConditionalVAE(SHAPE, 2, 0, likelihood=Bernoulli())
    with pytest.raises(TypeError, match="likelihood must be an object"):
        ConditionalVAE(SHAPE, 2, 3, likelihood=Bernoulli)
    model = make()
    model.decoder = nn.Linear(2 + N_CLASSES, 1).double()
    with pytest.raises(ValueError, match="decoder must map"):
        model.decode(torch.zeros(3, 2).double(), CLASSES)
