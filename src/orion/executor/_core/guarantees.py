"""The vocabulary of :attr:`BaseExecutor.limitations`: what an engine may declare that it cannot keep."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["GUARANTEES"]

GUARANTEES: Mapping[str, str] = MappingProxyType(
    {
        "background": "a submitted task starts without being waited for",
        "cancel_running": "cancel() and close() stop a task that is running",
        "child_processes": "stopping a task, or its worker's death, also ends the processes that the task started",
        "concurrency": "n_workers tasks run at a time",
        "cpus": "options(cpus=…) gives a task so many CPUs",
        "exit_status": "a lost worker's error names its exit code or signal",
        "gpus": "options(gpus=…) gives a task so many GPUs, and it sees no others",
        "grace": "options(grace=…) asks a task that is stopped to end, before it is killed",
        "memory_gb": "options(memory_gb=…) stops a task that uses more",
        "logs": "options(logs=…) brings a task's log records to the driver's logging",
        "nested": "a task can submit work to the executor that runs it, and wait for it",
        "output": "options(output=…) captures what a task prints, or shows it with the task's name",
        "output_of_processes": "options(output=…) includes what C code and the processes that a task starts print",
        "retries": "options(retries=…) runs a task again after the failures that retry_on names",
        "timeout": "options(timeout=…) stops a task that runs longer",
        "tracing": "trace(…) tells when and in which worker a task ran",
        "wait_timeout": "a call that waits returns once its timeout has passed, whatever the tasks do",
        "worker_death": "a worker's death fails only the task that ran there, and the worker is replaced",
    }
)
"""Each guarantee that an engine may declare an exception from, as a promise in words."""
