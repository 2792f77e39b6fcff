"""Files of the cache: each is whole or not there, and a damaged one is said."""

import os
import warnings
from pathlib import Path


class DamagedCacheWarning(UserWarning):
    """An entry of the cache could not be read, and was made again."""


def warn_of_damage(what: str, path: Path, error: Exception) -> None:
    """Warn that the kept `what` cannot be read."""
    warnings.warn(f"the kept {what} {path} is damaged ({error}); making it again", DamagedCacheWarning, stacklevel=3)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file such that it is never seen, or left, half written."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")  # tempfile's could be read by this user alone
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
