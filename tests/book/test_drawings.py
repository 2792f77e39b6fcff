"""The drawings: what is connected with what, that pages show them in both modes and at every width; and the logo."""

import io
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import nbformat
import numpy as np
import pytest
from conftest import ROOT
from matplotlib.colors import to_rgb
from pages import MODES
from PIL import Image
from scipy.ndimage import label

FIGURES = ROOT / "book/figures"
SVG = "{http://www.w3.org/2000/svg}"
LOGO = ("logo-light", "logo-dark", "icon")
DRAWINGS = sorted(path.stem for path in FIGURES.glob("*.svg") if path.stem not in LOGO)
FIGURE = re.compile(r":::\{figure\} (?:\.\./book/)?figures/([\w-]+)\.svg\n:name: (fig-[\w-]+)\n:alt: \S.*\n\n\S")
every_drawing = pytest.mark.parametrize("name", DRAWINGS)

# Which drawings a page shows, by the names of its figures.
ON_PAGES = {
    "notebooks/01-autoencoder.ipynb": {"fig-autoencoder": "autoencoder"},
    "notebooks/03-latent-variable-models.ipynb": {"fig-graphical-model": "graphical-model"},
    "notebooks/05-reparameterisation.ipynb": {"fig-reparameterised-node": "reparameterisation"},
    "notebooks/07-gaussian-decoder.ipynb": {"fig-vae": "vae"},
    "book/assumptions.md": {"fig-graphical-model-encoder": "graphical-model-encoder"},
    "book/teaching.md": {"fig-lessons": "lessons"},
}
# The arrows of each drawing: from which node to which, by the text in them.
ARROWS = {
    "autoencoder": ["x D → hidden", "hidden → z K", "z K → hidden", "hidden → x̂ D", "x D → loss", "x̂ D → loss"],
    "vae": [
        *("x D → hidden", "hidden → q", "q → z K", "z K → hidden", "hidden → x̂ D"),
        *("ε → z K", "q → rate", "x D → reconstruction", "x̂ D → reconstruction"),
    ],
    "graphical-model": ["z → x", "θ → x"],
    "graphical-model-encoder": ["z → x", "θ → x", "x ⇢ z", "ϕ ⇢ z"],
    "reparameterisation": [
        *("μ, σ → z", "z → f(z)", "f(z) ⇢ z"),
        *("μ, σ → z", "z → f(z)", "ε → z", "f(z) ⇢ z", "z ⇢ μ, σ"),
    ],
    "lessons": [
        *("1 → 2", "1 → 3", "3 → 4", "4 → 5", "4 → 6", "5 → 7", "6 → 7", "7 → 8", "8 → 9"),
        *("8 → 10", "9 → 11", "9 → 12", "11 → 13"),
        *("12 → 14", "14 → 15", "11 → 16", "11 → 17", "12 → 17"),
    ],
}
# What is drawn at random is a circle.
CIRCLES = {
    "autoencoder": [],
    "vae": ["ε"],
    "graphical-model": ["z", "x"],
    "graphical-model-encoder": ["z", "x"],
    "reparameterisation": ["z", "ε"],
    "lessons": [],
}


class Node(NamedTuple):
    """A node of a drawing, called by the text in it."""

    name: str
    is_round: bool
    left: float
    top: float
    right: float
    bottom: float

    def is_on_border(self, x, y):
        if self.is_round:
            middle = (self.left + self.right) / 2, (self.top + self.bottom) / 2
            return math.isclose(math.dist((x, y), middle), (self.right - self.left) / 2, abs_tol=0.6)
        inside = self.left - 0.1 < x < self.right + 0.1 and self.top - 0.1 < y < self.bottom + 0.1
        sides = (x, self.left), (x, self.right), (y, self.top), (y, self.bottom)
        return inside and any(math.isclose(one, other, abs_tol=0.1) for one, other in sides)


def drawing(name):
    return ET.parse(FIGURES / f"{name}.svg").getroot()


def classes(element):
    return element.get("class", "").split()


def words(element):
    return "".join(element.itertext()).replace("xˆ", "x̂")


def texts(svg):
    return [(words(text), float(text.get("x")), float(text.get("y"))) for text in svg.iter(f"{SVG}text")]


def nodes(svg):
    """Return the nodes of a drawing; a frame around other nodes is called by the first letter of the text below it."""
    found = []
    for shape in svg.iter():
        if not {"node", "frame"} & set(classes(shape)):
            continue
        if shape.tag == f"{SVG}circle":
            x, y, r = (float(shape.get(name)) for name in ("cx", "cy", "r"))
            left, top, right, bottom = x - r, y - r, x + r, y + r
        else:
            left, top, width, height = (float(shape.get(name)) for name in ("x", "y", "width", "height"))
            right, bottom = left + width, top + height
        inside = [text for text, x, y in texts(svg) if left <= x <= right and top <= y <= bottom]
        below = [text[0] for text, x, y in texts(svg) if left <= x <= right and bottom <= y <= bottom + 20]
        name = (below or ["frame"])[0] if "frame" in classes(shape) else " ".join(inside)
        name = name.split()[0] if name.startswith(("loss", "rate", "reconstruction")) else name
        found.append(Node(name, shape.tag == f"{SVG}circle", left, top, right, bottom))
    return found


def ends(path):
    """Return where an arrow begins and where its tip is, from the absolute commands of its path."""
    points = []
    for command, numbers in re.findall(r"([MHV])([-\d. ]+)", path):
        values = [float(value) for value in numbers.split()]
        if command == "M":
            points.append(tuple(values))
        else:
            x, y = points[-1]
            points.append((values[0], y) if command == "H" else (x, values[0]))
    return points[0], points[-1]


def arrows(svg):
    """Return for each arrow the nodes at whose borders it begins and ends, and whether it is dashed."""
    found = []
    for path in svg.iter(f"{SVG}path"):
        start, tip = ends(path.get("d"))
        if "arrow" in classes(path) and start != tip:  # the head of a dashed arrow and a cross have no length
            at = [[node for node in nodes(svg) if node.is_on_border(*point)] for point in (start, tip)]
            found.append((*at, "dashed" in classes(path)))
    return found


# The files.


@every_drawing
def test_arrows_lead_from_border_to_border(name):
    for starts, tips, _ in arrows(drawing(name)):
        assert len(starts) == len(tips) == 1
        assert starts != tips


@every_drawing
def test_drawing_connects_what_it_should(name):
    connections = [f"{a.name} {'⇢' if dashed else '→'} {b.name}" for (a,), (b,), dashed in arrows(drawing(name))]
    assert sorted(connections) == sorted(ARROWS[name])


@every_drawing
def test_only_random_quantities_are_circles(name):
    assert sorted(node.name for node in nodes(drawing(name)) if node.is_round) == sorted(CIRCLES[name])


def test_layers_with_more_units_are_longer():
    for name in ("autoencoder", "vae"):
        lengths = {node.name: node.bottom - node.top for node in nodes(drawing(name))}
        assert lengths["x D"] == lengths["x̂ D"] > lengths["hidden"] > lengths["z K"]


def test_frames_hold_what_is_repeated():
    for name in ("graphical-model", "graphical-model-encoder"):
        found = {node.name: node for node in nodes(drawing(name))}
        frame = found["frame"]
        inside = {node.name for node in found.values() if frame.left < node.left and node.right < frame.right}
        assert inside == {"z", "x"}
        observed = [shape.get("cy") for shape in drawing(name).iter() if "observed" in classes(shape)]
        assert [float(y) for y in observed] == [(found["x"].top + found["x"].bottom) / 2]


def lessons_needed(path):
    """Return the numbers of the lessons that a lesson says it needs."""
    needs = re.search(r"\*\*You need\*\*(.*)\*\*Time\*\*", nbformat.read(path, 4).cells[0].source)[1]
    numbers = [int(number) for number in re.findall(r"\((\d+)-", needs)]
    return set(range(min(numbers), max(numbers) + 1)) if re.search(r"\) to \[", needs) else set(numbers)


def test_map_of_lessons_agrees_with_what_each_says_that_it_needs():
    needed = {int(path.name[:2]): lessons_needed(path) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    drawn = {number: set() for number in needed}
    for (start,), (tip,), _ in arrows(drawing("lessons")):
        drawn[int(tip.name)].add(int(start.name))
    before = {}  # each lesson's, and theirs, and so on
    for number in needed:
        before[number] = drawn[number].union(*(before[other] for other in drawn[number]))
        assert drawn[number] <= needed[number] <= before[number]


def test_gradient_does_not_pass_a_drawn_code():
    svg = drawing("reparameterisation")
    drawn = next(node for node in nodes(svg) if node.name == "z" and node.is_round)
    passing = [starts for starts, tips, dashed in arrows(svg) if dashed and tips[0].name == "μ, σ"]
    assert [drawn] not in passing
    (cross,) = [path.get("d") for path in svg.iter(f"{SVG}path") if "m0 -12" in path.get("d")]
    assert ends(cross)[0][0] < drawn.left


@every_drawing
def test_description_names_all_that_is_written(name):
    svg = drawing(name)
    title, description = svg.find(f"{SVG}title"), svg.find(f"{SVG}desc")
    assert svg.get("role") == "img"
    assert svg.get("aria-labelledby").split() == [title.get("id"), description.get("id")]
    named = set(re.findall(r"[\w\u0302²]+", description.text))
    written = " ".join(text for text, *_ in texts(svg)).replace("‖²", "‖")
    written = re.sub("([pq])([θϕ])", r"\1_\2", written)
    assert set(re.findall(r"[\w\u0302²]+", written)) - named == set()


def test_drawings_share_one_style():
    styles = {drawing(name).find(f"{SVG}style").text for name in DRAWINGS}
    assert len(styles) == 1
    palette = (ROOT / "book/_static/palette.css").read_text(encoding="utf-8").partition('html[data-theme="dark"]')[0]
    colours = dict(re.findall(r"--(\w+): (#\w+);", palette))
    used = re.findall(r"var\(--(\w+), (#\w+)\)", styles.pop())
    assert used
    assert [colour for name, colour in used if colours[name] != colour] == []


def text_of(path):
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    return "\n".join(cell.source for cell in nbformat.read(path, 4).cells)


def test_pages_refer_to_every_drawing():
    for name, figures in ON_PAGES.items():
        text = text_of(ROOT / name)
        found = re.findall(FIGURE, text)
        assert {figure: file for file, figure in found} == figures
    assert sorted(file for figures in ON_PAGES.values() for file in figures.values()) == DRAWINGS


@every_drawing
def test_drawing_stands_alone(name, browser):
    page = browser.new_page()
    page.goto((FIGURES / f"{name}.svg").as_uri())
    colours = page.evaluate("[...document.querySelectorAll('text')].map(e => getComputedStyle(e).fill)")
    assert set(colours) == {"rgb(34, 34, 34)"}
    ground = page.evaluate("getComputedStyle(document.querySelector('.ground')).fill")
    assert ground == "rgb(255, 255, 255)"
    page.close()


# On the built pages.

# What overlaps, sticks out or is too small in the drawings of a page.
TROUBLES = """() => [...document.querySelectorAll(".drawing")].flatMap(svg => {
    const box = ({x, y, width, height}) => ({left: x, top: y, right: x + width, bottom: y + height});
    const apart = (a, b, by) => a.right <= b.left + by || b.right <= a.left + by
        || a.bottom <= b.top + by || b.bottom <= a.top + by;
    const within = (a, b) => a.left >= b.left && a.right <= b.right && a.top >= b.top && a.bottom <= b.bottom;
    const texts = [...svg.querySelectorAll("text")].map(e => [e.textContent, box(e.getBBox())]);
    const shapes = [...svg.querySelectorAll(".node")].map(e => box(e.getBBox()));
    const lines = [...svg.querySelectorAll(".arrow, .frame")].map(line =>
        Array.from({length: 200}, (_, i) => line.getPointAtLength(line.getTotalLength() * i / 199)));
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    const found = [];
    for (const [i, [text, place]] of texts.entries()) {
        if (!within(place, box(svg.viewBox.baseVal))) found.push(`${text} is cut off`);
        for (const [other, its] of texts.slice(0, i)) if (!apart(place, its, 1.5)) found.push(`${text} on ${other}`);
        for (const its of shapes)
            if (!apart(place, its, 1.5) && !within(place, its)) found.push(`${text} on a border`);
        for (const points of lines)
            if (points.some(({x, y}) => !apart(place, {left: x, top: y, right: x, bottom: y}, 0)))
                found.push(`${text} on a line`);
    }
    for (const e of svg.querySelectorAll("text, tspan:not([dx], .sub)")) {
        const size = scale * parseFloat(getComputedStyle(e).fontSize);
        if (size < 11) found.push(`${e.textContent} has ${size} px`);
    }
    return found;
})"""
# The colours of texts and lines, and of what texts stand on.
COLOURS_SHOWN = """() => {
    const all = selector => [...document.querySelectorAll(`.drawing ${selector}`)];
    const style = (e, name) => getComputedStyle(e)[name];
    return {
        texts: [...all("text"), ...all("tspan")].map(e => style(e, "fill")),
        lines: [...all(".node"), ...all(".frame"), ...all(".arrow")].map(e => style(e, "stroke")),
        tints: all(".node").map(e => [style(e, "fill"), style(e, "fillOpacity")]),
        ground: style(document.body, "backgroundColor"),
    };
}"""
OPAQUE_AROUND = """() => [...document.querySelectorAll(".drawing")].map(drawing => {
    for (let e = drawing; e; e = e.parentElement)
        if (getComputedStyle(e).backgroundColor !== "rgba(0, 0, 0, 0)") return e.tagName;
})"""


def rgb(computed):
    return np.array([float(value) / 255 for value in re.findall(r"[\d.]+", computed)[:3]])


def luminance(colour):
    """Return the relative luminance of WCAG 2."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.check
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ON_PAGES)
def test_page_shows_its_drawings_and_they_stand_out_from_its_ground(name, mode, visit):
    page, troubles = visit(str(Path(name).with_suffix(".html")), mode)
    figures = page.locator("figure:has(.drawing)")
    assert figures.evaluate_all("all => all.map(e => e.id)") == list(ON_PAGES[name])
    assert all(figures.locator("figcaption").all_inner_texts())
    for width in (360, 768, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(TROUBLES) == []
    assert not troubles
    assert set(page.evaluate(OPAQUE_AROUND)) <= {"BODY", "HTML"}
    shown = page.evaluate(COLOURS_SHOWN)
    ground = rgb(shown["ground"])
    tints = [float(share) * rgb(colour) + (1 - float(share)) * ground for colour, share in shown["tints"]]
    assert len(shown["texts"]) > 5
    assert min(contrast(rgb(text), under) for text in set(shown["texts"]) for under in [ground, *tints]) >= 4.5
    assert min(contrast(rgb(line), ground) for line in set(shown["lines"])) >= 3


# The logo.

TAB = "#202124"  # of a browser in dark mode


@pytest.mark.parametrize(
    ("name", "grounds"), [("logo-light", ["#ffffff"]), ("logo-dark", ["#121212"]), ("icon", ["#ffffff", TAB])]
)
def test_shapes_of_the_logo_stand_out(name, grounds, browser):
    svg = (FIGURES / f"{name}.svg").read_text(encoding="utf-8")
    page = browser.new_page(viewport={"width": 220, "height": 100})
    for ground in grounds:
        page.set_content(f'<body style="margin: 10px; background: {ground}">{svg}')
        with Image.open(io.BytesIO(page.screenshot())) as shot:
            pixels = np.array(shot.convert("RGB")) / 255
        drawn = np.abs(pixels - to_rgb(ground)).max(axis=2) > 0.1
        assert label(drawn)[1] == 3
        lines = set(re.findall(r'(?:fill|stroke)="(#\w+)"', svg))
        assert len(lines) == 3
        assert min(contrast(np.array(to_rgb(line)), np.array(to_rgb(ground))) for line in lines) >= 3
    page.close()


@pytest.mark.parametrize("mode", MODES)
def test_pages_show_the_logo_of_their_mode(mode, visit):
    page, troubles = visit("notebooks/01-autoencoder.html", mode, viewport={"width": 1440, "height": 900})
    shown = page.locator(".navbar-brand img:visible")
    assert shown.evaluate_all("all => all.map(e => [e.src.split('/').at(-1), e.complete && e.naturalWidth])") == [
        [f"logo-{mode}.svg", 200]
    ]
    assert page.locator(".navbar-brand").inner_text().strip()
    assert page.locator("link[rel=icon]").get_attribute("href") == "../_static/icon.svg"
    assert not troubles
