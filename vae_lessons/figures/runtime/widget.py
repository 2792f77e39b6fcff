"""LiveFigure: what the live figures share.

A live figure is an anywidget with synced traits and one ES module, and it is shown in three ways: as a widget where
there is a kernel, as HTML on a page, and as a still picture everywhere else.
"""

import base64
import html
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import ipywidgets
import matplotlib.style
import traitlets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from vae_lessons.evaluation.plots import CLASS_COLOURS, COLOURS, STYLE
from vae_lessons.figures.runtime.controls import controls_of, describe, image_names, make_widget
from vae_lessons.figures.runtime.modules import join_modules
from vae_lessons.figures.runtime.page import figure_html
from vae_lessons.figures.runtime.snapshot import Snapshot
from vae_lessons.notebook import is_live

RUNTIME = Path(__file__).parent
STILL_SIZE = (700, 330)  # CSS pixels
DOTS_PER_PIXEL = 2
MINUS = "\N{MINUS SIGN}"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CSS_COMMENT = re.compile(r"\s*/\*.*?\*/", re.DOTALL)


def shared_style() -> str:
    """Return the style sheet of all figures, with the colours of the matplotlib figures."""
    colours = COLOURS | {f"class-{i}": colour for i, colour in enumerate(CLASS_COLOURS)}
    palette = "".join(f"  --{name}: {colour};\n" for name, colour in colours.items())
    return f".live-figure-view {{\n{palette}}}\n\n" + read_style(RUNTIME / "figure.css")


class LiveFigure(anywidget.AnyWidget):
    """A figure that the reader moves. In a live kernel its values can be read, set and observed.

    A subclass lives in a folder of its own, which it names in `folder`, with its module `figure.js` and, where it needs
    one, its style sheet `figure.css`. It has traits made by `Slider`, `Switch` and `Action`, and a method `snapshot`.
    Its module reads the traits tagged `state`. The weights of networks lie in `_weights`, under their digests, because
    figures on one page share them.

    Parameters
    ----------
    constants : mapping, optional
        Numbers that Python and the module both use, for JSON: the module reads them as `_constants`.
    **traits
        Values of the traits, by name.

    Attributes
    ----------
    folder : Path
        Where `figure.js` lies.
    caption : str
        A sentence or two below the figure, plain text.
    still_size : tuple of int
        Width and height of the still picture, in CSS pixels.
    """

    folder: ClassVar[Path]
    still_size = STILL_SIZE
    caption = traitlets.Unicode()
    _controls = traitlets.List().tag(sync=True, state=True)
    _constants = traitlets.Dict().tag(sync=True, state=True)
    _weights = traitlets.Dict().tag(sync=True)
    _styles: ClassVar[tuple[str, ...]] = ()
    _panel = None
    _ipython_display_ = None  # ipywidgets 7, which Colab has, would show the view without the panel
    _is_made = False
    _classes: Sequence[int] = ()  # of the images that sliders of whole numbers choose from

    def __init_subclass__(cls, **options: Any) -> None:
        if "folder" in vars(cls):
            own = cls.folder / "figure.css"
            cls._esm = join_modules(cls.folder / "figure.js")
            cls._styles = (shared_style(), *([read_style(own)] if own.exists() else []))
            cls._css = "\n".join(cls._styles)
        super().__init_subclass__(**options)

    def __init__(self, *, constants: Mapping[str, Any] | None = None, **traits: Any) -> None:
        super().__init__(_constants=dict(constants or {}), **traits)
        self._is_made = True

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute. AttributeError for an unknown public name: a misspelt slider would move nothing."""
        if self._is_made and not name.startswith("_") and name not in vars(self) and not hasattr(type(self), name):
            raise AttributeError(f"{type(self).__name__} has no {name}: it has {', '.join(controls_of(self))}")
        super().__setattr__(name, value)

    @traitlets.default("_controls")
    def _describe_controls(self) -> list[dict[str, Any]]:
        described = [describe(name, control) for name, control in controls_of(self).items()]
        for control in described:
            if control.get("step") == 1:
                control["names"] = image_names(self._classes)
        return described

    @property
    def weights(self) -> dict[str, str]:
        """The networks that the module runs, in base64, under their digests."""
        return self._weights

    def snapshot(self) -> Snapshot:
        """Compute what the figure shows at its present values.

        The printed numbers, the text for those who cannot see it, and the still picture all come from it.
        """
        raise NotImplementedError

    def numbers(self) -> dict[str, float]:
        """Return what the figure prints, before rounding. The module computes the same under the same names."""
        return self.snapshot().numbers

    def alt(self) -> str:
        """Return in words what the still picture shows."""
        return self.snapshot().alt()

    def still(self) -> bytes:
        """Draw the figure as a PNG. Matplotlib's settings and open figures stay as they were."""
        return self._draw(self.snapshot())

    def state(self) -> dict[str, Any]:
        """Return what the module reads, by name."""
        return {name: getattr(self, name) for name in self.traits(state=True)}

    def panel(self) -> ipywidgets.VBox:
        """Return the controls, the figure and its caption as one widget, always the same."""
        self._panel = self._panel or self._make_panel()
        return self._panel

    def open(self) -> None:
        """Announce the widget to a front end. A page has none, and its state would end up in the HTML."""
        if is_live():
            super().open()

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Show the widget in a live kernel; on a page the HTML, and a still picture for the book in print."""
        if is_live():
            return self._live_view(**options)
        snapshot = self.snapshot()
        still = self._draw(snapshot)
        data = {
            "text/plain": repr(self),
            "text/html": self._html(still, snapshot.alt()),
            "image/png": base64.b64encode(still).decode("ascii"),
        }
        width, height = self.still_size
        return data, {"image/png": {"width": width, "height": height}}

    def _live_view(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Show the panel, with what anywidget adds to a view of its own (in Colab)."""
        self.open()
        data, metadata = super()._repr_mimebundle_(**options)
        data[WIDGET_VIEW]["model_id"] = self.panel().model_id
        return data | {"text/plain": repr(self)}, metadata

    def _make_panel(self) -> ipywidgets.VBox:
        controls = [make_widget(self, name, control) for name, control in controls_of(self).items()]
        caption = ipywidgets.HTML().add_class("live-figure-caption")
        traitlets.dlink((self, "caption"), (caption, "value"), html.escape)
        rows = ipywidgets.Layout(flex_flow="row wrap", justify_content="center", margin="0 auto", max_width="50rem")
        return ipywidgets.VBox([ipywidgets.HBox(controls, layout=rows), self, caption])

    def _draw(self, snapshot: Snapshot) -> bytes:
        with matplotlib.style.context(STYLE, after_reset=True):
            figure = Figure(figsize=(self.still_size[0] / 100, self.still_size[1] / 100), dpi=100)
            FigureCanvasAgg(figure)
            snapshot.draw(figure)
            if texts := snapshot.printed():
                below = "     ".join(f"{name} {text}" for name, text in texts.items())
                figure.supxlabel(below.replace("-", MINUS), size="medium")
            drawn, smaller = io.BytesIO(), io.BytesIO()
            figure.savefig(drawn, format="png", dpi=100 * DOTS_PER_PIXEL)
        # A palette, transparency included, takes a third of the space, and a few colours need no more.
        Image.open(drawn).quantize(method=Image.Quantize.FASTOCTREE).save(smaller, format="png", optimize=True)
        return smaller.getvalue()

    def _html(self, still: bytes, alt: str) -> str:
        return figure_html(
            module=join_modules(self.folder / "figure.js", RUNTIME / "page.js"),
            styles=self._styles,
            state=self.state(),
            weights=self._weights,
            still=still,
            size=self.still_size,
            alt=alt,
            caption=self.caption,
        )

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in controls_of(self))
        return f"{type(self).__name__}({values})"


def read_style(path: Path) -> str:
    """Return a style sheet without its comments."""
    return CSS_COMMENT.sub("", path.read_text(encoding="utf-8")).lstrip()
