"""How a task is written down: what it needs, under which options it runs, and its call."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from orion.executor._core import payload
from orion.executor._core.options import TaskOptions
from orion.executor._slurm import records

__all__ = ["Needs", "read_options", "write_call"]

_MINUTE = 60.0
_SPARE_SECONDS = 60.0  # between a task's own limit, which the job enforces, and Slurm's, which comes in minutes


class Needs(NamedTuple):
    """What a task has to be given; tasks with the same needs can be elements of one array."""

    cpus: int
    gpus: int
    memory_gb: float | None
    minutes: int | None

    @classmethod
    def of(cls, options: TaskOptions) -> Needs:
        """Return what these options come to; ``minutes`` is Slurm's limit behind the task's own."""
        minutes = None
        if options.timeout is not None:
            minutes = math.ceil((options.timeout + (options.grace or 0.0) + _SPARE_SECONDS) / _MINUTE)
        return cls(math.ceil(options.cpus or 1), int(options.gpus or 0), options.memory_gb, minutes)

    def fits_into(self, other: Needs) -> bool:
        """Return whether a task can run where one with ``other`` needs does nothing meanwhile."""
        small_enough = other.memory_gb is None or (self.memory_gb is not None and self.memory_gb <= other.memory_gb)
        return self.cpus <= other.cpus and self.gpus <= other.gpus and small_enough


def write_call(
    path: Path, name: str, options: TaskOptions, call: Sequence[Any], *, run_by: str | None = None, alone: bool = False
) -> None:
    """Write a task down.

    Parameters
    ----------
    path
        The file.
    name, options
        Of the task.
    call
        The serialised call (``payload.dumps_call``) and its buffers.
    run_by
        The run that submitted it, if a task did.
    alone
        Whether it needs a job of its own, whatever else runs.
    """
    head = {
        "name": name,
        "timeout": options.timeout,
        "grace": options.grace,
        "memory_gb": options.memory_gb,
        "run_by": run_by,
        "alone": alone,
    }
    records.write(path, head, [payload.dumps(options), *call])


def read_options(path: Path) -> tuple[dict[str, Any], TaskOptions]:
    """Return the head of a task that was written down, and its options."""
    head, parts = records.read(path)
    options = pickle.loads(parts[0])
    assert isinstance(options, TaskOptions)
    return head, options
