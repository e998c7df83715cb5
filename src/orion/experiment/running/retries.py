"""Which failures are tried again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orion.experiment.errors import ArgumentError
from orion.experiment.recording.failures import CAUSES

__all__ = ["Retries"]

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
