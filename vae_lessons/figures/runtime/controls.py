"""What a reader moves in a live figure: sliders, switches and buttons.

Each is a trait of the figure, declared by the control that moves it. One description serves twice: it makes
the ipywidget of a live kernel, and it travels as JSON to the page, which makes a native input of it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any

import ipywidgets
import traitlets
from traitlets import Bool, HasTraits, Int, TraitError, TraitType

# The name of a switch, and its position in which the control does something; in the other it is not shown. A trait
# that is text, such as a drawing, is on while there is some.
Condition = tuple[str, bool] | None


@dataclass(frozen=True)
class Slider:
    """A number in [low, high], moved in steps. `spoken` is the label for those who listen: "mu" for "μ".

    With steps of 1 it counts: its trait takes whole numbers only.
    """

    label: str
    spoken: str
    low: float
    high: float
    step: float = 0.05
    shown_if: Condition = None

    def trait(self) -> TraitType:
        return Number(self.low, self.high, whole=self.step == 1).tag(sync=True, state=True, control=self)

    def widget(self, owner: ipywidgets.Widget, name: str) -> ipywidgets.Widget:
        kind = ipywidgets.IntSlider if self.step == 1 else ipywidgets.FloatSlider
        slider = kind(value=getattr(owner, name), min=self.low, max=self.high, step=self.step, description=self.label)
        ipywidgets.jslink((owner, name), (slider, "value"))
        return slider


@dataclass(frozen=True)
class Switch:
    """On or off."""

    label: str
    shown_if: Condition = None

    def trait(self) -> TraitType:
        return Bool().tag(sync=True, state=True, control=self)

    def widget(self, owner: ipywidgets.Widget, name: str) -> ipywidgets.Widget:
        box = ipywidgets.Checkbox(value=getattr(owner, name), description=self.label)
        ipywidgets.jslink((owner, name), (box, "value"))
        return box


@dataclass(frozen=True)
class Action:
    """A button. Its trait counts how often it was pressed."""

    label: str
    shown_if: Condition = None

    def trait(self) -> TraitType:
        return Int(min=0).tag(sync=True, state=True, control=self)

    def widget(self, owner: ipywidgets.Widget, name: str) -> ipywidgets.Widget:
        button = ipywidgets.Button(description=self.label)
        button.on_click(lambda _: setattr(owner, name, getattr(owner, name) + 1))
        return button


Control = Slider | Switch | Action


class Number(TraitType):
    """A float in [low, high], or an int if it must be whole. What is no number, NaN included, is a TraitError."""

    def __init__(self, low: float, high: float, whole: bool = False) -> None:
        self.kind = int if whole else float
        self.low, self.high = self.kind(low), self.kind(high)
        super().__init__(self.low)

    def validate(self, owner: HasTraits, value: Any) -> float:
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        is_inside = is_number and self.low <= value <= self.high  # false for NaN
        if not is_inside or (self.kind is int and value != int(value)):
            kind = "whole number" if self.kind is int else "number"
            raise TraitError(f"{self.name} must be a {kind} from {self.low:g} to {self.high:g}, got {value!r}")
        return self.kind(value)


def controls_of(owner: HasTraits) -> dict[str, Control]:
    """The control of each trait that has one, in the order in which they were declared."""
    declared = [item for cls in reversed(type(owner).__mro__) for item in vars(cls).items()]
    return {name: trait.metadata["control"] for name, trait in declared if _has_control(trait)}


def describe(name: str, control: Control) -> dict[str, Any]:
    """What the page needs to know, for JSON."""
    return {"kind": type(control).__name__.lower(), "name": name, **asdict(control)}


def image_names(classes: Iterable[int]) -> list[str]:
    """What a page says in place of a slider's whole numbers, where it chooses an image: "3", then "3 (2)"."""
    seen = Counter[int]()
    names = []
    for label in classes:
        seen[label] += 1
        names.append(f"{label} ({seen[label]})" if seen[label] > 1 else f"{label}")
    return names


def make_widget(owner: ipywidgets.Widget, name: str, control: Control) -> ipywidgets.Widget:
    """The control as an ipywidget that is linked to the trait, and shown while it does something."""
    widget = control.widget(owner, name)
    if control.shown_if is not None:
        switch, needed = control.shown_if
        display = {needed: None, not needed: "none"}
        traitlets.dlink((owner, switch), (widget.layout, "display"), lambda now: display[bool(now)])
    return widget


def _has_control(attribute: Any) -> bool:
    return isinstance(attribute, TraitType) and "control" in attribute.metadata
