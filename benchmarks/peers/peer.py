"""What a measurement needs of a library."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import BuiltinFunctionType
from typing import Any, ClassVar

from benchmarks.tasks import call

__all__ = ["NotOffered", "Peer", "in_python"]


class NotOffered(Exception):
    """Raised when a library has nothing of the kind; the measurement says so."""


class Peer(ABC):
    """A pool of a library, in the settings that its documentation recommends for many independent tasks.

    Every task is submitted by itself and has a result of its own, since that is what is compared.

    Parameters
    ----------
    n_workers
        How many processes.
    copies_driver
        Whether workers may be forked from the driver where that is the library's default; else they start
        from a process of their own, as is needed where the driver has threads or uses a GPU.
    """

    imports: ClassVar[str]
    """What a program that uses it imports."""
    in_background: ClassVar[bool] = True
    """Whether a task runs before its result is asked for."""

    @abstractmethod
    def __init__(self, n_workers: int, *, copies_driver: bool = True) -> None: ...

    @abstractmethod
    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        """Submit a task; return what its result is asked from."""

    @abstractmethod
    def result(self, handle: Any) -> Any:
        """Wait for a result."""

    def results(self, handles: list[Any]) -> list[Any]:
        """Wait for all of several results."""
        return [self.result(handle) for handle in handles]

    @abstractmethod
    def close(self) -> None:
        """End all processes, whatever they do."""

    def submit_limited(self, seconds: float, function: Callable[..., Any], *args: Any) -> Any:
        """Submit a task that is stopped when it has run so long."""
        raise NotOffered("no time limit that stops a task")

    def is_done(self, handle: Any) -> bool:
        raise NotOffered("no way to ask without waiting")

    def take_done(self, handles: list[Any]) -> list[Any]:
        """Wait for any of them; remove what is done from the list and return it."""
        raise NotOffered("no way to wait for any of several")

    def as_joblib_backend(self) -> AbstractContextManager[object]:
        """Return a context in which ``joblib.Parallel`` runs its tasks on this pool."""
        raise NotOffered("no backend of joblib")

    @classmethod
    def needs_background(cls) -> None:
        """Refuse what makes no sense where a task runs only when its result is asked for."""
        if not cls.in_background:
            raise NotOffered("nothing runs before its result is asked for")


def in_python(function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return the call as one of a Python function, for libraries that ask a function for its signature."""
    return (call, (function, *args)) if isinstance(function, BuiltinFunctionType) else (function, args)
