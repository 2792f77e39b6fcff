"""The theme's icons without the script that draws them, and without most of the font behind them.

A page of the theme loads all of Font Awesome, a script of 1.5 MB, to draw a dozen icons, and a font of 156 KB for the
icons of boxes. Here the drawings a page needs are put into it as it is written, as that script would in the browser,
and the font keeps the characters that style sheets name. Both come from the installed theme: nothing is kept here.
"""

import re
from pathlib import Path
from typing import NamedTuple

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

SOLID = {"fas", "fa-solid"}
MADE_IN_THE_BROWSER = ".fa-xmark:before"  # the theme's script makes it where it announces something: from the font
ENTRY = re.compile(r'[{,]"?([a-z0-9-]+)"?:\[(\d+),(\d+),\[[^\]]*\],"[0-9a-f]+","([^"]*)"\]')
EMPTY_ELEMENT = re.compile(r'<(i|span)((?:\s+[\w-]+="[^"]*")+)\s*>\s*</\1>')
ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
UNDRAWN = re.compile(r"""<(?!svg\b)[a-z]+\b[^>]*\bclass=["'](?:[^"'>]*\s)?fa[srb]?[ -][^>]*>""")
RULE_OF_AN_ICON = re.compile(r'(?:\.fa-[a-z0-9-]+:before,?)+\{content:"[^"]*"\}')
WOFF2_BEFORE_TTF = re.compile(r'url\([^()]*/fa-solid-900\.woff2\) format\("woff2"\),')
CHARACTER = re.compile(r"([\ue000-\uf8ff])|\\([ef][0-9a-f]{3})(?![0-9a-f])")  # of those that icon fonts use


class Drawing(NamedTuple):
    width: str
    height: str
    path: str


def read_drawings(script: str) -> dict[str, Drawing]:
    """The solid icons by name, from the text of the theme's script. ValueError where it does not list them."""
    solid = script[script.index('("fa-regular",') : script.index('("fa-solid",')]
    return {name: Drawing(*drawing) for name, *drawing in ENTRY.findall(solid)}


def draw_icons(page: str, drawings: dict[str, Drawing]) -> str:
    """The page with an <svg> for each empty element that names an icon. LookupError where one is left without."""

    def draw(element: re.Match[str]) -> str:
        attributes = dict(ATTRIBUTE.findall(element[2]))
        classes = attributes.pop("class", "").split()
        names = [name for name in classes if name.removeprefix("fa-") in drawings]
        if SOLID.isdisjoint(classes) or len(names) != 1:
            return element[0]
        kept = " ".join(name for name in classes if name not in SOLID)
        return svg(drawings[names[0].removeprefix("fa-")], f"svg-inline--fa {kept}", attributes)

    drawn = EMPTY_ELEMENT.sub(draw, page)
    if undrawn := UNDRAWN.search(drawn):
        raise LookupError(f"an icon must be an empty <i> or <span> of the theme's solid ones, got {undrawn[0]}")
    return drawn


def svg(drawing: Drawing, classes: str, attributes: dict[str, str]) -> str:
    """A picture with a name where there is a title, and else none for those who do not see it."""
    title = attributes.pop("title", None)
    attributes |= {"role": "img"} if title else {"aria-hidden": "true"}
    written = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return (
        f'<svg class="{classes}"{written} viewBox="0 0 {drawing.width} {drawing.height}">'
        + (f"<title>{title}</title>" if title else "")
        + f'<path fill="currentColor" d="{drawing.path}"/></svg>'
    )


def thin_font(static: Path) -> None:
    """Take from the written style sheets the icons that pages draw themselves, and from the font what no sheet names.

    static : the folder of the written site that the theme was copied into; doing it again changes nothing
    """
    theme = static / "styles/pydata-sphinx-theme.css"
    kept = RULE_OF_AN_ICON.sub(lambda rule: rule[0] if MADE_IN_THE_BROWSER in rule[0] else "", theme.read_text("utf-8"))
    theme.write_text(WOFF2_BEFORE_TTF.sub("", kept), "utf-8")
    named = {
        ord(character) if character else int(code, 16)
        for sheet in static.rglob("*.css")
        for character, code in CHARACTER.findall(sheet.read_text("utf-8"))
    }
    file = static / "vendor/fontawesome/webfonts/fa-solid-900.ttf"
    with TTFont(file) as font:
        subsetter = Subsetter(Options(layout_features=[], notdef_outline=True))
        subsetter.populate(unicodes=named)
        subsetter.subset(font)
        font.save(file)
