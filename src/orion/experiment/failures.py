"""Why trials fail, and which failures are tried again."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from typing import Any

from orion.executor import OutOfMemory, Preempted, TaskTimeout, WorkerLost
from orion.experiment.errors import ArgumentError

__all__ = ["CAUSES", "Retries", "cause_of"]

CAUSES = {
    "exception": "the objective raised, its command failed, or its result is no usable number",
    "timeout": "the trial ran longer than its time limit",
    "memory": "memory ran out",
    "lost": "the worker was lost",
    "preempted": "the worker was asked to end by something else, as schedulers do",
}
"""Why a trial fails: each class of failure has a retry budget of its own."""

_DEFAULT = {"memory": 1, "lost": 1, "preempted": 1}  # what is not the user's error, once


class Retries:
    """How often a trial is tried again after each cause of failure.

    Parameters
    ----------
    budgets
        For each cause the number of retries; for those left out, the default: once what is not the user's error.

    Raises
    ------
    ArgumentError
        For an unknown cause, or a number that is none.
    """

    def __init__(self, budgets: Mapping[str, int] | None = None) -> None:
        for cause, number in (budgets or {}).items():
            if cause not in CAUSES:
                raise ArgumentError(f"there is no cause {cause!r} to retry after; the causes are {', '.join(CAUSES)}")
            if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                raise ArgumentError(f"retries after {cause!r}: a whole number, zero or more, not {number!r}")
        self._budgets = {**_DEFAULT, **(budgets or {})}

    def allow(self, cause: str, history: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether to try again after a failure; ``history`` are the records of all attempts before it."""
        causes = [(attempt.get("failure") or {}).get("cause") for attempt in history]
        return causes.count(cause) < self._budgets.get(cause, 0)


def cause_of(error: BaseException) -> str:
    """Return the class of failure that an executor's error belongs to."""
    if isinstance(error, OutOfMemory):
        return "memory"
    if isinstance(error, WorkerLost):
        return "preempted" if isinstance(error, Preempted) or error.signal == signal.SIGTERM else "lost"
    return "timeout" if isinstance(error, TaskTimeout) else "exception"
