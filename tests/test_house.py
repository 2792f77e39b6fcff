"""The rules of the house: which folder may import which, and what importing the packages costs."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

COURSE = Path(__file__).parents[1]
LINT = shutil.which("lint-imports", path=Path(sys.executable).parent)


def lint(course: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT, "--no-cache"], cwd=course, env={"PYTHONPATH": str(course)}, capture_output=True, text=True
    )


@pytest.fixture
def copy(tmp_path) -> Path:
    """The packages and their rules, to be changed."""
    shutil.copy(COURSE / "pyproject.toml", tmp_path)
    for package in ("vae_lessons", "vae_exercises"):
        shutil.copytree(COURSE / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.parametrize(
    ("module", "imports"),
    [
        ("vae_lessons/probability/new.py", "vae_lessons.training"),
        ("vae_lessons/models/new.py", "vae_exercises"),
        ("vae_lessons/figures/gaussian_kl/new.py", "vae_lessons.figures.elbo_gap.figure"),
        ("vae_lessons/figures/runtime/new.py", "vae_lessons.figures.elbo_gap.figure"),
    ],
)
def test_an_import_that_runs_upwards_is_refused(copy, module, imports):
    assert lint(copy).returncode == 0
    (copy / module).write_text(f"import {imports}\n")
    refused = lint(copy)
    assert refused.returncode == 1
    assert f"{module.removesuffix('.py').replace('/', '.')} -> {imports}" in refused.stdout


@pytest.mark.check
@pytest.mark.parametrize(
    ("package", "slow"),
    [
        ("vae_lessons", ("scipy", "sklearn", "torchvision", "matplotlib.pyplot")),
        ("vae_exercises", ("scipy.stats", "scipy.optimize", "sklearn", "torchvision", "matplotlib")),
    ],
)
def test_importing_a_package_does_not_import_what_takes_long(package, slow):
    code = f"import sys, {package}; print([name for name in {slow!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=COURSE, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_a_port_that_is_taken_is_said_before_the_book_is_built(tmp_path):
    family, *_, address = socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)[0]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)
    (tmp_path / ".installed").touch()

    def make(target: str, port: int) -> subprocess.CompletedProcess[str]:
        command = ["make", target, f"PORT={port}", f"VENV={tmp_path}", "-o", f"{tmp_path}/.installed"]
        return subprocess.run(command, cwd=COURSE, capture_output=True, text=True)

    with socket.create_server(address, family=family) as server:
        port = server.getsockname()[1]
        taken = make("serve", port)
        assert taken.returncode
        said = f"make serve: port {port} is taken, or may not be used: make serve PORT={port + 1}"
        assert said in taken.stderr.splitlines()
        assert "Traceback" not in taken.stderr
    assert make("free-port", port).returncode == 0
