"""What a task can ask about itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["CurrentTask", "begin", "current_task", "end"]


class CurrentTask(NamedTuple):
    """The task that is running.

    Parameters
    ----------
    name
        What the task is called in messages: what ``options(name=…)`` says, or the function's name.
    attempt
        Which run of the task this is, counted from 1 (see ``options(retries=…)``).
    """

    name: str
    attempt: int


_Begun = tuple[str, Callable[..., Any], int]

_of_thread = threading.local()
_of_process: _Begun | None = None


def current_task() -> CurrentTask | None:
    """Return the task that calls this, directly or from a thread that it started; ``None`` outside of tasks.

    The threads that a task of the engines ``single`` and ``thread`` starts are outside of it.
    """
    begun: _Begun | None = getattr(_of_thread, "begun", None) or _of_process
    if begun is None:
        return None
    name, function, attempt = begun
    if not name:
        from orion.executor._core.payload import call_name

        name = call_name(function)
    return CurrentTask(name, attempt)


def begin(name: str | None, function: Callable[..., Any], attempt: int, *, whole_process: bool) -> _Begun | None:
    """Note that the calling thread begins a task; return what :func:`end` takes.

    An empty name stands for the function's, ``None`` says that this is no task. ``whole_process`` says that this
    process does nothing else meanwhile.
    """
    global _of_process  # noqa: PLW0603 - the task of a worker is one for all of its threads
    outer: _Begun | None = getattr(_of_thread, "begun", None)
    _of_thread.begun = None if name is None else (name, function, attempt)
    if whole_process:
        _of_process = _of_thread.begun
    return outer


def end(outer: _Begun | None) -> None:
    """Note that the calling thread has ended its task."""
    global _of_process  # noqa: PLW0603 - see begin
    if _of_process is _of_thread.begun:
        _of_process = outer
    _of_thread.begun = outer
