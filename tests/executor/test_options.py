"""What ``executor.options(…)`` accepts."""

from __future__ import annotations

import math

import pytest

from orion.executor._core.options import TaskOptions, check_timeout
from orion.executor.errors import WorkerLost


def test_changes_are_applied_to_a_copy() -> None:
    before = TaskOptions(timeout=5.0)
    after = before.changed({"retries": 2})
    assert (after.timeout, after.retries) == (5.0, 2)
    assert before.retries == 0


def test_an_unknown_option_is_refused_with_the_valid_ones_listed() -> None:
    with pytest.raises(TypeError, match=r"'priority'.*timeout.*retries.*retry_on.*name"):
        TaskOptions().changed({"priority": 1})


def test_one_exception_class_stands_for_a_tuple() -> None:
    assert TaskOptions(retry_on=ValueError).retry_on == (ValueError,)  # type: ignore[arg-type]
    assert TaskOptions().retry_on == (WorkerLost,)


@pytest.mark.parametrize("timeout", [0, -1, math.nan, math.inf])
def test_a_time_limit_is_positive_and_finite(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        TaskOptions(timeout=timeout)


@pytest.mark.parametrize("timeout", [None, 0, 0.5, math.inf, 10**9])
def test_a_time_to_wait_is_not_negative(timeout: float | None) -> None:
    assert check_timeout(timeout) is timeout


@pytest.mark.parametrize("timeout", [-1, -1e-9, math.nan])
def test_a_negative_time_to_wait_is_refused(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        check_timeout(timeout)
