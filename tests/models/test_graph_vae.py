"""VAEs of graphs: against networkx, the published formula in PyTorch's own losses, and sums over all codes."""

import itertools
import math

import networkx
import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score
from torch import Generator
from torch.distributions import Bernoulli, Categorical, Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits

from vae_lessons import fit
from vae_lessons.data import block_graph, karate_club
from vae_lessons.models import Bilinear, BlockVAE, GraphVAE, InnerProduct
from vae_lessons.models.graph_vae import GraphConvolution, normalised_adjacency


def seeded(seed=0):
    return Generator().manual_seed(seed)


@pytest.fixture
def data():
    return block_graph(20, 2, 0.6, 0.2, seeded()).hold_out(0.2, seeded(1))


def observed_pairs(observed):
    return [(i, j) for i, j in itertools.combinations(range(len(observed)), 2) if observed[i, j]]


def test_the_normalised_adjacency_is_that_of_networkx():
    club = networkx.karate_club_graph()
    club.add_edges_from((n, n) for n in club)
    loops = networkx.to_numpy_array(club, weight=None)
    expected = np.diag(loops.sum(1) ** -0.5) @ loops @ np.diag(loops.sum(1) ** -0.5)
    mixed = normalised_adjacency(karate_club().adjacency)
    torch.testing.assert_close(mixed, torch.from_numpy(expected).float())
    assert torch.linalg.eigvalsh(mixed.double()).amax() == pytest.approx(1, abs=1e-6)


def test_a_convolution_is_its_two_lines(data):
    adjacency, features, _ = data.train
    network = GraphConvolution([20, 5, 3], seeded())
    first, second = (weight.detach() for weight in network.weights)
    s = normalised_adjacency(adjacency)
    torch.testing.assert_close(network(adjacency, features).detach(), s @ torch.relu(s @ features @ first) @ second)
    linear = GraphConvolution([20, 3], seeded())
    torch.testing.assert_close(linear(adjacency, features).detach(), s @ features @ linear.weights[0].detach())


@pytest.mark.parametrize("decoder", [InnerProduct(), InnerProduct(intercept=True), Bilinear(3, 0.7)])
def test_the_elbo_counts_each_observed_pair_once(data, decoder):
    adjacency, features, observed = data.train
    vae = GraphVAE(20, 3, (5,), decoder=decoder, generator=seeded())
    with torch.no_grad():
        mu, logvar = vae.encode(adjacency, features)
        terms = vae.elbo(adjacency, features, observed, seeded(2))
        z = mu + torch.exp(0.5 * logvar) * torch.randn(20, 3, generator=seeded(2))
        logits = decoder(z)
        of_pairs = [Bernoulli(logits=logits[i, j]).log_prob(adjacency[i, j]) for i, j in observed_pairs(observed)]
        kl = kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(terms.reconstruction.sum(), sum(of_pairs))
    torch.testing.assert_close(terms.kl, kl)
    torch.testing.assert_close(logits, logits.T)


def test_names_of_nodes_do_not_matter(data):
    """With features that move with the nodes, a permutation of these moves the codes along."""
    adjacency, _, _ = data.train
    features = torch.randn(20, 4, generator=seeded(3))
    order = torch.randperm(20, generator=seeded(4))
    vae = GraphVAE(4, 2, generator=seeded())
    there = vae.code(adjacency[order][:, order], features[order])
    torch.testing.assert_close(there, vae.code(adjacency, features)[order])


def test_the_published_objective_is_that_of_the_published_code(data):
    """Its mean over N² pairs and its KL over N², in PyTorch's losses, times N² and divided among the nodes."""
    adjacency, features, observed = data.train
    vae = GraphVAE(20, 3, published=True, generator=seeded())
    mu, logvar = vae.encode(adjacency, features)
    torch.manual_seed(5)
    logits = vae.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))
    weight = (400 - adjacency.sum()) / adjacency.sum()
    norm = 400 / (2 * (400 - adjacency.sum()))
    target = adjacency + torch.eye(20)
    cost = norm * binary_cross_entropy_with_logits(logits, target, pos_weight=weight)
    kl = 0.5 / 20 * (mu.square() + logvar.exp() - 1 - logvar).sum(dim=1).mean()
    torch.manual_seed(5)
    loss = vae.loss(adjacency, features, observed)
    torch.testing.assert_close(loss.sum(), 400 * (cost + kl))


@pytest.mark.parametrize("assortative", [True, False])
def test_the_elbo_of_blocks_is_the_sum_over_all_codes(assortative):
    adjacency, features, observed = block_graph(6, 2, 0.9, 0.3, seeded()).hold_out(0.2, seeded(1)).train
    vae = BlockVAE(6, 2, assortative=assortative, generator=seeded())
    with torch.no_grad():
        vae.shares.copy_(torch.tensor([0.3, -0.4]))
        vae.decoder.weight.add_(torch.tensor([[0.5, 0.2], [-1.0, 0.1]]))
        log_q, terms = vae.encode(adjacency, features), vae.elbo(adjacency, features, observed)
        logits, prior = vae.block_logits(), Categorical(logits=vae.shares)
        elbo, evidence = 0.0, 0.0
        for blocks in itertools.product(range(2), repeat=6):
            log_likelihood = sum(
                float(Bernoulli(logits=logits[blocks[i], blocks[j]]).log_prob(adjacency[i, j]))
                for i, j in observed_pairs(observed)
            )
            log_prior = float(prior.log_prob(torch.tensor(blocks)).sum())
            log_of_q = float(log_q[range(6), list(blocks)].sum())
            elbo += math.exp(log_of_q) * (log_likelihood + log_prior - log_of_q)
            evidence += math.exp(log_likelihood + log_prior)
    assert float(terms.value.sum()) == pytest.approx(elbo, rel=1e-5)
    assert elbo < math.log(evidence)
    assert (logits.diagonal().mean() > logits[0, 1]) == assortative


@pytest.mark.parametrize(("inside", "outside"), [(0.5, 0.1), (0.1, 0.5)])
def test_training_finds_the_blocks_whichever_way_they_link(inside, outside):
    graph = block_graph(90, 3, inside, outside, seeded())
    data = graph.hold_out(0)
    vae = BlockVAE(90, 5, assortative=inside > outside, warm_up=75, generator=seeded())
    fit(vae, data, epochs=150, lr=0.05, precision="float32")
    with torch.no_grad():
        blocks = vae.code(*data.train[:2]).argmax(dim=1)
        elbo, loss = float(vae.elbo(*data.train).value.sum()), float(vae.loss(*data.train).sum())
    assert adjusted_rand_score(graph.labels, blocks) > 0.95
    density = data.train[0].sum() / (90 * 89)
    coin = 90 * 89 / 2 * float(torch.special.entr(torch.stack([density, 1 - density])).sum())
    assert elbo > -coin
    assert loss == pytest.approx(-elbo)  # when training is over the KL term has its whole weight
    torch.testing.assert_close(vae.link_probabilities(*data.train[:2]).mean(), density, atol=0.03, rtol=0)


def test_an_intercept_starts_at_the_share_of_links():
    adjacency = karate_club().adjacency
    for decoder in (InnerProduct(intercept=True), Bilinear(2)):
        vae = GraphVAE(34, 2, decoder=decoder)
        vae.start_at_mean(adjacency.mean(dim=0))
        assert torch.sigmoid(decoder.intercept).item() == pytest.approx(2 * 78 / 34**2, rel=1e-5)
        decoder.intercept.data.fill_(1.5)
        vae.start_at_mean(adjacency.mean(dim=0))
        assert decoder.intercept.item() == 1.5
    GraphVAE(34, 2).start_at_mean(adjacency.mean(dim=0))  # has none


def test_one_seed_gives_one_model():
    first, second, third = (list(GraphVAE(9, 2, generator=seeded(s)).parameters()) for s in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0], third[0])


@pytest.mark.parametrize(("sizes", "error"), [((0, 2), ValueError), ((9, 2.5), ValueError)])
def test_sizes_that_are_not_whole_are_refused(sizes, error):
    with pytest.raises(error, match="sizes must be"):
        GraphVAE(*sizes)
