"""When a run ends, and how long a trial may take."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from orion.experiment.errors import ArgumentError

__all__ = ["Deadline", "Limits"]


@dataclass(frozen=True)
class Limits:
    """What bounds a run.

    Parameters
    ----------
    max_trials
        How many finished trials there are to be in the end, those of earlier runs included.
    timeout
        Seconds after which this run ends; ``None`` for no limit.
    trial_timeout
        Seconds after which a trial is stopped and fails; ``None`` for no limit.
    patience
        After how many finished trials without a better one the search is over; ``None`` for no limit.
    max_broken
        How many failed trials are too many; ``None`` for no limit.

    Raises
    ------
    ArgumentError
        For a value that cannot be honoured.
    """

    max_trials: int
    timeout: float | None = None
    trial_timeout: float | None = None
    patience: int | None = None
    max_broken: int | None = None

    def __post_init__(self) -> None:
        _check_count("max_trials", self.max_trials)
        if self.patience is not None:
            _check_count("patience", self.patience)
        if self.max_broken is not None:
            _check_count("max_broken", self.max_broken)
        _check_seconds("the time limit of the run", self.timeout)
        _check_seconds("the time limit of a trial", self.trial_timeout)


class Deadline:
    """The moment at which a run ends."""

    def __init__(self, timeout: float | None) -> None:
        self._at = None if timeout is None else time.monotonic() + timeout

    def left(self) -> float | None:
        """Return the seconds until then, zero or more; ``None`` if there is no limit."""
        return None if self._at is None else max(0.0, self._at - time.monotonic())

    def passed(self) -> bool:
        """Return whether it has come."""
        return self.left() == 0


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(f"{name} is a whole number from 1 on, not {value!r}")


def _check_seconds(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not (value > 0 and math.isfinite(value)):
        raise ArgumentError(f"{name} is a positive number of seconds, not {value!r}")
