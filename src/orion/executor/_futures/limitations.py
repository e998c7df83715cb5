"""What foreign pools cannot do, by where the calls run."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from orion.executor._hosted.limitations import ELSEWHERE

__all__ = ["IN_PROCESSES", "IN_THREADS", "IN_WORKERS"]

_RESOURCES = {
    "cpus": "concurrent.futures knows no resources: the pool gives each task one worker",
    "gpus": "concurrent.futures knows no resources: tasks see the GPUs that the pool's workers see",
}

IN_PROCESSES: Mapping[str, str] = MappingProxyType(
    {
        **_RESOURCES,
        **ELSEWHERE,
        "cancel_running": "concurrent.futures has no way to stop what runs; a task that has not started never runs",
    }
)
"""Where each call runs in a process of its own, beside the pool's worker."""

IN_THREADS: Mapping[str, str] = MappingProxyType(
    {
        **_RESOURCES,
        "cancel_running": "a thread cannot be stopped; a task that has not started never runs",
        "timeout": "a thread cannot be stopped; the process engine stops a task at its time limit",
        "grace": "there is no process of the task's own to ask; the process engine has one",
        "memory_gb": "the tasks share one process, whose memory belongs to all; the process engine gives each its own",
        "child_processes": "a running task is not stopped, so the processes that it started are not either",
        "exit_status": "a worker is a thread, which has no exit code",
        "worker_death": "the workers are threads of this process: what ends one ends all",
        "output_of_processes": "standard output is the process's; only what Python prints is told apart",
        "tracing": "a foreign pool does not tell when it begins a task",
    }
)
"""Where calls run in threads of this process."""

IN_WORKERS: Mapping[str, str] = MappingProxyType(
    {
        **_RESOURCES,
        **ELSEWHERE,
        "cancel_running": "concurrent.futures has no way to stop what runs; a task that has not started never runs",
        "timeout": "the pool's worker runs the task itself and cannot be stopped; isolate=True can",
        "grace": "the pool's worker runs the task itself and cannot be stopped; isolate=True can",
        "memory_gb": "the pool's worker runs the task itself and cannot be stopped; isolate=True can",
        "child_processes": "a running task is not stopped, so the processes that it started are not either",
        "exit_status": "the pool does not tell how its worker ended; isolate=True does",
        "worker_death": "the task runs in the pool's worker, whose death most pools do not survive; isolate=True helps",
        "nested": "the pool's worker has no way back to the driver; isolate=True runs nested work beside it",
    }
)
"""Where calls run in the pool's workers themselves."""
