"""Which driver works on which trial, when several share a database or one was killed.

Every running driver holds a lock on one byte, of its own choice, in a file beside the database. The kernel gives the
lock up when the process ends, however it ends, so a driver is alive exactly as long as its byte is locked: process
numbers, which are used again and differ between containers, are not involved. Byte 0 is the lock under which trials
are claimed and taken back, and another byte the one under which a journal is written. SQLite relies on the same kind
of lock, so wherever the database works, this does.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from orion.experiment.errors import StorageError

__all__ = ["FileLocks"]

_CLAIMING = 0
_WRITING = 1 << 60  # past all drivers' bytes
_opening = threading.Lock()
_files: dict[tuple[int, str], _LockFile] = {}


class _LockFile:
    """The lock file as this process has it open: once, since closing any descriptor of it would drop all its locks."""

    def __init__(self, path: str) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        # Locks of one process never conflict: its threads exclude one another by these.
        self.mutexes = {_CLAIMING: threading.Lock(), _WRITING: threading.Lock()}
        self.drivers: set[int] = set()  # of this process, whose own locks never conflict


class FileLocks:
    """A running driver's mark of life, and the lock under which it claims trials.

    Parameters
    ----------
    path
        The lock file, which is made if need be and is left in place.

    Raises
    ------
    StorageError
        If the file cannot be made or locked.
    """

    def __init__(self, path: Path) -> None:
        self._key = (os.getpid(), os.path.realpath(path))
        self.driver = secrets.randbits(48) + 1
        try:
            with _opening:
                self._file = _files.get(self._key) or _LockFile(self._key[1])
                _files[self._key] = self._file
                self._file.drivers.add(self.driver)
            fcntl.lockf(self._file.descriptor, fcntl.LOCK_EX, 1, self.driver)
        except OSError as error:
            if hasattr(self, "_file"):
                self.close()
            raise StorageError(
                f"cannot make or lock {path}, which drivers need beside the database: {error.strerror}"
            ) from error

    def close(self) -> None:
        """Give up the mark of life."""
        with _opening:
            self._file.drivers.discard(self.driver)
            if self._file.drivers:
                fcntl.lockf(self._file.descriptor, fcntl.LOCK_UN, 1, self.driver)
            else:
                os.close(self._file.descriptor)  # which gives up its locks too
                del _files[self._key]

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the lock under which trials are claimed; waits for other drivers."""
        return self._held(_CLAIMING)

    def writing(self) -> AbstractContextManager[None]:
        """Hold the lock under which a journal is written; waits for other drivers."""
        return self._held(_WRITING)

    @contextmanager
    def _held(self, byte: int) -> Iterator[None]:
        with self._file.mutexes[byte]:
            fcntl.lockf(self._file.descriptor, fcntl.LOCK_EX, 1, byte)
            try:
                yield
            finally:
                fcntl.lockf(self._file.descriptor, fcntl.LOCK_UN, 1, byte)

    def is_alive(self, driver: int) -> bool:
        """Return whether a driver still runs; call it within :meth:`exclusive`."""
        if driver in self._file.drivers:
            return True
        try:
            fcntl.lockf(self._file.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, driver)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                return True
            raise
        fcntl.lockf(self._file.descriptor, fcntl.LOCK_UN, 1, driver)
        return False
