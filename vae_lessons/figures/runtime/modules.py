"""The ES modules of a figure, joined by their `import` lines into the text of one module, which travels.

A widget and a page without a kernel both take one module as text, and neither can fetch another. All modules end up
in one scope, so a top-level name may be declared in one of them only. Top-level declarations begin their line.
"""

import os
import re
from pathlib import Path

IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.{1,2}/[^"]+)";[^\S\n]*\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async |const |let |function|class ))", re.MULTILINE)
DECLARATION = re.compile(r"^(export )?(?:async )?(?:const|let|var|function\*?|class) (?:(\w+)|(.))", re.MULTILINE)
OTHER_IMPORT_OR_EXPORT = re.compile(r"^(?:import\b|export (?:\{|\*|default\b)).*", re.MULTILINE)
COMMENT = re.compile(r"^[^\S\n]*(?:/\*.*?\*/|//[^\n]*)[^\S\n]*\n", re.MULTILINE | re.DOTALL)


class ModuleError(ValueError):
    """ES modules that cannot be joined into one."""


def join_modules(*entries: Path) -> str:
    """Join ES modules, and all that they import, into the text of one.

    Each file comes once, after those that it imports. The entries keep their `export` keywords; `import` lines, the
    others' `export` keywords, and comments that fill whole lines stay behind.

    Parameters
    ----------
    entries : Path
        The files to begin with.

    Raises
    ------
    ModuleError
        For a missing file, files that import each other in a cycle, a name that a file does not export or that two
        files declare, and `import` and `export` lines of other kinds than ``import { a, b } from "./file.js";``,
        ``export function f``, ``export const c`` and, in an entry, ``export default``.
    """
    starts = [_resolved(entry) for entry in entries]
    sources: dict[Path, str] = {}
    for entry in starts:
        _collect(entry, sources, ())
    _check_names(sources)
    texts = []
    for path, source in sources.items():
        text = COMMENT.sub("", IMPORT.sub("", source))
        if other := next((m for m in OTHER_IMPORT_OR_EXPORT.finditer(text) if not _is_default(m, path, starts)), None):
            raise ModuleError(f"{path.name} has a line that cannot be joined: {other[0]}")
        texts.append(text if path in starts else EXPORT.sub("", text))
    return "\n".join(text.strip("\n") for text in texts) + "\n"


def _collect(path: Path, sources: dict[Path, str], parents: tuple[Path, ...]) -> None:
    """Put a file's text into `sources`, after the texts of what it imports."""
    if path in parents:
        cycle = " → ".join(each.name for each in (*parents[parents.index(path) :], path))
        raise ModuleError(f"files import each other: {cycle}")
    if path in sources:
        return
    try:
        source = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        where = f", which {parents[-1].name} imports," if parents else ""
        raise ModuleError(f"{path}{where} is not there") from error
    for names, address in IMPORT.findall(source):
        target = _resolved(path.parent / address)
        _collect(target, sources, (*parents, path))
        exported = {name for export, name, _ in DECLARATION.findall(sources[target]) if export}
        if missing := sorted({name.strip() for name in names.split(",")} - exported - {""}):
            raise ModuleError(f"{path.name} imports {', '.join(missing)}, which {target.name} does not export")
    sources[path] = source


def _check_names(sources: dict[Path, str]) -> None:
    owners: dict[str, Path] = {}
    for path, source in sources.items():
        for _, name, pattern in DECLARATION.findall(source):
            if pattern:
                raise ModuleError(f"{path.name} declares several names at once at its top level")
            if name in owners:
                raise ModuleError(f"{owners[name].name} and {path.name} both declare {name}")
            owners[name] = path


def _is_default(line: re.Match[str], path: Path, entries: list[Path]) -> bool:
    return path in entries and line[0].startswith("export default")


def _resolved(path: Path) -> Path:
    return Path(os.path.normpath(path))
