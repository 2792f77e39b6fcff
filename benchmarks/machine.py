"""The machine that the measurements ran on, and how fast it was at that moment."""

import os
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path

import torch

PACKAGES = ("torch", "torchvision", "numpy", "matplotlib", "jupyter-book", "sphinx", "anywidget")
PROBE = (128, 784, 400)  # rows, inner, columns: a hidden layer of the tutorial's model
PROBE_SECONDS, PROBES = 0.1, 5


def describe() -> dict[str, object]:
    """Describe the machine and the versions, for JSON."""
    return {
        "processor": processor(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def processor() -> str:
    """Return the processor's name, where the system provides it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def probe() -> float:
    """Measure GFLOP/s of one matrix product in float32, which shows whether other work slows the machine down."""
    rows, inner, columns = PROBE
    left, right = torch.randn(rows, inner), torch.randn(inner, columns)
    result = torch.empty(rows, columns)

    def rate() -> float:
        start, products = time.perf_counter(), 0
        while time.perf_counter() - start < PROBE_SECONDS:
            torch.mm(left, right, out=result)
            products += 1
        return products * 2 * rows * inner * columns / (time.perf_counter() - start) / 1e9

    return statistics.median(rate() for _ in range(PROBES))
