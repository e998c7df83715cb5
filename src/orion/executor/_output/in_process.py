"""Where tasks run in the driver's own process: what each thread prints and logs is told apart."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orion.executor._output.outlet import Outlet, Printing

__all__ = ["told_apart"]

_task_name: ContextVar[str | None] = ContextVar("orion_task_name", default=None)
_goes_to: ContextVar[tuple[Outlet, Printing] | None] = ContextVar("orion_output", default=None)
_lock = threading.Lock()
_users = 0
_replaced: tuple[Any, Any] = (None, None)


@contextlib.contextmanager
def told_apart(outlet: Outlet, task: Printing, output: str | None, logs: int | None) -> Iterator[None]:
    """Have what this thread prints go to ``outlet``, and its log records tell the task's name."""
    printing = _goes_to.set((outlet, task)) if output is not None else None
    naming = _task_name.set(task.name) if logs is not None else None
    if logs is not None:
        _name_records()
    try:
        with _routed() if output is not None else contextlib.nullcontext():
            yield
    finally:
        if printing is not None:
            _goes_to.reset(printing)
            outlet.finish(task)
        if naming is not None:
            _task_name.reset(naming)


@contextlib.contextmanager
def _routed() -> Iterator[None]:
    """Have the standard streams ask whose thread it is, while any task needs that."""
    global _users, _replaced  # noqa: PLW0603 - there is one standard output
    with _lock:
        _users += 1
        if _users == 1:
            _replaced = sys.stdout, sys.stderr
            sys.stdout, sys.stderr = _Router(sys.stdout), _Router(sys.stderr)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                for name, stream in zip(("stdout", "stderr"), _replaced, strict=True):
                    if isinstance(getattr(sys, name), _Router):  # else somebody else has replaced it since
                        setattr(sys, name, stream)
                _replaced = None, None


class _Router:
    """A text stream that hands what a task's thread writes to the task's outlet."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> Any:
        target = _goes_to.get()
        if target is None:
            return self._stream.write(text)
        outlet, task = target
        token = _goes_to.set(None)  # what the outlet shows is nobody's output
        try:
            outlet.write(task, text.encode("utf-8", "replace"))
        finally:
            _goes_to.reset(token)
        return len(text)

    def writelines(self, lines: Any) -> None:
        for text in lines:
            self.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _name_records() -> None:
    """See to it that records made in a task's thread have its name, from now on."""
    made_by = logging.getLogRecordFactory()
    if isinstance(made_by, _Naming):
        return
    with _lock:
        logging.setLogRecordFactory(_Naming(made_by))


class _Naming:
    """Makes log records that tell the task."""

    def __init__(self, make: Any) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._make(*args, **kwargs)
        name = _task_name.get()
        if name is not None:
            record.task = name
        return record
