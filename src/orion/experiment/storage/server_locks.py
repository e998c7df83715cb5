"""Which driver works on which trial, when they share a database on a server.

Every running driver keeps one connection open for its locks. The server gives them up when the connection ends, however
it ends: with its process, its machine, or the server itself. So a driver is alive exactly as long as its lock is held,
on whatever machine it runs.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

__all__ = ["MySQLLocks", "PostgresLocks", "ServerLocks"]

_CLAIMING = 0
_LARGEST = 2**31 - 1


class ServerLocks(ABC):
    """A running driver's mark of life, and the lock under which it claims trials.

    Parameters
    ----------
    engine
        Makes the connection. It is not used for anything else.

    Raises
    ------
    sqlalchemy.exc.SQLAlchemyError
        If there is no connection, here or in any method.
    """

    _settings: tuple[str, ...] = ()  # of the connection

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._mutex = threading.RLock()
        self._connection: Connection | None = None
        self.driver = secrets.randbelow(_LARGEST) + 1
        self.connect()

    def connect(self) -> bool:
        """Connect, anew if need be, and return whether the mark of life stands.

        After a lost connection the server may hold the old one's locks for a while.
        """
        with self._mutex:
            self.close()
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            for setting in self._settings:
                self._ask(setting)
            return self._take(self.driver)

    def close(self) -> None:
        """Give up the mark of life."""
        with self._mutex:
            if self._connection is not None:
                with suppress(SQLAlchemyError):  # it is lost already
                    self._connection.close()
                self._connection = None
            self._engine.dispose()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock under which trials are claimed; waits for other drivers."""
        with self._mutex:
            self._wait_for(_CLAIMING)
            try:
                yield
            finally:
                self._give_back(_CLAIMING)

    def is_alive(self, driver: int) -> bool:
        """Return whether a driver still runs; call it within :meth:`exclusive`."""
        with self._mutex:
            return driver == self.driver or self._is_taken(driver)

    def _ask(self, statement: str, **values: object) -> Any:
        """Execute a statement and return the first column of its first row, if it has rows."""
        if self._connection is None:
            self.connect()
        assert self._connection is not None
        result = self._connection.execute(text(statement), values)
        return result.scalar() if result.returns_rows else None

    @abstractmethod
    def _take(self, number: int) -> bool:
        """Take a lock if it is free; return whether it was."""

    @abstractmethod
    def _wait_for(self, number: int) -> None:
        """Take a lock; waits until it is free."""

    @abstractmethod
    def _give_back(self, number: int) -> None:
        """Give a lock back."""

    @abstractmethod
    def _is_taken(self, number: int) -> bool:
        """Return whether another connection has a lock."""


class PostgresLocks(ServerLocks):
    """Advisory locks of PostgreSQL, which each database has its own of."""

    _SPACE = 0x6F72696F  # "orio": the first of the two numbers that name a lock
    # A machine that is lost ends no connection: the server is to ask after it.
    _settings = (
        "SET tcp_keepalives_idle = 30",
        "SET tcp_keepalives_interval = 10",
        "SET tcp_keepalives_count = 3",
        "SET idle_session_timeout = 0",
        "SET statement_timeout = 0",
        "SET lock_timeout = 0",
    )

    def _take(self, number: int) -> bool:
        return bool(self._ask("SELECT pg_try_advisory_lock(:space, :number)", space=self._SPACE, number=number))

    def _wait_for(self, number: int) -> None:
        self._ask("SELECT 1 FROM pg_advisory_lock(:space, :number)", space=self._SPACE, number=number)

    def _give_back(self, number: int) -> None:
        self._ask("SELECT pg_advisory_unlock(:space, :number)", space=self._SPACE, number=number)

    def _is_taken(self, number: int) -> bool:
        if self._take(number):
            self._give_back(number)
            return False
        return True


class MySQLLocks(ServerLocks):
    """Named locks of MySQL and MariaDB, which all databases of a server share: the names begin with the database's."""

    _settings = ("SET SESSION wait_timeout = 31536000",)  # the longest; else an idle connection is ended

    def _take(self, number: int) -> bool:
        return bool(self._ask("SELECT GET_LOCK(:name, 0)", name=self._name(number)))

    def _wait_for(self, number: int) -> None:
        while self._ask("SELECT GET_LOCK(:name, 3600)", name=self._name(number)) != 1:
            pass  # it has waited for an hour

    def _give_back(self, number: int) -> None:
        self._ask("SELECT RELEASE_LOCK(:name)", name=self._name(number))

    def _is_taken(self, number: int) -> bool:
        return self._ask("SELECT IS_USED_LOCK(:name)", name=self._name(number)) is not None

    def _name(self, number: int) -> str:
        database = hashlib.sha256(str(self._engine.url.database).encode()).hexdigest()
        return f"orion-experiment/{database[:16]}/{number}"  # names have at most 64 characters
