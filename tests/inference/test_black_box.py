"""Black-box variational inference, on a Gaussian posterior whose ELBO and gradient have closed forms."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from vae_lessons.inference import black_box_elbo
from vae_lessons.inference.black_box import ESTIMATORS
from vae_lessons.probability.distributions import DiagonalGaussian, FullGaussian

COV = torch.tensor([[1.0, 0.6], [0.6, 0.8]], dtype=torch.float64)
MEAN = torch.tensor([0.5, -1.0], dtype=torch.float64)
POSTERIOR = MultivariateNormal(MEAN, COV)
LOG_EVIDENCE = -3.0


def log_joint(z):
    return POSTERIOR.log_prob(z) + LOG_EVIDENCE


def start(family):
    mu = torch.tensor([[0.2, 0.3]], dtype=torch.float64, requires_grad=True)
    if family is DiagonalGaussian:
        other = torch.tensor([[-0.3, 0.4]], dtype=torch.float64, requires_grad=True)
    else:
        other = torch.tensor([[[0.9, 0.0], [0.2, 0.7]]], dtype=torch.float64, requires_grad=True)
    return family(mu, other), (mu, other)


def exact_elbo(q):
    """E_q[log p] + entropy, in closed form, with gradients."""
    scale = q.scale_tril[0]
    return LOG_EVIDENCE - torch.distributions.kl_divergence(MultivariateNormal(q.mu[0], scale_tril=scale), POSTERIOR)


@pytest.mark.parametrize("family", [DiagonalGaussian, FullGaussian])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_value_and_gradient_are_unbiased(estimator, family):
    q, parameters = start(family)
    exact = exact_elbo(q)
    expected = torch.cat([g.tril().flatten() for g in torch.autograd.grad(exact, parameters)])
    generator, draws, values = torch.Generator().manual_seed(1), [], []
    for _ in range(400):
        value = black_box_elbo(log_joint, q, 10, estimator, generator)
        gradients = torch.autograd.grad(value.sum(), parameters)
        draws.append(torch.cat([g.tril().flatten() for g in gradients]))
        values.append(float(value.detach()))
    draws, values = torch.stack(draws), torch.tensor(values)
    error = draws.std(dim=0) / math.sqrt(len(draws))
    assert ((draws.mean(dim=0) - expected).abs() < 4 * error + 1e-12).all()
    assert abs(float(values.mean() - exact.detach())) < 4 * float(values.std()) / math.sqrt(len(values))


def test_sticking_the_landing_has_no_noise_at_the_posterior():
    parameters = MEAN[None].clone().requires_grad_(), torch.linalg.cholesky(COV)[None].requires_grad_()
    gradients = {}
    for estimator in ESTIMATORS:
        value = black_box_elbo(log_joint, FullGaussian(*parameters), 5, estimator, torch.Generator().manual_seed(0))
        assert float(value) == pytest.approx(LOG_EVIDENCE)
        gradients[estimator] = torch.autograd.grad(value.sum(), parameters)[0]
    assert float(gradients["sticking the landing"].abs().max()) < 1e-12
    assert float(gradients["leave-one-out"].abs().max()) < 1e-12  # all f are log p(x)
    assert float(gradients["pathwise"].abs().max()) > 0.1
    assert float(gradients["score"].abs().max()) > 0.1


def test_score_needs_no_derivative():
    q, parameters = start(DiagonalGaussian)
    value = black_box_elbo(lambda z: log_joint(z).round(), q, 4, "leave-one-out", torch.Generator().manual_seed(0))
    assert all(g.abs().max() > 0 for g in torch.autograd.grad(value.sum(), parameters))


def test_rows_are_independent():
    """Two posteriors at once: each row has its own baseline."""
    mu = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)
    shift = torch.tensor([0.0, 1000.0], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    value = black_box_elbo(
        lambda z: log_joint(z) + shift, DiagonalGaussian(mu, torch.zeros_like(mu)), 100, "leave-one-out", generator
    )
    (gradient,) = torch.autograd.grad(value.sum(), mu)
    assert float(value[1] - value[0]) == pytest.approx(1000, abs=2)
    assert float(gradient.abs().max()) < 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((log_joint, 4, "reinforce"), "estimator must be one of"),
        ((log_joint, 1, "leave-one-out"), "n_samples must be at least 2"),
        ((log_joint, 0, "pathwise"), "n_samples must be at least 1"),
        ((lambda z: log_joint(z).sum(), 4, "pathwise"), "log_joint must map"),
    ],
)
def test_errors_say_what_to_do(arguments, message):
    function, n_samples, estimator = arguments
    with pytest.raises(ValueError, match=message):
        black_box_elbo(function, start(DiagonalGaussian)[0], n_samples, estimator)
