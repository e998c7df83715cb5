"""One attempt of a trial, where it runs: what it is told, and what is told of its end.

This is what the driver submits to the executor. It runs in the workers: it imports nothing heavy.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from orion.experiment.errors import CommandFailed, DiskFull, TrialPruned
from orion.experiment.line.address import Address
from orion.experiment.line.caller import Caller, TrialOver
from orion.experiment.trial.gpus import Share, held
from orion.experiment.trial.measured import Measured
from orion.experiment.trial.output import captured
from orion.experiment.trial.peak_memory import PeakMemory
from orion.experiment.trial.reporting import current_attempt

__all__ = ["Assignment", "Attempt", "Ended", "Facts", "Failure", "Objective", "carry_out"]

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PACKAGE = str(Path(__file__).parents[1]) + os.sep


@dataclass(frozen=True)
class Assignment:
    """What an attempt is told.

    Parameters
    ----------
    experiment, number, attempt
        Which attempt of which trial this is; attempts are counted from 1.
    parameters
        Name and value of each parameter.
    seed
        The trial's own: the same at every attempt.
    n_objectives
        How many numbers the objective returns.
    address
        Where the driver answers questions; ``None`` if nobody does.
    snapshot
        Of an Optuna trial, for an objective that takes one: see :func:`orion.experiment.line.conversation.snapshot`.
    folder
        The attempt's own; ``None`` if nothing is to be kept.
    in_driver
        Whether it runs in the driver's process, and whether in its very thread.
    gpus
        Those that it has for itself.
    """

    experiment: str
    number: int
    attempt: int
    parameters: dict[str, Any]
    seed: int
    n_objectives: int = 1
    address: Address | None = None
    snapshot: dict[str, Any] | None = None
    folder: str | None = None
    in_driver: bool = False
    in_drivers_thread: bool = False
    gpus: tuple[Share, ...] = ()

    @property
    def key(self) -> str:
        """Under what the attempt asks its driver."""
        return f"trial {self.number}, attempt {self.attempt}"


class Attempt:
    """An attempt that is running: its assignment, and its line to the driver."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.caller = Caller(assignment.address, assignment.key)
        self.peak_memory_gb: float | None = None
        """Of the processes that the objective has run in, if it measured that itself."""

    def report(self, value: float, step: int) -> None:
        """Report an intermediate value.

        Raises
        ------
        TrialPruned
            If the trial is to end here.
        """
        if self.assignment.address is not None and self.caller.ask("report_and_judge", value=value, step=step):
            raise TrialPruned(f"trial {self.assignment.number} was pruned at step {step}, with the value {value}")


class Objective(Protocol):
    """What runs an attempt."""

    def __call__(self, attempt: Attempt, /) -> Measured:
        """Run the attempt and return the objective values and what to record with them."""

    def describe(self) -> dict[str, Any]:
        """Return what is recorded of the objective."""


@dataclass(frozen=True)
class Facts:
    """Where and when an attempt ran.

    Parameters
    ----------
    host, pid
        The machine and the process.
    started, ended
        Seconds since 1970.
    peak_memory_gb
        The most memory it had resident, in GB (10⁹ bytes), where that can be told.
    """

    host: str
    pid: int
    started: float
    ended: float
    peak_memory_gb: float | None = None


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed.

    Parameters
    ----------
    cause
        One of the causes that ``retries`` names.
    kind, message, traceback
        The exception's type, its message and where it was raised.
    """

    cause: str
    kind: str
    message: str
    traceback: str


@dataclass(frozen=True)
class Ended:
    """How an attempt ended: with values, pruned (no values), or with a failure."""

    facts: Facts
    values: tuple[float, ...] | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    failure: Failure | None = None


def carry_out(objective: Objective, assignment: Assignment) -> Ended:
    """Run an attempt.

    What the objective raises is part of what is returned; ``KeyboardInterrupt`` goes through.

    Raises
    ------
    DiskFull
        If there is no room for what the trial writes, its output included.
    """
    started = time.time()
    attempt = Attempt(assignment)
    memory = PeakMemory(alone=not assignment.in_driver)
    values: tuple[float, ...] | None = None
    attributes: dict[str, Any] = {}
    failure = None
    try:
        with held(assignment.gpus), captured(assignment), current_attempt(attempt):
            values, attributes = objective(attempt)
    except (KeyboardInterrupt, TrialOver):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the objective raises is the end of this trial and of nothing else
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            raise DiskFull(f"trial {assignment.number} cannot write: {error}") from None
        if not _is_pruned(error):
            failure = _failure(error)
    finally:
        attempt.caller.close()
    peak = attempt.peak_memory_gb if attempt.peak_memory_gb is not None else memory.read_gb()
    facts = Facts(socket.gethostname(), os.getpid(), started, time.time(), peak)
    return Ended(facts, values, attributes, failure)


def _is_pruned(error: BaseException) -> bool:
    optuna = sys.modules.get("optuna")  # an objective that raises its exception has imported it
    return isinstance(error, TrialPruned) or (optuna is not None and isinstance(error, optuna.TrialPruned))


def _failure(error: BaseException) -> Failure:
    if isinstance(error, CommandFailed):
        return Failure(error.cause, "CommandFailed", str(error), "")
    cause = "memory" if isinstance(error, MemoryError) else "exception"
    return Failure(cause, type(error).__name__, _message(error), _traceback(error))


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as problem:  # noqa: BLE001 - the user's exception may do anything
        return f"<its __str__ raised {type(problem).__name__}>"


def _traceback(error: BaseException) -> str:
    """Return where the exception was raised, from the objective's own code on."""
    first = error.__traceback__
    while first is not None and first.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        first = first.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, first))
    except Exception:  # noqa: BLE001 - formatting calls the user's code
        return "".join(traceback.format_tb(first)) + type(error).__name__
