"""What Slurm says of a job, and what that means for its task."""

from __future__ import annotations

import os
from typing import NamedTuple

from orion.executor.errors import OutOfMemory, Preempted, TaskReport, TaskStopped, TaskTimeout, WorkerLost

__all__ = ["JobState", "verdict"]

# Source: "JOB STATE CODES" in squeue(1).
_ENDED = {
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
}


class JobState(NamedTuple):
    """What Slurm says of a job.

    Parameters
    ----------
    name
        Such as ``RUNNING``, ``TIMEOUT`` or ``NODE_FAIL``.
    status
        How its script ended, as wait(2) says it; ``None`` if that is not known.
    reason
        Why it waits, or failed, in Slurm's words.
    nodes
        Where it ran.
    """

    name: str
    status: int | None
    reason: str
    nodes: str

    @property
    def has_ended(self) -> bool:
        return self.name in _ENDED

    @property
    def may_have_result(self) -> bool:
        """Return whether the job came to its end by itself, so that a result of it may still be on the way."""
        return self.name in ("COMPLETED", "FAILED")


def verdict(task: str, job: str, state: JobState | None, report: TaskReport) -> TaskStopped:
    """Return the error for a task whose job has ended without a result.

    Parameters
    ----------
    task
        What to call the task.
    job
        What Slurm calls the job.
    state
        What Slurm says of it; ``None`` if it does not know it any more.
    report
        What else is known.
    """
    if state is None:
        return WorkerLost(
            f"Slurm does not know job {job} of {task} any more, and there is no result of it. Likely causes: it ended "
            "long ago, or the cluster has lost its records. Only this task failed",
            report=report,
        )
    where = f"Slurm job {job} of {task}" + (f" on {state.nodes}" if state.nodes else "")
    again = "Only this task failed; options(retries=1) would run it again"
    error: TaskStopped
    match state.name:
        case "TIMEOUT" | "DEADLINE":
            error = TaskTimeout(
                f"{where} reached its time limit and was stopped by Slurm ({state.name}). A larger Slurm(time=…), or "
                "options(timeout=…), gives it more",
                report=report,
            )
        case "OUT_OF_MEMORY":
            message = f"{where} used more memory than Slurm gave it and was stopped (OUT_OF_MEMORY). A larger"
            error = OutOfMemory(f"{message} options(memory_gb=…) gives it more", report=report)
        case "PREEMPTED":
            error = Preempted(f"{where} was stopped in favour of other work (PREEMPTED). {again}", report=report)
        case "NODE_FAIL":
            error = WorkerLost(f"{where} was lost with its node (NODE_FAIL). {again}", report=report)
        case "CANCELLED":
            message = f"{where} was cancelled by somebody else (CANCELLED), such as with scancel"
            error = WorkerLost(f"{message}. {again}", report=report)
        case _:
            error = _failed(where, again, state, report)
    return error


def _failed(where: str, again: str, state: JobState, report: TaskReport) -> WorkerLost:
    code = None if state.status is None else os.waitstatus_to_exitcode(state.status)
    how = "" if code is None else f" by signal {-code}" if code < 0 else f" with exit code {code}"
    reason = f", {state.reason}" if state.reason not in ("", "None") else ""
    return WorkerLost(
        f"{where} ended{how} before the task had ({state.name}{reason}). {again}",
        exitcode=code if code is not None and code >= 0 else None,
        signal=-code if code is not None and code < 0 else None,
        report=report,
    )
