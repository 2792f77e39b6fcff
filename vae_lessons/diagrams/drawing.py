"""Drawings in SVG: nodes, arrows from border to border, and text in which formulas look like formulas.

Things flow through a drawing from left to right or, where it is turned, from top to bottom. Positions and sizes are
given along that way and across it, in CSS pixels.
"""

import html
import math
import re
from collections.abc import Sequence
from typing import NamedTuple

# Of each kind of text: its size, and about how wide a letter of it is in units of that.
TEXT = {"symbol": (20, 0.5), "formula": (16, 0.42), "words": (14, 0.53), "detail": (13, 0.56)}
SUBSCRIPT, DROP = 0.72, 0.2  # size and depth of a subscript, in units of the line's size
HEAD = (9, 3.5)  # length of an arrow's head, and half its width
MARGIN = 2  # for lines that are drawn around the outermost nodes

VARIABLE = re.compile(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])|[α-ωϕ]")
# An accent of its own, moved back over the letter, since few italic fonts have the one that combines with it.
HAT = '<tspan dx="-0.33em">\u02c6</tspan>'

Point = tuple[float, float]


class Line(NamedTuple):
    """A line of text. In it single letters are variables, and _ makes the next letter a subscript."""

    style: str  # one of TEXT
    text: str


class Node(NamedTuple):
    """A box, or a circle, around (x, y)."""

    x: float
    y: float
    width: float = 0
    height: float = 0
    is_round: bool = False

    def border(self, dx: float, dy: float, shift: float = 0) -> Point:
        """Where one leaves the node in the direction (dx, dy), of length 1, from `shift` to the right of its centre."""
        x, y = -shift * dy, shift * dx
        if self.is_round:
            far = math.sqrt((self.width / 2) ** 2 - shift**2)
        else:
            sides = (self.width / 2, x, dx), (self.height / 2, y, dy)
            far = min((half - math.copysign(1, step) * start) / abs(step) for half, start, step in sides if step)
        return self.x + x + far * dx, self.y + y + far * dy


class Drawing:
    """What has been drawn so far. Every part has a class that says what it stands for, and so its colour."""

    def __init__(self, turned: bool = False) -> None:
        self.turned = turned
        self._parts: list[str] = []
        self._corners: list[Point] = []

    def node(self, along: float, across: float, size: Point, look: str, *lines: Line, is_round: bool = False) -> Node:
        """A node with lines of text in its middle. look : classes"""
        (x, y), (width, height) = self._turn(along, across), self._turn(*size)
        left, top = x - width / 2, y - height / 2
        if is_round:
            shape = element("circle", cx=x, cy=y, r=width / 2)
        else:
            shape = element("rect", x=left, y=top, width=width, height=height, rx=5)
        self._parts.append(element("g", shape, class_=f"node {look}"))
        self._corners += [(left, top), (left + width, top + height)]
        self._write(x, y, lines, "middle")
        return Node(x, y, width, height, is_round)

    def text(self, along: float, across: float, *lines: Line, anchor: str = "middle") -> None:
        """Lines one below the other, their middle at this height, and their `anchor` ("start", "end") at this place."""
        self._write(*self._turn(along, across), lines, anchor)

    def arrow(self, start: Node, end: Node, look: str = "ink", shift: float = 0) -> None:
        """A straight arrow, moved to its own right by `shift`."""
        direction = _direction((start.x, start.y), (end.x, end.y))
        back = _direction((end.x, end.y), (start.x, start.y))
        self._draw([start.border(*direction, shift), end.border(*back, -shift)], look)

    def elbow(self, start: Node, end: Node, look: str = "ink") -> None:
        """An arrow that leaves `start` across the flow and reaches `end` along it."""
        corner = (end.x, start.y) if self.turned else (start.x, end.y)
        first = start.border(*_direction((start.x, start.y), corner))
        last = end.border(*_direction((end.x, end.y), corner))
        self._draw([first, corner, last], look)

    def cross(self, along: float, across: float, look: str = "ink", size: float = 6) -> None:
        """A sign that there is no way through."""
        x, y = self._turn(along, across)
        strokes = path((x - size, y - size), (x + size, y + size)) + path((x - size, y + size), (x + size, y - size))
        self._parts.append(element("path", class_=f"cross {look}", d=strokes))

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of all that there is."""
        across, down = zip(*self._corners, strict=True)
        left, top = min(across) - MARGIN, min(down) - MARGIN
        return left, top, max(across) + MARGIN - left, max(down) + MARGIN - top

    def svg(self, *before: str, **attributes: str) -> str:
        """All of it as one element, after the elements in `before`."""
        left, top, width, height = map(number, self.box)
        size = {"viewBox": f"{left} {top} {width} {height}", "width": width, "height": height}
        return element("svg", *before, *self._parts, xmlns="http://www.w3.org/2000/svg", **size, **attributes)

    def _turn(self, along: float, across: float) -> Point:
        return (across, along) if self.turned else (along, across)

    def _write(self, x: float, y: float, lines: Sequence[Line], anchor: str) -> None:
        y -= sum(1.15 * TEXT[style][0] for style, _ in lines) / 2
        for style, text in lines:
            size, letter = TEXT[style]
            place = {"x": x, "y": y + 0.9 * size, "text_anchor": anchor, "style": f"font-size: {size}px"}
            self._parts.append(element("text", typeset(text, size), class_=style, **place))
            width = letter * size * len(re.sub("[_\u0302]", "", text))
            left = x - width * {"start": 0, "middle": 0.5, "end": 1}[anchor]
            self._corners += [(left, y), (left + width, y + 1.15 * size)]
            y += 1.15 * size

    def _draw(self, points: Sequence[Point], look: str) -> None:
        tip, (dx, dy) = points[-1], _direction(*points[-2:])
        length, half = HEAD
        neck = tip[0] - length * dx, tip[1] - length * dy
        sides = [(neck[0] - side * dy, neck[1] + side * dx) for side in (half, -half)]
        shaft = element("path", class_="shaft", d=path(*points[:-1], neck))
        head = element("path", class_="head", d=path(sides[0], tip, sides[1]) + "Z")
        self._parts.append(element("g", shaft, head, class_=f"arrow {look}"))
        self._corners += points


def element(tag: str, *content: str, **attributes: float | str) -> str:
    """An element around content that is SVG already. Attributes have _ for -, and `class_` is the class."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value) if isinstance(value, str) else number(value)}"'
        for name, value in attributes.items()
    )
    return f"<{tag}{written}>{''.join(content)}</{tag}>"


def typeset(text: str, size: float) -> str:
    """Text as SVG, with variables in italics and subscripts below the line."""
    plain, *rest = re.split("_(.)", text)
    drop = DROP * size
    pieces = [_variables(plain)]
    for below, after in zip(rest[::2], rest[1::2], strict=True):
        pieces.append(element("tspan", _variables(below), font_size=SUBSCRIPT * size, dy=drop))
        pieces.append(element("tspan", _variables(after), dy=-drop) if after else "")
    return "".join(pieces)


def number(value: float) -> str:
    """A number as short as two decimals allow."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _variables(text: str) -> str:
    marked = VARIABLE.sub(r'<tspan class="variable">\g<0></tspan>', html.escape(text))
    return marked.replace("</tspan>\u0302", f"{HAT}</tspan>")


def _direction(start: Point, end: Point) -> Point:
    length = math.dist(start, end)
    return (end[0] - start[0]) / length, (end[1] - start[1]) / length


def path(*points: Point) -> str:
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)
