"""GraphPlane: its numbers by other routes, what it refuses, and how pairs of nodes are chosen."""

import itertools
import re

import numpy as np
import pytest
import torch
from live_figures import (
    graph_plane,
    html_of,
    middle_of,
    numbers_below,
    painted,
    printed,
    set_sliders,
    small_graph,
)
from matplotlib.transforms import Bbox
from playwright.sync_api import expect
from sklearn.metrics import roc_auc_score
from torch import Generator, nn
from torch.distributions import Normal
from traitlets import TraitError

from vae_lessons.data.graphs import Graph, block_graph, karate_club
from vae_lessons.figures import GraphPlane
from vae_lessons.models import VAE, Bilinear, GraphVAE
from vae_lessons.probability import Bernoulli

SOME = [(0, 1), (3, 20), (33, 0), (7, 7)]
PLANE = ".live-figure-panels > svg >> nth=0"


def bilinear(graph):
    decoder = Bilinear(2)
    with torch.no_grad():
        decoder.weight.copy_(torch.tensor([[2.0, 1.0], [-0.5, -3.0]]))
        decoder.intercept.fill_(-0.7)
    return GraphVAE(graph.features.shape[1], 2, (8,), decoder=decoder, generator=Generator().manual_seed(1))


# Numbers.


@pytest.mark.parametrize("pair", SOME)
def test_the_probability_is_that_of_the_model(pair):
    model, graph, data = small_graph()
    probabilities = model.link_probabilities(*data.train[:2])
    numbers = graph_plane(first=pair[0], second=pair[1]).numbers()
    assert numbers["probability"] == pytest.approx(float(probabilities[pair]), abs=1e-6)
    assert numbers["linked"] == float(graph.adjacency[pair])
    held_out = [set(nodes) for nodes in data.pairs.T.tolist()]
    assert numbers["held_out"] == float(set(pair) in held_out)


def test_a_bilinear_decoder_is_symmetric_as_the_models_is():
    graph = karate_club()
    model = bilinear(graph)
    probabilities = model.link_probabilities(graph.adjacency, graph.features)
    for first, second in SOME:
        numbers = GraphPlane(model, graph, first=first, second=second).numbers()
        assert numbers["probability"] == pytest.approx(float(probabilities[first, second]), abs=1e-6)
        assert numbers["held_out"] == 0


def test_javascript_computes_the_same_of_a_bilinear_decoder(numbers_in_javascript):
    graph = block_graph(40, 3, generator=Generator().manual_seed(0))
    model = bilinear(graph)
    points = [GraphPlane(model, graph, first=i, second=j) for i, j in ((0, 1), (39, 5), (3, 3))]
    for point, found in zip(points, numbers_in_javascript(points), strict=True):
        assert found == pytest.approx(point.numbers(), abs=1e-9)


def test_the_average_over_q_by_more_draws():
    model, _, data = small_graph()
    with torch.no_grad():
        mu, logvar = model.encode(*data.train[:2])
    torch.manual_seed(0)
    z = Normal(mu, (logvar / 2).exp()).sample((50_000,))
    for first, second in SOME[:3]:
        drawn = torch.sigmoid((z[:, first] * z[:, second]).sum(dim=1) + model.decoder.intercept.detach())
        found = graph_plane(first=first, second=second).numbers()["expected"]
        assert abs(found - float(drawn.mean())) < 4 * float(drawn.std()) / 8  # 64 draws


def test_the_mean_rank_of_links_is_the_auc():
    model, graph, data = small_graph()
    i, j = np.triu_indices(34, 1)
    scores = model.link_probabilities(*data.train[:2]).double().numpy()[i, j]
    auc = roc_auc_score(graph.adjacency.numpy()[i, j], scores)
    ranks = []
    figure = graph_plane()
    for first, second in graph.adjacency.triu().nonzero().tolist():
        figure.first, figure.second = first, second
        ranks.append(figure.numbers()["rank"])
    assert np.mean(ranks) == pytest.approx(auc, abs=1e-6)


def test_nodes_with_one_code_share_a_rank():
    graph = karate_club()
    model = bilinear(graph)
    with torch.no_grad():
        for weight in model.encoder.weights:
            weight.zero_()
    assert GraphPlane(model, graph).numbers()["rank"] == 0.5


def test_a_complete_graph_and_one_without_links_are_shown():
    for adjacency in (torch.zeros(5, 5), 1 - torch.eye(5)):
        graph = Graph("small", adjacency, torch.zeros(5, dtype=torch.int64))
        figure = GraphPlane(bilinear(graph), graph, first=2, second=4)
        assert figure.numbers()["linked"] == adjacency[2, 4]
        assert len(figure.still()) > 1000


# What it refuses, and what it weighs.

WRONG = {
    "a VAE": (lambda: (VAE((5, 5), 2, (4,), likelihood=Bernoulli()), karate_club()), TypeError, "a GraphVAE, got VAE"),
    "a decoder": (lambda: (GraphVAE(34, 2, decoder=nn.Identity()), karate_club()), TypeError, "decoder, got Identity"),
    "dimensions": (
        lambda: (GraphVAE(34, 3), karate_club()),
        ValueError,
        "two latent dimensions, which the",
    ),
    "a matrix": (lambda: (GraphVAE(34, 2), torch.eye(34)), TypeError, "graph must be a Graph, got Tensor"),
    "many nodes": (lambda: (GraphVAE(301, 2), block_graph(301)), ValueError, "at most 300 nodes, got 301"),
    "data": (lambda: (GraphVAE(34, 2), karate_club(), torch.eye(34)), TypeError, "data must be a LinkData"),
    "other data": (
        lambda: (GraphVAE(34, 2), karate_club(), block_graph(40).hold_out()),
        ValueError,
        "data must be of a graph with 34 nodes, got 40",
    ),
}


@pytest.mark.parametrize(("make", "error", "words"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_shown_is_refused_by_name(make, error, words):
    with pytest.raises(error, match=re.escape(words)):
        GraphPlane(*make())


def test_a_node_that_is_not_there_is_refused():
    with pytest.raises(TraitError, match="second must be a whole number from 0 to 33, got 34"):
        graph_plane(second=34)


def test_it_is_light(for_a_page):
    assert len(html_of(graph_plane())) < 80_000


# How it looks, and how pairs are chosen.


@pytest.mark.parametrize("pair", SOME)
def test_labels_of_the_still_lie_apart(pair, assert_labels_lie_apart):
    assert_labels_lie_apart(graph_plane(first=pair[0], second=pair[1]))


def test_the_still_prints_what_the_page_prints(drawing_of, open_page):
    below = numbers_below(drawing_of(graph_plane(first=0, second=5)))
    page, _ = open_page(graph_plane(first=0, second=5))
    texts = printed(page.locator("figure"))
    assert below == [float(texts[name]) for name in ("probability", "expected")]
    assert texts["status"] in ("linked", "linked, held out")


def test_the_status_is_printed_for_each_kind_of_pair(open_page):
    _, graph, data = small_graph()
    page, _ = open_page(graph_plane())
    linked, not_linked = (data.pairs.T[data.linked == kind][0].tolist() for kind in (True, False))
    stranger = next(node for node in range(1, 34) if not graph.adjacency[0, node] and node not in not_linked)
    expected = {
        (0, 0): "itself",
        tuple(linked): "linked, held out",
        tuple(not_linked): "not linked, held out",
        (0, stranger): "not linked",
    }
    for pair, text in expected.items():
        set_sliders(page, page.locator("figure"), pair)
        assert printed(page.locator("figure"))["status"] == text


def middle_of_link(page, place):
    """Where on the page the middle of one of the links is."""
    d = page.locator(".links").first.get_attribute("d").split("M")[1 + place]
    (left, top), (right, bottom) = (map(float, point.split(",")) for point in d.split("L"))
    matrix = page.locator(PLANE).evaluate("e => { const m = e.getScreenCTM(); return [m.a, m.e, m.f]; }")
    return matrix[1] + matrix[0] * (left + right) / 2, matrix[2] + matrix[0] * (top + bottom) / 2


def test_a_link_that_is_pointed_at_says_its_probability(open_page):
    page, troubles = open_page(graph_plane())
    before = printed(page.locator("figure"))
    page.mouse.move(*middle_of_link(page, 5))
    painted(page)
    said = page.locator(f"{PLANE} >> .name.decoder").text_content()
    first, second, probability = re.fullmatch(r"(\d+) and (\d+): (0\.\d\d\d)", said).groups()
    numbers = graph_plane(first=int(first), second=int(second)).numbers()
    assert numbers["linked"] == 1
    assert f"{numbers['probability']:.3f}" == probability
    assert printed(page.locator("figure")) == before  # to point is not to choose
    page.mouse.click(*middle_of_link(page, 5))
    painted(page)
    assert printed(page.locator("figure"))["probability"] == probability
    page.mouse.move(1, 1)
    expect(page.locator(f"{PLANE} >> .name.decoder")).to_have_text("")
    expect(page.locator("[aria-live=polite]")).to_contain_text("probability of a link")
    assert not troubles


def test_a_tap_chooses_a_link(open_page):
    page, troubles = open_page(graph_plane(first=33, second=33), width=390, has_touch=True)
    page.touchscreen.tap(*middle_of_link(page, 5))
    painted(page)
    assert printed(page.locator("figure"))["status"].startswith("linked")
    assert not troubles


def test_a_ring_can_be_dragged_to_another_node(open_page):
    page, troubles = open_page(graph_plane(first=0, second=33))
    ring = page.locator(".handle .knob").last
    x, y = middle_of(ring)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(*middle_of(page.locator(".handle .knob").first), steps=8)
    page.mouse.up()
    painted(page)
    values = [slider.get_attribute("aria-valuetext") for slider in page.get_by_role("slider").all()]
    assert values == ["node 0", "other node 0"]
    assert middle_of(ring) == pytest.approx(middle_of(page.locator(".handle .knob").first), abs=1)
    assert not troubles


def test_no_name_lies_on_another(open_page):
    page, _ = open_page(graph_plane(), width=800)
    figure = page.locator("figure")
    for pair in [*SOME, (1, 2), (13, 17), (26, 29)]:
        set_sliders(page, figure, pair)
        seen = [name for name in figure.locator("svg .name").all() if name.text_content()]
        boxes = {name.inner_html(): Bbox.from_bounds(*name.bounding_box().values()).padded(-2) for name in seen}
        for (name, one), (other, second) in itertools.combinations(boxes.items(), 2):
            assert Bbox.intersection(one, second) is None, (pair, name, other)
