"""Training on what is not images: points in the plane, pairs, and one graph taken whole, against closed forms."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from training_helpers import OneNumber

from vae_lessons import TensorData, fit, fit_or_load


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class PlaneGaussian(nn.Module):
    """N(mu, diag σ²) over points."""

    def __init__(self):
        super().__init__()
        self.mu, self.log_sigma = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))

    def loss(self, x):
        return -torch.distributions.Normal(self.mu, self.log_sigma.exp()).log_prob(x).sum(dim=1)


class LinearPosterior(nn.Module):
    """q(θ | x) = N(a x + b, σ²), for pairs (θ, x)."""

    def __init__(self):
        super().__init__()
        self.mean, self.log_sigma = nn.Linear(1, 1), nn.Parameter(torch.zeros(()))
        nn.init.zeros_(self.mean.weight)
        nn.init.zeros_(self.mean.bias)

    def loss(self, theta, x, scale=1.0):
        return -scale * torch.distributions.Normal(self.mean(x), self.log_sigma.exp()).log_prob(theta).sum(dim=1)


class SmoothNodes(nn.Module):
    """Values z of nodes, near their features f and alike across edges: sum (z - f)² + sum over edges (z_i - z_j)²."""

    def __init__(self, n_nodes: int):
        super().__init__()
        self.z, self.seen = nn.Parameter(torch.zeros(n_nodes)), []

    def loss(self, features, edges):
        if torch.is_grad_enabled():
            self.seen.append((features, edges))
        return torch.cat([self.z - features, self.z[edges[0]] - self.z[edges[1]]]).square()


@pytest.fixture
def points() -> TensorData:
    def draw(n, seed):
        return (torch.tensor([2.0, -1.0]) + torch.tensor([0.5, 2.0]) * torch.randn(n, 2, generator=seeded(seed)),)

    return TensorData("points", draw(401, 0), draw(50, 1), unit="point")


@pytest.fixture
def pairs() -> TensorData:
    """θ ~ N(0, 1), x | θ ~ N(θ, 1 / 4)."""

    def draw(n, seed):
        theta, noise = torch.randn(2, n, 1, generator=seeded(seed))
        return theta, theta + noise / 2

    return TensorData("pairs", draw(20_000, 0), draw(50, 1), unit="pair")


@pytest.fixture
def graph() -> TensorData:
    """A ring of seven nodes."""
    columns = torch.randn(7, generator=seeded()), torch.stack([torch.arange(7), (torch.arange(7) + 1) % 7])
    return TensorData("ring", columns, columns, whole=True, unit="value")


def test_points_reach_maximum_likelihood(points):
    model, (x,) = PlaneGaussian(), points.columns("train")
    history = fit(model, points, epochs=300, lr=0.03, batch_size=401)
    torch.testing.assert_close(model.mu.detach(), x.mean(dim=0), atol=0.01, rtol=0)
    torch.testing.assert_close(model.log_sigma.detach().exp(), x.std(dim=0, correction=0), atol=0.01, rtol=0)
    entropy = float(torch.distributions.Normal(0, x.std(dim=0, correction=0)).entropy().sum())
    assert history.train_loss[-1] == pytest.approx(entropy, abs=1e-3)  # the least that the mean of -log p can be
    assert "points per second" in str(history)
    assert "per point" in str(history)


def test_pairs_reach_the_closed_form_posterior(pairs):
    """θ | x ~ N(4/5 x, 1/5)."""
    model = LinearPosterior()
    fit(model, pairs, epochs=20, lr=0.02)
    assert float(model.mean.weight.detach()) == pytest.approx(0.8, abs=0.02)
    assert float(model.mean.bias.detach()) == pytest.approx(0.0, abs=0.02)
    assert float(model.log_sigma.detach().exp()) == pytest.approx(0.2**0.5, abs=0.02)


def test_a_graph_is_one_step_an_epoch_on_all_of_it(graph):
    """And reaches (I + L)⁻¹ f, with L the graph's Laplacian."""
    model, (features, edges) = SmoothNodes(7), graph.columns("train")
    history = fit(model, graph, epochs=400, lr=0.05, device="cpu")
    laplacian = 2 * torch.eye(7) - torch.eye(7).roll(1, 0) - torch.eye(7).roll(-1, 0)
    torch.testing.assert_close(
        model.z.detach(), torch.linalg.solve(torch.eye(7) + laplacian, features), atol=1e-3, rtol=0
    )
    assert len(model.seen) == history.epochs == 400
    assert all(torch.equal(seen, features) and torch.equal(pairs, edges) for seen, pairs in model.seen)
    assert history.test_loss[-1] == pytest.approx(float(model.loss(features, edges).detach().mean()), rel=1e-5)


def test_cache_keeps_models_of_any_data(points, pairs, graph, tmp_path):
    for make, data in ((PlaneGaussian, points), (LinearPosterior, pairs), (lambda: SmoothNodes(7), graph)):
        first, second = make(), make()
        for model, loaded in ((first, False), (second, True)):
            assert fit_or_load(model, data, key="tests", folder=tmp_path, epochs=2).loaded == loaded
        assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_whole_data_have_another_key(tmp_path):
    """The same tensors in one step an epoch are another run."""
    x = torch.rand(20, 2, 2, generator=seeded())
    data = TensorData("rows", (x,), (x,))
    for each in (data, replace(data, whole=True)):
        assert not fit_or_load(OneNumber(), each, key="one", folder=tmp_path, epochs=1).loaded


def test_arguments_with_defaults_get_no_column(few):
    class LabelBlind(OneNumber):
        def loss(self, x, labels=None, *others):
            assert labels is None
            assert not others
            return super().loss(x)

    assert fit(LabelBlind(), few, epochs=1).epochs == 1


def test_too_few_columns_are_named(points, few):
    with pytest.raises(ValueError, match=r"a column for each argument of model\.loss\(theta, x\), points has 1"):
        fit(LinearPosterior(), points)
    model = OneNumber()
    model.loss = lambda a, b, c: a
    with pytest.raises(ValueError, match=r"model\.loss\(a, b, c\), digits has 2"):
        fit(model, few)


def test_loss_of_wrong_shape_is_named_in_the_datas_words(points, graph):
    model = PlaneGaussian()
    model.loss = lambda x: x
    with pytest.raises(ValueError, match=r"one value per point, shape \(2,\) for 2 points, got \(2, 2\)"):
        fit(model, points)
    model.loss = lambda features, edges: features.sum()
    with pytest.raises(ValueError, match=r"one value or more, shape \(n,\), got \(\): .*leave the mean to fit"):
        fit(model, graph)


def test_batch_size_of_whole_data_is_named(graph):
    with pytest.raises(ValueError, match="batch_size must be left out for data that are taken whole, got 3"):
        fit(SmoothNodes(7), graph, batch_size=3)
