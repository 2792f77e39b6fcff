"""Diagrams of the two kinds of models: layer after layer, from an image to its copy."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

from vae_lessons.diagrams.drawing import Drawing, Line, Node, Point
from vae_lessons.diagrams.page import Diagram
from vae_lessons.models.layers import positive_ints


class Layout(NamedTuple):
    """Where things are: along the flow from one to the next, or across it from the middle."""

    turned: bool
    length: float  # of all layers, along
    pitch: tuple[float, float]  # from one layer to the next, along: at least and at most
    thickness: float  # of a layer, along
    extents: tuple[float, float]  # of layers, across: without units, and with the most units
    cell: float  # each half of q, across
    loss: Point  # size of a term of the loss
    names: float
    error: float
    rate: float
    fit: float
    noise: float
    q_name: float
    sample: tuple[float, float, str]  # the formula of z: along from z, across, and which end of it is there


WIDE = Layout(
    turned=False, length=585, pitch=(72, 130), thickness=54, extents=(44, 150), cell=56, loss=(92, 46),
    names=-92, error=116, rate=-134, fit=146, noise=96, q_name=78, sample=(28, 98, "start"),
)  # fmt: skip
NARROW = Layout(
    turned=True, length=math.inf, pitch=(64, 64), thickness=42, extents=(52, 116), cell=50, loss=(46, 76),
    names=-66, error=108, rate=-106, fit=126, noise=90, q_name=60, sample=(0, -62, "end"),
)  # fmt: skip


class Layer(NamedTuple):
    size: int
    look: str  # a class of the drawing; or "q", which has two layers in it
    symbol: str = ""


def autoencoder_diagram(image_shape: Sequence[int], hidden: Sequence[int], latent_dim: int) -> Diagram:
    """x -> z -> x_hat, with all layers and the loss.

    image_shape : (H, W) in pixels; hidden : widths of the encoder's hidden layers; latent_dim : K

    Raises ValueError for what is not made of positive whole numbers.
    """
    layers, words = _networks(image_shape, hidden, latent_dim)
    alt = (
        f"{words.image} goes into {words.encoder}, and out comes the code z, {words.code}. The code goes "
        f"into {words.decoder}, and out comes the copy x̂, as large as x. A box for the loss has arrows from x and from "
        "x̂: the squared distance of the two."
    )
    return Diagram(alt, *(_draw_autoencoder(layers, layout) for layout in _layouts(len(layers))))


def vae_diagram(image_shape: Sequence[int], hidden: Sequence[int], latent_dim: int) -> Diagram:
    """x -> (mu, log σ²) -> z = mu + σ ε -> x_hat, with all layers, and the two terms of the loss.

    Parameters and errors are those of `autoencoder_diagram`.
    """
    layers, words = _networks(image_shape, hidden, latent_dim)
    layers.insert(len(layers) // 2, Layer(latent_dim, "q"))
    alt = (
        f"{words.image} goes into {words.encoder}, and out come μ and log σ², {words.code} each, of the distribution "
        "q(z | x). The code z is computed from them and from ε, the only circle in the picture, which no arrow enters: "
        f"z = μ + σ ⊙ ε. It goes into {words.decoder}, and out comes the mean image x̂. The loss has two terms. "
        "The rate, KL(q ‖ p), has an arrow from q alone; the fit, log p(x | z), has one from x̂ and one from x."
    )
    return Diagram(alt, *(_draw_vae(layers, layout) for layout in _layouts(len(layers))))


class Words(NamedTuple):
    image: str
    encoder: str
    decoder: str
    code: str


def _networks(image_shape: Sequence[int], hidden: Sequence[int], latent_dim: int) -> tuple[list[Layer], Words]:
    """All layers from x to x̂, z in their middle, and words for them."""
    height, width = positive_ints("image_shape", image_shape, length=2)
    hidden = positive_ints("hidden", hidden)
    (latent_dim,) = positive_ints("latent_dim", [latent_dim])
    n_pixels = height * width
    words = Words(
        f"An image x of {height} × {width} = {n_pixels:,} pixels",
        f"the encoder φ{_of_sizes(hidden)}",
        f"the decoder θ{_of_sizes(hidden[::-1])}",
        f"{latent_dim:,} {'number' if latent_dim == 1 else 'numbers'}",
    )
    into = [Layer(n_pixels, "data", "x"), *(Layer(n, "encoder") for n in hidden)]
    out_of = [*(Layer(n, "decoder") for n in reversed(hidden)), Layer(n_pixels, "data", "x̂")]
    return [*into, Layer(latent_dim, "ink", "z"), *out_of], words


def _of_sizes(hidden: Sequence[int]) -> str:
    sizes = [f"{n:,}" for n in hidden]
    if not sizes:
        return ", which has no hidden layer"
    listed = " and ".join(filter(None, [", ".join(sizes[:-1]), sizes[-1]]))
    return f", whose hidden {'layer has' if len(sizes) == 1 else 'layers have'} {listed} units"


def _layouts(count: int) -> list[Layout]:
    """Those in which so many layers have room side by side."""
    return [layout for layout in (WIDE, NARROW) if _pitch(layout, count) >= layout.pitch[0]]


def _pitch(layout: Layout, count: int) -> float:
    return min(layout.pitch[1], (layout.length - layout.thickness) / (count - 1))


def _draw_autoencoder(layers: Sequence[Layer], layout: Layout) -> Drawing:
    drawing = Drawing(layout.turned)
    pitch = _pitch(layout, len(layers))
    nodes = _draw_networks(drawing, layout, layers, pitch)
    terms = Line("words", "loss"), Line("formula", "‖x − x̂‖²")
    loss = drawing.node(len(layers) // 2 * pitch, layout.error, layout.loss, "ink", *terms)
    drawing.elbow(nodes[0], loss, "data")
    drawing.elbow(nodes[-1], loss, "data")
    return drawing


def _draw_vae(layers: Sequence[Layer], layout: Layout) -> Drawing:
    drawing = Drawing(layout.turned)
    pitch = _pitch(layout, len(layers))
    at_z, at_end = len(layers) // 2 * pitch, (len(layers) - 1) * pitch
    nodes = _draw_networks(drawing, layout, layers, pitch)
    (x, x_hat), (q, z) = (nodes[0], nodes[-1]), nodes[len(layers) // 2 - 1 :][:2]
    noise = drawing.node(at_z, layout.noise, (38, 38), "ink", Line("symbol", "ε"), is_round=True)
    along, across, anchor = layout.sample
    drawing.text(at_z + along, across, Line("formula", "z = μ + σ ⊙ ε"), anchor=anchor)
    terms = Line("words", "rate"), Line("formula", "KL(q ‖ p)")
    rate = drawing.node(at_z - pitch, layout.rate, layout.loss, "ink", *terms)
    fit = drawing.node(at_end, layout.fit, layout.loss, "ink", Line("words", "fit"), Line("formula", "log p(x | z)"))
    for start, end in ((noise, z), (q, rate), (x_hat, fit)):
        drawing.arrow(start, end)
    drawing.elbow(x, fit, "data")
    return drawing


def _draw_networks(drawing: Drawing, layout: Layout, layers: Sequence[Layer], pitch: float) -> list[Node]:
    """Layers side by side with arrows from each to the next, and the networks' names beside them."""
    nodes = _draw_layers(drawing, layout, layers, pitch)
    end, z, encoded = len(layers) - 1, len(layers) // 2, (len(layers) - 1) // 2
    networks = ("encoder ϕ", nodes[: z + 1], encoded / 2), ("decoder θ", nodes[z:], (z + end) / 2)
    for name, its_nodes, middle in networks:
        for start, stop in itertools.pairwise(its_nodes):
            drawing.arrow(start, stop, name.split()[0])
        anchor = "end" if layout.turned else "middle"
        drawing.text(middle * pitch, layout.names, Line("words", name), anchor=anchor)
    return nodes


def _draw_layers(drawing: Drawing, layout: Layout, layers: Sequence[Layer], pitch: float) -> list[Node]:
    """The larger a layer the longer, by the square root of its size."""
    smallest, largest = layout.extents
    scale = (largest - smallest) / math.sqrt(max(layer.size for layer in layers))
    nodes = []
    for i, (size, look, symbol) in enumerate(layers):
        if look == "q":
            nodes.append(_draw_q(drawing, layout, i * pitch, size))
            continue
        lines = *([Line("symbol", symbol)] if symbol else []), Line("detail", f"{size:,}")
        extent = smallest + scale * math.sqrt(size)
        nodes.append(drawing.node(i * pitch, 0, (layout.thickness, extent), look, *lines))
    return nodes


def _draw_q(drawing: Drawing, layout: Layout, along: float, latent_dim: int) -> Node:
    """The encoder's distribution, and its two parameters within."""
    for side, symbol in ((-1, "μ"), (1, "log σ²")):
        style = "symbol" if symbol == "μ" else "formula"
        lines = Line(style, symbol), Line("detail", f"{latent_dim:,}")
        size = layout.thickness, layout.cell - 6
        drawing.node(along, side * layout.cell / 2, size, "encoder", *lines)
    anchor = "start" if layout.turned else "middle"
    drawing.text(along, layout.q_name, Line("formula", "q(z | x)"), anchor=anchor)
    return drawing.node(along, 0, (layout.thickness + 12, 2 * layout.cell + 6), "encoder around")
