"""Write pages again only where something has changed, and delete pages that have left the book.

Sphinx knows when a page's source or the configuration has changed. It does not know that every page here lists the
others by title, nor that this extension, the style sheets and the drawings make pages too.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment

SOURCES = ("_ext", "_static", "_templates", "figures")  # beside the configuration


def note_sources(app: Sphinx, config: Config) -> None:
    """Put a digest of the files that make pages into the configuration."""
    files = sorted(path for folder in SOURCES for path in Path(app.confdir, folder).rglob("*") if path.is_file())
    sources = (path for path in files if path.suffix != ".pyc")
    digests = (hashlib.sha256(path.read_bytes()).hexdigest() for path in sources)
    config.page_sources = hashlib.sha256("".join(digests).encode()).hexdigest()


class AllOrNothing:
    """The rule that all pages are written if one of them is new, changed or gone."""

    changed = False

    def note(self, _app: Sphinx, _env: BuildEnvironment, *changes: set[str]) -> list[str]:
        """Remember whether anything changed; no further page has to be read for it."""
        self.changed = any(changes)
        return []

    def pages_to_write(self, _app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
        """Return the pages to write besides those that were read."""
        return env.found_docs if self.changed else []


def remove_leftovers(app: Sphinx, error: Exception | None) -> None:
    """Delete pages and figures of an earlier build that the book no longer has."""
    if error is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    pages = {Path(app.builder.get_outfilename(name)) for name in app.env.found_docs}
    figures = {name for _, name in app.env.images.values()}
    written = [page for page in out.glob("[!_]*/**/*.html") if page not in pages]  # Sphinx's own lie in `out` itself
    drawn = [file for file in Path(out, "_images").glob("*") if file.name not in figures]
    for leftover in written + drawn:
        leftover.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.add_config_value("page_sources", "", "env", [str])
    app.connect("config-inited", note_sources)
    pages = AllOrNothing()
    app.connect("env-get-outdated", pages.note)
    app.connect("env-get-updated", pages.pages_to_write)
    app.connect("build-finished", remove_leftovers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
