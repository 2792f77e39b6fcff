"""A diagram as a notebook or a page shows it: in the book's colours, in light and dark, wide and narrow.

Its SVG stands in the HTML, so that the page's mode and width reach it. Where nothing shows HTML, it is a picture in the
colours of light mode.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_hex, to_rgb

from vae_lessons.diagrams.drawing import Drawing, element
from vae_lessons.evaluation.plots import COLOURS

LIGHT = {"ink": "#222222"} | COLOURS
LUMINANCE = np.array([0.213, 0.715, 0.072])  # of red, green and blue, as CSS filters have it
WIDE, NARROW = 608, 324  # what the two drawings of a diagram may measure

# The book, JupyterLab, VS Code and Colab, in dark mode.
DARK_PAGES = (
    'html[data-theme="dark"]',
    'body[data-jp-theme-light="false"]',
    'body[data-vscode-theme-kind$="dark"]',
    'html[theme="dark"]',
)
DRAWING = """\
.lesson-drawing { display: block; height: auto; margin: 0 auto; max-width: 100%; }
.lesson-drawing .node > * { fill: currentColor; fill-opacity: 0.12; stroke: currentColor; stroke-width: 2; }
.lesson-drawing .node.observed > * { fill-opacity: 0.32; }
.lesson-drawing .node.around > * { fill: none; stroke-width: 1.25; }
.lesson-drawing :is(.shaft, .cross) { fill: none; stroke: currentColor; stroke-width: 2; }
.lesson-drawing .dashed .shaft { stroke-dasharray: 5 3; }
.lesson-drawing .head { fill: currentColor; }
.lesson-drawing text { fill: var(--ink); font-family: "Helvetica Neue", Arial, "Liberation Sans", sans-serif; }
.lesson-drawing :is(.symbol, .formula, .variable) { font-family: "Times New Roman", "Liberation Serif", serif; }
.lesson-drawing .variable { font-style: italic; }
"""
# The book's theme puts HTML that it does not know on a light card.
PAGE = f"""\
.lesson-diagram {{ container-type: inline-size; width: 100%; }}
.lesson-diagram > .narrow {{ display: none; }}
@container (max-width: {WIDE - 1}px) {{
  .lesson-diagram > .wide {{ display: none; }}
  .lesson-diagram > .narrow {{ display: block; }}
}}
html[data-theme="dark"] .bd-content div.cell_output .text_html:has(> div.lesson-diagram) {{
  background: none; padding: 0;
}}
"""


@dataclass(frozen=True)
class Diagram:
    """What a cell shows.

    alt : what there is to see, in words, naming every node
    wide : the drawing
    narrow : another one, of the same, for a column of less than WIDE pixels; None where `wide` fits there too
    """

    alt: str
    wide: Drawing
    narrow: Drawing | None = None

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self.html(), "image/svg+xml": self.svg(), "text/plain": self.alt}

    def html(self) -> str:
        """All that a page needs, style included."""
        drawings = [self.wide.svg(class_="lesson-drawing", aria_hidden="true")]
        if self.narrow:
            drawings = [
                drawing.svg(class_=f"lesson-drawing {name}", aria_hidden="true")
                for name, drawing in (("wide", self.wide), ("narrow", self.narrow))
            ]
        style = element("style", f"\n{style_sheet()}{PAGE}")
        return element("div", style, *drawings, class_="lesson-diagram", role="img", aria_label=self.alt)

    def svg(self) -> str:
        """A picture that stands alone, for what knows no variables in style sheets."""
        style = f"{DRAWING}{_kinds()}"
        for name, colour in LIGHT.items():
            style = style.replace(f"var(--{name})", colour)
        return self.wide.svg(element("style", f"\n{style}"), class_="lesson-drawing", role="img", aria_label=self.alt)


def style_sheet() -> str:
    """Of drawings on a page: the colours of both modes, and who has which."""
    dark = {name: in_dark_mode(colour) for name, colour in LIGHT.items()}
    selectors = ", ".join(f"{page} .lesson-drawing" for page in DARK_PAGES)
    return f".lesson-drawing {_variables(LIGHT)}\n{selectors} {_variables(dark)}\n{DRAWING}{_kinds()}"


def in_dark_mode(colour: str) -> str:
    """What the filter of the book's other figures, invert(0.93) hue-rotate(180deg), makes of a colour."""
    inverted = 0.93 - 0.86 * np.array(to_rgb(colour))
    return to_hex(np.clip(2 * inverted @ LUMINANCE - inverted, 0, 1))


def _variables(colours: dict[str, str]) -> str:
    return "{ " + " ".join(f"--{name}: {colour};" for name, colour in colours.items()) + " }"


def _kinds() -> str:
    return "".join(f".lesson-drawing .{name} {{ color: var(--{name}); }}\n" for name in LIGHT)
