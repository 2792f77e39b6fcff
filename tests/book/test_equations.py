"""Each labelled equation of the book has a test under its label; the tests themselves are in `equations`."""

import importlib
import pkgutil
import re
from pathlib import Path

import equations
import nbformat
import pytest
import torch

ROOT = Path(__file__).parents[2]
LABEL = re.compile(r"^\$\$ \((eq-[\w-]+)\)\s*$", re.MULTILINE)

for module in pkgutil.iter_modules(equations.__path__):
    importlib.import_module(f"equations.{module.name}")


def labels_in_the_book() -> list[str]:
    """Return the equation labels of all lessons and pages."""
    notebooks = [nbformat.read(path, as_version=4) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    cells = [cell.source for notebook in notebooks for cell in notebook.cells if cell.cell_type == "markdown"]
    pages = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "book").glob("*.md"))]
    return [label for text in cells + pages for label in LABEL.findall(text)]


@pytest.mark.parametrize("label", sorted(equations.EQUATIONS))
def test_equation(label):
    equations.EQUATIONS[label](torch.Generator().manual_seed(20))


def test_labels_and_tests_match():
    labels = labels_in_the_book()
    assert len(labels) == len(set(labels)), "a label is used twice"
    assert set(labels) == set(equations.EQUATIONS)
