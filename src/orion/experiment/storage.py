"""The SQLite file that experiments are recorded in: checked before anything runs, opened by several drivers at once."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage, get_storage
from sqlalchemy.exc import SQLAlchemyError

from orion.experiment.claims import DriverLock
from orion.experiment.errors import StorageError

__all__ = ["DEFAULT_STORAGE", "Database", "quiet_optuna", "sqlite_path", "storage_errors"]

DEFAULT_STORAGE = "sqlite:///experiments.db"

_BUSY_TIMEOUT_S = 60.0
_SQLITE_URL = "sqlite:///"
_FIRST_TABLES = {"studies", "version_info"}  # what there is at least, if a driver was killed while making the tables


def sqlite_path(location: str | os.PathLike[str]) -> Path:
    """Return the file that a storage argument stands for: a path, or a URL such as ``sqlite:///experiments.db``.

    Raises
    ------
    StorageError
        For a URL of anything else.
    """
    text = os.fspath(location)
    if text.startswith(_SQLITE_URL):
        text = text[len(_SQLITE_URL) :]
    elif "://" in text:
        raise StorageError(f"storage {text!r}: experiments are stored in SQLite files; give a path, or sqlite:///FILE")
    if not text or text == ":memory:":
        raise StorageError("an experiment needs a database file: give a path, or sqlite:///FILE")
    return Path(os.path.abspath(text))


class Database:
    """An open database of experiments, and this driver's mark of life beside it.

    Parameters
    ----------
    location
        A path, or ``sqlite:///FILE``.
    create
        Whether to make the file if it does not exist.

    Raises
    ------
    StorageError
        If the file cannot be made, read or written, or holds something else.
    """

    storage: BaseStorage

    def __init__(self, location: str | os.PathLike[str], *, create: bool) -> None:
        self.path = sqlite_path(location)
        if not create and not self.path.exists():
            raise StorageError(f"{self.path}: no such file")
        if not self.path.parent.is_dir():
            raise StorageError(f"{self.path}: the folder does not exist")
        if self.path.is_dir():
            raise StorageError(f"{self.path} is a folder; give the name of a file in it")
        self.lock = DriverLock(self.path.with_name(self.path.name + ".lock"))
        try:
            with self.lock.exclusive(), storage_errors(self.path), quiet_optuna():
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

    def _open(self) -> RDBStorage:
        try:
            return RDBStorage("sqlite:///experiments", engine_kwargs={"creator": self._connect})
        except RuntimeError as error:  # its tables are another Optuna's; the message says what to do
            raise StorageError(f"{self.path}: {_one_line(error)}") from error

    def _connect(self) -> sqlite3.Connection:
        # The pool hands a connection to one thread at a time.
        return sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S, check_same_thread=False)

    def _check(self) -> None:
        """Refuse a file that is no database of experiments, is damaged, or cannot be written."""
        connection = sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        try:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if tables and tables.isdisjoint(_FIRST_TABLES):
                raise StorageError(f"{self.path} is a database of something else (tables: {', '.join(sorted(tables))})")
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise StorageError(f"{self.path} is damaged: {_one_line(verdict)}")
            # Readers and a writer do not block one another, and a commit costs one sync instead of several.
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("PRAGMA user_version = 0")  # any write: to begin one does not prove that it is allowed
            connection.execute("ROLLBACK")
        finally:
            connection.close()


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Convert the errors of SQLite, SQLAlchemy and Optuna's storage to ``StorageError``."""
    try:
        yield
    except (StorageInternalError, SQLAlchemyError, sqlite3.Error) as error:
        cause: BaseException = error
        while cause.__cause__ is not None:  # the innermost says what SQLite said
            cause = cause.__cause__
        raise StorageError(f"{path}: {_one_line(cause)}") from error


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna from reporting on stderr that it made or found a study."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
