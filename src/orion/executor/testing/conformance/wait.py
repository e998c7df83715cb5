"""Paragraph "``wait``"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orion.executor.base import Future
from orion.executor.testing import tasks
from orion.executor.testing.conformance._base import Conformance


class WaitTests(Conformance):
    """All futures, then the results in the order given, or the first failure in that order."""

    def test_results_come_in_the_order_given_whatever_that_of_completion(self, tmp_path: Path) -> None:
        executor = self.start(3)
        helds = [self.hold(executor, tmp_path) for _ in range(2)]
        quick = executor.submit(tasks.identity, "quick")
        call = self.in_thread(lambda: executor.wait([helds[0].future, quick, helds[1].future]))
        for held in reversed(helds):
            held.release()
            held.future.wait()
        assert call.result() == ["held", "quick", "held"]

    def test_it_returns_only_when_all_are_complete(self, tmp_path: Path) -> None:
        """Also when one has failed."""
        executor = self.start(2)
        held = self.hold(executor, tmp_path)
        failing: Future[Any] = executor.submit(tasks.fail_with, ValueError, "wrong")
        failing.wait()
        call = self.in_thread(lambda: executor.wait([failing, held.future]))
        call.join(0.05)
        assert call.is_alive()
        held.release()
        with pytest.raises(ValueError, match="wrong"):
            call.result()
        assert held.future.ready()

    def test_it_raises_the_first_failure_in_the_order_given(self) -> None:
        executor = self.start()
        late = executor.submit(tasks.fail_with, KeyError, "late in the list")
        late.wait()
        early = executor.submit(tasks.fail_with, ValueError, "early in the list")
        fine = executor.submit(tasks.identity, None)
        with pytest.raises(ValueError, match="early in the list"):
            executor.wait([fine, early, late])

    def test_it_leaves_the_list_alone(self) -> None:
        executor = self.start()
        futures: list[Future[Any]] = [executor.submit(tasks.identity, number) for number in range(3)]
        listed = futures.copy()
        assert executor.wait(futures) == [0, 1, 2]
        assert futures == listed
        assert executor.wait(futures) == [0, 1, 2]
        assert len(tasks.drain(executor, futures)) == 3

    def test_a_future_may_be_waited_for_twice(self) -> None:
        executor = self.start()
        future = executor.submit(tasks.identity, 1)
        assert executor.wait([future, future]) == [1, 1]
