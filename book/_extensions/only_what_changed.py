"""A built book is built again only where something has changed, and keeps nothing that is no longer in it.

Sphinx knows when a page's source or the configuration has changed. It does not know that each page here lists the
others by title, nor that the extensions and the style sheets of this book make its pages too.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment

MAKERS = ("_extensions", "_static", "_templates")  # beside the configuration


def note_what_makes_pages(app: Sphinx, config: Config) -> None:
    files = sorted(path for folder in MAKERS for path in Path(app.confdir, folder).rglob("*") if path.is_file())
    sources = (path for path in files if path.suffix != ".pyc")
    digests = (hashlib.sha256(path.read_bytes()).hexdigest() for path in sources)
    config.made_by = hashlib.sha256("".join(digests).encode()).hexdigest()


class AllOrNothing:
    """All pages are to be written if one of them is new, changed or gone."""

    changed = False

    def note(self, _app: Sphinx, _env: BuildEnvironment, *changes: set[str]) -> list[str]:
        self.changed = any(changes)
        return []  # none is read once more for it

    def pages_to_write(self, _app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
        return env.found_docs if self.changed else []


def remove_leftovers(app: Sphinx, error: Exception | None) -> None:
    """Pages and figures of an earlier build that no page of this one has."""
    if error is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    pages = {Path(app.builder.get_outfilename(name)) for name in app.env.found_docs}
    figures = {name.rpartition(".")[0] for _, name in app.env.images.values()}
    written = [page for page in out.glob("[!_]*/**/*.html") if page not in pages]  # Sphinx's own lie in `out` itself
    drawn = [file for file in Path(out, "_images").glob("*") if file.stem not in figures]
    for leftover in written + drawn:
        leftover.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_config_value("made_by", "", "env", [str])
    app.connect("config-inited", note_what_makes_pages)
    pages = AllOrNothing()
    app.connect("env-get-outdated", pages.note)
    app.connect("env-get-updated", pages.pages_to_write)
    app.connect("build-finished", remove_leftovers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
