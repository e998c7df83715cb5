"""Whatever happens in whatever order, the pool's books stay right. Nothing but the books is real here."""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from orion.executor._core.options import TaskOptions
from orion.executor._process.ledger import Ledger, WorkerState
from orion.executor.base import Future
from tests.executor.manual import ManualExecutor

EXECUTOR = ManualExecutor()
PARK = 0


class Books(RuleBasedStateMachine):
    """A pool whose pipe and workers are lists; it does with the ledger what the real one does."""

    @initialize(n_workers=st.integers(1, 3), ahead=st.integers(0, 3))
    def begin(self, n_workers: int, ahead: int) -> None:
        self.ledger = Ledger(n_workers, 64, ahead=ahead)
        self.ahead = ahead
        self.n_tasks = 0
        self.queued: set[int] = set()
        self.pipe: deque[int] = deque()
        self.running: dict[int, int] = {}  # worker: task
        self.ended: set[int] = set()

    tasks = Bundle("tasks")

    @rule(first=st.booleans())
    def submit(self, first: bool) -> None:
        self.n_tasks += 1
        future: Future[Any] = Future(EXECUTOR, self.n_tasks, b"", "task", TaskOptions())
        self.queued.add(future._id)
        self.ledger.enqueue(future, first=first)
        self.feed()

    @precondition(lambda self: self.idle())
    @rule(data=st.data())
    def a_worker_reads(self, data: st.DataObject) -> None:
        self.read(data.draw(st.sampled_from(self.idle())))
        self.feed()

    @precondition(lambda self: self.unblocked())
    @rule(data=st.data())
    def a_task_ends(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(self.unblocked()))
        self.end(self.running.pop(worker))
        self.feed()

    @precondition(lambda self: self.unblocked())
    @rule(data=st.data())
    def a_task_waits_for_its_own(self, data: st.DataObject) -> None:
        if self.ledger.expect_nested():
            self.take_back_all()
        self.ledger.block(data.draw(st.sampled_from(self.unblocked())))
        self.feed()

    @precondition(lambda self: self.blocked())
    @rule(data=st.data())
    def it_goes_on(self, data: st.DataObject) -> None:
        self.ledger.unblock(data.draw(st.sampled_from(self.blocked())))
        self.feed()

    @precondition(lambda self: self.ledger.workers)
    @rule(data=st.data())
    def a_worker_dies(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.ledger.workers)))
        self.ledger.died(number, had_work=True)
        if number in self.running:
            self.end(self.running.pop(number))
        self.feed()

    @precondition(lambda self: self.pipe)
    @rule(data=st.data())
    def a_sent_task_is_cancelled(self, data: st.DataObject) -> None:
        packet = data.draw(st.sampled_from(list(self.pipe)))
        if packet != PARK:
            self.pipe.remove(packet)
            self.end(packet)
            self.feed()

    @rule()
    def all_is_taken_back(self) -> None:
        self.take_back_all()
        self.feed()

    # What must hold

    @invariant()
    def every_task_is_in_one_place(self) -> None:
        sent = {packet for packet in self.pipe if packet != PARK} | set(self.running.values())
        assert set(self.ledger.sent) == sent
        assert {future._id for future in self.ledger._queue} == self.queued
        assert len(sent) + len(self.queued) + len(self.ended) == self.n_tasks

    @invariant()
    def no_more_is_sent_than_was_meant(self) -> None:
        waiting = sum(1 for packet in self.pipe if packet != PARK)
        assert waiting <= max(self.ledger.n_workers + max(self.ahead, 1), 0)

    @invariant()
    def workers_are_counted_right(self) -> None:
        workers = self.ledger.workers.values()
        assert self.ledger.n_blocked == sum(worker.blocked for worker in workers)
        assert self.ledger.n_parked == sum(worker.parked for worker in workers)
        assert len({worker.slot for worker in workers}) == len(workers)
        assert self.ledger._parks == self.pipe.count(PARK)

    @invariant()
    def whatever_is_to_be_done_somebody_can_do_it(self) -> None:
        if self.queued or self.pipe:
            assert self.ledger.n_active > 0 or not (self.queued or any(self.pipe))

    def teardown(self) -> None:
        """From whatever state, all tasks can be brought to an end, and then nothing is on the books."""
        if not hasattr(self, "ledger"):
            return
        for number in self.blocked():
            self.ledger.unblock(number)
        self.feed()
        for _ in range(10_000):
            for worker in list(self.running):
                self.end(self.running.pop(worker))
            self.feed()
            for worker in self.idle():
                self.read(worker)
            self.feed()
            if len(self.ended) == self.n_tasks:
                break
        assert len(self.ended) == self.n_tasks
        assert not self.ledger.sent
        assert not self.ledger._calls
        assert not self.ledger._queue

    # What the pool does

    def feed(self) -> None:
        while (future := self.ledger.next_to_send()) is not None:
            self.queued.remove(future._id)
            self.pipe.append(future._id)
        for _ in range(self.ledger.missing()):
            if self.ledger.unpark() is None and (worker := self.ledger.hire()) is not None:
                worker.pid = worker.number
        for _ in range(self.ledger.surplus()):
            self.pipe.append(PARK)
            self.ledger.park_sent()

    def read(self, worker: WorkerState) -> None:
        if not self.pipe:
            return
        packet = self.pipe.popleft()
        if packet == PARK:
            self.ledger.park(worker.number)
        else:
            self.running[worker.number] = packet

    def take_back_all(self) -> None:
        packets = list(self.pipe)
        self.pipe.clear()
        for _ in range(packets.count(PARK)):
            self.ledger.park_lost()
        tasks = [packet for packet in packets if packet != PARK]
        self.ledger.unsend(tasks)
        self.queued.update(tasks)

    def end(self, task: int) -> None:
        self.ledger.ended(task)
        self.ended.add(task)

    def idle(self) -> list[WorkerState]:
        return [
            worker
            for worker in self.ledger.workers.values()
            if not worker.parked and not worker.blocked and worker.number not in self.running
        ]

    def blocked(self) -> list[int]:
        return [worker.number for worker in self.ledger.workers.values() if worker.blocked]

    def unblocked(self) -> list[int]:
        return [number for number in self.running if not self.ledger.workers[number].blocked]


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
