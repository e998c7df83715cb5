"""Search for the parameters of a function, on any engine of :mod:`orion.executor`, with nothing lost.

The names below are loaded when first used: every worker process imports this package and needs none of what they
bring.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orion.experiment.errors import (
        ArgumentError,
        CommandFailed,
        DiskFull,
        ExperimentError,
        ExperimentInterrupted,
        ExperimentMismatch,
        InvalidResult,
        ObjectiveError,
        ResultUnreadable,
        SpaceError,
        StorageError,
        TooManyFailures,
        TrialPruned,
    )
    from orion.experiment.experiment import Experiment
    from orion.experiment.objectives.commands import Command
    from orion.experiment.optimizing import optimize
    from orion.experiment.recording.result import ExperimentResult, TrialRecord
    from orion.experiment.trial.reporting import report

__all__ = [
    "ArgumentError",
    "Command",
    "CommandFailed",
    "DiskFull",
    "Experiment",
    "ExperimentError",
    "ExperimentInterrupted",
    "ExperimentMismatch",
    "ExperimentResult",
    "InvalidResult",
    "ObjectiveError",
    "ResultUnreadable",
    "SpaceError",
    "StorageError",
    "TooManyFailures",
    "TrialPruned",
    "TrialRecord",
    "optimize",
    "report",
]

_MODULES = {
    "Command": "orion.experiment.objectives.commands",
    "Experiment": "orion.experiment.experiment",
    "ExperimentResult": "orion.experiment.recording.result",
    "TrialRecord": "orion.experiment.recording.result",
    "optimize": "orion.experiment.optimizing",
    "report": "orion.experiment.trial.reporting",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES.get(name, "orion.experiment.errors")), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
