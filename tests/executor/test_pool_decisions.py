"""What a pool makes of ends, deaths and limits, without processes: its workers are entries of a dictionary here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import CancelledError
from pickle import PickleBuffer
from typing import Any

import pytest

from orion.executor._core.outcome import Failure, Value
from orion.executor._process.base_pool import BasePool, Later, settle_all
from orion.executor._process.ends import Ends
from orion.executor._process.ledger import Ledger, WorkerState
from orion.executor._process.limits import Limits
from orion.executor._process.wire import DESCRIPTORS_GONE
from orion.executor.base import BaseExecutor, Future
from orion.executor.errors import TaskReport, TaskTimeout, WorkerLost, WorkersUnfit

NO_REPORT = TaskReport()


class PaperPool(BasePool):
    """Sends calls into a list, from which a test takes them; keeps the orders that it would give."""

    def __init__(self, n_workers: int = 1) -> None:
        super().__init__(Ledger(n_workers, 16, ahead=1))
        self.unread: list[int] = []
        self.running: dict[int, int] = {}  # task: worker
        self.began: dict[int, float] = {}
        self.orders: list[tuple[str, int]] = []

    def begin(self, task: int, *, seconds_ago: float = 0.0) -> WorkerState:
        """Have a worker take a task."""
        self.unread.remove(task)
        worker = next(w for w in self.ledger.workers.values() if w.number not in self.running.values())
        self.running[task] = worker.number
        self.began[task] = time.monotonic() - seconds_ago
        return worker

    def keep(self, data: bytes, buffers: Sequence[PickleBuffer | memoryview]) -> bytes:
        return data

    def close(self, *, join: bool = True) -> None:
        self.closing = True

    def reply(self, worker: int, number: int, ok: bool, data: bytes | memoryview, buffers: Any) -> None:
        self.orders.append(("reply", number))

    def feed(self) -> list[tuple[Future[Any], Failure]]:
        while (future := self.ledger.next_to_send()) is not None:
            self.unread.append(future._id)
            self.ledger.arm(future, time.monotonic())
        for _ in range(self.ledger.missing()):
            self.ledger.hire()
        return []

    def take_back(self, task: int) -> bool:
        if task not in self.unread:
            return False
        self.unread.remove(task)
        return True

    def worker_running(self, task: int) -> WorkerState | None:
        return self.ledger.workers.get(self.running.get(task, 0))

    def running_count(self) -> int:
        return len(self.running)

    def started(self, worker: WorkerState, task: int) -> float | None:
        return self.began.get(task)

    def report(self, worker: WorkerState, task: int) -> TaskReport:
        return TaskReport(pid=worker.pid)

    def terminate(self, worker: WorkerState, task: int, *, gently: bool = False) -> None:
        self.orders.append(("ask" if gently else "kill", task))

    def wake_up(self) -> None:
        self.orders.append(("wake up", 0))


class PaperExecutor(BaseExecutor):
    def __init__(self, n_workers: int = 1) -> None:
        super().__init__(n_workers)
        self.pool = PaperPool(n_workers)
        self.ends = Ends(self.pool)
        self.limits = Limits(self.pool)

    def _start(self, future: Future[Any]) -> None:
        self.pool.submit(future)

    def _stop(self, future: Future[Any]) -> bool:
        return self.pool.stop(future)

    def _release(self) -> None:
        self.pool.close()

    def end(self, task: int, outcome: Any) -> None:
        later = Later()
        number = self.pool.running.pop(task)
        self.ends.task_ended(self.pool.ledger.workers[number], task, outcome, later)
        later.carry_out()

    def die(self, task: int, code: int) -> None:
        later = Later()
        worker = self.pool.ledger.workers[self.pool.running.pop(task)]
        self.ends.worker_died(worker, task, code, NO_REPORT, later, had_work=True)
        later.carry_out()


@pytest.fixture
def executor() -> PaperExecutor:
    return PaperExecutor()


class TestEnds:
    def test_a_result_completes_its_future(self, executor: PaperExecutor) -> None:
        future = executor.submit(abs, -1)
        executor.pool.begin(future._id)
        executor.end(future._id, Value(1))
        assert future.get() == 1
        assert not executor.pool.ledger.sent

    @pytest.mark.parametrize(
        ("code", "words"), [(3, "exited with code 3"), (-11, "SIGSEGV"), (DESCRIPTORS_GONE, "file descriptors")]
    )
    def test_a_death_fails_the_task_that_ran_there_and_says_why(
        self, executor: PaperExecutor, code: int, words: str
    ) -> None:
        running, waiting = executor.submit(abs, -1), executor.submit(abs, -2)
        executor.pool.begin(running._id)
        executor.die(running._id, code)
        with pytest.raises(WorkerLost, match=words):
            running.get()
        assert not waiting.ready()

    def test_a_task_that_was_asked_to_end_and_did_is_over_its_limit_whatever_it_returned(
        self, executor: PaperExecutor
    ) -> None:
        future = executor.options(timeout=1, grace=60).submit(abs, -1)
        executor.pool.begin(future._id, seconds_ago=5)
        executor.pool.ledger._deadlines[0] = (0.0, future._id, 1)
        executor.limits.enforce()
        assert ("ask", future._id) in executor.pool.orders
        executor.end(future._id, Value("tidied up"))
        with pytest.raises(TaskTimeout):
            future.get()

    def test_workers_that_die_at_their_start_again_and_again_end_all_tasks(self, executor: PaperExecutor) -> None:
        future = executor.submit(abs, -1)
        for _ in range(5):
            later = Later()
            worker = next(iter(executor.pool.ledger.workers.values()))
            executor.ends.worker_died(worker, None, 1, NO_REPORT, later, had_work=False)
            later.carry_out()
            settle_all(executor.pool.feed())
        with pytest.raises(WorkersUnfit, match="exited with code 1"):
            future.get()
        with pytest.raises(WorkersUnfit):
            executor.submit(abs, -2).get()

    def test_a_retried_task_is_sent_again(self, executor: PaperExecutor) -> None:
        future = executor.options(retries=1).submit(abs, -1)
        executor.pool.begin(future._id)
        executor.die(future._id, 1)
        assert not future.ready()
        assert executor.pool.unread == [future._id]
        assert future.attempt == 2


class TestCancelling:
    def test_a_queued_task_is_never_sent(self, executor: PaperExecutor) -> None:
        futures = [executor.submit(abs, number) for number in range(4)]
        assert executor.pool.unread == [1, 2]
        assert futures[3].cancel()
        executor.pool.begin(1)
        executor.end(1, Value(0))
        executor.pool.begin(2)
        executor.end(2, Value(0))
        executor.pool.feed()
        assert executor.pool.unread == [3]

    def test_a_sent_task_that_nobody_began_is_taken_back_and_the_next_one_sent(self, executor: PaperExecutor) -> None:
        futures = [executor.submit(abs, number) for number in range(3)]
        assert futures[1].cancel()
        assert executor.pool.unread == [1, 3]
        assert executor.pool.orders == []

    def test_a_running_task_is_killed(self, executor: PaperExecutor) -> None:
        future = executor.submit(abs, -1)
        executor.pool.begin(future._id)
        assert future.cancel()
        with pytest.raises(CancelledError):
            future.get()
        assert executor.pool.orders == [("kill", future._id)]

    def test_one_whose_result_is_on_the_way_is_not_cancelled(self, executor: PaperExecutor) -> None:
        future = executor.submit(abs, -1)
        executor.pool.begin(future._id)
        del executor.pool.running[future._id]
        assert not future.cancel()


class TestLimits:
    def test_nothing_has_to_be_looked_at_without_limits(self, executor: PaperExecutor) -> None:
        executor.submit(abs, -1)
        assert executor.limits.next_check() is None

    def test_a_task_over_its_time_is_killed_and_one_within_it_is_not(self) -> None:
        executor = PaperExecutor(2)
        over = executor.options(timeout=1).submit(abs, -1)
        within = executor.options(timeout=1).submit(abs, -2)
        executor.pool.begin(over._id, seconds_ago=5)
        executor.pool.begin(within._id)
        executor.pool.ledger._deadlines[:] = [(0.0, over._id, 1), (0.0, within._id, 1)]
        executor.limits.enforce()
        assert executor.pool.orders == [("kill", over._id)]
        assert executor.limits.next_check() == pytest.approx(executor.pool.began[within._id] + 1)

    def test_one_that_outlives_its_grace_is_killed(self, executor: PaperExecutor) -> None:
        future = executor.options(timeout=1, grace=60).submit(abs, -1)
        executor.pool.begin(future._id, seconds_ago=5)
        for _ in range(2):
            executor.pool.ledger._deadlines[0] = (0.0, future._id, 1)
            executor.limits.enforce()
        assert [order for order in executor.pool.orders if order[1]] == [("ask", future._id), ("kill", future._id)]

    def test_memory_is_looked_at_while_a_task_with_a_limit_runs(self, executor: PaperExecutor) -> None:
        future = executor.options(memory_gb=1).submit(abs, -1)
        assert executor.limits.next_check() is not None
        executor.pool.begin(future._id)
        executor.end(future._id, Value(1))
        assert executor.limits.next_check() is None


def test_what_comes_later_keeps_its_order(executor: PaperExecutor) -> None:
    """Ends that follow each other are taken in together, and none is taken in before what came before it."""
    first, second, third = (executor.submit(abs, number) for number in range(3))
    seen: list[tuple[bool, ...]] = []
    later = Later()
    later.settle(first, Value(0))
    later.settle(second, Value(1))
    later.append(lambda: seen.append(tuple(future.ready() for future in (first, second, third))))
    later.settle(third, Value(2))
    assert not first.ready()
    later.carry_out()
    assert seen == [(True, True, False)]
    assert executor.wait([first, second, third]) == [0, 1, 2]
