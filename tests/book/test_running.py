"""The page on running the notebooks: its code runs, and what it names is there."""

import os
import re
from pathlib import Path

import pytest
import torch

from vae_lessons import VAE, Bernoulli, fit, load_images

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "book/running.md").read_text(encoding="utf-8")
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def names():
    """Return the names that all blocks of code leave, run in their order."""
    before = dict(os.environ)
    names = {"VAE": VAE, "Bernoulli": Bernoulli, "fit": fit, "data": load_images("digits")}
    try:
        for code in CODE.findall(PAGE):
            exec(code, names)
        return names | {"environment": dict(os.environ)}
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_code_trains_and_moves_images_to_the_model(names):
    assert len(CODE.findall(PAGE)) == 5
    assert names["vae"](names["x"]).isfinite().all()
    assert all(parameter.dtype == torch.float32 for parameter in names["vae"].parameters())
    assert names["environment"]["VAE_LESSONS_CACHE"] == "my-models"


def test_absent_device_is_an_error_that_says_what_is_there(names):
    absent = "mps" if torch.cuda.is_available() else "cuda"
    if torch.accelerator.is_available() and torch.accelerator.current_accelerator().type == absent:
        pytest.skip(f"{absent} is there")
    with pytest.raises(ValueError, match=f"device '{absent}' is not on this machine; 'auto' takes"):
        fit(names["vae"], names["data"], epochs=1, device=absent)


def test_variables_commands_and_sections_exist():
    contributing, readme = ((ROOT / name).read_text(encoding="utf-8") for name in ("CONTRIBUTING.md", "README.md"))
    assert set(re.findall(r"VAE_LESSONS_\w+", PAGE)) <= set(re.findall(r"VAE_LESSONS_\w+", contributing))
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"`make (\w+)`", PAGE)) <= set(targets)
    assert "## Without make" in readme
    commands = re.search(r"^```\n(pip install .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1]
    assert commands in readme
