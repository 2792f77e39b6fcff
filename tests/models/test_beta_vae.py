"""The β-VAE: its loss by hand, warm-up step by step, and free bits."""

import re
import warnings

import pytest
import torch
from model_helpers import SHAPE, images, seeded
from torch import distributions

from vae_lessons import Bernoulli, Gaussian, elbo, fit, load_images
from vae_lessons.data import TensorData
from vae_lessons.models import VAE, BetaVAE


def make(**settings) -> BetaVAE:
    return BetaVAE(SHAPE, 3, (7,), likelihood=Bernoulli(), generator=seeded(), **settings).double()


def terms_of(model: BetaVAE, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute the reconstruction term (B,) of one draw and the KL of each dimension (B, K), by torch.distributions."""
    mu, logvar = model.encode(x)
    q = distributions.Normal(mu, torch.exp(0.5 * logvar))
    z = q.rsample()
    p = distributions.Bernoulli(logits=model.likelihood_params(z), validate_args=False)
    return p.log_prob(x).sum(dim=(1, 2)), distributions.kl_divergence(q, distributions.Normal(0.0, 1.0))


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 4.0])
def test_the_loss_weighs_the_kl_by_beta(beta):
    model, x = make(beta=beta), images()
    torch.manual_seed(0)
    reconstruction, kl = terms_of(model, x)
    torch.manual_seed(0)
    torch.testing.assert_close(model.loss(x), beta * kl.sum(dim=1) - reconstruction)


def test_with_beta_one_it_is_a_vae():
    model, x = make(), images()
    plain = VAE(SHAPE, 3, (7,), likelihood=Bernoulli(), generator=seeded()).double()
    torch.manual_seed(0)
    expected = plain.loss(x)
    torch.manual_seed(0)
    assert torch.equal(model.loss(x), expected)


def test_the_warm_up_raises_the_weight_step_by_step_and_spares_the_evaluation():
    model, x = make(beta=2.0, warm_up=4), images()
    weights = []
    model.train()
    for _ in range(6):
        torch.manual_seed(0)
        reconstruction, kl = terms_of(model, x)
        torch.manual_seed(0)
        weights.append(float(((model.loss(x) + reconstruction) / kl.sum(dim=1)).mean().detach()))
    assert weights == pytest.approx([0, 0.5, 1, 1.5, 2, 2])
    fresh = make(beta=2.0, warm_up=4).eval()
    torch.manual_seed(0)
    before = fresh.loss(x)
    torch.manual_seed(0)
    assert torch.equal(fresh.loss(x), before)


def test_free_bits_put_a_floor_under_each_dimension_averaged_over_the_batch():
    x = images(8)
    for free_bits in (0.01, 0.1, 10.0):
        model = make(free_bits=free_bits)
        torch.manual_seed(0)
        reconstruction, kl = terms_of(model, x)
        floor = sum(max(free_bits, float(of_unit.mean())) for of_unit in kl.T)
        torch.manual_seed(0)
        torch.testing.assert_close(model.loss(x), floor - reconstruction)


def test_the_elbo_does_not_know_beta():
    x = images()
    torch.manual_seed(0)
    expected = elbo(make(), x).value
    torch.manual_seed(0)
    assert torch.equal(elbo(make(beta=8.0, free_bits=1.0), x).value, expected)


@pytest.mark.parametrize(
    ("warm_up", "expected"), [(0, []), (8, []), (9, [("9", "8")]), (30, [("30", "8"), ("22", "16")])]
)
def test_a_warm_up_longer_than_training_is_said(warm_up, expected):
    """Eight steps are taken, then sixteen; a longer warm-up never reaches the whole weight."""
    data = TensorData("grey", (images(64).float(),), (images(8).float(),))
    model = make(beta=1.0, warm_up=warm_up).float()
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        fit(model, data, epochs=2, batch_size=16, start_at_mean=False)
        fit(model, data, epochs=4, batch_size=16, start_at_mean=False)
    said = [re.search(r"(\d+) steps left and training takes (\d+)", str(warning.message)).groups() for warning in found]
    assert said == expected


def test_a_killed_warm_up_goes_on_where_it_was():
    model = make(beta=1.0, warm_up=30).float()
    fit(
        model,
        TensorData("grey", (images(64).float(),), (images(8).float(),)),
        epochs=2,
        batch_size=16,
        start_at_mean=False,
    )
    again = make(beta=1.0, warm_up=30).float()
    again.load_state_dict(model.state_dict())
    assert int(again.steps) == 8


@pytest.mark.parametrize("wrong", [{"beta": -1.0}, {"beta": float("nan")}, {"warm_up": -1}, {"free_bits": -0.1}])
def test_a_weight_that_makes_no_sense_is_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        make(**wrong)


def test_beta_times_variance_is_all_that_counts():
    """Trainings with the same βσ² are one training: Adam's steps hardly depend on a factor before the whole loss."""
    data, trained = load_images("digits"), []
    for beta, sigma in ((4, 0.1), (1, 0.2), (0.25, 0.4)):
        start = torch.Generator().manual_seed(0)
        vae = BetaVAE(data.image_shape, 4, (32,), likelihood=Gaussian(sigma), beta=beta, generator=start)
        fit(vae, data, epochs=5, device="cpu", precision="float32")
        torch.manual_seed(0)
        terms = elbo(vae, data.test)
        trained.append((terms.kl.mean().item(), (data.test - vae(data.test)).square().mean().item()))
    assert trained[0] == pytest.approx(trained[1], rel=0.01)
    assert trained[2] == pytest.approx(trained[1], rel=0.01)
    assert trained[1][0] > 1  # nats: there is a code to compare
