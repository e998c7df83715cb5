"""What all storages have in common: Optuna's storage, the locks of the drivers beside it, and how errors are told."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol, TypeVar

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage
from sqlalchemy.exc import SQLAlchemyError

from orion.experiment.errors import StorageError

__all__ = ["Database", "DriverLocks", "one_line", "quiet_optuna"]

T = TypeVar("T")


class DriverLocks(Protocol):
    """A running driver's mark of life, and the lock under which it claims trials."""

    driver: int
    """The driver's number."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the lock under which trials are claimed; waits for other drivers."""

    def is_alive(self, driver: int) -> bool:
        """Return whether a driver still runs; call it within :meth:`exclusive`."""

    def close(self) -> None:
        """Give up the mark of life."""


class Database(ABC):
    """An open storage of experiments, and this driver's mark of life beside it; made by ``open_database``."""

    name: str
    """What messages call it; there is no password in it."""
    storage: BaseStorage
    lock: DriverLocks

    @abstractmethod
    def close(self) -> None:
        """Close the connections and give up the mark of life."""

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Convert the errors of databases, SQLAlchemy and Optuna's storages to ``StorageError``."""
        try:
            yield
        except (StorageInternalError, SQLAlchemyError, sqlite3.Error) as error:
            cause: BaseException = error
            while cause.__cause__ is not None:  # the innermost says what the database said
                cause = cause.__cause__
            raise StorageError(f"{self.name}: {one_line(cause)}") from error

    def attempt(self, operation: Callable[[], T]) -> T:
        """Do something that may be done again if it is interrupted in the middle, and return what it returns.

        Raises
        ------
        StorageError
            If the storage fails.
        """
        with self.errors():
            return operation()

    def unchanged(self) -> bool:
        """Return whether, for sure, nobody else has written to the database since this was last called."""
        return False

    def durable(self) -> AbstractContextManager[None]:
        """Within it, what is written is on disk when the call that writes it returns.

        Elsewhere it may be on disk only with the next durable write: it survives the end of every process, but not
        the loss of power.
        """
        return nullcontext()


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna from reporting on stderr that it made or found a study."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def one_line(message: object) -> str:
    """Return a message without its line breaks."""
    return " ".join(str(message).split())
