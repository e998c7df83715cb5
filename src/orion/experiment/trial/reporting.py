"""``orion.experiment.report``: intermediate values of an objective that runs.

It runs in the workers: it imports nothing heavy.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orion.experiment.trial.attempt import Attempt

__all__ = ["current_attempt", "report"]

_of_context: ContextVar[Attempt | None] = ContextVar("orion_attempt", default=None)
_running: list[Attempt] = []


def report(value: float, step: int) -> None:
    """Report an intermediate value of the running trial; it is recorded, and the trial may end here.

    In an objective it goes to the driver, which records it and asks the experiment's pruner. In a script that runs as
    a command it is printed, as a line that is read as a metric. Elsewhere it does nothing, so that the same
    function also runs by itself.

    Parameters
    ----------
    value
        What the objective would be now, or is on the way to.
    step
        How far the objective has come, a whole number from 0 on: an epoch, say. Only the first value of a step counts.

    Raises
    ------
    TrialPruned
        If the trial is to end here. It is no ``Exception``, so that ``except Exception`` does not keep it from ending.
    """
    attempt = _of_context.get()
    if attempt is None and len(_running) == 1:  # a thread that the objective has started
        attempt = _running[0]
    if attempt is not None:
        attempt.report(float(value), int(step))
    elif "ORION_RESULTS_PATH" in os.environ:
        print(json.dumps({"step": int(step), "objective": float(value)}), flush=True)  # noqa: T201 - this is how a command reports


@contextmanager
def current_attempt(attempt: Attempt) -> Iterator[None]:
    """Make ``attempt`` the one whose values are reported, within a ``with`` block."""
    token = _of_context.set(attempt)
    _running.append(attempt)
    try:
        yield
    finally:
        _running.remove(attempt)
        _of_context.reset(token)
