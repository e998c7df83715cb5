"""A SQLite file: checked before anything runs, opened by several drivers at once."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from optuna.storages import RDBStorage, get_storage
from sqlalchemy import event

from orion.experiment.errors import StorageError
from orion.experiment.storage.database import one_line
from orion.experiment.storage.file_database import FileDatabase

__all__ = ["SQLiteFile"]

_BUSY_TIMEOUT_S = 60.0
_FIRST_TABLES = {"studies", "version_info"}  # what there is at least, if a driver was killed while making the tables


class SQLiteFile(FileDatabase):
    """An open SQLite file."""

    lock_suffix = ".lock"
    _synchronous = "NORMAL"
    _version: tuple[sqlite3.Connection | None, int] = (None, 0)

    def close(self) -> None:
        """Close the connections and give up the mark of life."""
        self._backend.remove_session()
        self._backend.engine.dispose()
        super().close()

    def unchanged(self) -> bool:
        """Return whether all that was written since this was last called went through the same connection as now."""
        with self._backend.engine.connect() as connection:
            link = connection.connection.dbapi_connection
            assert isinstance(link, sqlite3.Connection)
            (version,) = link.execute("PRAGMA data_version").fetchone()
        before, self._version = self._version, (link, version)
        return before == self._version

    @contextmanager
    def durable(self) -> Iterator[None]:
        """Within it, every commit is followed by a sync, which takes with it what was committed before."""
        self._synchronous = "FULL"
        try:
            yield
        finally:
            self._synchronous = "NORMAL"

    def _open(self) -> None:
        with self.lock.exclusive():
            self._check()
            try:
                self._backend = RDBStorage(
                    "sqlite:///experiments",
                    # The connection used last is the next one: it has in memory what it read.
                    engine_kwargs={"creator": self._connect, "pool_use_lifo": True},
                    skip_table_creation=self.read_only,
                )
            except RuntimeError as error:  # its tables are another Optuna's; the message says what to do
                raise StorageError(f"{self.name}: {one_line(error)}") from error
            event.listen(self._backend.engine, "checkout", self._on_checkout)
            self.storage = get_storage(self._backend)

    def _connect(self) -> sqlite3.Connection:
        # The pool hands a connection to one thread at a time.
        return sqlite3.connect(self._uri(), timeout=_BUSY_TIMEOUT_S, check_same_thread=False, uri=True)

    def _uri(self) -> str:
        """Return the file with what SQLite has to know to read it where it cannot be written."""
        uri = f"file:{quote(self.name)}"
        if not self.read_only or (_is_writable(self.path) and _is_writable(self.path.parent)):
            return uri
        changes = self.path.with_name(self.path.name + "-wal")
        if not changes.exists() or not changes.stat().st_size:
            return f"{uri}?mode=ro&immutable=1"  # else SQLite would need to write files beside it
        if not self.path.with_name(self.path.name + "-shm").exists():
            raise StorageError(
                f"{self.name}: the last changes are in {changes.name}, which can only be read where it can be written: "
                "copy both files to a folder of yours"
            )
        return f"{uri}?mode=ro"

    def _on_checkout(self, connection: Any, _record: object, _proxy: object) -> None:
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")

    def _check(self) -> None:
        """Refuse a file that is no database of experiments, is damaged, or cannot be written if it is to be."""
        connection = sqlite3.connect(self._uri(), timeout=_BUSY_TIMEOUT_S, isolation_level=None, uri=True)
        try:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if self.read_only and not tables:
                raise StorageError(f"{self.name} is empty: there are no experiments in it")
            if tables and tables.isdisjoint(_FIRST_TABLES):
                raise StorageError(f"{self.name} is a database of something else (tables: {', '.join(sorted(tables))})")
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise StorageError(f"{self.name} is damaged: {one_line(verdict)}")
            if self.read_only:
                return
            # Readers and a writer do not block one another, and a durable commit costs one sync instead of several.
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("PRAGMA user_version = 0")  # any write: to begin one does not prove that it is allowed
            connection.execute("ROLLBACK")
        finally:
            connection.close()


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
