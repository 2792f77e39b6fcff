"""LiveFigure: what the live figures share.

An live-figure is an anywidget with synced traits and one plain ES module, and it is shown in three ways: as a
widget where there is a kernel, as HTML on a page, and as a still picture everywhere else.
"""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import matplotlib.style
import traitlets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from vae_lessons.evaluation.plots import CLASS_COLOURS, COLOURS, STYLE
from vae_lessons.figures.runtime.controls import controls_of, describe, make_widget, names_of_images
from vae_lessons.figures.runtime.page import figure_html
from vae_lessons.notebook import is_live

FIGURES = Path(__file__).parents[1]
STILL_SIZE = (700, 330)  # CSS pixels
DOTS_PER_PIXEL = 2
MINUS = "\N{MINUS SIGN}"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def read(name: str) -> str:
    return (FIGURES / name).read_text(encoding="utf-8")


def module(*names: str) -> str:
    """The JavaScript of one figure, in one or more files, after what all figures share."""
    return "\n".join(map(read, ("runtime/common.js", *names)))


def style_sheet() -> str:
    """With the colours of the matplotlib figures."""
    colours = COLOURS | {f"class-{i}": colour for i, colour in enumerate(CLASS_COLOURS)}
    palette = "".join(f"  --{name}: {colour};\n" for name, colour in colours.items())
    return f".live-figure-view {{\n{palette}}}\n\n" + read("runtime/figure.css")


class LiveFigure(anywidget.AnyWidget):
    """A figure that the reader moves. In a live kernel its values can be read, set and observed.

    A subclass has traits made by `Slider`, `Switch` and `Action`, the text of its module in `_esm`, and the
    methods `numbers`, `alt`, `draw_still`, and `printed` where a page speaks of the numbers. Traits tagged `state`
    are what its module reads; the weights of networks lie in `_weights`, under their digests, because figures on
    one page share them.

    caption : a sentence or two below the figure, plain text
    still_size : width and height of the still picture, CSS pixels
    """

    _css = style_sheet()
    _controls = traitlets.List().tag(sync=True, state=True)
    _weights = traitlets.Dict().tag(sync=True)
    caption = traitlets.Unicode()
    _panel = None
    _ipython_display_ = None  # ipywidgets 7, which Colab has, would show the view without the panel
    _is_made = False
    _classes: Sequence[int] = ()  # of the images that sliders of whole numbers choose from
    still_size = STILL_SIZE

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._is_made = True

    def __setattr__(self, name: str, value: Any) -> None:
        """AttributeError for a public name that there is none of: a slider misspelt would be set, and move nothing."""
        if self._is_made and not name.startswith("_") and name not in vars(self) and not hasattr(type(self), name):
            raise AttributeError(f"{type(self).__name__} has no {name}: it has {', '.join(controls_of(self))}")
        super().__setattr__(name, value)

    @traitlets.default("_controls")
    def _describe_controls(self) -> list[dict[str, Any]]:
        described = [describe(name, control) for name, control in controls_of(self).items()]
        for control in described:
            if control.get("step") == 1:
                control["names"] = names_of_images(self._classes)
        return described

    def numbers(self) -> dict[str, float]:
        """What the figure prints, before rounding. The module computes the same under the same names."""
        raise NotImplementedError

    def printed(self) -> dict[str, str]:
        """The numbers as texts that add up, by the names that they have below the drawing: for the still picture."""
        return {}

    def alt(self) -> str:
        """What the still picture shows, in words."""
        raise NotImplementedError

    def draw_still(self, figure: Figure) -> None:
        """Draw the figure as it stands."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """What the module reads."""
        return {name: getattr(self, name) for name in self.traits(state=True)}

    def still(self) -> bytes:
        """The figure as it stands, as a PNG. Matplotlib's settings and open figures stay as they were."""
        with matplotlib.style.context(STYLE, after_reset=True):
            figure = Figure(figsize=(self.still_size[0] / 100, self.still_size[1] / 100), dpi=100)
            FigureCanvasAgg(figure)
            self.draw_still(figure)
            if texts := self.printed():
                below = "     ".join(f"{name} {text}" for name, text in texts.items())
                figure.supxlabel(below.replace("-", MINUS), size="medium")
            drawn, smaller = io.BytesIO(), io.BytesIO()
            figure.savefig(drawn, format="png", dpi=100 * DOTS_PER_PIXEL)
        # A palette, transparency included, takes a third of the space, and a few colours need no more.
        Image.open(drawn).quantize(method=Image.Quantize.FASTOCTREE).save(smaller, format="png", optimize=True)
        return smaller.getvalue()

    def open(self) -> None:
        """Tell the front end of this widget; on a page there is none, and its state would end up in the HTML."""
        if is_live():
            super().open()

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = self._live_view(**options) if is_live() else ({}, {})
        still = self.still()
        data |= {
            "text/plain": repr(self),
            "text/html": self._html(still),
            "image/png": base64.b64encode(still).decode("ascii"),
        }
        width, height = self.still_size
        return data, metadata | {"image/png": {"width": width, "height": height}}

    def _live_view(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The view of the panel, with what anywidget adds to a view of its own (in Colab)."""
        self.open()
        self._panel = self._panel or self._make_panel()
        data, metadata = super()._repr_mimebundle_(**options)
        data[WIDGET_VIEW]["model_id"] = self._panel.model_id
        return data, metadata

    def _make_panel(self) -> ipywidgets.Widget:
        controls = [make_widget(self, name, control) for name, control in controls_of(self).items()]
        caption = ipywidgets.HTML().add_class("live-figure-caption")
        traitlets.dlink((self, "caption"), (caption, "value"), html.escape)
        rows = ipywidgets.Layout(flex_flow="row wrap", justify_content="center", margin="0 auto", max_width="50rem")
        return ipywidgets.VBox([ipywidgets.HBox(controls, layout=rows), self, caption])

    def _html(self, still: bytes) -> str:
        return figure_html(
            module=f"{self._esm}\n{read('runtime/page.js')}",
            css=self._css,
            state=self.state(),
            weights=self._weights,
            still=still,
            size=self.still_size,
            alt=self.alt(),
            caption=self.caption,
        )

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in controls_of(self))
        return f"{type(self).__name__}({values})"
