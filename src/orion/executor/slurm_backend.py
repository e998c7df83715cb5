"""The engine of Slurm clusters: each task is a job."""

from __future__ import annotations

import importlib.util
import math
import os
import pickle
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from orion.executor._core import payload
from orion.executor._core.options import TaskOptions
from orion.executor._core.outcome import Failure
from orion.executor._core.own_address import own_address
from orion.executor._core.reach import reachable
from orion.executor._core.tracker import Phase
from orion.executor._process.search_path import PathFirst, import_path
from orion.executor._slurm import attached, commands, records
from orion.executor._slurm.calls import Needs, write_call
from orion.executor._slurm.folder import Folder, check_trust
from orion.executor._slurm.ledger import Task
from orion.executor._slurm.pool import Intervals, Pool
from orion.executor._slurm.script import Directives
from orion.executor.base import BaseExecutor, Future
from orion.executor.errors import EngineLost, EngineNotInstalled, ExecutorClosed, ExecutorError, OptionNotSupported

__all__ = ["Slurm"]


class Slurm(BaseExecutor):
    """Run tasks as jobs of a Slurm cluster, through submitit's batch scripts.

    Tasks that are submitted together become the elements of one job array. Calls and results are files in a folder that
    this host and the nodes share; the log of each job is there too, stays there, and its last lines stand in the
    error if the task is lost. One thread lists the results, and asks Slurm about all jobs at once; it is there only
    while tasks are pending.

    Jobs outlive the driver: :meth:`detach` leaves them to :meth:`attach`, which also takes over what a driver that
    was killed has left. Closing the executor, which leaving its ``with`` block does, cancels them.

    Exceptions from the contract (:attr:`limitations` gives each its reason), since what jobs print and log is in
    their logs: ``output``, ``output_of_processes`` and ``logs``; since Slurm keeps accounts of its own: ``tracing``.

    A task that waits for work which it has submitted itself runs it in its own job if no other has begun it, so nested
    work needs no further node.

    Parameters
    ----------
    n_workers
        The number of jobs at a time; ``-1`` means as many as there are CPUs in the partition, for ``cpus`` each.
    folder
        A folder of yours that this host and the nodes share, into which nobody else can write: what lies
        there is unpickled. It is made if need be; each executor has a folder of its own in there (``executor.folder``).
    partition, account
        As sbatch calls them; by default the cluster's own.
    time
        Seconds that a job may take, which Slurm counts in minutes. By default what ``options(timeout=…)`` needs, else
        what the partition allows.
    cpus, gpus, memory_gb
        What each task gets unless ``options`` says otherwise.
    directives
        Further directives of sbatch by their long names, such as ``{"constraint": "a100", "exclusive": True}``.
    python
        The command that starts Python on the nodes, as a list or one string; by default the interpreter that runs this.
    poll_interval
        Seconds between looking for results in the folder.
    lookup_interval
        Seconds between asking Slurm about the jobs.
    file_lag
        Seconds within which a file that a node has written is seen here.
    patience
        Seconds that Slurm may not answer before all pending tasks fail with ``EngineLost``.

    Raises
    ------
    EngineNotInstalled
        If submitit is missing.
    EngineLost
        If this host has no Slurm commands, or no controller answers.
    ExecutorError
        If Slurm would refuse such jobs, such as for an unknown partition, or others can write into the folder.
    """

    limitations: ClassVar = {
        "output": "what a job prints is in its log, in the folder logs of the executor's folder, where it stays",
        "output_of_processes": "what a job prints is in its log, in the folder logs of the executor's folder",
        "tracing": "Slurm's own accounting tells when a job ran, and on which node (sacct)",
        "logs": "a job may outlive its driver; let the task write its records to standard error, which is in its log",
    }

    def __init__(
        self,
        n_workers: int = -1,
        *,
        folder: str | os.PathLike[str] = "orion-slurm",
        partition: str | None = None,
        account: str | None = None,
        time: float | None = None,
        cpus: float | None = None,
        gpus: float | None = None,
        memory_gb: float | None = None,
        directives: Mapping[str, str | int | bool] | None = None,
        python: str | Sequence[str] | None = None,
        poll_interval: float = 0.5,
        lookup_interval: float = 5.0,
        file_lag: float = 5.0,
        patience: float = 60.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(n_workers, **kwargs)
        for name, value in (
            ("poll_interval", poll_interval),
            ("lookup_interval", lookup_interval),
            ("file_lag", file_lag),
            ("patience", patience),
        ):
            _check_seconds(name, value)
        intervals = Intervals(poll_interval, lookup_interval, file_lag, patience)
        about = {
            "key": self._key,
            "n_workers": n_workers,
            "version": list(sys.version_info[:2]),
            "path": import_path(),
            "options": {"cpus": cpus, "gpus": gpus, "memory_gb": memory_gb},
            "intervals": intervals._asdict(),
            "poll_interval": poll_interval,
            "directives": {
                "partition": partition,
                "account": account,
                "minutes": _minutes(time),
                "python": _command(python),
                "extra": dict(directives or {}),
            },
        }
        self.futures: list[Future[Any]] = []
        with _ClosedOnFailure(self):
            self._configure(about)
            commands.check(self._directives.arguments(Needs.of(self._default_options)))
            if n_workers == -1:
                needs = Needs.of(self._default_options)
                about["n_workers"] = self.n_workers = max(1, commands.cpus_of(partition) // needs.cpus)
            self._open(_made(Path(folder).absolute(), self._key, about), intervals)

    @classmethod
    def attach(cls, folder: str | os.PathLike[str]) -> Slurm:
        """Return an executor that goes on with the tasks which another has left, by ``detach`` or since it was killed.

        Its attribute ``futures`` lists the futures of all tasks that were submitted, in that order, those that
        have ended meanwhile too. It is configured like the other one, and more can be submitted to it.

        Parameters
        ----------
        folder
            The ``folder`` that the other executor was given, or its attribute ``folder`` if several used the same.

        Raises
        ------
        ExecutorError
            If there is nothing to attach to, if its driver is still at work, if it was another version of Python, or if
            others could have written into the folder.
        """
        left = attached.find(Path(folder).absolute())
        about = records.read_head(left.about)
        if about["version"] != list(sys.version_info[:2]):
            version = ".".join(map(str, about["version"]))
            raise ExecutorError(
                f"the tasks in {left.root} were submitted by Python {version}: attach with that version"
            )
        executor = cls.__new__(cls)
        BaseExecutor.__init__(executor, about["n_workers"])
        executor._key = about["key"]
        reachable[executor._key] = executor
        with _ClosedOnFailure(executor):
            executor._configure(about)
            executor._open(left, Intervals(**about["intervals"]))
            executor.futures = attached.restore(left, executor, executor._pool)
        return executor

    def detach(self) -> Path:
        """Leave the jobs to themselves, and close this executor without cancelling them.

        Tasks that wait for a free worker become jobs now, of which Slurm starts ``n_workers`` at a time. Futures
        that are pending here end with ``ExecutorClosed``; :meth:`attach` has new ones.

        Returns
        -------
        Path
            The folder to attach to.
        """
        if self._tracker.advance(Phase.CLOSED):
            try:
                self._pool.detach()
            finally:
                for future in self._tracker.unfinished():
                    where = f"Slurm.attach({str(self.folder)!r}) has its result"
                    self._tracker.settle(future, Failure(ExecutorClosed(f"task {future.name!r} goes on: {where}")))
        return self.folder

    @property
    def folder(self) -> Path:
        """The folder of this executor's own: its logs are in ``logs``, called like the jobs."""
        return self._folder.root

    def _configure(self, about: dict[str, Any]) -> None:
        if importlib.util.find_spec("submitit") is None:
            raise EngineNotInstalled.of("slurm", "submitit")
        commands.tell_missing()
        given = about["directives"]
        self._directives = Directives(**{**given, "python": tuple(given["python"])})
        self._default_options = self._checked_options(TaskOptions(), about["options"])

    def _open(self, folder: Folder, intervals: Intervals) -> None:
        self.driver_host = own_address(commands.controller())
        self._path_at_start = list(sys.path)
        self._folder = folder
        self._pool = Pool(folder, self._directives, intervals, self.n_workers, attached.lock(folder))
        self._when_collected = partial(self._pool.close, join=False)

    def _checked_options(self, base: TaskOptions, changes: dict[str, Any]) -> TaskOptions:
        options = super()._checked_options(base, changes)
        if options.gpus is not None and not float(options.gpus).is_integer():
            raise OptionNotSupported(f"Slurm gives whole GPUs to jobs, not {options.gpus}")
        return options

    def _encode(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        buffers: list[pickle.PickleBuffer] = []
        if sys.path != self._path_at_start:
            function = PathFirst(function, payload.call_name(function))
        call = payload.dumps_call(function, args, kwargs, buffers)
        return [call, *(buffer.raw() for buffer in buffers)]

    def _start(self, future: Future[Any]) -> None:
        task = future._call
        if task is None:  # settled meanwhile
            return
        if not isinstance(task, Task):
            name = attached.task_name(future._id)
            try:
                write_call(self._folder.call(name), future._name, future._options, task)
            except FileNotFoundError:
                if self._tracker.phase is not Phase.CLOSED:
                    raise
                raise ExecutorClosed(
                    f"task {future.name!r} was submitted while the executor was being closed"
                ) from None
            future._call = task = Task(name, future, Needs.of(future._options))
        try:
            self._pool.submit(task)
        except EngineLost:
            self._folder.call(task.name).unlink(missing_ok=True)  # else whoever attaches would run it
            raise

    def _stop(self, future: Future[Any]) -> bool:
        task = future._call
        if isinstance(task, Task):
            return self._pool.stop(future, task)
        return self._settle_cancelled(future)  # it has not come as far as the pool

    def _release(self) -> None:
        self._pool.close()


class _ClosedOnFailure:
    """An executor whose construction fails in this block has nothing to close."""

    def __init__(self, executor: BaseExecutor) -> None:
        self._executor = executor

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._executor._tracker.advance(Phase.CLOSED)


def _made(parent: Path, key: str, about: dict[str, Any]) -> Folder:
    """Return a new folder in ``parent`` for an executor."""
    if "%" in str(parent) or not str(parent).isprintable():
        raise ExecutorError(f"Slurm cannot be told of {str(parent)!r}: use a folder without % and control characters")
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    check_trust(parent)
    folder = Folder(parent / f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{key[:8]}")
    folder.make()
    records.write(folder.about, about)
    return folder


def _minutes(time: float | None) -> int | None:
    return None if time is None else math.ceil(_check_seconds("time", time) / 60)


def _check_seconds(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number of seconds, not {value!r}")
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be a positive number of seconds, not {value!r}")
    return value


def _command(python: str | Sequence[str] | None) -> list[str]:
    if python is None:
        return [sys.executable]
    return shlex.split(python) if isinstance(python, str) else list(python)
