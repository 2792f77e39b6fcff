"""What a reader moves in a live figure: sliders, switches and buttons.

Each is a trait of the figure, declared by the control that moves it. One description serves twice: it makes
the ipywidget of a live kernel, and it travels as JSON to the page, which makes a native input of it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any

import ipywidgets
import traitlets
from traitlets import Bool, HasTraits, Int, TraitError, TraitType

# The name of a switch, and its position in which the control does something; in the other it is hidden. A trait
# that is text, such as a drawing, is on unless it is empty.
Condition = tuple[str, bool] | None


@dataclass(frozen=True)
class Slider:
    """A number in [low, high], moved in steps.

    Parameters
    ----------
    label : str
        What a reader sees.
    spoken : str
        What a screen reader says: "mu" for "μ".
    low, high : float
        The ends.
    step : float
        The distance between two positions. With steps of 1 the trait takes whole numbers only.
    shown_if : tuple of str and bool, optional
        The name of a switch, and its position in which the slider is shown.
    values : tuple of float
        All that it can be, from `low` to `high`, where steps are not even: the slider goes from each to the next.
    """

    label: str
    spoken: str
    low: float
    high: float
    step: float = 0.05
    shown_if: Condition = None
    values: tuple[float, ...] = ()

    def trait(self) -> TraitType:
        """Make a trait that this slider moves."""
        number = Number(self.low, self.high, whole=self.step == 1, among=self.values)
        return number.tag(sync=True, state=True, control=self)

    def widget(self, owner: ipywidgets.Widget, name: str) -> ipywidgets.Widget:
        """Make an ipywidget that moves the trait `name` of `owner`."""
        if self.values:
            options = [(f"{value:g}", value) for value in self.values]
            slider = ipywidgets.SelectionSlider(options=options, value=getattr(owner, name), description=self.label)
            traitlets.link((owner, name), (slider, "value"))
            return slider
        kind = ipywidgets.IntSlider if self.step == 1 else ipywidgets.FloatSlider
        slider = kind(value=getattr(owner, name), min=self.low, max=self.high, step=self.step, description=self.label)
        ipywidgets.jslink((owner, name), (slider, "value"))
        return slider


@dataclass(frozen=True)
class Switch:
    """On or off, with a label. `shown_if` as for a `Slider`."""

    label: str
    shown_if: Condition = None

    def trait(self) -> TraitType:
        """Make a trait that this switch sets."""
        return Bool().tag(sync=True, state=True, control=self)

    def widget(self, owner: ipywidgets.Widget, name: str) -> ipywidgets.Widget:
        """Make an ipywidget that sets the trait `name` of `owner`."""
        box = ipywidgets.Checkbox(value=getattr(owner, name), description=self.label)
        ipywidgets.jslink((owner, name), (box, "value"))
        return box


@dataclass(frozen=True)
class Action:
    """A button with a label, whose trait counts how often it was pressed. `shown_if` as for a `Slider`."""

    label: str
    shown_if: Condition = None

    def trait(self) -> TraitType:
        """Make a trait that counts the presses of this button."""
        return Int(min=0).tag(sync=True, state=True, control=self)

    def widget(self, owner: ipywidgets.Widget, name: str) -> ipywidgets.Widget:
        """Make an ipywidget that adds one to the trait `name` of `owner`."""
        button = ipywidgets.Button(description=self.label)
        button.on_click(lambda _: setattr(owner, name, getattr(owner, name) + 1))
        return button


Control = Slider | Switch | Action


class Number(TraitType):
    """A float in [low, high], or an int if it must be whole. Anything else, NaN included, is a TraitError.

    With `among` it is one of these.
    """

    def __init__(self, low: float, high: float, whole: bool = False, among: Sequence[float] = ()) -> None:
        self.kind = int if whole else float
        self.low, self.high = self.kind(low), self.kind(high)
        self.among = among
        super().__init__(self.low)

    def validate(self, owner: HasTraits, value: Any) -> float:
        """Return the value as a float or an int, or raise a TraitError that names the range."""
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        is_inside = is_number and self.low <= value <= self.high  # false for NaN
        if not is_inside or (self.kind is int and value != int(value)):
            kind = "whole number" if self.kind is int else "number"
            raise TraitError(f"{self.name} must be a {kind} from {self.low:g} to {self.high:g}, got {value!r}")
        if self.among and value not in self.among:
            values = ", ".join(f"{each:g}" for each in self.among)
            raise TraitError(f"{self.name} must be one of {values}, got {value!r}")
        return self.kind(value)


def controls_of(owner: HasTraits) -> dict[str, Control]:
    """Return the control of each trait that has one, in the order of their declaration."""
    declared = [item for cls in reversed(type(owner).__mro__) for item in vars(cls).items()]
    return {name: trait.metadata["control"] for name, trait in declared if _has_control(trait)}


def describe(name: str, control: Control) -> dict[str, Any]:
    """Describe a control for the page, for JSON."""
    return {"kind": type(control).__name__.lower(), "name": name, **asdict(control)}


def image_names(classes: Iterable[int]) -> list[str]:
    """Name images by their classes, for sliders that choose one: "3", then "3 (2)"."""
    seen = Counter[int]()
    names = []
    for label in classes:
        seen[label] += 1
        names.append(f"{label} ({seen[label]})" if seen[label] > 1 else f"{label}")
    return names


def make_widget(owner: ipywidgets.Widget, name: str, control: Control) -> ipywidgets.Widget:
    """Make an ipywidget for a control, linked to its trait and hidden while it does nothing."""
    widget = control.widget(owner, name)
    if control.shown_if is not None:
        switch, needed = control.shown_if
        display = {needed: None, not needed: "none"}
        traitlets.dlink((owner, switch), (widget.layout, "display"), lambda now: display[bool(now)])
    return widget


def _has_control(attribute: Any) -> bool:
    return isinstance(attribute, TraitType) and "control" in attribute.metadata
