"""Share the style and the weights of live figures within a page.

Each figure is HTML that can stand alone. A figure looks for its style, and for its networks' weights by their digest,
in the whole page, so one copy of each is enough.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

SHARED = re.compile(
    r'(<script\b[^>]*\bclass="live-figure-weights"[^>]*>[^<]*</script>|<style>\s*\.live-figure-view\b[^<]*</style>)\s*'
)


class ShareParts(SphinxPostTransform):
    """The transform that leaves every shared part in the first figure that has it."""

    default_priority = 900  # when MyST-NB has chosen the HTML of each output

    def run(self, **_options: object) -> None:
        """Remove the copies."""
        seen: set[str] = set()

        def first_only(part: re.Match[str]) -> str:
            repeated = part[1] in seen
            seen.add(part[1])
            return "" if repeated else part[0]

        for output in self.document.findall(nodes.raw):
            if output.get("format") == "html" and SHARED.search(output.astext()):
                text = SHARED.sub(first_only, output.astext())
                output.rawsource, output.children = text, []
                output += nodes.Text(text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.add_post_transform(ShareParts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
