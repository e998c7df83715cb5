"""What ``executor.options(…)`` accepts: the policy under which a task runs."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from orion.executor.errors import WorkerLost

__all__ = ["TaskOptions", "check_timeout"]

_QUANTITIES = {"timeout": "seconds", "grace": "seconds", "memory_gb": "GB", "cpus": "CPUs", "gpus": "GPUs"}


@dataclasses.dataclass(frozen=True)
class TaskOptions:
    """How a task runs.

    Parameters
    ----------
    timeout
        Seconds that the task itself may run, waiting in the queue not counted; then it is stopped.
    grace
        Seconds between asking the task's processes to end (SIGTERM), when it is stopped, and killing them; without
        it they are killed at once.
    memory_gb
        GB (10⁹ bytes) that the task's processes may use together; then it is stopped.
    cpus
        CPUs that are set aside for the task while it runs.
    gpus
        GPUs that are set aside for the task while it runs; it sees no others. A part of one is possible.
    retries
        How often the task is run again after a failure that ``retry_on`` names.
    retry_on
        The exceptions after which ``retries`` applies; by default a lost worker only.
    name
        What to call the task in messages; by default the function's name.
    output
        What becomes of what the task prints: ``"capture"`` keeps it for ``future.output``, ``"prefix"`` shows each line
        with the task's name before it. By default it is written to where the program writes.
    logs
        The level, as a number or a name, from which on log records of the task reach the driver's logging, with the
        task's name as their attribute ``task``.
    """

    timeout: float | None = None
    grace: float | None = None
    memory_gb: float | None = None
    cpus: float | None = None
    gpus: float | None = None
    retries: int = 0
    retry_on: tuple[type[BaseException], ...] = (WorkerLost,)
    name: str | None = None
    output: str | None = None
    logs: int | None = None

    def __post_init__(self) -> None:
        for name, unit in _QUANTITIES.items():
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{name} must be a number of {unit} or None, not {value!r}")
            if not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name} must be a positive number of {unit} or None, not {value!r}")
        if isinstance(self.retries, bool) or not isinstance(self.retries, int) or self.retries < 0:
            raise ValueError(f"retries must be a whole number, zero or more, not {self.retries!r}")
        retry_on = self.retry_on if isinstance(self.retry_on, tuple) else (self.retry_on,)
        for kind in retry_on:
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                raise TypeError(f"retry_on must be exception classes, not {kind!r}")
        object.__setattr__(self, "retry_on", retry_on)
        if self.name is not None and not isinstance(self.name, str):
            raise TypeError(f"name must be a string, not {self.name!r}")
        if self.output not in (None, "capture", "prefix"):
            raise ValueError(f"output must be 'capture', 'prefix' or None, not {self.output!r}")
        if self.logs is not None:
            object.__setattr__(self, "logs", _level(self.logs))

    def changed(self, changes: dict[str, Any]) -> TaskOptions:
        """Return these options with ``changes``; an unknown name is a ``TypeError`` that says which are valid."""
        valid = [field.name for field in dataclasses.fields(self)]
        unknown = [name for name in changes if name not in valid]
        if unknown:
            raise TypeError(f"unknown option {', '.join(map(repr, unknown))}; the options are {', '.join(valid)}")
        return dataclasses.replace(self, **changes)


def _level(given: object) -> int:
    """Return a level of logging as a number."""
    import logging

    number = logging.getLevelName(given.upper()) if isinstance(given, str) else given
    if isinstance(number, bool) or not isinstance(number, int):
        raise ValueError(f"logs must be a level of logging, such as 'INFO', or None, not {given!r}")
    return number


def check_timeout(timeout: float | None) -> float | None:
    """Return ``timeout`` if it is ``None`` or zero or more seconds, else raise ``ValueError``."""
    if timeout is not None and not timeout >= 0:
        raise ValueError(f"timeout must be None or at least 0 seconds, not {timeout!r}")
    return timeout
