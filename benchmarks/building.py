"""Building the book: from scratch, with everything cached, and the time of each lesson."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from benchmarks.measurements import Measurement
from vae_lessons.data import course_root, data_root

BUILD = ["build", ".", "--config", "book/_config.yml", "--toc", "book/_toc.yml", "--path-output", "book", "-W", "-n"]
RAN = re.compile(r"^(\S+)\.ipynb ran in (\d+) s$", re.MULTILINE)
EXECUTION = re.compile(r"^lessons ran in (\d+) s$", re.MULTILINE)
GOALS = {"execution": 8 * 60, "warm": 15}  # seconds
WARM_BUILDS = 3


def builds() -> Iterator[Measurement]:
    """Build a copy of the course, so that no cache is used or changed."""
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder, "course")
        copy_course(course)
        seconds, log = build(course)
        in_lessons = {name: float(duration) for name, duration in RAN.findall(log)}
        (execution,) = map(float, EXECUTION.findall(log))
        less = {"higher_is_better": False}
        for name, duration in sorted(in_lessons.items()):
            yield Measurement.of(name, [duration], "s", **less)
        yield Measurement.of("all lessons, nothing kept", [execution], "s", goal=GOALS["execution"], **less)
        yield Measurement.of("the same, the time of each lesson added up", [sum(in_lessons.values())], "s", **less)
        yield Measurement.of("the whole build, nothing kept", [seconds], "s", **less)
        warm = [build(course)[0] for _ in range(WARM_BUILDS)]
        yield Measurement.of("the whole build, nothing changed", warm, "s", goal=GOALS["warm"], **less)
        yield Measurement.of("that, as a share of the build with nothing kept", [w / seconds for w in warm], **less)


def copy_course(target: Path) -> None:
    """Copy the course without what `.gitignore` names and without environments: an archive of it has no `.git`."""
    course = course_root()
    patterns = [".git", *(course / ".gitignore").read_text(encoding="utf-8").split()]
    anywhere = [pattern.strip("/") for pattern in patterns if "/" not in pattern.rstrip("/")]
    from_root = {pattern.strip("/") for pattern in patterns if "/" in pattern.rstrip("/")}

    def ignored(folder: str, names: list[str]) -> list[str]:
        paths = [Path(folder, name) for name in names]
        return [
            path.name
            for path in paths
            if any(fnmatch(path.name, pattern) for pattern in anywhere)
            or path.relative_to(course).as_posix() in from_root
            or (path / "pyvenv.cfg").is_file()
        ]

    shutil.copytree(course, target, ignore=ignored, symlinks=True, dirs_exist_ok=True)


def build(course: Path) -> tuple[float, str]:
    """Build as `make book` does; return the seconds and the log. RuntimeError, with the log's end, for a failure."""
    program = shutil.which("jupyter-book", path=Path(sys.executable).parent)
    environment = {
        "PYTHONPATH": str(course),
        "VAE_LESSONS_DATA": str(data_root()),
        "VAE_LESSONS_CACHE": "",
        "NO_COLOR": "1",
    }
    start = time.perf_counter()
    done = subprocess.run(
        [program, *BUILD],
        cwd=course,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    if done.returncode:
        raise RuntimeError(f"the build failed:\n{done.stdout[-4000:]}")
    return time.perf_counter() - start, done.stdout
