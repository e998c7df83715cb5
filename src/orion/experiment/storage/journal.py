"""A journal file: Optuna's storage for folders that several machines share, where SQLite is not at home."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from orion.experiment.errors import StorageError
from orion.experiment.storage.database import one_line
from orion.experiment.storage.file_database import FileDatabase
from orion.experiment.storage.file_locks import FileLocks

__all__ = ["JournalFile"]

_LONGEST_LINE = 1 << 24


class JournalFile(FileDatabase):
    """An open journal file."""

    lock_suffix = ".drivers"

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Convert errors to ``StorageError``, also those of the operating system."""
        try:
            with super().errors():
                yield
        except OSError as error:
            raise StorageError(f"{self.name}: {error.strerror or error}") from error

    def _open(self) -> None:
        with open(self.path, "rb" if self.read_only else "ab+") as file:  # which makes it, and shows that it can be
            file.seek(0)
            first = file.readline(_LONGEST_LINE)
        if first and not first.startswith(b'{"op_code":'):
            raise StorageError(f"{self.path} is no journal of experiments")
        writing = None
        if isinstance(self.lock, FileLocks):
            writing = _WriteLock(self.path, self.lock)
            with self.lock.writing():
                mend(self.path)
        try:
            self.storage = JournalStorage(JournalFileBackend(self.name, lock_obj=writing))
        except (ValueError, KeyError, TypeError, AssertionError) as error:  # whatever replaying it raises
            raise StorageError(f"{self.path} is damaged: {one_line(error)}") from error


class _WriteLock(JournalFileSymlinkLock):
    """What a driver holds while it appends to the journal: a lock of the kernel's, and then Optuna's, a link.

    Optuna's outlives a process that is killed, and would stop the others for 30 seconds. Ours looks different, and
    whoever holds the kernel's lock may take it away: its owner must have ended.
    """

    def __init__(self, path: Path, locks: FileLocks) -> None:
        super().__init__(str(path))
        self._path = path
        self._locks = locks
        self._link_path = f"{path}.lock"
        self._target = os.path.join(path.parent, ".", path.name)  # Optuna asks when it was changed
        self._held = ExitStack()

    def acquire(self) -> bool:
        """Wait for the lock, and take away what a killed driver has left of a line."""
        with ExitStack() as stack:
            stack.enter_context(self._locks.writing())
            try:
                os.symlink(self._target, self._link_path)
            except FileExistsError:
                self._take_over()
            stack.callback(self._release_link)
            mend(self._path)
            self._held = stack.pop_all()
        return True

    def release(self) -> None:
        """Give the lock back."""
        self._held.close()

    def _release_link(self) -> None:
        with suppress(RuntimeError):  # taken away by somebody who found that it took too long
            super().release()

    def _take_over(self) -> None:
        """Use the link that a driver has left, or wait until a process of Optuna's own gives it back."""
        try:
            if os.readlink(self._link_path) == self._target:
                return
        except FileNotFoundError:  # just given back
            pass
        super().acquire()


def mend(path: Path) -> None:
    """Take away an unfinished last line, which a killed process or a full disk has left; hold the lock for writing."""
    with open(path, "rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            return
        file.seek(size - 1)
        if file.read(1) == b"\n":
            return
        start = max(0, size - _LONGEST_LINE)
        file.seek(start)
        file.truncate(start + file.read().rfind(b"\n") + 1)
