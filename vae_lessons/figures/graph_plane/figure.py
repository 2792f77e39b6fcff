"""The latent plane of a graph VAE, and how likely a link between two nodes is."""

import math
from pathlib import Path

import torch
from torch import Generator
from traitlets import Dict, Unicode

from vae_lessons.data.graphs import Graph, LinkData
from vae_lessons.evaluation.plots import CLASS_COLOURS
from vae_lessons.figures.graph_plane.pairs import PlaneOfNodes
from vae_lessons.figures.graph_plane.snapshot import GraphPlaneSnapshot
from vae_lessons.figures.runtime.controls import Slider
from vae_lessons.figures.runtime.images import pack_floats
from vae_lessons.figures.runtime.widget import LiveFigure
from vae_lessons.models import GraphVAE
from vae_lessons.models.graph_vae import Bilinear, InnerProduct

N_DRAWS, SEED = 64, 0
MOST_NODES = 300
CAPTION = (
    "Each dot is the mean code of a node, each line a link; dashed ones were held out. Point at a link and it says its "
    "probability; click on it, or drag a ring to another node, to choose a pair. The shaded side is where a node would "
    "be linked to the first one with a probability above one half."
)


class GraphPlane(LiveFigure):
    """Nodes of a graph at their codes in the plane, and the probability σ(z_iᵀ W z_j + b) of a link between two.

    Its numbers are `probability`, at the means of q, and `expected`, averaged over draws from q; `rank`, the share of
    pairs without a link that have a lower probability, whose mean over all links is the AUC; `linked` and `held_out`, 1
    or 0, for what is known of the pair.

    Parameters
    ----------
    model : GraphVAE
        With two latent dimensions, and `InnerProduct` or `Bilinear` as its decoder.
    graph : Graph
        All links, and the classes of the nodes. At most 300 nodes.
    data : LinkData, optional
        What the model has seen of the graph; by default all of it.
    first, second : int
        The two nodes.
    caption : str
        Plain text below the figure.

    Raises
    ------
    TypeError
        For arguments of other classes, and for another decoder.
    ValueError
        For another number of latent dimensions, for more than 300 nodes, and for data of another size than the graph.
    TraitError
        For a node that is not there.
    """

    folder = Path(__file__).parent
    _nodes = Dict().tag(sync=True, state=True)
    _pairs = Dict().tag(sync=True, state=True)
    _noise = Unicode().tag(sync=True, state=True)

    def __init__(
        self,
        model: GraphVAE,
        graph: Graph,
        data: LinkData | None = None,
        *,
        first: int = 0,
        second: int = 1,
        caption: str = CAPTION,
    ) -> None:
        data = _checked(model, graph, data)
        self._plane = plane_of(model, graph, data)
        self._eps = torch.randn(N_DRAWS, 4, generator=Generator().manual_seed(SEED))
        last = len(graph.labels) - 1
        self.add_traits(
            first=Slider("node", "node", 0, last, step=1).trait(),
            second=Slider("other node", "other node", 0, last, step=1).trait(),
        )
        super().__init__(
            _nodes=self._plane.describe(),
            _pairs={"linked": self._plane.linked.T.tolist(), "held_out": self._plane.held_out.T.tolist()},
            _noise=pack_floats(self._eps),
            constants={"n_colours": len(CLASS_COLOURS), "reach": self._plane.reach},
            first=first,
            second=second,
            caption=caption,
        )

    def snapshot(self) -> GraphPlaneSnapshot:
        """Compute the probability of a link between the two nodes, and compare it with those of all pairs."""
        return GraphPlaneSnapshot.at(self._plane, self.first, self.second, self._eps.double())


@torch.no_grad()
def plane_of(model: GraphVAE, graph: Graph, data: LinkData) -> PlaneOfNodes:
    """Encode what a model has seen of a graph."""
    weight = next(model.parameters())
    adjacency, features, _ = (column.to(weight) for column in data.columns("train"))
    mu, logvar = (part.cpu().float() for part in model.encode(adjacency, features))
    decoder = model.decoder
    form = torch.eye(2) if isinstance(decoder, InnerProduct) else (decoder.weight + decoder.weight.T).cpu() / 2
    intercept = 0.0 if decoder.intercept is None else float(decoder.intercept)
    upper = torch.triu(graph.adjacency, diagonal=1)
    reach = max(1, math.ceil(1.05 * float(mu.abs().max())))
    return PlaneOfNodes(mu, logvar, graph.labels, form, intercept, upper.nonzero().T, data.pairs, reach)


def _checked(model: GraphVAE, graph: Graph, data: LinkData | None) -> LinkData:
    if not isinstance(model, GraphVAE):
        raise TypeError(f"model must be a GraphVAE, got {type(model).__name__}")
    if not isinstance(model.decoder, InnerProduct | Bilinear):
        raise TypeError(f"model must have an InnerProduct or a Bilinear decoder, got {type(model.decoder).__name__}")
    if model.latent_dim != 2:
        raise ValueError(f"model must have two latent dimensions, which the plane shows, got {model.latent_dim}")
    if not isinstance(graph, Graph):
        raise TypeError(f"graph must be a Graph, got {type(graph).__name__}")
    n_nodes = len(graph.labels)
    if n_nodes > MOST_NODES:
        raise ValueError(f"graph must have at most {MOST_NODES} nodes, got {n_nodes:,}")
    data = graph.hold_out(0) if data is None else data
    if not isinstance(data, LinkData):
        raise TypeError(f"data must be a LinkData, such as graph.hold_out() gives, got {type(data).__name__}")
    if len(data.train[0]) != n_nodes:
        raise ValueError(f"data must be of a graph with {n_nodes} nodes, got {len(data.train[0])}")
    return data
