"""A task's way to the executor that runs it: what the task submits is written down, and the driver sends it as jobs.

While the task waits, its own job would do nothing. So it runs, one after the other, what it has submitted and
nobody has begun: nested work ends on a full cluster too, with one worker, and without a driver.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any

from orion.executor._core import payload
from orion.executor._core.arrived import Arrived
from orion.executor._core.options import TaskOptions
from orion.executor._core.outcome import Failure
from orion.executor._process.task_side import HEAD, answered
from orion.executor._process.wire import Kind
from orion.executor._slurm import records
from orion.executor._slurm.calls import Needs, read_options, write_call
from orion.executor._slurm.folder import Folder, run_name
from orion.executor._slurm.job import job_name
from orion.executor._slurm.outcomes import outcome_of
from orion.executor.errors import WorkerLost

__all__ = ["Line"]


@dataclass
class _Child:
    """Something that the task has submitted; ``number`` is what the executor in the task calls it."""

    number: int
    task: str
    name: str
    options: TaskOptions
    attempt: int = 1

    @property
    def run(self) -> str:
        return run_name(self.task, self.attempt)


class Line:
    """What ``TaskSideExecutor`` speaks to; a thread looks for results while there are children."""

    task = 0  # the folder says who submitted what

    def __init__(self, folder: Folder, run: str, about: dict[str, Any], head: dict[str, Any]) -> None:
        self._folder = folder
        self._run = run
        self._interval: float = about["poll_interval"]
        _, options = read_options(folder.call(run.rpartition(".")[0]))
        self._room = Needs.of(options)
        self._changed = threading.Condition()
        self._children: dict[int, _Child] = {}
        self._n_blocked = 0
        self._thread: threading.Thread | None = None
        self._here: tuple[_Child, subprocess.Popen[bytes]] | None = None  # what this job runs meanwhile
        self._finishing = False

    def send(self, kind: int, number: int, data: bytes = b"", buffers: Sequence[pickle.PickleBuffer] = ()) -> None:
        """Submit, cancel, or take note that the task waits or goes on."""
        if kind == Kind.SUBMIT:
            self._submit(number, data, buffers)
        elif kind == Kind.CANCEL:
            self._cancel(number)
        else:
            with self._changed:
                self._n_blocked += 1 if kind == Kind.BLOCKED else -1
                self._changed.notify()

    def listen(self) -> None:
        """Nothing: the thread starts with the first child."""

    def finish(self) -> None:
        """Wait for the end of what this job runs on the task's behalf; the rest is the driver's."""
        with self._changed:
            self._finishing = True
            here = self._here
        if here is not None:
            here[1].wait()

    def _submit(self, number: int, data: bytes, buffers: Sequence[pickle.PickleBuffer]) -> None:
        start = HEAD.size + HEAD.unpack_from(data)[1]
        name, options = pickle.loads(data[HEAD.size : start])
        child = _Child(number, f"n{time.time_ns():016x}{uuid.uuid4().hex[:6]}", name, options)
        alone = not Needs.of(options).fits_into(self._room)
        call = [data[start:], *(buffer.raw() for buffer in buffers)]
        write_call(self._folder.call(child.task), name, options, call, run_by=self._run, alone=alone)
        records.write(self._folder.ask("submit", child.task), {})
        with self._changed:
            self._children[number] = child
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="orion-slurm-nested", daemon=True)
                self._thread.start()

    def _cancel(self, number: int) -> None:
        with self._changed:
            child = self._children.pop(number, None)
            here = self._here
        if child is None:
            return
        if here is not None and here[0] is child:
            here[1].terminate()
        else:
            self._folder.claim(child.run, {"cancelled": True})
        records.write(self._folder.ask("cancel", child.task), {})
        error = CancelledError(f"task {child.name!r} was stopped: it was cancelled")
        answered(Arrived(False, payload.dump_failure(error)), number)

    # In the thread

    def _serve(self) -> None:
        while True:
            with self._changed:
                if not self._children:
                    self._thread = None
                    return
                if self._here is None:
                    self._changed.wait(self._interval)
            if self._here is not None:
                self._await_here()
            self._collect()
            self._help()

    def _collect(self) -> None:
        """Take in the results that are there."""
        present = set(self._folder.listed(self._folder.results))
        with self._changed:
            ended = [child for child in self._children.values() if child.run in present]
        for child in ended:
            outcome = outcome_of(self._folder.result(child.run))
            if outcome is None:  # stopped with its job: the driver finds out why
                continue
            if self._is_retried(child, outcome):
                child.attempt += 1
                continue
            with self._changed:
                mine = self._children.pop(child.number, None)
            if mine is not None:
                answered(outcome, child.number)

    def _is_retried(self, child: _Child, outcome: Arrived) -> bool:
        """Return whether the driver runs it again; it comes to the same conclusion."""
        if child.attempt > child.options.retries:
            return False
        loaded = outcome.resolve()
        return isinstance(loaded, Failure) and isinstance(loaded.exception, child.options.retry_on)

    def _help(self) -> None:
        """Begin a child that nobody has begun, if the task waits and this job does nothing else."""
        with self._changed:  # also while claiming: what is claimed here has to be begun before the task ends
            if self._here is not None or not self._n_blocked or self._finishing:
                return
            for child in self._children.values():
                fits = Needs.of(child.options).fits_into(self._room)
                if fits and self._folder.claim(child.run, {"job": job_name(), "inside": self._run}):
                    self._here = child, self._begin(child.run)
                    return

    def _begin(self, run: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-u", "-m", "orion.executor._slurm.job", str(self._folder.root), "--run", run]
        with open(self._folder.log_of_run(run), "ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _await_here(self) -> None:
        assert self._here is not None
        child, process = self._here
        try:
            status = process.wait(self._interval)
        except subprocess.TimeoutExpired:
            return
        if not self._folder.result(child.run).exists():  # it was killed, and had no time to say so
            lost = WorkerLost.died(f"task {child.name!r}", signal=-status if status < 0 else None)
            records.write(self._folder.result(child.run), {"end": "raised"}, [payload.dump_failure(lost)])
        with self._changed:
            self._here = None
