"""What the process around a task is like, and how it is put back after a task that has changed it."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what the module signal wraps
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from orion.executor._process.processes import children

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]  # as above

__all__ = ["Surroundings"]

_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGALRM", "SIGCHLD", "SIGPIPE", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
]
# Without the wrappers of the module signal, which make enumerations, and would be what takes longest in here.
_handler: Callable[[int], Any] = _signal.getsignal
_LIMITS = [
    getattr(resource, name)
    for name in ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE")
    if resource is not None
]
_STREAMS = ("stdin", "stdout", "stderr")


class Surroundings:
    """What a task finds when it begins: standard streams, folder, environment, mask of new files, signals, limits.

    What the initializer has set up belongs to it, if this is made after that. Modules and what they hold
    do not: that a worker keeps what it has imported and loaded is what it is good for.

    Parameters
    ----------
    reopen
        Makes a standard stream anew, given its descriptor and its mode, if a task has closed it.
    """

    def __init__(self, reopen: Callable[[int, str], Any] | None = None) -> None:
        self._reopen = reopen or _open
        self._streams = [getattr(sys, name) for name in _STREAMS]
        self._environ = dict(_raw_environ())
        self._folder = _folder()
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self._handlers = list(map(_handler, _SIGNALS))
        self._limits = _limits()
        self._files = _standard_files()
        self._children = _children()

    def restore(self) -> bool:
        """Undo what a task has changed.

        Returns
        -------
        bool
            False if it has left something that cannot be undone, so that the worker should be replaced:
            processes, lowered limits, other files in the place of standard ones.
        """
        self._restore_signals()
        os.umask(self._umask)
        if _raw_environ() != self._environ:
            self._restore_environment()
        try:
            if _folder() != self._folder and self._folder is not None:
                os.chdir(self._folder)
            self._restore_streams()
        except (OSError, ValueError):
            return False
        return _limits() == self._limits and _standard_files() == self._files and _children() <= self._children

    def _restore_signals(self) -> None:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
            if _signal.pthread_sigmask(signal.SIG_BLOCK, ()):
                _signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if list(map(_handler, _SIGNALS)) != self._handlers:
            for number, handler in zip(_SIGNALS, self._handlers, strict=True):
                if handler is not None:  # one that was not set by Python cannot be set by it
                    signal.signal(number, handler)

    def _restore_environment(self) -> None:
        os.environ.clear()
        for name, value in self._environ.items():
            os.environ[os.fsdecode(name)] = os.fsdecode(value)

    def _restore_streams(self) -> None:
        for fd, name in enumerate(_STREAMS):
            stream = self._streams[fd]
            if stream is not None and stream.closed:
                stream = self._streams[fd] = self._reopen(fd, "w" if fd else "r")
            setattr(sys, name, stream)


def _raw_environ() -> dict[Any, Any]:
    """Return what ``os.environ`` holds, as it holds it: decoding that for a comparison takes ten times as long."""
    held: dict[Any, Any] = os.environ._data  # type: ignore[attr-defined]  # see above
    return held


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return None


def _limits() -> list[tuple[int, int]]:
    return [resource.getrlimit(limit) for limit in _LIMITS]


def _standard_files() -> list[tuple[int, int] | None]:
    """Return what the standard descriptors refer to."""
    found: list[tuple[int, int] | None] = []
    for fd in range(3):
        try:
            status = os.fstat(fd)
            found.append((status.st_dev, status.st_ino))
        except OSError:
            found.append(None)
    return found


def _children() -> set[int]:
    """Return the processes that this one has started and not yet taken leave of."""
    if not hasattr(os, "waitid"):
        return set()
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return set(children(os.getpid())) - {_resource_tracker()}
    return set()


def _resource_tracker() -> int | None:
    """Return the helper that multiprocessing starts once in each process, and that ends with it."""
    module = sys.modules.get("multiprocessing.resource_tracker")
    return getattr(getattr(module, "_resource_tracker", None), "_pid", None)


def _open(fd: int, mode: str) -> Any:
    return open(fd, mode, closefd=False)
