"""`{benchmarks} PART` in a page: the last measurements as a table, with the machine they were measured on."""

import sys

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from vae_lessons.data import course_root

sys.path.append(str(course_root()))  # the benchmarks are not an installed package
from benchmarks.report import FILE, load, table

MACHINE = "Measured on {day}, on {cores} cores ({processor}, {instructions}), torch {torch}, Python {python}; "
PROBE = (
    "a product of matrices in float32 ran at {probe before, GFLOP/s} GFLOP/s before the measurement and at "
    "{probe after, GFLOP/s} after it."
)
NOT_YET = "*Not measured yet: run `make bench`.*"


class Benchmarks(SphinxDirective):
    """The directive for the table of one part of the report."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table and a sentence about the machine."""
        report, part = load(), self.arguments[0]
        self.env.note_dependency(str(FILE))
        if part not in report.parts:
            return self.parse_text_to_nodes(NOT_YET)
        text = f"{table(report.parts[part])}\n\n{(MACHINE + PROBE).format(**report.machines[part])}\n"
        return self.parse_text_to_nodes(text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.add_directive("benchmarks", Benchmarks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
