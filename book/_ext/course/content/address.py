"""The course's public address, kept in pyproject.toml and repeated in the first code cell of every notebook.

In Colab a notebook is alone, so its first code cell installs the package. `make address` writes that cell into all
notebooks, and writes it again when the address has changed.
"""

import re
import sys
import tomllib
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell

ROOT = Path(__file__).parents[4]
ON_GITHUB = re.compile(r"https://github\.com/[\w-]+/[\w.-]+")  # Colab opens notebooks from nowhere else
FOLDERS = ("notebooks", "notebooks/exercises", "book/appendix")
CELL_ID = "ways-in"
METADATA = {"tags": ["remove-cell"]}  # on a page there is nothing to install

INSTALL = """\
# Installs the course's package where it is missing, as in Colab.
from importlib.util import find_spec

if find_spec("vae_lessons") is None:
    %pip install --quiet git+{address}"""
EXPLAIN = """\
# Says what to do where the course's package is missing.
from importlib.util import find_spec

if find_spec("vae_lessons") is None:
    raise ModuleNotFoundError(
        "vae_lessons is not installed here. In the course's folder, run `make lab`, or "
        "`pip install -e .` in the environment that this notebook runs in."
    )"""


def repository(course: Path) -> str:
    """Read the public address of the course's repository; empty while it has none.

    Raises
    ------
    ValueError
        If it is not on GitHub.
    """
    project = tomllib.loads((course / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address = project.get("urls", {}).get("Repository", "")
    if address and not ON_GITHUB.fullmatch(address):
        raise ValueError(f"Repository in pyproject.toml must be https://github.com/OWNER/NAME, got {address!r}")
    return address


def first_cell(address: str) -> str:
    """Return the source of the first code cell of every notebook."""
    return INSTALL.format(address=address) if address else EXPLAIN


def write_first_cells(course: Path) -> str:
    """Write the first code cell of every notebook, below the title, and return the address in it."""
    address = repository(course)
    for path in sorted(path for folder in FOLDERS for path in (course / folder).glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        if notebook.cells[1].id != CELL_ID:
            notebook.cells.insert(1, new_code_cell(id=CELL_ID, metadata=METADATA))
        if notebook.cells[1].source != first_cell(address):
            notebook.cells[1].source = first_cell(address)
            nbformat.write(notebook, path)
    return address


if __name__ == "__main__":
    try:
        print(f"address in the notebooks: {write_first_cells(ROOT) or 'none'}")
    except ValueError as error:
        sys.exit(str(error))
