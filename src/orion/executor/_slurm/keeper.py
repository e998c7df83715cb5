"""The process of a job that runs a call in a child of its own, and sees to the end of all that the call started."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import mmap
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from orion.executor._core import payload
from orion.executor._process.memory import exceeds
from orion.executor._process.offspring import Ended, Offspring
from orion.executor._slurm import records
from orion.executor._slurm.folder import Folder, tail
from orion.executor._slurm.out_of_memory import count_kills
from orion.executor.errors import OutOfMemory, TaskReport, TaskStopped, TaskTimeout, WorkerLost

__all__ = ["Keeper", "Limits"]

_PR_SET_PDEATHSIG = 1  # prctl(2)
_PR_SET_CHILD_SUBREAPER = 36
_SIGNALS = {signal.SIGCHLD, signal.SIGTERM}
_MEMORY_CHECK_SECONDS = 0.1
_SIGTERM_LAG_SECONDS = 0.2
_THE_CHILD = 0


@dataclasses.dataclass(frozen=True)
class Limits:
    """What the run's task is called, and what it may use; see ``TaskOptions``."""

    name: str
    timeout: float | None
    grace: float | None
    memory_gb: float | None


class Keeper:
    """Runs ``call`` in a child. For one thread.

    The call writes the result of ``run``, calls the function that it is given once that is done, and returns an exit
    status. If the call ends without a result, the keeper writes one that says how it ended.
    """

    def __init__(self, folder: Folder, run: str, limits: Limits, call: Callable[[Callable[[], None]], int]) -> None:
        self._folder = folder
        self._run = run
        self._limits = limits
        self._call = call
        self._offspring = Offspring()
        self._pid = 0
        # Memory that the child shares: the driver may have taken the result away before this process looks for it.
        self._mark = mmap.mmap(-1, 1)
        self._why: str | None = None  # why the child was told to end
        self._kill_at: float | None = None

    def keep(self) -> int:
        """Run the call to its end; return the exit status for the job."""
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        keeper, started, n_kills = os.getpid(), time.monotonic(), count_kills()
        self._pid = os.fork()
        if not self._pid:
            self._become_child(keeper)
        self._offspring.add(self._pid, _THE_CHILD)
        ended = self._watch(started)
        status = os.waitstatus_to_exitcode(ended.status)
        if self._has_result():
            return status if status in (0, 1) else 0
        if self._why is None and signal.sigtimedwait({signal.SIGTERM}, _SIGTERM_LAG_SECONDS) is not None:
            self._why = "asked"  # Slurm asks every process of a job, and the child's end was seen first
        if self._why is None and status == -signal.SIGKILL and count_kills() > n_kills:
            self._why = "memory"
        report = self._report(ended, time.monotonic() - started)
        with contextlib.suppress(OSError):  # the folder is gone when the executor has been closed
            if self._why == "asked":
                records.write(self._folder.result(self._run), {"end": "asked", **dataclasses.asdict(report)})
            else:
                failure = payload.dump_failure(self._verdict(status, report))
                records.write(self._folder.result(self._run), {"end": "raised"}, [failure])
        return 128 - status if status < 0 else status or 1

    def _watch(self, started: float) -> Ended:
        """Wait until the child and all that it started have ended; stop what goes beyond the limits."""
        limits = self._limits
        deadline = None if limits.timeout is None else started + limits.timeout
        while True:
            for ended in self._offspring.reap():
                return ended
            now = time.monotonic()
            if self._kill_at is not None and now >= self._kill_at:
                for ended in self._kill():
                    return ended
            elif self._why is None and deadline is not None and now >= deadline:
                deadline = None
                if not self._has_result():  # else it waits for work that it began
                    self._stop("timeout")
            elif self._why is None and limits.memory_gb is not None and exceeds(self._pid, limits.memory_gb * 1e9):
                self._stop("memory")
            else:
                times = [moment - now for moment in (self._kill_at, deadline) if moment is not None]
                if limits.memory_gb is not None and self._why is None:
                    times.append(_MEMORY_CHECK_SECONDS)
                self._sleep(min(times, default=None))

    def _sleep(self, seconds: float | None) -> None:
        if seconds is None:
            number = signal.sigwait(_SIGNALS)
        else:
            arrived = signal.sigtimedwait(_SIGNALS, seconds)
            number = signal.Signals(arrived.si_signo) if arrived is not None else signal.SIGCHLD
        if number == signal.SIGTERM and self._why is None:  # Slurm asks: cancelled, preempted, or out of time
            self._stop("asked")

    def _stop(self, why: str) -> None:
        self._why = why
        self._kill_at = time.monotonic() + (self._limits.grace or 0)
        if self._limits.grace:
            with contextlib.suppress(ProcessLookupError):
                self._offspring.ask(self._pid, lambda: True)

    def _kill(self) -> list[Ended]:
        self._kill_at = None
        if self._offspring.pid(_THE_CHILD) is not None:
            self._offspring.kill(self._pid)
        return self._offspring.kill_rest(_THE_CHILD)

    def _has_result(self) -> bool:
        return self._mark[0] != 0

    def _note_result(self) -> None:
        self._mark[0] = 1

    def _report(self, ended: Ended, run_time: float) -> TaskReport:
        log = Path(os.readlink("/proc/self/fd/1"))
        return TaskReport(ended.pid, run_time, ended.peak_bytes / 1e9, tail(log) if log.is_file() else "")

    def _verdict(self, status: int, report: TaskReport) -> TaskStopped:
        task = f"task {self._limits.name!r}"
        if self._why == "timeout":
            return TaskTimeout.after(task, self._limits.timeout, report=report)
        if self._why == "memory" and self._limits.memory_gb is not None:
            return OutOfMemory.beyond(task, self._limits.memory_gb, report=report)
        if self._why == "memory":
            message = f"{task} used more memory than Slurm gave its job and was killed"
            return OutOfMemory(f"{message}. A larger options(memory_gb=…) gives it more", report=report)
        if status < 0:
            return WorkerLost.died(task, signal=-status, report=report)
        return WorkerLost.died(task, exitcode=status, report=report)

    def _become_child(self, keeper: int) -> None:
        status = 1
        try:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != keeper:  # it ended before the line above
                os._exit(1)
            os.setsid()
            _prctl(_PR_SET_CHILD_SUBREAPER, 1)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            status = self._call(self._note_result)
        except BaseException:
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):  # the task may have closed or replaced it
                    stream.flush()
            os._exit(status)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
