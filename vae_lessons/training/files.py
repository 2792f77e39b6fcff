"""Files of the cache: each is whole or not there, and of use to all who share the folder."""

import os
import secrets
import stat
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path


class DamagedCacheWarning(UserWarning):
    """An entry of the cache could not be read, and was made again."""


class NotKeptWarning(UserWarning):
    """The cache's folder could not be written to."""


def warn_of_damage(what: str, path: Path, error: Exception) -> None:
    """Warn that the kept `what` cannot be used."""
    trouble = "cannot be read" if isinstance(error, PermissionError) else "is damaged"
    warnings.warn(f"the kept {what} {path} {trouble} ({error}); making it again", DamagedCacheWarning, stacklevel=3)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, for all who may use the first one that was there."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _share(folder)


def write(path: Path, content: bytes) -> bool:
    """Write a file such that it is never seen, or left, half written; return whether it could be written."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        make_folder(path.parent)
        temporary.write_bytes(content)
        _share(temporary)
        os.replace(temporary, path)
    except OSError as error:
        _warn_not_kept(path.parent, error.strerror or str(error))
        return False
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return True


def _share(path: Path) -> None:
    """Let all who may use the folder of `path` use it too, whatever the umask; under a sticky bit, only read a file."""
    folder, own = path.parent.stat(), path.stat()
    of_files = 0o444 if folder.st_mode & stat.S_ISVTX else 0o666
    rights = folder.st_mode & (0o1777 if path.is_dir() else of_files)
    with suppress(OSError, AttributeError):  # a group that we are not in; Windows, which has none
        os.chown(path, -1, folder.st_gid)
    with suppress(OSError):
        path.chmod(stat.S_IMODE(own.st_mode) | rights)


@cache  # so that a lesson says it once
def _warn_not_kept(folder: Path, reason: str) -> None:
    message = f"{folder} cannot be written to ({reason}), so what is trained or measured here is not kept"
    warnings.warn(f"{message}: set VAE_LESSONS_CACHE to a folder of your own", NotKeptWarning, stacklevel=3)
