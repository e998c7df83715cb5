"""What a Slurm job runs: ``python -m orion.executor._slurm.job FOLDER BATCH``, or ``FOLDER --run RUN`` within a job."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from orion.executor._core import payload, worker_side
from orion.executor._slurm import records
from orion.executor._slurm.folder import Folder, split_run
from orion.executor._slurm.keeper import Keeper, Limits

__all__ = ["job_name", "main"]


def main() -> None:
    """Run the task that this job is there for, unless somebody else has taken it."""
    folder = Folder(Path(sys.argv[1]))
    if sys.argv[2] == "--run":  # who started this has taken it
        run = sys.argv[3]
    else:
        runs = folder.runs(int(sys.argv[2])).read_text().split()
        run = runs[int(os.environ.get("SLURM_ARRAY_TASK_ID", "0"))]
        if not folder.claim(run, {"job": job_name(), "host": os.uname().nodename, "pid": os.getpid()}):
            return
    try:
        about = records.read_head(folder.about)
        head, parts = records.read(folder.call(split_run(run)[0]))
    except FileNotFoundError:  # closed meanwhile
        return
    sys.path[:] = about["path"] + [entry for entry in sys.path if entry not in about["path"]]
    limits = Limits(head["name"], head["timeout"], head["grace"], head["memory_gb"])
    sys.exit(Keeper(folder, run, limits, partial(_execute, folder, run, about, head, parts)).keep())


def job_name() -> str:
    """Return what Slurm calls the job that this process belongs to: ``12``, or ``12_3`` in an array."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    if array is not None:
        return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    return os.environ["SLURM_JOB_ID"]


def _execute(
    folder: Folder,
    run: str,
    about: dict[str, Any],
    head: dict[str, Any],
    parts: list[memoryview],
    written: Callable[[], None],
) -> int:
    """Run the call and write its result, in the process that is the task's; return the exit status."""
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    entrance = _Entrance(folder, run, about, head)
    worker_side.attach = entrance.attach
    pid = os.getpid()
    _, call, *buffers = parts
    attempt = split_run(run)[1]
    ok, data, _ = payload.execute(bytes(call), buffers, name=head["name"], attempt=attempt, in_band=True)
    if os.getpid() != pid:  # the task forked, and the child came back with it
        return 0
    records.write(folder.result(run), {"end": "returned" if ok else "raised"}, [data])
    written()
    entrance.finish()
    return 0 if ok else 1


class _Entrance:
    """The way from the task to the executor that runs it; made when the task unpickles that executor."""

    def __init__(self, folder: Folder, run: str, about: dict[str, Any], head: dict[str, Any]) -> None:
        self._arguments = (folder, run, about, head)
        self._line: Any = None

    def attach(self, key: str, n_workers: int, kind: type[Any]) -> Any:
        """Return the executor as the task sees it; ``None`` if it is not the one that runs the task."""
        from orion.executor._process.task_side import TaskSideExecutor
        from orion.executor._slurm.inside import Line

        if key != self._arguments[2]["key"]:
            return None
        if self._line is None:
            self._line = Line(*self._arguments)
        return TaskSideExecutor(self._line, key, n_workers, kind, kind.limitations)

    def finish(self) -> None:
        """Wait for work that this job has begun on the task's behalf."""
        if self._line is not None:
            self._line.finish()


if __name__ == "__main__":
    main()
