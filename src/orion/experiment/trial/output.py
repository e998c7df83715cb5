"""What a trial prints goes to files of its own. This runs in the workers: it imports nothing heavy."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from pathlib import Path

    from orion.experiment.trial.attempt import Assignment

__all__ = ["STDERR", "STDOUT", "captured", "tail"]

STDOUT, STDERR = "stdout", "stderr"
_NAMES = (STDOUT, STDERR)
_TAIL_BYTES = 3000


def tail(path: Path, n_lines: int) -> str:
    """Return the last lines of a file that are not empty; nothing if there is no such file."""
    with suppress(OSError), open(path, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        return "\n".join(file.read().decode("utf-8", "replace").strip().splitlines()[-n_lines:])
    return ""


@contextmanager
def captured(assignment: Assignment) -> Iterator[None]:
    """Send what is printed within a ``with`` block to files in the attempt's folder.

    In a process of its own that is all that the process writes, its children's output included. In a process shared
    with other trials it is what Python code prints in the trial's own thread. In the driver's own thread, where
    one debugs, it is shown as well.
    """
    if assignment.folder is None:
        yield
        return
    with ExitStack() as stack:
        os.makedirs(assignment.folder, exist_ok=True)
        files = [stack.enter_context(open(os.path.join(assignment.folder, name), "ab", 0)) for name in _NAMES]
        if not assignment.in_driver and threading.current_thread() is threading.main_thread():
            stack.enter_context(_descriptors_redirected([file.fileno() for file in files]))
        else:
            stack.enter_context(_streams_redirected(files, shown=assignment.in_drivers_thread))
        yield


@contextmanager
def _descriptors_redirected(targets: list[int]) -> Iterator[None]:
    _flush()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # so that what is printed can be read while the trial runs
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a replaced stream may lack it
    saved = [os.dup(1), os.dup(2)]
    try:
        os.dup2(targets[0], 1)
        os.dup2(targets[1], 2)
        yield
        _flush(strictly=True)
    finally:
        _flush()
        for place, descriptor in enumerate(saved, start=1):
            os.dup2(descriptor, place)
            os.close(descriptor)


def _flush(*, strictly: bool = False) -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            if strictly:
                raise
        except (AttributeError, ValueError):  # the objective has closed or replaced it
            pass


_targets: ContextVar[tuple[Any, Any] | None] = ContextVar("orion_output", default=None)
_routing = threading.Lock()
_users = 0
_replaced: list[TextIO] = []


@contextmanager
def _streams_redirected(files: list[Any], *, shown: bool) -> Iterator[None]:
    token = _targets.set((files[0], files[1]))
    _install(shown=shown)
    try:
        yield
    finally:
        _uninstall()
        _targets.reset(token)


def _install(*, shown: bool) -> None:
    global _users  # noqa: PLW0603 - sys.stdout is global too
    with _routing:
        _users += 1
        if _users == 1:
            _replaced[:] = [sys.stdout, sys.stderr]
            sys.stdout, sys.stderr = _Router(sys.stdout, 0, shown), _Router(sys.stderr, 1, shown)


def _uninstall() -> None:
    global _users  # noqa: PLW0603 - as above
    with _routing:
        _users -= 1
        if not _users:
            if isinstance(sys.stdout, _Router):  # else somebody has put another in its place
                sys.stdout = _replaced[0]
            if isinstance(sys.stderr, _Router):
                sys.stderr = _replaced[1]


class _Router:
    """A text stream that sends what is written to the file of the trial that writes it."""

    def __init__(self, stream: Any, place: int, shown: bool) -> None:
        self._stream = stream
        self._place = place
        self._shown = shown

    def write(self, text: str) -> int:
        """Write to the trial's file; to the stream too if it is to be shown, or if no trial writes."""
        targets = _targets.get()
        if targets is not None:
            targets[self._place].write(text.encode("utf-8", "replace"))
        if targets is None or self._shown:
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
