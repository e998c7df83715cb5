"""What the process pool decides, without processes: who runs what, what expires, what is replaced."""

from __future__ import annotations

from typing import Any

import pytest

from orion.executor._core.options import TaskOptions
from orion.executor._process.ledger import Ledger
from orion.executor._process.verdicts import over_time
from orion.executor.base import Future
from tests.executor.manual import ManualExecutor

EXECUTOR = ManualExecutor()


def made(number: int, **options: Any) -> Future[Any]:
    return Future(EXECUTOR, number, b"call", f"task {number}", TaskOptions(**options))


def ledger_of(n_workers: int = 1, *, ahead: int = 0, n_slots: int = 8, **settings: Any) -> Ledger:
    return Ledger(n_workers, n_slots, ahead=ahead, **settings)


def enqueue(ledger: Ledger, *numbers: int) -> list[Future[Any]]:
    futures = [made(number) for number in numbers]
    for future in futures:
        ledger.enqueue(future)
    return futures


def send_all(ledger: Ledger) -> list[int]:
    sent = []
    while (future := ledger.next_to_send()) is not None:
        sent.append(future._id)
    return sent


class TestSending:
    def test_tasks_are_sent_in_their_order_one_for_each_worker_and_some_ahead(self) -> None:
        ledger = ledger_of(2, ahead=3)
        enqueue(ledger, *range(1, 10))
        assert send_all(ledger) == [1, 2, 3, 4, 5]
        ledger.ended(3)
        assert send_all(ledger) == [6]

    def test_what_a_task_submits_comes_first(self) -> None:
        ledger = ledger_of(3)
        enqueue(ledger, 1, 2)
        ledger.enqueue(made(3), first=True)
        assert send_all(ledger) == [3, 1, 2]

    def test_a_withdrawn_task_is_never_sent(self) -> None:
        ledger = ledger_of(3)
        enqueue(ledger, 1, 2)
        ledger.withdraw(1)
        assert send_all(ledger) == [2]

    def test_a_completed_task_is_never_sent(self) -> None:
        ledger = ledger_of(3)
        first, _ = enqueue(ledger, 1, 2)
        first._order = 1
        assert send_all(ledger) == [2]

    def test_what_was_taken_back_is_sent_first_and_in_order(self) -> None:
        ledger = ledger_of(3)
        enqueue(ledger, 1, 2, 3, 4)
        send_all(ledger)
        ledger.unsend([2, 3])
        assert send_all(ledger) == [2, 3]
        assert list(ledger.sent) == [1, 2, 3]

    def test_what_is_off_the_books_is_not_queued_again(self) -> None:
        ledger = ledger_of(3)
        enqueue(ledger, 1, 2)
        send_all(ledger)
        ledger.ended(1)
        ledger.unsend([1, 2])
        assert send_all(ledger) == [2]
        ledger.clear()
        ledger.unsend([2])
        assert send_all(ledger) == []

    def test_a_task_that_waits_for_its_own_lends_its_place(self) -> None:
        ledger = ledger_of(1)
        worker = ledger.hire()
        assert worker is not None
        enqueue(ledger, 1, 2)
        assert send_all(ledger) == [1]
        ledger.block(worker.number)
        assert send_all(ledger) == [2]

    def test_with_nested_work_little_is_sent_ahead(self) -> None:
        ledger = ledger_of(1, ahead=32)
        assert ledger.expect_nested()
        assert not ledger.expect_nested()
        enqueue(ledger, *range(1, 10))
        assert send_all(ledger) == [1, 2]

    def test_a_call_that_no_packet_holds_is_kept_until_its_task_is_off_the_books(self) -> None:
        """A worker may still open it when its future is done, and has dropped it."""
        ledger = ledger_of(1)
        future, _ = enqueue(ledger, 1, 2)
        future._call = large = bytearray(b"call")
        send_all(ledger)
        future._call = None
        assert ledger.call(1) is large
        assert ledger.call(2) is None
        assert ledger.ended(1) is future
        assert ledger.call(1) is None
        assert ledger.ended(1) is None

    def test_losing_what_was_sent_keeps_what_was_not(self) -> None:
        ledger = ledger_of(1)
        first, second = enqueue(ledger, 1, 2)
        send_all(ledger)
        assert ledger.lose_sent() == [first]
        assert send_all(ledger) == [2]
        assert ledger.clear() == [second]
        assert send_all(ledger) == []


class TestTimeLimits:
    def test_only_what_is_due_sooner_than_all_else_wakes_the_pump(self) -> None:
        ledger = ledger_of(3)
        assert not ledger.arm(made(1), now=0)
        assert ledger.arm(made(2, timeout=5), now=0)
        assert not ledger.arm(made(3, timeout=6), now=0)
        assert ledger.arm(made(4, timeout=1), now=2)
        assert ledger.next_deadline() == 3

    def test_a_task_is_looked_at_when_it_may_have_expired(self) -> None:
        ledger = ledger_of(3)
        future = made(1, timeout=5)
        ledger.enqueue(future)
        send_all(ledger)
        ledger.arm(future, now=0)
        assert ledger.due(now=4.9) == []
        assert ledger.due(now=5) == [future]
        assert ledger.due(now=6) == []

    def test_neither_an_ended_task_nor_an_earlier_attempt_is_due(self) -> None:
        ledger = ledger_of(3)
        ended, retried = made(1, timeout=5), made(2, timeout=5)
        for future in (ended, retried):
            ledger.enqueue(future)
        send_all(ledger)
        for future in (ended, retried):
            ledger.arm(future, now=0)
        ledger.ended(1)
        retried._attempt = 2
        assert ledger.due(now=9) == []

    def test_the_limit_counts_from_the_start_not_from_the_sending(self) -> None:
        ledger = ledger_of(3)
        future = made(1, timeout=5)
        ledger.enqueue(future)
        send_all(ledger)
        assert not ledger.expires(future, started=3, now=5)
        assert ledger.next_deadline() == 8
        assert ledger.due(now=8) == [future]
        assert ledger.expires(future, started=3, now=8)

    def test_a_task_that_has_not_started_is_looked_at_again_later(self) -> None:
        ledger = ledger_of(3)
        future = made(1, timeout=5)
        assert not ledger.expires(future, started=None, now=7)
        assert ledger.next_deadline() == 12

    def test_a_completed_task_does_not_expire(self) -> None:
        future = made(1, timeout=5)
        future._order = 1
        assert not ledger_of().expires(future, started=0, now=9)

    @pytest.mark.parametrize(("grace", "again"), [(None, None), (2.0, 12.0)])
    def test_a_task_is_asked_first_only_if_it_has_time_of_grace(self, grace: float | None, again: float | None) -> None:
        ledger = ledger_of()
        future = made(1, timeout=5, grace=grace)
        assert ledger.condemn(future, over_time(future), now=10) == (grace is not None)
        assert ledger.next_deadline() == again
        assert 1 in ledger.verdicts

    def test_memory_is_watched_while_a_task_with_a_limit_is_sent(self) -> None:
        ledger = ledger_of()
        ledger.enqueue(made(1, memory_gb=1))
        assert not ledger.memory_limited
        send_all(ledger)
        assert ledger.memory_limited == {1}
        ledger.ended(1)
        assert not ledger.memory_limited


class TestResting:
    def test_workers_that_were_idle_for_long_enough_go_once(self) -> None:
        ledger = ledger_of(idle_timeout=10)
        ledger.hire()
        assert not ledger.rest(now=0)
        assert ledger.next_deadline() == 10
        assert not ledger.rest(now=9)
        assert ledger.rest(now=10)
        assert not ledger.rest(now=10)

    def test_work_starts_the_time_anew(self) -> None:
        ledger = ledger_of(idle_timeout=10)
        ledger.hire()
        ledger.rest(now=0)
        enqueue(ledger, 1)
        assert not ledger.rest(now=20)
        ledger.clear()
        assert not ledger.rest(now=21)
        assert ledger.next_deadline() == 31

    def test_without_a_limit_they_stay(self) -> None:
        ledger = ledger_of()
        ledger.hire()
        assert not ledger.rest(now=0)
        assert ledger.next_deadline() is None


class TestStaffing:
    def test_there_are_no_more_workers_than_there_is_work(self) -> None:
        ledger = ledger_of(4)
        assert ledger.missing() == 0
        enqueue(ledger, 1, 2)
        assert ledger.missing() == 2
        enqueue(ledger, *range(3, 10))
        assert ledger.missing() == 4

    def test_a_dead_worker_is_missing_and_its_slot_is_free_again(self) -> None:
        ledger = ledger_of(1, n_slots=1)
        enqueue(ledger, 1)
        first = ledger.hire()
        assert first is not None
        assert (ledger.missing(), ledger.hire()) == (0, None)
        ledger.died(first.number, had_work=True)
        assert ledger.missing() == 1
        second = ledger.hire()
        assert second is not None
        assert (second.slot, second.number) == (first.slot, first.number + 1)

    def test_a_blocked_worker_is_replaced_and_the_surplus_parks_when_it_goes_on(self) -> None:
        ledger = ledger_of(1)
        enqueue(ledger, 1, 2)
        blocked = ledger.hire()
        assert blocked is not None
        send_all(ledger)
        ledger.block(blocked.number)
        assert ledger.missing() == 1
        helper = ledger.hire()
        assert helper is not None
        ledger.unblock(blocked.number)
        assert ledger.surplus() == 1
        ledger.park_sent()
        assert ledger.surplus() == 0
        ledger.park(helper.number)
        assert (ledger.surplus(), ledger.n_active) == (0, 1)
        ledger.block(blocked.number)
        assert ledger.missing() == 1
        assert ledger.unpark() is helper
        assert ledger.missing() == 0

    def test_a_park_packet_that_nobody_took_is_sent_again(self) -> None:
        ledger = ledger_of(1)
        ledger.hire()
        ledger.hire()
        ledger.park_sent()
        ledger.park_lost()
        assert ledger.surplus() == 1

    def test_a_worker_that_cannot_be_started_lowers_the_number_until_a_task_has_ended(self) -> None:
        ledger = ledger_of(3)
        enqueue(ledger, 1, 2, 3)
        send_all(ledger)
        working, refused = ledger.hire(), ledger.hire()
        assert working is not None
        assert refused is not None
        working.pid = 1
        assert ledger.not_hired(refused.number)
        assert ledger.missing() == 0
        ledger.ended(1)
        assert ledger.missing() == 1

    def test_there_is_no_making_do_without_any_worker(self) -> None:
        ledger = ledger_of(2)
        worker = ledger.hire()
        assert worker is not None
        assert not ledger.not_hired(worker.number)

    def test_devices_are_spread_evenly(self) -> None:
        ledger = Ledger(4, 8, n_devices=2)
        devices = [worker.device for _ in range(4) if (worker := ledger.hire())]
        assert devices == [0, 1, 0, 1]
        ledger.died(2, had_work=True)
        replacement = ledger.hire()
        assert replacement is not None
        assert replacement.device == 1

    def test_workers_that_die_again_and_again_before_any_work_are_hopeless(self) -> None:
        ledger = ledger_of()
        for _ in range(4):
            worker = ledger.hire()
            assert worker is not None
            ledger.died(worker.number, had_work=False)
        assert not ledger.hopeless
        worker = ledger.hire()
        assert worker is not None
        ledger.died(worker.number, had_work=False)
        assert ledger.hopeless

    def test_one_that_had_work_gives_hope(self) -> None:
        ledger = ledger_of()
        for had_work in (False, False, False, False, True, False):
            worker = ledger.hire()
            assert worker is not None
            ledger.died(worker.number, had_work=had_work)
        assert not ledger.hopeless
