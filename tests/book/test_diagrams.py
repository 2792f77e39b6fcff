"""The diagrams: what is connected with what, how a page shows it in both modes and at every width; and the logo."""

import importlib
import io
import itertools
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter
from matplotlib.colors import to_rgb
from PIL import Image
from scipy.ndimage import label

from vae_lessons.diagrams import (
    autoencoder_diagram,
    graphical_model_diagram,
    reparameterisation_diagram,
    vae_diagram,
)
from vae_lessons.diagrams.page import LIGHT, NARROW, WIDE, in_dark_mode

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"
DIAGRAMS = {
    "autoencoder": autoencoder_diagram((28, 28), (256, 128), 2),
    "shallow autoencoder": autoencoder_diagram((28, 28), (512,), 20),
    "linear autoencoder": autoencoder_diagram((8, 8), (), 1),
    "deep autoencoder": autoencoder_diagram((64, 64), (2048, 1024, 512), 512),
    "vae": vae_diagram((28, 28), (256, 128), 2),
    "shallow vae": vae_diagram((8, 8), (512,), 20),
    "linear vae": vae_diagram((8, 8), (), 2),
    "deep vae": vae_diagram((64, 64), (2048, 1024, 512), 512),
    "graphical model": graphical_model_diagram(),
    "graphical model, with encoder": graphical_model_diagram(with_encoder=True),
    "reparameterisation": reparameterisation_diagram(),
}
every_diagram = pytest.mark.parametrize("diagram", DIAGRAMS.values(), ids=DIAGRAMS)

sizes = st.integers(1, 4096)
shapes = st.tuples(st.integers(1, 64), st.integers(1, 64))
hidden_layers = st.lists(sizes, max_size=3)


class Node(NamedTuple):
    """A node as it stands in the SVG, called by the text in it."""

    name: str
    look: str
    is_round: bool
    left: float
    top: float
    right: float
    bottom: float

    def is_on_border(self, x, y):
        if self.is_round:
            middle = (self.left + self.right) / 2, (self.top + self.bottom) / 2
            return math.isclose(math.dist((x, y), middle), (self.right - self.left) / 2, abs_tol=0.05)
        inside = self.left - 0.05 < x < self.right + 0.05 and self.top - 0.05 < y < self.bottom + 0.05
        sides = (x, self.left), (x, self.right), (y, self.top), (y, self.bottom)
        return inside and any(math.isclose(one, other, abs_tol=0.05) for one, other in sides)


def drawings(diagram):
    return [ET.fromstring(drawing.svg()) for drawing in (diagram.wide, diagram.narrow) if drawing]


def classes(element):
    return element.get("class", "").split()


def words(element):
    return "".join(element.itertext()).replace("xˆ", "x̂")


def nodes(svg):
    """The nodes of a drawing in their order; the lines of text that follow a node are its own if they are in it."""
    found, parts = [], list(svg)
    for i, part in enumerate(parts):
        if "node" not in classes(part):
            continue
        shape = part[0].attrib
        if part[0].tag == f"{SVG}circle":
            x, y, r = (float(shape[name]) for name in ("cx", "cy", "r"))
            corners = x - r, y - r, x + r, y + r
        else:
            x, y, width, height = (float(shape[name]) for name in ("x", "y", "width", "height"))
            corners = x, y, x + width, y + height
        left, top, right, bottom = corners
        texts = itertools.takewhile(lambda part: part.tag == f"{SVG}text", parts[i + 1 :])
        own = [t for t in texts if left <= float(t.get("x")) <= right and top <= float(t.get("y")) <= bottom]
        found.append(Node(" ".join(map(words, own)), part.get("class"), "r" in shape, *corners))
    return found


def numbers(path):
    return [float(number) for number in re.findall(r"-?[\d.]+", path)]


def arrows(svg):
    """For each arrow its classes, the node at whose border it begins, and the node at whose border its tip is."""
    for part in svg:
        if "arrow" in classes(part):
            shaft, head = (numbers(path.get("d")) for path in part)
            ends = [[n for n in nodes(svg) if n.is_on_border(*point)] for point in (shaft[:2], head[2:4])]
            yield classes(part), *ends


def connections(svg, dashed=False):
    return [(start.name, end.name) for look, (start,), (end,) in arrows(svg) if ("dashed" in look) == dashed]


# What is drawn.


@every_diagram
def test_every_arrow_leads_from_the_border_of_one_node_to_that_of_another(diagram):
    for svg in drawings(diagram):
        found = list(arrows(svg))
        assert found
        for _, starts, ends in found:
            assert len(starts) == len(ends) == 1
            assert starts != ends


@given(shapes, hidden_layers, sizes)
def test_an_autoencoder_has_the_layers_it_was_given_and_a_loss_of_both_ends(image_shape, hidden, latent_dim):
    n_pixels = math.prod(image_shape)
    layers = [f"x {n_pixels:,}", *(f"{n:,}" for n in hidden), f"z {latent_dim:,}"]
    layers += [*(f"{n:,}" for n in reversed(hidden)), f"x̂ {n_pixels:,}"]
    loss = "loss ‖x − x̂‖²"
    diagram = autoencoder_diagram(image_shape, hidden, latent_dim)
    for svg in drawings(diagram):
        assert [node.name for node in nodes(svg)] == [*layers, loss]
        assert connections(svg) == [*itertools.pairwise(layers), (layers[0], loss), (layers[-1], loss)]


@given(shapes, hidden_layers, sizes)
def test_a_vae_has_two_outputs_and_noise_that_comes_from_outside(image_shape, hidden, latent_dim):
    n_pixels = math.prod(image_shape)
    into = [f"x {n_pixels:,}", *(f"{n:,}" for n in hidden)]
    out_of = [f"z {latent_dim:,}", *(f"{n:,}" for n in reversed(hidden)), f"x̂ {n_pixels:,}"]
    q = ""  # a frame around these two
    mu, logvar = f"μ {latent_dim:,}", f"log σ² {latent_dim:,}"
    rate, fit = "rate KL(q ‖ p)", "fit log p(x | z)"
    for svg in drawings(vae_diagram(image_shape, hidden, latent_dim)):
        found = nodes(svg)
        assert [node.name for node in found] == [*into, mu, logvar, q, *out_of, "ε", rate, fit]
        frame = found[[node.name for node in found].index(q)]
        for node in found:
            within = frame.left < node.left and node.right < frame.right and frame.top < node.top
            assert (within and node.bottom < frame.bottom) == (node.name in (mu, logvar))
        assert sorted(connections(svg)) == sorted(
            [*itertools.pairwise([*into, q, *out_of]), ("ε", out_of[0]), (q, rate), (out_of[-1], fit), (into[0], fit)]
        )
        assert [node.name for node in found if node.is_round] == ["ε"]


@given(shapes, hidden_layers, sizes, st.sampled_from([autoencoder_diagram, vae_diagram]))
def test_a_layer_with_more_units_is_longer(image_shape, hidden, latent_dim, make):
    for svg in drawings(make(image_shape, hidden, latent_dim)):
        layers = [node for node in nodes(svg) if re.fullmatch(r"(?:[xz]\u0302? )?[\d,]+", node.name)]
        assert len(layers) == 2 * len(hidden) + 3
        is_turned = layers[0].left == layers[-1].left  # the image above its copy
        units = [int(re.sub(r"\D", "", node.name)) for node in layers]
        lengths = [n.right - n.left if is_turned else n.bottom - n.top for n in layers]
        for (few, short), (many, long) in itertools.combinations(sorted(zip(units, lengths, strict=True)), 2):
            assert math.isclose(short, long, abs_tol=0.02) if few == many else short < long


def test_a_graphical_model_says_what_is_repeated_what_is_seen_and_what_is_random():
    (svg,) = drawings(graphical_model_diagram())
    z, x, theta, frame = nodes(svg)
    assert [node.name for node in (z, x, theta)] == ["z", "x", "θ"]
    assert [node.is_round for node in (z, x, theta)] == [True, True, False]
    assert ["observed" in node.look for node in (z, x, theta)] == [False, True, False]
    assert frame.left < min(z.left, x.left) < max(z.right, x.right) < frame.right < theta.left
    assert frame.top < z.top < x.bottom < frame.bottom
    assert connections(svg) == [("z", "x"), ("θ", "x")]
    assert connections(svg, dashed=True) == []


def test_the_encoder_leads_back_by_dashed_arrows():
    (svg,) = drawings(graphical_model_diagram(with_encoder=True))
    *_, frame, phi = nodes(svg)
    assert phi.name == "ϕ"
    assert phi.right < frame.left
    assert connections(svg) == [("z", "x"), ("θ", "x")]
    assert connections(svg, dashed=True) == [("ϕ", "z"), ("x", "z")]


def test_the_gradient_passes_a_node_that_is_computed_and_not_one_that_is_drawn():
    for svg in drawings(reparameterisation_diagram()):
        assert [(node.name, node.is_round) for node in nodes(svg)] == [
            ("μ, σ", False), ("z", True), ("f(z)", False), ("μ, σ", False), ("z", False), ("f(z)", False), ("ε", True),
        ]  # fmt: skip
        row = [("μ, σ", "z"), ("z", "f(z)")]
        assert connections(svg) == [*row, *row, ("ε", "z")]
        assert connections(svg, dashed=True) == [("f(z)", "z"), ("f(z)", "z"), ("z", "μ, σ")]
        drawn = next(node for node in nodes(svg) if node.name == "z")
        *_, last = [starts for look, starts, _ in arrows(svg) if "dashed" in look]
        assert last != [drawn]
        (cross,) = [part for part in svg if "cross" in classes(part)]
        assert max(numbers(cross.get("d"))[::2]) < drawn.left


@pytest.mark.parametrize("make", [autoencoder_diagram, vae_diagram])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((28,), (), 2), r"image_shape must be made of 2 positive whole numbers, got \(28,\)"),
        (((28, 28), (0,), 2), r"hidden must be made of positive whole numbers, got \(0,\)"),
        (((28, 28), (), 2.0), r"latent_dim must be made of positive whole numbers, got \[2\.0\]"),
    ],
)
def test_what_is_no_network_that_can_be_drawn_is_refused_by_name(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(*arguments)


def test_layers_stand_side_by_side_as_long_as_there_is_room():
    assert [DIAGRAMS[name].narrow is None for name in ("deep autoencoder", "deep vae")] == [True, True]
    assert [DIAGRAMS[name].narrow is None for name in ("autoencoder", "vae")] == [False, False]


# What a notebook or a page is given.


@every_diagram
def test_a_diagram_comes_as_html_as_a_picture_and_as_text(diagram):
    data, _ = DisplayFormatter().format(diagram)
    assert data["text/plain"] == diagram.alt
    whole = BeautifulSoup(data["text/html"], "html.parser").find(recursive=False)
    assert (whole["role"], whole["aria-label"]) == ("img", diagram.alt)
    assert all(svg["aria-hidden"] == "true" for svg in whole.find_all("svg"))
    assert not whole.select("[id], script, [href], [src]")  # nothing that could clash, run or load
    picture = ET.fromstring(data["image/svg+xml"])
    assert (picture.get("role"), picture.get("aria-label")) == ("img", diagram.alt)
    assert "var(" not in data["image/svg+xml"]


@every_diagram
def test_the_text_names_all_that_is_written_in_the_drawing(diagram):
    named = set(re.findall(r"[\w\u0302²]+", diagram.alt))
    for svg in drawings(diagram):
        written = " ".join(words(text) for text in svg.iter(f"{SVG}text")).replace("ϕ", "φ").replace("‖²", "‖")
        written = re.sub("([pq])([θφ])", r"\1_\2", written)
        assert set(re.findall(r"[\w\u0302²]+", written)) - named == set()


@every_diagram
def test_a_drawing_has_the_width_that_there_is_room_for(diagram):
    assert diagram.wide.box[2] <= (WIDE if diagram.narrow else NARROW)
    assert diagram.narrow is None or diagram.narrow.box[2] <= NARROW


# In a browser.

# Of each drawing that is shown: what overlaps, sticks out or is too small.
TROUBLES = """() => [...document.querySelectorAll(".lesson-drawing")]
    .filter(svg => svg.getBoundingClientRect().width > 0)
    .flatMap(svg => {
        const box = ({x, y, width, height}) => ({left: x, top: y, right: x + width, bottom: y + height});
        const apart = (a, b, by) => a.right <= b.left + by || b.right <= a.left + by
            || a.bottom <= b.top + by || b.bottom <= a.top + by;
        const within = (a, b) => a.left >= b.left && a.right <= b.right && a.top >= b.top && a.bottom <= b.bottom;
        const texts = [...svg.querySelectorAll("text")].map(e => [e.textContent, box(e.getBBox())]);
        const shapes = [...svg.querySelectorAll(".node:not(.around) > *")].map(e => box(e.getBBox()));
        const lines = [...svg.querySelectorAll(".shaft, .head, .cross, .around > *")].map(line =>
            Array.from({length: 200}, (_, i) => line.getPointAtLength(line.getTotalLength() * i / 199)));
        const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        const found = [];
        for (const [i, [text, place]] of texts.entries()) {
            if (!within(place, box(svg.viewBox.baseVal))) found.push(`${text} is cut off`);
            for (const [other, its] of texts.slice(0, i)) if (!apart(place, its, 1)) found.push(`${text} on ${other}`);
            for (const its of shapes)
                if (!apart(place, its, 0) && !within(place, its)) found.push(`${text} on a border`);
            for (const points of lines)
                if (points.some(({x, y}) => !apart(place, {left: x, top: y, right: x, bottom: y}, 0)))
                    found.push(`${text} on a line`);
        }
        for (const e of svg.querySelectorAll("text, tspan")) {
            const size = scale * parseFloat(getComputedStyle(e).fontSize);
            if (size < 11) found.push(`${e.textContent} has ${size} px`);
        }
        return found;
    })"""
SHOWN = """() => [...document.querySelectorAll(".lesson-drawing")]
    .filter(svg => svg.getBoundingClientRect().width > 0).map(svg => svg.getAttribute("class"))"""
# Of each shown text its colour and what it stands on; of each shape its colour. Grounds are from the page upwards.
COLOURS_SHOWN = """() => {
    const shown = [...document.querySelectorAll(".lesson-drawing")].filter(e => e.getBoundingClientRect().width > 0);
    const style = (e, name) => getComputedStyle(e)[name];
    return {
        texts: shown.flatMap(svg => [...svg.querySelectorAll("text, tspan")].map(e => style(e, "fill"))),
        lines: shown.flatMap(svg => [
            ...[...svg.querySelectorAll(".node > *, .shaft, .cross")].map(e => style(e, "stroke")),
            ...[...svg.querySelectorAll(".head")].map(e => style(e, "fill")),
        ]),
        grounds: shown.flatMap(svg => [...svg.querySelectorAll(".node > *")]
            .filter(e => style(e, "fill") !== "none").map(e => [style(e, "fill"), style(e, "fillOpacity")])),
    };
}"""
# How each place says that it is dark, and the page that it then has.
MODES = {
    "light": ("", "#ffffff"),
    "book": ('data-theme="dark"', "#121212"),
    "Colab": ('theme="dark"', "#383838"),
}
BODIES = {
    "JupyterLab": ('data-jp-theme-light="false"', "#111111"),
    "VS Code": ('data-vscode-theme-kind="vscode-dark"', "#1f1f1f"),
}


def as_figures(*diagrams):
    """As `open_page` wants them."""
    return [
        SimpleNamespace(_repr_mimebundle_=lambda diagram=diagram: ({"text/html": diagram.html()}, {}))
        for diagram in diagrams
    ]


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_no_text_of_a_drawing_is_covered_cut_off_or_small(width, open_page):
    page, troubles = open_page(*as_figures(*DIAGRAMS.values()), width=width)
    assert page.evaluate(TROUBLES) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert not troubles


@pytest.mark.parametrize(
    ("width", "name"), [(360, "narrow"), (WIDE + 31, "narrow"), (WIDE + 32, "wide"), (1440, "wide")]
)
def test_one_of_two_drawings_is_shown_the_one_for_which_there_is_room(width, name, open_page):
    page, _ = open_page(*as_figures(DIAGRAMS["vae"], DIAGRAMS["graphical model"]), width=width)
    assert page.evaluate(SHOWN) == [f"lesson-drawing {name}", "lesson-drawing"]


def rgb(computed):
    return np.array([float(value) / 255 for value in re.findall(r"[\d.]+", computed)[:3]])


def luminance(colour):
    """Relative luminance of WCAG 2."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def assert_legible(page, ground):
    shown, ground = page.evaluate(COLOURS_SHOWN), np.array(to_rgb(ground))
    tints = [float(share) * rgb(colour) + (1 - float(share)) * ground for colour, share in shown["grounds"]]
    assert len(shown["texts"]) > 50
    assert min(contrast(rgb(text), under) for text in set(shown["texts"]) for under in [ground, *tints]) >= 4.5
    assert min(contrast(rgb(line), ground) for line in set(shown["lines"])) >= 3


@pytest.mark.parametrize(("attributes", "ground"), MODES.values(), ids=MODES)
def test_text_and_lines_stand_out_in_every_mode_of_a_page(attributes, ground, open_page):
    page, _ = open_page(*as_figures(*DIAGRAMS.values()), attributes=attributes)
    assert_legible(page, ground)


@pytest.mark.parametrize(("attributes", "ground"), BODIES.values(), ids=BODIES)
def test_text_and_lines_stand_out_in_dark_mode_of_an_editor(attributes, ground, open_page):
    page, _ = open_page(*as_figures(*DIAGRAMS.values()))
    name, value = attributes.replace('"', "").split("=")
    page.locator("body").evaluate("(body, [name, value]) => body.setAttribute(name, value)", [name, value])
    assert_legible(page, ground)


def test_dark_mode_has_the_colours_that_the_filter_gives_the_other_figures(browser):
    page = browser.new_page()
    css = re.search(r"filter: (invert[^;]+);", (ROOT / "book/_static/lessons.css").read_text(encoding="utf-8"))
    for colour in LIGHT.values():
        page.set_content(f'<div style="background: {colour}; filter: {css[1]}; height: 50px"></div>')
        with Image.open(io.BytesIO(page.locator("div").screenshot())) as shot:
            filtered = np.array(shot.convert("RGB").getpixel((20, 20))) / 255
        assert np.allclose(filtered, to_rgb(in_dark_mode(colour)), atol=1.5 / 255)
    page.close()


@every_diagram
def test_the_picture_is_one_that_a_browser_draws_alone(diagram, browser, tmp_path):
    (tmp_path / "picture.svg").write_text(diagram.svg(), encoding="utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "picture.svg").as_uri())
    colours = page.evaluate("[...document.querySelectorAll('text')].map(e => getComputedStyle(e).fill)")
    assert set(colours) == {"rgb(34, 34, 34)"}
    page.close()


# On the built pages.

PAGES = {
    "01-autoencoder": ["fig-autoencoder"],
    "03-latent-variable-models": ["fig-graphical-model", "fig-graphical-model-encoder"],
    "05-reparameterisation": ["fig-reparameterised-node"],
    "07-gaussian-decoder": ["fig-vae"],
}
GROUNDS = """() => [...document.querySelectorAll(".lesson-diagram")].map(diagram => {
    for (let e = diagram; e; e = e.parentElement) {
        const ground = getComputedStyle(e).backgroundColor;
        if (ground !== "rgba(0, 0, 0, 0)") return e.tagName;
    }
})"""


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("lesson", PAGES)
def test_lessons_show_their_diagrams_on_the_ground_of_the_page(lesson, mode, visit):
    page, troubles = visit(f"notebooks/{lesson}.html", mode)
    figures = page.locator("figure:has(.lesson-diagram)")
    assert figures.evaluate_all("all => all.map(e => e.id)") == PAGES[lesson]
    assert all(figures.locator("figcaption").all_inner_texts())
    for width in (360, 768, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert set(page.evaluate(GROUNDS)) <= {"BODY", "HTML"}
        assert len(page.evaluate(SHOWN)) == len(PAGES[lesson])
        assert page.evaluate(TROUBLES) == []
    assert not troubles


# The logo.

TAB = "#202124"  # of a browser in dark mode


@pytest.fixture
def logo(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book/_extensions")
    return importlib.import_module("logo")


@pytest.fixture
def written(logo, tmp_path):
    """What the extension tells Sphinx, and the text of the files behind it."""
    config = SimpleNamespace(html_static_path=["book/_static"], html_theme_options={"other": 1}, html_title="A book")
    logo.write_logo(SimpleNamespace(outdir=str(tmp_path / "html")), config)
    (own,) = (Path(folder) for folder in config.html_static_path[1:])
    return config, {path.name: path.read_text(encoding="utf-8") for path in own.iterdir()}


def test_the_theme_is_told_of_a_logo_for_each_mode_and_sphinx_of_an_icon(written, tmp_path):
    config, files = written
    told = config.html_theme_options["logo"]
    assert {told["image_light"], told["image_dark"], Path(config.html_favicon).name} == set(files)
    assert told["text"] == "A book"  # so that the picture needs no words
    assert config.html_theme_options["other"] == 1
    assert not Path(config.html_static_path[1]).is_relative_to(tmp_path / "html")  # Sphinx copies nothing from there


@pytest.mark.parametrize(
    ("name", "grounds"), [("logo-light", ["#ffffff"]), ("logo-dark", ["#121212"]), ("icon", ["#ffffff", TAB])]
)
def test_the_three_shapes_of_a_logo_stand_out_from_its_page_and_apart(name, grounds, written, browser):
    svg = written[1][f"{name}.svg"]
    assert ET.fromstring(svg).tag == f"{SVG}svg"
    page = browser.new_page(viewport={"width": 220, "height": 100})
    for ground in grounds:
        page.set_content(f'<body style="margin: 10px; background: {ground}">{svg}')
        with Image.open(io.BytesIO(page.screenshot())) as shot:
            pixels = np.array(shot.convert("RGB")) / 255
        drawn = np.abs(pixels - to_rgb(ground)).max(axis=2) > 0.1
        assert label(drawn)[1] == 3
        lines = set(re.findall(r'(?:fill|stroke)="(#\w+)"(?! fill-opacity)', svg))
        assert len(lines) == 3
        assert min(contrast(np.array(to_rgb(line)), np.array(to_rgb(ground))) for line in lines) >= 3
    page.close()


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_page_shows_the_logo_of_its_mode_above_the_title(mode, visit):
    page, troubles = visit("notebooks/01-autoencoder.html", mode, viewport={"width": 1440, "height": 900})
    shown = page.locator(".navbar-brand img:visible")
    assert shown.evaluate_all("all => all.map(e => [e.src.split('/').at(-1), e.complete && e.naturalWidth])") == [
        [f"logo-{mode}.svg", 200]
    ]
    assert page.locator(".navbar-brand").inner_text().strip()
    assert page.locator("link[rel=icon]").get_attribute("href") == "../_static/icon.svg"
    assert not troubles
