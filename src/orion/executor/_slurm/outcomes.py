"""How a run ended, as its job has written it down."""

from __future__ import annotations

from pathlib import Path

from orion.executor._core.arrived import Arrived
from orion.executor._slurm import records

__all__ = ["outcome_of"]


def outcome_of(result: Path) -> Arrived | None:
    """Return the outcome in a result; ``None`` if Slurm asked the job to end, and only Slurm knows why.

    Raises
    ------
    OSError, ValueError
        If it cannot be read.
    """
    head, parts = records.read(result)
    return None if head["end"] == "asked" else Arrived(head["end"] == "returned", parts[0])
