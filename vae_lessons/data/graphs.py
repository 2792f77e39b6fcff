"""Graphs: drawn from a stochastic block model, made of neighbouring images, or read; and links held out for a test."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Generator, Tensor

from vae_lessons.data.dataset import TensorData
from vae_lessons.data.downloads import DataError, NotOnDiskError
from vae_lessons.data.images import data_root
from vae_lessons.validation import check_finite, check_int, check_same_length, check_tensors

CORA_SOURCE = "https://raw.githubusercontent.com/tkipf/pygcn/master/data/cora"
CORA_FILES = ("cora.content", "cora.cites")
CORA_SIZES = {"nodes": 2708, "links": 5278, "features": 1433}


@dataclass(frozen=True, eq=False)
class Graph:
    """A graph whose links have no direction, with none from a node to itself.

    Parameters
    ----------
    name : str
    adjacency : Tensor, (N, N)
        A, 1 for a link and 0 elsewhere, float32.
    labels : Tensor, (N,), int64
        The class of each node, which no model sees.
    features : Tensor, (N, F), optional
        What is known about each node; by default the identity matrix, which says only which node it is.
    probability : Tensor, (N, N), optional
        Of a link between two nodes, where it is known.

    Raises
    ------
    ValueError
        For an adjacency matrix that is not square, not symmetric, not of 0 and 1, or has a link from a node to itself.
    TypeError
        For what is not a tensor.
    """

    name: str
    adjacency: Tensor
    labels: Tensor
    features: Tensor | None = None
    probability: Tensor | None = None

    def __post_init__(self) -> None:
        if self.features is None:
            object.__setattr__(self, "features", torch.eye(len(self.adjacency)))
        adjacency = self.adjacency
        check_tensors(adjacency=adjacency, labels=self.labels, features=self.features)
        check_same_length(adjacency=adjacency, labels=self.labels, features=self.features)
        check_finite("features", self.features, "node")
        if adjacency.dim() != 2 or adjacency.shape[0] != adjacency.shape[1]:
            raise ValueError(f"adjacency must be square, (N, N), got {tuple(adjacency.shape)}")
        if not ((adjacency == 0) | (adjacency == 1)).all():
            raise ValueError("adjacency must be made of 0 and 1")
        if adjacency.diagonal().any() or not torch.equal(adjacency, adjacency.T):
            raise ValueError(
                "adjacency must be symmetric with an empty diagonal: for directed links, ((A + A.T) > 0).float()"
            )

    @property
    def n_links(self) -> int:
        """How many pairs are linked, each counted once."""
        return int(self.adjacency.sum()) // 2

    def hold_out(self, share: float = 0.15, generator: Generator | None = None) -> "LinkData":
        """Hold out a `share` of the links, and as many pairs without one; with 0, the graph is whole.

        Raises ValueError for a share that is not from 0 to below 1.
        """
        if not 0 <= share < 1:
            raise ValueError(f"share must be from 0 to below 1, got {share}")
        i, j = torch.triu_indices(*self.adjacency.shape, offset=1)
        linked, n = self.adjacency[i, j] > 0, round(share * self.n_links)
        kinds = [kind.nonzero().squeeze(1) for kind in (linked, ~linked)]
        chosen = torch.cat([kind[torch.randperm(len(kind), generator=generator)[:n]] for kind in kinds])
        pairs = torch.stack([i[chosen], j[chosen]])  # (2, P)
        observed = 1 - torch.eye(len(self.adjacency))
        observed[pairs[0], pairs[1]] = observed[pairs[1], pairs[0]] = 0.0
        columns = self.adjacency * observed, self.features, observed
        return LinkData(self.name, columns, columns, whole=True, unit="node", pairs=pairs, linked=linked[chosen])

    def __str__(self) -> str:
        n, density = len(self.adjacency), self.adjacency.sum() / len(self.adjacency) / (len(self.adjacency) - 1)
        return f"{self.name}: {n:,} nodes, {self.n_links:,} links, {100 * density:.2g} % of all pairs"


@dataclass(frozen=True, eq=False, kw_only=True)
class LinkData(TensorData):
    """A graph to train on, whole, and the pairs held out from it: both splits are (adjacency, features, observed).

    The adjacency has 0 for the held-out pairs, and so has `observed`, which is 1 for all other pairs of two nodes.

    Attributes
    ----------
    pairs : Tensor, (2, P)
        The nodes of the held-out pairs.
    linked : Tensor, (P,), bool
        Which of them are linked.
    """

    pairs: Tensor
    linked: Tensor


def block_graph(
    n_nodes: int = 300,
    n_blocks: int = 4,
    inside: float = 0.2,
    outside: float = 0.03,
    generator: Generator | None = None,
) -> Graph:
    """Draw a graph from a stochastic block model: each pair is linked with a probability that is known.

    Parameters
    ----------
    n_nodes, n_blocks : int
        The blocks, which are the labels, have the same size, or sizes that differ by one node.
    inside, outside : float
        Probability of a link between two nodes of the same block, and of two blocks.
    generator : Generator, optional
        Source of the draws; PyTorch's own by default.
    """
    n_nodes, n_blocks = check_int("n_nodes", n_nodes), check_int("n_blocks", n_blocks, maximum=n_nodes)
    labels = torch.arange(n_nodes) * n_blocks // n_nodes
    probability = torch.where(labels.unsqueeze(1) == labels, inside, outside)
    upper = torch.bernoulli(probability, generator=generator).triu(diagonal=1)
    return Graph("block model", upper + upper.T, labels, probability=probability)


def neighbour_graph(images: Tensor, labels: Tensor, n_neighbours: int = 5, name: str = "neighbours") -> Graph:
    """Link each image (N, H, W) with its nearest ones, by the distance of their pixels, which are the features."""
    from sklearn.neighbors import kneighbors_graph  # takes long to import

    features = images.flatten(1)
    nearest = torch.from_numpy(kneighbors_graph(features.numpy(), n_neighbours).toarray())
    return Graph(name, torch.maximum(nearest, nearest.T).float(), labels, features)


def karate_club() -> Graph:
    """Give the friendships of 34 members of a karate club, and to which of two clubs each went after it split.

    Source: Zachary (1977), through networkx.
    """
    import networkx  # comes with torch

    club = networkx.karate_club_graph()
    adjacency = torch.from_numpy(networkx.to_numpy_array(club, weight=None)).float()
    labels = torch.tensor([int(side == "Officer") for _, side in club.nodes(data="club")])
    return Graph("karate club", adjacency, labels)


def load_cora(root: str | Path | None = None, *, download: bool = False, source: str = CORA_SOURCE) -> Graph:
    """Read Cora: 2,708 papers in 7 subjects, their 5,278 citations, and which of 1,433 words each has.

    It is read from two text files, so nothing is unpickled. Source: McCallum et al. (2000); Sen et al. (2008).

    Parameters
    ----------
    root : str or Path, optional
        The folder with `cora.content` and `cora.cites`; by default `cora` in the folder of the data.
    download : bool
        Whether to fetch what is missing, about 8 MB, from `source`. Nothing is fetched otherwise.
    source : str
        Address of a folder with the two files.

    Raises
    ------
    NotOnDiskError
        For files that are missing, if `download` is false or does not succeed.
    DataError
        For files that hold something else.
    """
    folder = data_root() / "cora" if root is None else Path(root)
    for file in CORA_FILES:
        if not (folder / file).is_file():
            _fetch(folder / file, f"{source}/{file}", download)
    graph = read_citations(folder / "cora.content", folder / "cora.cites")
    sizes = dict(zip(CORA_SIZES, (len(graph.labels), graph.n_links, graph.features.shape[1]), strict=True))
    if sizes != CORA_SIZES:
        raise DataError(f"{folder} does not hold Cora: {sizes} instead of {CORA_SIZES}. Delete its two files.")
    return graph


def read_citations(content: Path, cites: Path) -> Graph:
    """Read a graph of papers: lines `paper word … word subject` and lines `cited citing`, all parts apart by blanks.

    Raises DataError for lines that do not fit, and for citations of papers that are not there.
    """
    try:
        rows = [line.split() for line in content.read_text(encoding="ascii").splitlines()]
        place = {paper: n for n, (paper, *_) in enumerate(rows)}
        features = torch.tensor([[float(word) for word in words] for _, *words, _ in rows])
        subjects = sorted({subject for *_, subject in rows})
        labels = torch.tensor([subjects.index(subject) for *_, subject in rows])
        links = [line.split() for line in cites.read_text(encoding="ascii").splitlines()]
        ends = torch.tensor([[place[cited], place[citing]] for cited, citing in links]).T
    except (ValueError, KeyError, OSError) as error:
        raise DataError(f"{content} and {cites} are not two files of one citation graph: {error!r}") from error
    adjacency = torch.zeros(len(rows), len(rows))
    adjacency[ends[0], ends[1]] = adjacency[ends[1], ends[0]] = 1.0
    return Graph(content.stem, adjacency.fill_diagonal_(0), labels, features)


def _fetch(path: Path, address: str, download: bool) -> None:
    if not download:
        raise NotOnDiskError(f"{path} is not there. load_cora(download=True) fetches it from {address}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(address, str(path), progress=False)
    except OSError as error:
        raise NotOnDiskError(f"{path} is not there, and {address} cannot be fetched: {error}") from error
