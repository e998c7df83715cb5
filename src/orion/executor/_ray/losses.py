"""What Ray's own errors mean, in words."""

from __future__ import annotations

from typing import Any

from orion.executor._core.future import Future
from orion.executor._core.outcome import described
from orion.executor._ray.roster import Member
from orion.executor.errors import OutOfMemory, TaskReport, WorkerLost, WorkersUnfit

__all__ = ["host_lost", "hosts_unfit"]


def host_lost(future: Future[Any], member: Member, error: Exception) -> WorkerLost:
    """Say that the host that ran a task was lost; its worker was killed with it, so there is no exit status."""
    from ray.exceptions import OutOfMemoryError

    report = TaskReport(pid=member.pid)
    reason = _reason(error)
    if isinstance(error, OutOfMemoryError):
        return OutOfMemory(
            f"Ray killed the host that ran task {future.name!r}, since its node had run out of memory: {reason} "
            "Only this host's task failed; fewer workers, or options(memory_gb=…), leave more for each",
            report=report,
        )
    return WorkerLost(
        f"the Ray host that ran task {future.name!r} was lost before the task had ended: {reason} Likely causes: its "
        "process was killed (kill -9, out of memory), or its node was lost. Only this host's task failed; "
        "options(retries=1) would run it again",
        report=report,
    )


def hosts_unfit(error: Exception) -> WorkersUnfit:
    """Say that no host can be made ready."""
    unfit = WorkersUnfit(
        f"no host can be started in the Ray cluster, so no task can run: {_reason(error)} Every node needs this "
        "version of orion-executor and of Python: install it there, or name it in Ray(runtime_env=…)"
    )
    unfit.__cause__ = error
    return unfit


def _reason(error: Exception) -> str:
    """Return what Ray says, without its list of ids."""
    lines = [line for line in described(error, text_only=True).splitlines() if line and not line.startswith("\t")]
    return " ".join(lines[1:] or lines) or type(error).__name__
