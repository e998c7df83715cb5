"""What our tasks are called among all of Dask's."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Mark", "TaskKey", "is_ours", "label", "mark_of", "topic_of"]

_PREFIX = "orion:"
_MAX_NAME = 60

# Label, executor, number of the task, attempt, and which sending it is: once more if it never began.
TaskKey = tuple[str, str, int, int, int]


class Mark(NamedTuple):
    """What tells the attempts of all executors apart."""

    executor: str
    number: int
    attempt: int


def is_ours(key: Any) -> bool:
    """Return whether a task of Dask's is one of ours."""
    return type(key) is tuple and len(key) == 5 and type(key[0]) is str and key[0].startswith(_PREFIX)


def label(name: str) -> str:
    """Return by what Dask's dashboard lists a task, and groups those whose durations it expects to be alike."""
    return _PREFIX + name[:_MAX_NAME]


def topic_of(executor: str) -> str:
    """Return the topic of Dask's events that concern an executor."""
    return _PREFIX + executor


def mark_of(key: TaskKey) -> Mark:
    return Mark(*key[1:4])
