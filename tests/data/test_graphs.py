"""Graphs: drawn with the probabilities they say, hidden from the encoder where they are tested, read from text."""

import pickle

import pytest
import torch
from scipy.spatial.distance import cdist
from torch import Generator

from vae_lessons.data import DataError, Graph, NotOnDiskError, block_graph, karate_club, load_cora, neighbour_graph
from vae_lessons.data.graphs import read_citations


def seeded(seed=0):
    return Generator().manual_seed(seed)


def test_a_block_graph_has_as_many_links_as_its_probabilities_say():
    graph = block_graph(240, 3, 0.3, 0.05, seeded())
    same = graph.labels[:, None] == graph.labels
    upper = torch.ones(240, 240).triu(1) > 0
    for kind, p in ((same, 0.3), (~same, 0.05)):
        links = graph.adjacency[kind & upper]
        assert abs(links.mean() - p) < 4 * (p * (1 - p) / len(links)) ** 0.5
        assert (graph.probability[kind] == p).all()
    assert graph.labels.bincount().tolist() == [80, 80, 80]
    assert graph.n_links == int(graph.adjacency[upper].sum())
    assert str(graph).startswith(f"block model: 240 nodes, {graph.n_links:,} links")


def test_held_out_pairs_are_hidden_from_both_sides():
    graph = block_graph(100, generator=seeded())
    data = graph.hold_out(0.2, seeded(1))
    seen, features, observed = data.train
    i, j = data.pairs
    n = round(0.2 * graph.n_links)
    assert data.linked.sum() == n
    assert len(data.linked) == 2 * n == len({frozenset(pair) for pair in data.pairs.T.tolist()})
    assert torch.equal(graph.adjacency[i, j] > 0, data.linked)
    for hidden in (seen, observed):
        assert torch.equal(hidden, hidden.T)
        assert not hidden[i, j].any()
    assert observed.sum() == 100 * 99 - 4 * n
    assert torch.equal(seen[observed > 0], graph.adjacency[observed > 0])
    assert torch.equal(features, torch.eye(100))
    assert data.whole


def test_a_graph_of_which_nothing_is_held_out_is_whole():
    graph = karate_club()
    seen, _, observed = graph.hold_out(0).train
    assert torch.equal(seen, graph.adjacency)
    assert torch.equal(observed, 1 - torch.eye(34))


def test_the_karate_club_is_the_published_one():
    club = karate_club()
    degrees = club.adjacency.sum(dim=1)
    assert (len(degrees), club.n_links) == (34, 78)
    assert (degrees[0], degrees[33], degrees[11]) == (16, 17, 1)  # the instructor, the officer, and one friend
    assert club.labels[0] != club.labels[33]
    assert club.labels.bincount().tolist() == [17, 17]


def test_neighbours_are_the_nearest_images():
    images = torch.rand(30, 3, 3, generator=seeded())
    graph = neighbour_graph(images, torch.zeros(30, dtype=torch.long), 4)
    flat = images.flatten(1).numpy()
    order = torch.from_numpy(cdist(flat, flat)).argsort(dim=1)[:, 1:5]
    chosen = torch.zeros(30, 30).scatter(1, order, 1.0)
    assert torch.equal(graph.adjacency, ((chosen + chosen.T) > 0).float())
    assert torch.equal(graph.features, images.flatten(1))


@pytest.mark.parametrize(
    ("adjacency", "message"),
    [
        (torch.ones(2, 3), "square"),
        (torch.full((2, 2), 0.5), "0 and 1"),
        (torch.eye(2), "empty diagonal"),
        (torch.tensor([[0.0, 1.0], [0.0, 0.0]]), "symmetric"),
    ],
)
def test_what_is_not_an_adjacency_matrix_is_refused(adjacency, message):
    with pytest.raises(ValueError, match=message):
        Graph("wrong", adjacency, torch.zeros(2, dtype=torch.long))


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(ValueError, match="share must be"):
        karate_club().hold_out(share)


# Cora


@pytest.fixture
def papers(tmp_path):
    """Two files of four papers, as Cora has them: a citation both ways, and one of itself."""
    (tmp_path / "cora.content").write_text("31\t0\t1\tTheory\n7\t1\t0\tGenetics\n12\t1\t1\tTheory\n9\t0\t0\tTheory\n")
    (tmp_path / "cora.cites").write_text("31\t7\n7\t31\n12\t9\n9\t9\n")
    return tmp_path


def test_citations_are_read_from_text(papers):
    graph = read_citations(papers / "cora.content", papers / "cora.cites")
    assert graph.adjacency.tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    assert graph.features.tolist() == [[0, 1], [1, 0], [1, 1], [0, 0]]
    assert graph.labels.tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("cora.cites", "31\t77\n"),  # a paper that is not there
        ("cora.cites", "31\n"),
        ("cora.content", "31\t0\t1\tTheory\n7\t1\tGenetics\n"),
        ("cora.content", "31\tzero\t1\tTheory\n"),
        ("cora.content", ""),
    ],
)
def test_files_that_do_not_fit_are_refused(papers, file, text):
    (papers / file).write_text(text)
    with pytest.raises(DataError, match="not two files of one citation graph"):
        read_citations(papers / "cora.content", papers / "cora.cites")


def test_a_pickle_is_not_opened(papers):
    """A pickle can run anything; this one would raise ZeroDivisionError."""

    class Bomb:
        def __reduce__(self):
            return eval, ("1 / 0",)

    (papers / "cora.content").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="not two files"):
        load_cora(papers)


def test_nothing_is_downloaded_unless_asked(papers, tmp_path):
    with pytest.raises(NotOnDiskError, match=r"load_cora\(download=True\) fetches it from file:"):
        load_cora(tmp_path / "empty", source=papers.as_uri())
    assert not (tmp_path / "empty").exists()


def test_what_is_downloaded_must_be_cora(papers, tmp_path):
    """The files of four papers arrive, and are refused for what they are."""
    with pytest.raises(DataError, match="'nodes': 4"):
        load_cora(tmp_path / "new", download=True, source=papers.as_uri())
    assert (tmp_path / "new" / "cora.cites").read_text() == (papers / "cora.cites").read_text()


def test_a_download_that_fails_says_from_where(tmp_path):
    nowhere = (tmp_path / "nowhere").as_uri()
    with pytest.raises(NotOnDiskError, match=f"{nowhere}/cora.content cannot be fetched"):
        load_cora(tmp_path / "new", download=True, source=nowhere)
