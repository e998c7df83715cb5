"""A database on a server, PostgreSQL or MySQL, which may go away and come back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

from optuna.storages import RDBStorage, get_storage
from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError as BadURL
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from orion.experiment.errors import StorageError
from orion.experiment.storage.database import Database, one_line, quiet_optuna
from orion.experiment.storage.location import ServerKind
from orion.experiment.storage.server_locks import MySQLLocks, PostgresLocks, ServerLocks

__all__ = ["DatabaseServer"]

T = TypeVar("T")

_PATIENCE_S = 60.0
_PAUSE_S = 0.2
_REPETITIONS = 5  # of an operation that fails though there is a connection
_DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
_SHORT_SCHEMES = {"postgresql", "postgres", "mysql", "mariadb"}


class DatabaseServer(Database):
    """An open database on a server.

    If the connection is lost, :meth:`attempt` waits for the server to come back, up to a minute.

    Parameters
    ----------
    kind
        Which server.
    url
        Its address.
    create
        Whether to make the tables if there are none.

    Raises
    ------
    StorageError
        If it cannot be reached or used.
    """

    def __init__(self, kind: ServerKind, url: str, *, create: bool) -> None:
        address = _address(kind, url)
        self.name = address.set(drivername=kind).render_as_string(hide_password=True)
        self.give_up: Callable[[], bool] = lambda: False
        self._locks = self.lock = self._connect(kind, address)
        try:
            with self.errors(), self.lock.exclusive(), quiet_optuna():
                self._backend = self._open(address, create)
                self.storage = get_storage(self._backend)
        except BaseException:
            self.lock.close()
            raise

    def close(self) -> None:
        """Close the connections and give up the mark of life."""
        with suppress(SQLAlchemyError):  # the server may be gone
            self._backend.remove_session()
        self._backend.engine.dispose()
        self.lock.close()

    def attempt(self, operation: Callable[[], T]) -> T:
        """Do something, again if the connection is lost in the middle, and return what it returns.

        Raises
        ------
        StorageError
            If the server refuses, or has not come back.
        """
        for failures in range(1, _REPETITIONS + 1):
            try:
                return super().attempt(operation)
            except StorageError as error:
                if failures == _REPETITIONS or not _is_lost(error):
                    raise
                self._reconnect(error)
        raise AssertionError("the last repetition returns or raises")

    def _reconnect(self, error: StorageError) -> None:
        """Wait until the server is there, with our mark of life; raise ``error`` if that takes too long."""
        self._backend.engine.dispose()
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            with suppress(SQLAlchemyError):
                if self._locks.connect():
                    return
            if self.give_up() or time.monotonic() > deadline:
                raise error
            time.sleep(_PAUSE_S)

    def _connect(self, kind: ServerKind, address: URL) -> ServerLocks:
        with self.errors():
            engine = _engine(kind, address)
            return PostgresLocks(engine) if kind == "postgresql" else MySQLLocks(engine)

    def _open(self, address: URL, create: bool) -> RDBStorage:
        if not create:
            engine = create_engine(address, poolclass=NullPool)
            if not inspect(engine).has_table("version_info"):
                raise StorageError(f"{self.name}: there are no experiments in this database")
        try:
            return RDBStorage(address.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}"))
        except RuntimeError as error:  # its tables are another Optuna's; the message says what to do
            raise StorageError(f"{self.name}: {one_line(error)}") from error


def _address(kind: str, url: str) -> URL:
    try:
        address = make_url(url)
    except (BadURL, ValueError) as error:
        raise StorageError(f"the address of the {kind} database cannot be read: {one_line(error)}") from None
    if not address.database:
        raise StorageError(f"storage {kind}://…: name the database too, as in {kind}://USER@HOST/DATABASE")
    short = address.drivername.lower() in _SHORT_SCHEMES
    return address.set(drivername=_DRIVERS[kind]) if short else address


def _engine(kind: str, address: URL) -> Engine:
    try:
        return create_engine(address, poolclass=NullPool)
    except ImportError as error:
        raise StorageError(f"a {kind} database needs {error.name}: pip install 'orion-executor[{kind}]'") from error


def _is_lost(error: BaseException) -> bool:
    """Return whether an error tells of the connection, or of the server's state, and not of what was asked."""
    return any(
        isinstance(cause, OperationalError | InterfaceError)
        or (isinstance(cause, DBAPIError) and cause.connection_invalidated)
        for cause in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    while following is not None:
        yield following
        following = following.__cause__ or following.__context__
