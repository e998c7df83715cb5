"""Taking over what an earlier driver left in its folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orion.executor._core.future import Future
from orion.executor._slurm.calls import Needs, read_options
from orion.executor._slurm.folder import Folder, check_trust, run_name, split_run
from orion.executor._slurm.ledger import Task
from orion.executor._slurm.outcomes import outcome_of
from orion.executor._slurm.pool import Pool
from orion.executor.errors import ExecutorError

if TYPE_CHECKING:
    from orion.executor.base import BaseExecutor

__all__ = ["find", "lock", "number_of", "restore", "task_name"]


def task_name(number: int) -> str:
    """Return what the folder calls the task that the driver has submitted under that number."""
    return f"{number:08d}"


def number_of(name: str) -> int | None:
    """Return the number of a task; ``None`` if another task has submitted it."""
    return int(name) if name.isdigit() else None


def find(folder: Path) -> Folder:
    """Return the folder that an executor has left; ``folder`` is that, or what it was given as ``folder``.

    Raises
    ------
    ExecutorError
        If there is none, or more than one, or others could have changed it.
    """
    if not folder.is_dir():
        raise ExecutorError(f"there is no folder {folder}")
    check_trust(folder)
    left = [path for path in (folder, *sorted(folder.iterdir())) if (path / "executor.json").is_file()]
    if not left:
        raise ExecutorError(f"no executor has left anything in {folder}: those that were closed leave their logs only")
    if len(left) > 1:
        names = ", ".join(str(path) for path in left)
        raise ExecutorError(f"several executors have left something in {folder}: attach to one of {names}")
    check_trust(left[0])
    return Folder(left[0])


def lock(folder: Folder) -> int:
    """Take the folder over; return the descriptor that holds it.

    Raises
    ------
    ExecutorError
        If a driver is at work with it.
    """
    number = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        who = os.pread(number, 200, 0).decode()
        os.close(number)
        raise ExecutorError(f"{folder.root} is in use by {who}: that one has to end, or to detach, first") from None
    except OSError:  # a file system without locks
        pass
    os.ftruncate(number, 0)
    os.pwrite(number, f"process {os.getpid()} on {os.uname().nodename}".encode(), 0)
    return number


def restore(folder: Folder, executor: BaseExecutor, pool: Pool) -> list[Future[Any]]:
    """Go on with the tasks in a folder; return the futures of those that a driver has submitted, in that order."""
    jobs = dict(_jobs(folder, pool))
    attempts: dict[str, int] = {}
    for run in (*jobs, *folder.listed(folder.claims), *folder.listed(folder.results), *folder.listed(folder.done)):
        task, attempt = split_run(run)
        attempts[task] = max(attempt, attempts.get(task, 1))
    names = sorted(folder.listed(folder.calls))
    last = max((number for name in names if (number := number_of(name)) is not None), default=0)
    for _ in range(last):
        next(executor._numbers)
    futures = []
    for name in names:
        future = _restore_one(folder, executor, pool, name, attempts.get(name, 1), jobs)
        if number_of(name) is not None:
            futures.append(future)
    return futures


def _restore_one(
    folder: Folder, executor: BaseExecutor, pool: Pool, name: str, attempt: int, jobs: dict[str, str]
) -> Future[Any]:
    head, options = read_options(folder.call(name))
    future: Future[Any] = Future(executor, number_of(name) or next(executor._numbers), None, head["name"], options)
    future._attempt = attempt
    task = Task(name, future, Needs.of(options), head["run_by"], head["alone"])
    future._call = task
    executor._tracker.add(future, from_task=True)
    run = run_name(name, attempt)
    if folder.finished(run).exists():
        outcome = outcome_of(folder.finished(run))
        assert outcome is not None
        executor._tracker.settle(future, outcome)
    elif run in jobs:
        task.begin_attempt()
        task.job = jobs[run]
        pool.adopt(task)
    else:
        pool.submit(task)
    return future


def _jobs(folder: Folder, pool: Pool) -> Iterator[tuple[str, str]]:
    """Yield run and job of what the earlier driver has submitted, as far as it got to know the jobs."""
    for path in folder.batches.glob("*.runs"):
        batch = int(path.stem)
        pool.last_batch = max(pool.last_batch, batch)
        try:
            job = folder.job(batch).read_text()
        except FileNotFoundError:  # it ended meanwhile; claims keep its jobs and ours from running a task twice
            continue
        runs = path.read_text().split()
        for place, run in enumerate(runs):
            yield run, job if len(runs) == 1 else f"{job}_{place}"
