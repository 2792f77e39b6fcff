"""The VQ-VAE: its bound against sums over all codes, its gradient by hand, its restarts, and priors over codes."""

import itertools
import math

import pytest
import torch
from model_helpers import SHAPE, images, seeded
from torch import distributions

from vae_lessons import Bernoulli, Gaussian, elbo, fit
from vae_lessons.data import TensorData
from vae_lessons.inference import iwae_bound
from vae_lessons.models import VQVAE, CodePrior
from vae_lessons.probability.distributions import Categorical


def make(latent_dim=3, size=5, **settings) -> VQVAE:
    """A model whose rows lie where the encoder's vectors do."""
    model = VQVAE(
        SHAPE, latent_dim, (7,), likelihood=Bernoulli(), codebook_size=size, code_dim=2, generator=seeded(), **settings
    ).double()
    with torch.no_grad():
        model.codebook.normal_(std=0.3, generator=seeded(3))
    return model


def nearest(model, x):
    """Round the encoder's outputs to rows, one by one."""
    vectors = model.encoder(x.flatten(1)).view(len(x), -1, 2)
    return torch.tensor([[min(range(5), key=lambda c: (v - model.codebook[c]).norm()) for v in row] for row in vectors])


def log_p_of(model, x, codes):
    logits = model.decoder(model.codebook[codes].flatten(1)).view(-1, *SHAPE)
    return distributions.Bernoulli(logits=logits, validate_args=False).log_prob(x).sum(dim=(1, 2))


def every_code(n_places, size):
    return torch.tensor(list(itertools.product(range(size), repeat=n_places)))


@pytest.mark.parametrize("size", [2, 5])
def test_whole_numbers_have_the_density_of_torch(size):
    logits = torch.randn(3, 4, size, generator=seeded(), dtype=torch.float64)
    z = torch.randint(size, (6, 3, 4), generator=seeded(1))
    expected = distributions.Independent(distributions.Categorical(logits=logits), 1).log_prob(z)
    torch.testing.assert_close(Categorical(logits).log_prob(z), expected)
    torch.testing.assert_close(Categorical(logits[:1]).log_prob(z[:, :1]), expected[:, :1])
    drawn = Categorical(logits).sample((4000,), seeded(2))
    shares = torch.nn.functional.one_hot(drawn, size).double().mean(dim=0)
    assert ((shares - logits.softmax(dim=-1)).abs() < 5 * 0.5 / math.sqrt(4000)).all()


def test_the_bound_is_the_log_likelihood_of_the_nearest_code_and_its_price():
    model, x = make(), images(6)
    codes = nearest(model, x)
    assert torch.equal(model.code(x), codes)
    terms = elbo(model, x)
    torch.testing.assert_close(terms.reconstruction, log_p_of(model, x, codes))
    torch.testing.assert_close(terms.kl, torch.full((6,), 3 * math.log(5), dtype=torch.float64))
    model.prior.set_shares(codes)
    priced = torch.stack([-model.prior.log_prob(row) for row in codes])
    torch.testing.assert_close(elbo(model, x).kl, priced)
    torch.testing.assert_close(iwae_bound(model, x, 7, seeded()), elbo(model, x).value)


def test_the_bound_is_below_the_sum_over_all_codes():
    model, x = make(), images(6)
    codes = every_code(3, 5)
    joint = torch.stack([log_p_of(model, x, code.expand(6, -1)) - 3 * math.log(5) for code in codes])
    evidence = joint.logsumexp(dim=0)
    assert (elbo(model, x).value < evidence).all()
    assert (joint.logsumexp(dim=0) - joint.amax(dim=0) < 3 * math.log(5)).all()


def test_the_gradient_passes_the_rounding_as_if_it_were_not_there():
    model, x = make(commitment=0.3), images()
    model.loss(x).sum().backward()
    vectors = model.encoder(x.flatten(1)).view(3, -1, 2)
    codes = nearest(model, x)
    rows = model.codebook[codes].detach().requires_grad_()
    logits = model.decoder(rows.flatten(1)).view(-1, *SHAPE)
    (-distributions.Bernoulli(logits=logits, validate_args=False).log_prob(x).sum()).backward()
    at_vectors = rows.grad + 0.3 * 2 * (vectors - rows).detach()
    expected = torch.autograd.grad(vectors, model.encoder[0].weight, at_vectors)[0]
    torch.testing.assert_close(model.encoder[0].weight.grad, expected)
    of_rows = torch.zeros_like(model.codebook).index_add(
        0, codes.flatten(), 2 * (rows - vectors).detach().flatten(0, 1)
    )
    torch.testing.assert_close(model.codebook.grad, of_rows)


@pytest.mark.parametrize("wait", [1, 3])
def test_a_row_that_waited_too_long_moves_to_a_vector_of_the_batch(wait):
    model, x = make(restart_after=wait), images(4)
    with torch.no_grad():
        model.codebook[2:] += 50
    before = model.codebook.detach().clone()
    model.eval().loss(x)
    model.train()
    for _ in range(wait - 1):
        model.loss(x)
    assert torch.equal(model.codebook, before)
    model.loss(x)
    vectors = model.vectors(x).flatten(0, 1)
    moved = (model.codebook != before).any(dim=1)
    assert moved[2:].all()
    assert all((model.codebook[c] == vectors).all(dim=1).any() for c in moved.nonzero().flatten())
    assert torch.equal(model.codebook[~moved], before[~moved])


@pytest.mark.parametrize(("wait", "least", "most"), [(0, 1, 2), (5, 20, 32)])
def test_only_restarts_bring_far_rows_into_use(wait, least, most):
    data = TensorData("grey", (images(256).float(),), (images(8).float(),))
    model = VQVAE(SHAPE, 2, (7,), likelihood=Bernoulli(), codebook_size=32, restart_after=wait, generator=seeded())
    with torch.no_grad():
        model.codebook[2:] += 50
    fit(model, data, epochs=4, batch_size=32)
    shares = model.usage(data.train[0])
    counts = torch.bincount(model.code(data.train[0]).flatten(), minlength=32)
    torch.testing.assert_close(shares, counts / 512)
    assert least <= int((shares > 0).sum()) <= most


@pytest.mark.parametrize(("batch", "hidden"), [(1, (3,)), (5, (3, 2))])
def test_shapes_fit_together(batch, hidden):
    model = VQVAE((2, 3), 4, hidden, likelihood=Gaussian(0.5), codebook_size=3)
    x = torch.rand(batch, 2, 3)
    assert model.code(x).shape == (batch, 4)
    assert model(x).shape == model.sample(batch, seeded()).shape == x.shape
    assert model.loss(x).shape == elbo(model, x, 2).value.shape == (batch,)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"codebook_size": 0}, "codebook_size"),
        ({"code_dim": 1.5}, "code_dim"),
        ({"commitment": -1}, "commitment"),
        ({"restart_after": -1}, "restart_after"),
    ],
)
def test_settings_that_make_no_sense_are_named(wrong, named):
    with pytest.raises(ValueError, match=named):
        VQVAE(SHAPE, 2, likelihood=Bernoulli(), **wrong)


def test_what_decides_training_is_shown():
    settings = {"codebook_size": 9, "code_dim": 3, "commitment": 0.5, "restart_after": 7}
    shown = repr(VQVAE(SHAPE, 2, likelihood=Bernoulli(), **settings))
    assert all(f"{name}={value!r}" in shown for name, value in settings.items())


# Priors over codes


def prior_at_random(hidden):
    prior = CodePrior(3, 4, hidden, seeded()).double()
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.normal_(std=0.7, generator=seeded(parameter.numel()))
    return prior


@pytest.mark.parametrize("hidden", [0, 5])
def test_a_prior_is_uniform_at_its_start(hidden):
    prior = CodePrior(3, 4, hidden)
    torch.testing.assert_close(prior.log_prob(every_code(3, 4)), torch.full((64,), -3 * math.log(4)))


@pytest.mark.parametrize("hidden", [0, 5])
def test_probabilities_add_up_and_draws_follow_them(hidden):
    prior = prior_at_random(hidden)
    p = prior.log_prob(every_code(3, 4)).exp()
    assert float(p.detach().sum()) == pytest.approx(1)
    n = 20_000
    drawn = prior().sample((n,), seeded()).squeeze(1) @ torch.tensor([16, 4, 1])
    shares = torch.bincount(drawn, minlength=64) / n
    assert ((shares - p).abs() < 5 * (p * (1 - p) / n).sqrt() + 1e-4).all()


def test_without_hidden_units_places_are_independent_and_with_them_not():
    for hidden, independent in ((0, True), (5, False)):
        p = prior_at_random(hidden).log_prob(every_code(3, 4)).exp().view(4, 4, 4)
        first, second = p.sum(dim=(1, 2)), p.sum(dim=(0, 2))
        assert torch.allclose(p.sum(dim=2), first[:, None] * second) == independent


def test_shares_are_counted_place_by_place():
    codes = torch.tensor([[0, 1], [0, 3], [2, 1]])
    prior = CodePrior(2, 4).double()
    prior.set_shares(codes)
    expected = [[3 / 7, 1 / 7, 2 / 7, 1 / 7], [1 / 7, 3 / 7, 1 / 7, 2 / 7]]
    p = prior.log_prob(every_code(2, 4)).exp().view(4, 4)
    torch.testing.assert_close(torch.stack([p.sum(dim=1), p.sum(dim=0)]), torch.tensor(expected, dtype=torch.float64))


def test_a_trained_prior_finds_what_codes_have_in_common():
    """The second repeats the first, and the third is drawn apart: log 4 + log 4 nats instead of three."""
    codes = torch.randint(4, (512, 3), generator=seeded())
    codes[:, 1] = codes[:, 0]
    prior = CodePrior(3, 4, 8, seeded())
    fit(prior, TensorData("codes", (codes,), (codes,)), epochs=20, batch_size=64, lr=0.03)
    assert float(prior.loss(codes).mean().detach()) == pytest.approx(2 * math.log(4), abs=0.05)
