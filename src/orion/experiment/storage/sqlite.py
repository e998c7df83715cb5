"""A SQLite file: checked before anything runs, opened by several drivers at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.storages import RDBStorage, get_storage
from sqlalchemy import event

from orion.experiment.errors import StorageError
from orion.experiment.storage.database import Database, check_folder, one_line, quiet_optuna
from orion.experiment.storage.file_locks import FileLocks

__all__ = ["SQLiteFile"]

_BUSY_TIMEOUT_S = 60.0
_FIRST_TABLES = {"studies", "version_info"}  # what there is at least, if a driver was killed while making the tables


class SQLiteFile(Database):
    """An open SQLite file.

    Parameters
    ----------
    path
        The file.
    create
        Whether to make it if it does not exist.

    Raises
    ------
    StorageError
        If it cannot be made, read or written, or holds something else.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self._path = path
        self.name = str(path)
        self._synchronous = "NORMAL"
        check_folder(path, create=create)
        self.lock = FileLocks(path.with_name(path.name + ".lock"))
        try:
            with self.errors(), self.lock.exclusive(), quiet_optuna():
                self._check()
                self._backend = self._open()
                self.storage = get_storage(self._backend)
        except BaseException:
            self.lock.close()
            raise

    def close(self) -> None:
        """Close the connections and give up the mark of life."""
        self._backend.remove_session()
        self._backend.engine.dispose()
        self.lock.close()

    @contextmanager
    def durable(self) -> Iterator[None]:
        """Within it, every commit is followed by a sync, which takes with it what was committed before."""
        self._synchronous = "FULL"
        try:
            yield
        finally:
            self._synchronous = "NORMAL"

    def _open(self) -> RDBStorage:
        try:
            backend = RDBStorage("sqlite:///experiments", engine_kwargs={"creator": self._connect})
        except RuntimeError as error:  # its tables are another Optuna's; the message says what to do
            raise StorageError(f"{self.name}: {one_line(error)}") from error
        event.listen(backend.engine, "checkout", self._on_checkout)
        return backend

    def _connect(self) -> sqlite3.Connection:
        # The pool hands a connection to one thread at a time.
        return sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, check_same_thread=False)

    def _on_checkout(self, connection: Any, _record: object, _proxy: object) -> None:
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")

    def _check(self) -> None:
        """Refuse a file that is no database of experiments, is damaged, or cannot be written."""
        connection = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        try:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if tables and tables.isdisjoint(_FIRST_TABLES):
                raise StorageError(f"{self.name} is a database of something else (tables: {', '.join(sorted(tables))})")
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise StorageError(f"{self.name} is damaged: {one_line(verdict)}")
            # Readers and a writer do not block one another, and a durable commit costs one sync instead of several.
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("PRAGMA user_version = 0")  # any write: to begin one does not prove that it is allowed
            connection.execute("ROLLBACK")
        finally:
            connection.close()
