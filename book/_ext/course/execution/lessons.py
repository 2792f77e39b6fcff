"""Run lessons before their pages are read: those that changed, several at once, for a page without a reader.

jupyter-cache looks only at a notebook's code. A folder of outputs therefore belongs to one combination of package
source, data set and lock file: a change in any of them runs the lessons again, and nothing else does.

MyST-NB would run one lesson after another while it reads them. Several runs of one thread each finish sooner than one
run of several threads, so all lessons run first, as many at once as there are cores.
"""

import hashlib
import os
import shutil
import time
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from jupyter_cache.executors.utils import ExecutionResult, single_nb_execution
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging

from course.execution.optional import missing
from vae_lessons import load_images
from vae_lessons.data import DataError, course_root
from vae_lessons.training.cache import source_fingerprint

CACHES_KEPT = 4  # so that undoing a change finds its outputs again
logger = logging.getLogger(__name__)


def prepare(_app: Sphinx, config: Config) -> None:
    """Load the data once, pass its name to the kernels, and choose the folder that keeps the lessons' outputs.

    Raises
    ------
    ExtensionError
        With what to do, where the data cannot be loaded.
    """
    try:
        data = load_images()
    except (DataError, ImportError, ValueError) as error:
        raise ExtensionError(str(error)) from error
    logger.info("lessons run on %s", data)
    config.lessons_run_on = str(data)
    os.environ["VAE_LESSONS_DATASET"] = data.name  # all kernels use the same data, whatever the network does later
    os.environ["VAE_LESSONS_STATIC"] = "1"
    fast = os.environ.get("VAE_LESSONS_FAST", "") not in ("", "0")
    lock = (course_root() / "requirements.txt").read_bytes()
    key = "\n".join((source_fingerprint(), data.fingerprint, hashlib.sha256(lock).hexdigest()))
    caches = course_root() / ".cache" / ("lessons-fast" if fast else "lessons")
    config.nb_execution_cache_path = str(open_cache(caches, hashlib.sha256(key.encode()).hexdigest()[:16]))


def open_cache(caches: Path, name: str) -> Path:
    """Make the folder of that name, or mark it as used now, and delete those used longest ago."""
    cache = caches / name
    cache.mkdir(parents=True, exist_ok=True)
    cache.touch()
    for old in sorted(caches.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[CACHES_KEPT:]:
        shutil.rmtree(old)
    return cache


def run_lessons(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Run the lessons among `docnames` that no cache has, and put their outputs where MyST-NB will find them."""
    cache = get_cache(app.config.nb_execution_cache_path)
    to_show = [name for name in sorted(docnames, reverse=True) if not missing(name)]  # late lessons take longest
    paths = [Path(env.doc2path(name)) for name in to_show]
    notebooks = {path: nbformat.read(path, as_version=4) for path in paths if path.suffix == ".ipynb"}
    to_run = {path: notebook for path, notebook in notebooks.items() if not is_cached(cache, notebook)}
    if not to_run:
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    at_once = min(cores, len(to_run))
    logger.info("running %d lessons, %d at once", len(to_run), at_once)
    start = time.perf_counter()
    os.environ.setdefault("OMP_NUM_THREADS", str(cores // at_once))
    with ThreadPoolExecutor(at_once) as pool:  # each thread waits for a kernel, which is a process of its own
        runs = {
            pool.submit(single_nb_execution, notebook, str(path.parent), app.config.nb_execution_timeout, False): path
            for path, notebook in to_run.items()
        }
        for run in as_completed(runs):
            try:
                keep_outputs(cache, run, runs[run])
            except ExtensionError:
                pool.shutdown(cancel_futures=True)
                raise
    logger.info("lessons ran in %.0f s", time.perf_counter() - start)


def is_cached(cache: JupyterCacheAbstract, notebook: NotebookNode) -> bool:
    """Whether the cache has outputs of this notebook's code."""
    try:
        cache.match_cache_notebook(notebook)
    except KeyError:
        return False
    return True


def keep_outputs(cache: JupyterCacheAbstract, run: Future[ExecutionResult], path: Path) -> None:
    """Store the outputs of a finished run; a lesson that failed raises ExtensionError with its own traceback."""
    result = run.result()
    if result.err:
        raise ExtensionError(f"{path.name} did not run to its end:\n{result.exc_string}")
    logger.info("%s ran in %.0f s", path.name, result.time)
    outputs = CacheBundleIn(result.nb, str(path), data={"execution_seconds": result.time})
    cache.cache_notebook_bundle(outputs, check_validity=False, overwrite=True)


def report_data(app: Sphinx, _error: Exception | None) -> None:
    """Name the data once more at the end of the log: without a network, MNIST may have been out of reach."""
    logger.info("this book was computed on %s", app.config.lessons_run_on)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.add_config_value("lessons_run_on", "", "", [str])
    app.connect("config-inited", prepare)
    app.connect("build-finished", report_data)
    app.connect("env-before-read-docs", run_lessons)
    return {"parallel_read_safe": True}
