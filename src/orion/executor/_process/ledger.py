"""Who runs what, what expires, what is replaced: the pool's decisions, as plain state.

No input or output happens here and no lock is taken; the pool calls it under its own.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from orion.executor._core.future import Future
from orion.executor._process.verdicts import Verdict

__all__ = ["Ledger", "WorkerState"]

# Calls sent ahead, so that a worker never waits for the driver, nor while another of its threads computes and lets the
# pump run once in 5 ms only. Since all workers read the same pipe this costs no fairness.
_AHEAD = 64
# Tasks that submit work themselves are sent no further ahead than this, so that their own work overtakes them.
_AHEAD_WHEN_NESTED = 1
_MAX_EARLY_DEATHS = 5


@dataclass
class WorkerState:
    """What the driver knows of a worker."""

    number: int
    slot: int
    device: int = 0
    pid: int | None = None
    blocked: bool = False
    parked: bool = False
    was_parked: bool = False
    children: dict[int, Future[Any]] = field(default_factory=dict)
    """What its tasks submitted, by the worker's own numbers, until it has ended."""
    lost_task: int | None = None
    """What it ran when it died."""


class Ledger:
    """The state of the pool.

    A task is queued, then sent (in the pipe, or running), then ended. ``sent`` keeps a task until its worker
    has reported its end or died, also when its future was completed meanwhile.
    """

    def __init__(
        self,
        n_workers: int,
        n_slots: int,
        n_devices: int = 0,
        idle_timeout: float | None = None,
        ahead: int = _AHEAD,
    ) -> None:
        self.n_workers = n_workers
        self._n_devices = n_devices
        self._idle_timeout = idle_timeout
        self._idle_at: float | None = None  # when the workers will have been idle for long enough
        self.sent: dict[int, Future[Any]] = {}
        self._calls: dict[int, Any] = {}  # of what is sent and not in a packet: opened perhaps after its future is done
        self.workers: dict[int, WorkerState] = {}
        self.verdicts: dict[int, Verdict] = {}
        self.memory_limited: set[int] = set()
        self._queue: deque[Future[Any]] = deque()
        self._withdrawn: set[int] = set()
        self._deadlines: list[tuple[float, int, int]] = []
        self._free_slots = list(range(n_slots - 1, -1, -1))
        self._next_worker = 1
        self._ahead = ahead
        self.n_blocked = 0
        self.n_parked = 0
        self._parks = 0  # park packets that no worker has taken yet
        self._early_deaths = 0
        self._ceiling: int | None = None  # so many workers there can be, for lack of processes or memory

    # Tasks

    def enqueue(self, future: Future[Any], *, first: bool = False) -> None:
        if first:
            self._queue.appendleft(future)
        else:
            self._queue.append(future)

    def withdraw(self, task: int) -> None:
        """Keep a queued task from being sent."""
        self._withdrawn.add(task)

    def next_to_send(self) -> Future[Any] | None:
        """Return the next task if one should be sent now, and count it as sent."""
        while self._queue and self._has_room:
            future = self._queue.popleft()
            if future._id in self._withdrawn:
                self._withdrawn.discard(future._id)
            elif not future._order:
                self.sent[future._id] = future
                if type(future._call) is not bytes:
                    self._calls[future._id] = future._call
                if future._options.memory_gb is not None:
                    self.memory_limited.add(future._id)
                return future
        return None

    @property
    def _has_room(self) -> bool:
        """Whether another task should be sent, if there is one."""
        return len(self.sent) - self.n_blocked < self.n_workers + self._ahead

    @property
    def is_content(self) -> bool:
        """Whether nothing should be sent and no worker hired or parked, whatever is queued."""
        return self.fully_staffed and not self._has_room

    def unsend(self, tasks: list[int]) -> None:
        """Queue tasks again, first, that no worker has begun; not those that are off the books by now."""
        for task in reversed(tasks):
            future = self.ended(task)
            if future is not None:
                self._queue.appendleft(future)

    def ended(self, task: int) -> Future[Any] | None:
        """Take a task off the books."""
        if self.verdicts:
            self.verdicts.pop(task, None)
        if self.memory_limited:
            self.memory_limited.discard(task)
        if self._calls:
            self._calls.pop(task, None)
        self._ceiling = None
        return self.sent.pop(task, None)

    def call(self, task: int) -> Any:
        """Return the call of a task that was sent, and that no packet holds; ``None`` if it has ended."""
        return self._calls.get(task)

    def lose_sent(self) -> list[Future[Any]]:
        """Take all sent tasks off the books, and return them."""
        futures = list(self.sent.values())
        self.sent.clear()
        self._calls.clear()
        self.verdicts.clear()
        self.memory_limited.clear()
        return futures

    def lose_queued(self) -> list[Future[Any]]:
        """Take all tasks off the books that were not sent, and return them."""
        futures = [future for future in self._queue if future._id not in self._withdrawn]
        self._queue.clear()
        self._withdrawn.clear()
        return futures

    def clear(self) -> list[Future[Any]]:
        """Take all tasks off the books, and return them."""
        futures = [*self.lose_sent(), *self._queue]
        self._queue.clear()
        return futures

    def expect_nested(self) -> bool:
        """From now on send little ahead; true the first time, when what was sent ahead should be taken back."""
        changed = self._ahead != _AHEAD_WHEN_NESTED
        self._ahead = _AHEAD_WHEN_NESTED
        return changed

    # Time limits

    def arm(self, future: Future[Any], now: float) -> bool:
        """Note when a task that was just sent will expire at the earliest; true if there is something new to wake for.

        That is so if nothing expires sooner, or if its memory has to be watched and no other's was.
        """
        starts_watch = future._options.memory_gb is not None and len(self.memory_limited) == 1
        limit = future._options.timeout
        if limit is None:
            return starts_watch
        return self._look_again(future, now + limit) or starts_watch

    def next_deadline(self) -> float | None:
        """Return when something is due at the earliest."""
        earliest = self._deadlines[0][0] if self._deadlines else None
        if self._idle_at is not None and (earliest is None or self._idle_at < earliest):
            return self._idle_at
        return earliest

    def due(self, now: float) -> list[Future[Any]]:
        """Return the tasks that may have expired, or that were asked to end and may not have."""
        futures = []
        while self._deadlines and self._deadlines[0][0] <= now:
            _, task, attempt = heapq.heappop(self._deadlines)
            future = self.sent.get(task)
            if future is not None and future._attempt == attempt:
                futures.append(future)
        return futures

    def expires(self, future: Future[Any], started: float | None, now: float) -> bool:
        """Decide whether a task has run too long; if it has not, or has not started, look again later."""
        limit = future._options.timeout
        if limit is None or future._order:
            return False
        if started is not None and started + limit <= now:
            return True
        self._look_again(future, (now if started is None else started) + limit)
        return False

    def condemn(self, future: Future[Any], verdict: Verdict, now: float) -> bool:
        """Note why a task is being stopped; true if it is first asked to end, and later looked at again."""
        self.verdicts[future._id] = verdict
        grace = future._options.grace
        if grace is None:
            return False
        self._look_again(future, now + grace)
        return True

    def _look_again(self, future: Future[Any], when: float) -> bool:
        entry = (when, future._id, future._attempt)
        heapq.heappush(self._deadlines, entry)
        return self._deadlines[0] == entry

    def rest(self, now: float) -> bool:
        """Note whether there is work; true, once, when there has been none for so long that the workers should go."""
        if self._idle_timeout is None:
            return False
        if self.sent or self._queue or not self.workers:
            self._idle_at = None
        elif self._idle_at is None:
            self._idle_at = now + self._idle_timeout
        elif self._idle_at <= now:
            self._idle_at = None
            return True
        return False

    # Workers

    @property
    def n_active(self) -> int:
        return len(self.workers) - self.n_blocked - self.n_parked

    @property
    def fully_staffed(self) -> bool:
        """Whether there are exactly as many workers at work as there can be."""
        return len(self.workers) - self.n_blocked - self.n_parked == self.n_workers

    def missing(self) -> int:
        """Return how many more workers there should be, given the work there is."""
        work = len(self.sent) + len(self._queue) - self.n_blocked
        missing = min(self.n_workers, work) - self.n_active
        if self._ceiling is None or self.n_active == 0:  # if all wait for what they have submitted, one more is needed
            return missing
        return min(missing, self._ceiling - len(self.workers))

    def surplus(self) -> int:
        """Return how many workers should still be told to park."""
        return max(0, self.n_active - self.n_workers - self._parks)

    def hire(self) -> WorkerState | None:
        """Return a new worker's state, or ``None`` if no more are possible."""
        if not self._free_slots:
            return None
        worker = WorkerState(self._next_worker, self._free_slots.pop(), self._free_device())
        self._next_worker += 1
        self.workers[worker.number] = worker
        return worker

    def _free_device(self) -> int:
        """Return the device that the fewest workers see."""
        used = [worker.device for worker in self.workers.values()]
        return min(range(self._n_devices), key=used.count, default=0)

    def block(self, number: int) -> None:
        """Lend the slot of a worker whose task waits."""
        self.workers[number].blocked = True
        self.n_blocked += 1

    def unblock(self, number: int) -> None:
        self.workers[number].blocked = False
        self.n_blocked -= 1

    def park_sent(self) -> None:
        self._parks += 1

    def park_lost(self) -> None:
        self._parks -= 1

    def park(self, number: int) -> None:
        """Count a worker as parked: it took a park packet."""
        self._parks -= 1
        worker = self.workers[number]
        worker.parked = worker.was_parked = True
        self.n_parked += 1

    def unpark(self) -> WorkerState | None:
        """Choose a parked worker to go on; ``None`` if there is none."""
        worker = next((worker for worker in self.workers.values() if worker.parked), None)
        if worker is not None:
            worker.parked = False
            self.n_parked -= 1
        return worker

    def not_hired(self, number: int) -> bool:
        """Make do with the workers there are, since this one could not be started; false if no other does anything."""
        others = [worker for worker in self.workers.values() if worker.pid is not None and not worker.blocked]
        if not others:
            return False
        self._free_slots.append(self.workers.pop(number).slot)
        self._ceiling = len(self.workers)
        return True

    def died(self, number: int, *, had_work: bool) -> WorkerState:
        """Take a worker off the books."""
        worker = self.workers.pop(number)
        self.n_blocked -= worker.blocked
        self.n_parked -= worker.parked
        self._free_slots.append(worker.slot)
        self._early_deaths = 0 if had_work else self._early_deaths + 1
        return worker

    @property
    def hopeless(self) -> bool:
        """Whether workers die again and again before they take any work."""
        return self._early_deaths >= _MAX_EARLY_DEATHS
