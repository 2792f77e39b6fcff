"""A live figure as HTML that needs no kernel, no network and no file beside it.

The figure's module is mounted on its state inside the page, when it comes near what is seen of the page. Until it has
drawn, and for good where it cannot, a still picture stands in its place.
"""

import base64
import hashlib
import html
import io
import itertools
import json
from collections.abc import Sequence
from typing import Any

from PIL import Image

TEMPLATE = """\
<figure class="live-figure" id="{name}">
{styles}\
<div class="live-figure-still">
<img width="{width}" height="{height}" alt="{alt}" src="data:image/webp;base64,{still}">
</div>
<noscript><p>With JavaScript on, this figure has controls that move it.</p></noscript>
<figcaption><p>{caption}</p></figcaption>
{weights}\
<script type="application/json">{state}</script>
<script type="module">
{module}
mountWhenNear(document.getElementById("{name}"), render);
</script>
</figure>"""
STYLE = "<style>\n{css}\n</style>\n"
WEIGHTS = '<script type="text/plain" class="live-figure-weights" data-digest="{digest}">{content}</script>\n'
_serial = itertools.count(1)


def figure_html(
    *,
    module: str,
    styles: Sequence[str],
    state: dict[str, Any],
    weights: dict[str, str],
    still: bytes,
    size: tuple[int, int],
    alt: str,
    caption: str,
) -> str:
    """Write one <figure> with all that it needs.

    Parameters
    ----------
    module : str
        JavaScript that defines `mountWhenNear(figure, render)` and `render`.
    styles : sequence of str
        Style sheets, each in an element of its own: of several alike on a page one is enough.
    state : dict
        What `render` reads, for JSON.
    weights : dict of str to str
        Networks in base64, each under its digest and in an element of its own. Any figure on a page finds them there,
        so of several elements with one digest one is enough.
    still : bytes
        A PNG.
    size : tuple of int
        The PNG's width and height on the page, in CSS pixels.
    alt, caption : str
        Plain text.
    """
    encoded = _inert_json(state)
    mark = hashlib.sha256(f"{module}{encoded}{caption}".encode()).hexdigest()[:8]
    return TEMPLATE.format(
        # Kernels count on their own, and pages may come from several: so not the serial number alone.
        name=f"live-figure-{mark}-{next(_serial)}",
        styles="".join(STYLE.format(css=css.replace("</", r"<\/")) for css in styles),
        width=size[0],
        height=size[1],
        alt=html.escape(alt),
        still=base64.b64encode(_as_webp(still)).decode("ascii"),
        caption=html.escape(caption),
        weights="".join(WEIGHTS.format(digest=digest, content=content) for digest, content in weights.items()),
        state=encoded,
        module=_inert_module(module),
    )


def _as_webp(png: bytes) -> bytes:
    """Write the same pixels in three quarters of the bytes."""
    webp = io.BytesIO()
    Image.open(io.BytesIO(png)).save(webp, format="webp", lossless=True, quality=100, method=4)
    return webp.getvalue()


def _inert_json(state: dict[str, Any]) -> str:
    """JSON in ASCII and without <, so that nothing in it can end or comment out its script element."""
    return json.dumps(state, allow_nan=False).replace("<", r"\u003c")


def _inert_module(module: str) -> str:
    r"""Return the same program, unable to end its script element: inside a string, <\/ is </ and <\!-- is <!--."""
    return module.replace("</", r"<\/").replace("<!--", r"<\!--")
