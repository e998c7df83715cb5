"""Tasks that the conformance suite submits: ill-behaved ones, and objects that cannot travel."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from orion.executor.testing import locks
from orion.executor.testing.tasks import PATIENCE, wait_for_file


def exit_with(code: int) -> NoReturn:
    """End the worker's process at once, without a word to anyone."""
    os._exit(code)


def kill_self(number: int) -> None:
    """Send a signal to the worker's process."""
    try:
        import resource
    except ImportError:  # Windows, which makes no core files either
        pass
    else:
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    os.kill(os.getpid(), number)
    time.sleep(PATIENCE)


def exit_later(go: Path, lock: Path, started: Path) -> str:
    """Return, and end the worker's process once the file ``go`` is there; until then ``lock`` is locked."""

    def wait_and_exit() -> None:
        with lock.open("w") as file:
            locks.lock(file)
            started.touch()
            wait_for_file(go)
            os._exit(7)

    threading.Thread(target=wait_and_exit, daemon=True).start()
    wait_for_file(started)  # an engine may end the process as soon as the task has ended
    return "returned"


def close_descriptors() -> str:
    """Close every file descriptor of the process but the standard ones."""
    os.closerange(3, 1024)
    return "closed"


def fork_and_return() -> str:
    """Return twice: once in this process, once in a copy of it."""
    return "child" if os.fork() == 0 else "parent"


def recurse(depth: int = 0) -> int:
    """Call itself until Python forbids it."""
    return recurse(depth + 1) + 1


def raise_chained() -> None:
    """Raise an exception that has a cause."""
    try:
        raise KeyError("the inner failure")
    except KeyError as error:
        raise ValueError("the outer failure") from error


def raise_with_attributes() -> None:
    """Raise an exception to which something was added after it was made."""
    error = ValueError("with attributes")
    error.detail = {"trial": 7}  # type: ignore[attr-defined]  # what users do
    raise error


class Counting(Exception):
    """Says something else each time."""

    said = 0

    def __str__(self) -> str:
        Counting.said += 1
        return str(Counting.said)


class OddConstructor(Exception):
    """Takes other arguments than it passes on, which defeats pickle's own way."""

    def __init__(self, code: int, *, detail: str) -> None:
        super().__init__(f"code {code}")
        self.code = code
        self.detail = detail


class TwoToOne(Exception):
    """Takes two arguments and passes one on."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} at {where}")
        self.what = what
        self.where = where


class UnpicklableError(Exception):
    """Holds what cannot be pickled."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.lock = threading.Lock()


class UnloadableError(Exception):
    """Can be pickled, but raises when loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _raise, (RuntimeError, "made to fail at loading")


class MuteError(Exception):
    """Cannot even be printed."""

    def __str__(self) -> str:
        raise RuntimeError("made to fail at printing")

    __repr__ = __str__


class Unpicklable:
    """Raises when pickled."""

    def __init__(self, kind: type[BaseException] = TypeError) -> None:
        self.kind = kind

    def __reduce__(self) -> NoReturn:
        raise self.kind("made to fail at pickling")


class Unloadable:
    """Can be pickled, but raises when loaded."""

    def __init__(self, kind: type[BaseException] = RuntimeError) -> None:
        self.kind = kind

    def __reduce__(self) -> tuple[Any, ...]:
        return _raise, (self.kind, "made to fail at loading")


class DeadlyToLoad:
    """Ends the process that loads it, unless that is the one that made it."""

    def __init__(self, code: int) -> None:
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return _exit_elsewhere, (os.getpid(), self.code)


class DeadlyToDump:
    """Ends the process that pickles it."""

    def __init__(self, code: int) -> None:
        self.code = code

    def __reduce__(self) -> NoReturn:
        os._exit(self.code)


class DeadlyToCollect:
    """Ends the process that throws it away."""

    def __init__(self, code: int) -> None:
        self.code = code

    def __del__(self) -> None:
        os._exit(self.code)


def make(kind: type[Any], *args: Any) -> Any:
    """Return an object made in the worker."""
    return kind(*args)


def make_and_drop(kind: type[Any], *args: Any) -> str:
    """Make an object in the worker and throw it away."""
    kind(*args)
    return "dropped"


def make_deep_list(depth: int) -> list[Any]:
    """Return a list nested too deeply for pickle."""
    deep: list[Any] = []
    for _ in range(depth):
        deep = [deep]
    return deep


def _raise(kind: type[BaseException], message: str) -> NoReturn:
    raise kind(message)


def _exit_elsewhere(pid: int, code: int) -> str:
    if os.getpid() != pid:
        os._exit(code)
    return "loaded"


FATAL_SIGNALS = [s for s in signal.Signals if s.name in ("SIGKILL", "SIGSEGV", "SIGABRT", "SIGTERM")]
"""Signals by which workers die in practice."""

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""The signal that ends a process without asking it."""
