"""The API page."""

import importlib

import pytest
from bs4 import BeautifulSoup

PACKAGES = (
    "vae_lessons",
    *(f"vae_lessons.{name}" for name in ("probability", "data", "inference", "models", "training")),
)


@pytest.fixture(scope="module")
def documented(site):
    """Return the text of every entry of the API page, by its name."""
    page = BeautifulSoup((site / "book/api.html").read_text(encoding="utf-8"), "html.parser")
    return {entry["id"]: entry.parent.dd.get_text().strip() for entry in page.select("dl.py > dt[id]")}


@pytest.mark.parametrize("package", [*PACKAGES, "vae_lessons.evaluation", "vae_lessons.figures"])
def test_api_page_has_every_public_name(package, documented):
    described = {name.rpartition(".")[2] for name, text in documented.items() if text}
    assert set(getattr(importlib.import_module(package), "__all__", ())) - described == set()


def test_api_page_has_the_check_of_exercises(documented):
    assert documented["vae_exercises.check"]


def test_api_page_has_every_folder(documented):
    folders = {name.split(".")[1] for name in documented if name.startswith("vae_lessons.")}
    assert {"probability", "data", "inference", "models", "training", "evaluation", "figures"} <= folders
