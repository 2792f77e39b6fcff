"""The book's logo, and the icon of its tabs: an encoder, a Gaussian, a decoder.

They are drawn here and written beside the site; Sphinx copies them into it with the other static files.
"""

import math
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

from vae_lessons.diagrams.drawing import element, path
from vae_lessons.diagrams.page import LIGHT, in_dark_mode

DARK = {name: in_dark_mode(colour) for name, colour in LIGHT.items()}


def logo(colours: dict[str, str]) -> str:
    """For the sidebar, above the title. colours : for each thing, as all figures have them"""
    bell = [(100 + 1.3 * t, 60 - 48 * math.exp(-((t / 10) ** 2) / 2)) for t in range(-27, 28)]
    outline = {"fill": "none", "stroke": colours["prior"], "stroke_width": 3, "stroke_linecap": "round"}
    return picture(
        (200, 72),
        funnel((8, 30), (52, 14), 36, colours["encoder"]),
        element("path", d=path(*bell), fill=colours["prior"], fill_opacity=0.25),
        element("path", d=path(*bell), **outline),
        funnel((192, 30), (148, 14), 36, colours["decoder"]),
    )


def icon(colours: dict[str, str]) -> str:
    """For a browser's tab, where a dot has to do for the Gaussian."""
    return picture(
        (32, 32),
        funnel((2, 13), (10, 5), 16, colours["encoder"]),
        element("circle", cx=16, cy=16, r=3, fill=colours["prior"]),
        funnel((30, 13), (22, 5), 16, colours["decoder"]),
    )


def funnel(wide: tuple[float, float], narrow: tuple[float, float], middle: float, colour: str) -> str:
    """A trapezoid with rounded corners. wide, narrow : where each end is, and half its length"""
    (x, half), (end, smaller) = wide, narrow
    corners = (x, middle - half), (end, middle - smaller), (end, middle + smaller), (x, middle + half)
    return element("path", d=path(*corners) + "Z", fill=colour, stroke=colour, stroke_width=3, stroke_linejoin="round")


def picture(size: tuple[float, float], *shapes: str) -> str:
    width, height = size
    box = {"viewBox": f"0 0 {width} {height}", "width": width, "height": height}
    return element("svg", *shapes, xmlns="http://www.w3.org/2000/svg", **box)


def write_logo(app: Sphinx, config: Config) -> None:
    """Draw the three files, and tell Sphinx and the theme of them; the title follows as text."""
    folder = Path(app.outdir).parent / "logo"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {"logo-light.svg": logo(LIGHT), "logo-dark.svg": logo(DARK), "icon.svg": icon(LIGHT)}
    for name, svg in drawn.items():
        (folder / name).write_text(svg, encoding="utf-8")
    config.html_static_path.append(str(folder))
    config.html_favicon = str(folder / "icon.svg")
    config.html_theme_options["logo"] = {
        "image_light": "logo-light.svg",
        "image_dark": "logo-dark.svg",
        "text": config.html_title,
    }


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", write_logo)  # before Sphinx looks whether such files exist
    return {"parallel_read_safe": True, "parallel_write_safe": True}
