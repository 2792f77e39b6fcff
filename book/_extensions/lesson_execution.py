"""When a lesson runs again, on which data, and that it runs for a page and not for a person.

jupyter-cache looks at a notebook's code alone. Here each combination of package source, data set and
lock file has a cache of its own, so a change in any of them runs the lessons again, and nothing else does.
"""

import hashlib
import os
import shutil

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

from vae_lessons import load_images
from vae_lessons.cache import NOT_ABOUT_LESSONS, package_fingerprint
from vae_lessons.data import course_root

CACHES_KEPT = 4  # so that undoing a change finds its outputs again
logger = logging.getLogger(__name__)


def prepare(_app: Sphinx, config: Config) -> None:
    data = load_images()
    logger.info("lessons run on %s", data)
    os.environ["VAE_LESSONS_DATASET"] = data.name  # kernels take what was found here, whatever the network does later
    os.environ["VAE_LESSONS_STATIC"] = "1"
    fast = os.environ.get("VAE_LESSONS_FAST", "") not in ("", "0")
    lock = (course_root() / "requirements.txt").read_bytes()
    parts = (package_fingerprint(NOT_ABOUT_LESSONS), data.fingerprint, hashlib.sha256(lock).hexdigest())
    caches = course_root() / ".cache" / ("lessons-fast" if fast else "lessons")
    mine = caches / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    mine.mkdir(parents=True, exist_ok=True)
    mine.touch()
    for old in sorted(caches.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[CACHES_KEPT:]:
        shutil.rmtree(old)
    config.nb_execution_cache_path = str(mine)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", prepare)
    return {"parallel_read_safe": True}
