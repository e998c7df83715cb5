"""The worker's side: a function whose output and log records go to the driver."""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

from orion.executor._output.records import message_of
from orion.executor.errors import ExecutorError

if TYPE_CHECKING:
    from orion.executor._output.outlet import Outlet

__all__ = ["Here", "Wired", "registered"]

registered: WeakValueDictionary[str, Outlet] = WeakValueDictionary()
"""The outlets of this process."""

_STANDARD = (1, 2)
_lines: dict[tuple[str, int], socket.socket] = {}  # by address and by the process that opened it: a fork needs its own


class Here(NamedTuple):
    """Where output and records go."""

    key: str
    address: str
    pid: int


class Wired:
    """Calls a function; meanwhile what is printed and logged goes elsewhere."""

    def __init__(
        self, function: Callable[..., Any], name: str, here: Here, number: int, output: str | None, logs: int | None
    ) -> None:
        self.function = function
        self.__qualname__ = name
        self._settings = (here, number, output, logs)

    def __reduce__(self) -> tuple[object, ...]:
        return Wired, (self.function, self.__qualname__, *self._settings)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        here, number, output, logs = self._settings
        name = self.__qualname__
        with contextlib.ExitStack() as stack:
            if here.pid == os.getpid():
                outlet = registered.get(here.key)
                if outlet is not None:
                    from orion.executor._output.in_process import told_apart
                    from orion.executor._output.outlet import Printing

                    stack.enter_context(told_apart(outlet, Printing(number, name, output == "prefix"), output, logs))
            else:
                line = _line_to(here.address)
                if output is not None:
                    stack.enter_context(
                        _printing_into(line, {"task": number, "name": name, "shown": output == "prefix"})
                    )
                if logs is not None:
                    stack.enter_context(_logging_into(line, number, name, logs))
            return self.function(*args, **kwargs)


def _line_to(address: str) -> socket.socket:
    """Return this process's socket to the driver, which stays open for the next task."""
    line = _lines.get((address, os.getpid()))
    if line is None:
        for key in [key for key in _lines if key[0] != address or key[1] != os.getpid()]:
            _lines.pop(key).close()
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            line.connect(address)
        except OSError as error:
            line.close()
            raise ExecutorError(
                f"options(output=…, logs=…) need workers on the driver's machine, which {socket.gethostname()} is not, "
                f"or the driver has ended: {error}"
            ) from error
        _lines[address, os.getpid()] = line
    return line


@contextlib.contextmanager
def _printing_into(line: socket.socket, message: dict[str, Any]) -> Iterator[None]:
    """Have this process, and those that it starts, print into a pipe that the driver reads.

    Nothing of it is held back in buffers here, which a killed process would take with it.
    """
    read, write = os.pipe()
    try:
        try:
            socket.send_fds(line, [json.dumps(message).encode()], [read])
        finally:
            os.close(read)
        streams = (sys.stdout, sys.stderr)
        _flush(streams)
        saved = [os.dup(fd) for fd in _STANDARD]
        for fd in _STANDARD:
            os.dup2(write, fd)
    finally:
        os.close(write)
    sys.stdout, sys.stderr = (_Unbuffered(stream) if stream is not None else None for stream in streams)
    try:
        yield
    finally:
        _flush((sys.stdout, sys.stderr))
        sys.stdout, sys.stderr = streams
        for fd, original in zip(_STANDARD, saved, strict=True):
            os.dup2(original, fd)
            os.close(original)


def _flush(streams: tuple[Any, ...]) -> None:
    """Write out what Python and C hold back."""
    for stream in streams:
        with contextlib.suppress(Exception):  # the task may have closed or replaced it
            stream.flush()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).fflush(None)


class _Unbuffered:
    """A text stream that keeps nothing back."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> Any:
        written = self._stream.write(text)
        self._stream.flush()
        return written

    def writelines(self, lines: Any) -> None:
        for text in lines:
            self.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _logging_into(line: socket.socket, number: int, name: str, level: int) -> Iterator[None]:
    """Have records of at least that level go to the driver, instead of to the handlers of this process."""
    root = logging.getLogger()
    handlers, before = root.handlers[:], root.level
    root.handlers[:] = [_ToDriver(line, number, name, level)]
    root.setLevel(level)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(before)


class _ToDriver(logging.Handler):
    def __init__(self, line: socket.socket, number: int, name: str, level: int) -> None:
        super().__init__(level)
        self._line = line
        self._task = number, name

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._line.send(message_of(*self._task, record))
        except Exception:  # noqa: BLE001 - as every handler of logging does
            self.handleError(record)
