"""The children of the template: workers, and what workers that have ended left behind.

Linux gives the template, a subreaper, every process whose worker has ended. A worker's end is told
only when none of what it left is alive: they are killed at once, or, if its task was asked to end, once its
time of grace is over.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

from orion.executor._process.processes import children

__all__ = ["Ended", "Offspring"]

_SECONDS_TO_DIE = 2.0


class Ended:
    """A worker that has ended; ``leaves`` are the processes of its task that may still tidy up."""

    # No dataclass: that module takes longer to import than all else in here, and every pool waits for it.
    def __init__(self, worker: int, pid: int, status: int, peak_bytes: int) -> None:
        self.worker = worker
        self.pid = pid
        self.status = status
        self.peak_bytes = peak_bytes
        self.leaves: set[int] = set()


class Offspring:
    """Reaps, and kills what should not live on. For a process with one thread."""

    def __init__(self) -> None:
        self._workers: dict[int, int] = {}  # process id: worker
        self._asked: dict[int, Callable[[], bool]] = {}  # process id: whether that is still about the task it runs
        self._tidying: list[Ended] = []

    def __bool__(self) -> bool:
        return bool(self._workers)

    def add(self, pid: int, worker: int) -> None:
        """Take note of a new worker."""
        self._workers[pid] = worker

    def forget(self) -> None:
        """For a worker, whose siblings are none of its concern."""
        self._workers.clear()
        self._asked.clear()
        self._tidying.clear()

    def pid(self, worker: int) -> int | None:
        """Return the process of a worker that has not been reaped."""
        return next((pid for pid, number in self._workers.items() if number == worker), None)

    def kill(self, pid: int) -> None:
        """Kill a worker; the rest of its task is killed when it is reaped."""
        self._asked.pop(pid, None)
        _kill_group(pid)

    def ask(self, pid: int, applies: Callable[[], bool]) -> None:
        """Ask a worker and its process group to end; if it does while ``applies()``, what it leaves may tidy up."""
        self._asked[pid] = applies
        os.killpg(pid, signal.SIGTERM)

    def kill_rest(self, worker: int) -> list[Ended]:
        """Kill what a worker left behind that ended when asked; return its end, if there is such a worker."""
        over = [ended for ended in self._tidying if ended.worker == worker]
        for ended in over:
            self._tidying.remove(ended)
            self._kill_orphans()
        return over

    def reap(self) -> list[Ended]:
        """Reap what has ended, and return the workers of which nothing is left."""
        over: list[Ended] = []
        while (pid := _next_zombie()) is not None:
            worker = self._workers.pop(pid, None)
            if worker is None:
                os.waitpid(pid, 0)
                over += self._orphan_ended(pid)
                continue
            asked = self._asked.pop(pid, None)
            may_tidy_up = asked is not None and asked()
            if not may_tidy_up:
                _kill_group(pid)  # before its number is free for another process
            _, status, usage = os.wait4(pid, 0)
            ended = Ended(worker, pid, status, usage.ru_maxrss * 1024)
            if may_tidy_up:
                ended.leaves = self._orphans()
            if ended.leaves:
                self._tidying.append(ended)
            else:
                self._kill_orphans()
                over.append(ended)
        return over

    def kill_all(self) -> None:
        """Kill every worker and all that was ever started by one."""
        for pid in self._workers:
            _kill_group(pid)
        for pid in self._workers:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self.forget()
        self._kill_orphans()

    def _orphan_ended(self, pid: int) -> list[Ended]:
        """Take note that such a process has ended, whose own children are orphans now."""
        for ended in self._tidying:
            if pid in ended.leaves:
                ended.leaves = (ended.leaves - {pid}) | self._orphans()
                if not ended.leaves:
                    self._tidying.remove(ended)
                    return [ended]
                break
        return []

    def _orphans(self) -> set[int]:
        """Return the children whose worker has ended and may not tidy up; live workers adopt what is theirs."""
        return (
            set(children(os.getpid())) - self._workers.keys() - {pid for ended in self._tidying for pid in ended.leaves}
        )

    def _kill_orphans(self) -> None:
        deadline = time.monotonic() + _SECONDS_TO_DIE
        while (orphans := self._orphans()) and time.monotonic() < deadline:
            for pid in orphans:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for pid in orphans:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def _next_zombie() -> int | None:
    """Return a child that has ended, and leave it to be reaped."""
    try:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return None if ended is None else ended.si_pid


def _kill_group(pid: int) -> None:
    """Kill a worker and its process group; the group may not exist yet, or no more."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
