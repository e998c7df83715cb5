"""The folder in which a Ray that is started here keeps its sockets and logs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["Folder"]

_PREFIX = "orion-ray-"
_LOCK = "driver"
_MOST_CHARACTERS = 30  # of the folder that it is made in: a socket's path can have about 100


class Folder:
    """A new one, locked as long as the driver lives; those of drivers that were killed are removed by the next one."""

    def __init__(self) -> None:
        parent = Path(tempfile.gettempdir())
        if len(str(parent)) > _MOST_CHARACTERS:
            parent = Path("/tmp")  # noqa: S108 - see there; what is made in it is this user's only
        _remove_abandoned(parent)
        self.path = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent)
        self._lock = os.open(Path(self.path, f".{_LOCK}"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        Path(self.path, f".{_LOCK}").rename(Path(self.path, _LOCK))  # nobody sees it before it is locked

    def remove(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _remove_abandoned(parent: Path) -> None:
    """Remove the folders of drivers of this user that have ended."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # it is another user's, or in use, or another driver removes it
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(lock)
