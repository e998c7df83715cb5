"""What storages in files have in common."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import ClassVar

from orion.experiment.errors import StorageError
from orion.experiment.storage.database import Database, quiet_optuna
from orion.experiment.storage.file_locks import FileLocks

__all__ = ["FileDatabase"]


class FileDatabase(Database):
    """An open file.

    Parameters
    ----------
    path
        The file.
    create
        Whether to make it if it does not exist.
    read_only
        Whether it is only to be looked at: then nothing is written, no lock is taken, and nobody is waited for.

    Raises
    ------
    StorageError
        If it cannot be made, read or written, or holds something else.
    """

    lock_suffix: ClassVar[str]
    """With what the name of the file of the drivers' locks ends."""

    lock: FileLocks | _NoLocks

    def __init__(self, path: Path, *, create: bool, read_only: bool = False) -> None:
        self.path = path
        self.name = str(path)
        self.read_only = read_only
        _check_folder(path, create=create)
        self.lock = _NoLocks() if read_only else FileLocks(path.with_name(path.name + self.lock_suffix))
        try:
            with self.errors(), quiet_optuna():
                self._open()
        except BaseException:
            self.lock.close()
            raise

    @abstractmethod
    def _open(self) -> None:
        """Check what the file holds, and make :attr:`storage`."""

    def close(self) -> None:
        """Give up the mark of life."""
        self.lock.close()


class _NoLocks:
    """Those of somebody who only looks."""

    driver = 0

    def exclusive(self) -> AbstractContextManager[None]:
        return nullcontext()

    def is_alive(self, driver: int) -> bool:
        raise NotImplementedError("who only looks does not judge who is alive")

    def close(self) -> None:
        pass


def _check_folder(path: Path, *, create: bool) -> None:
    """Check that a file exists, or can be made there."""
    if not create and not path.exists():
        raise StorageError(f"{path}: no such file")
    if not path.parent.is_dir():
        raise StorageError(f"{path}: the folder does not exist")
    if path.is_dir():
        raise StorageError(f"{path} is a folder; give the name of a file in it")
