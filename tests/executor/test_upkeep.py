"""When a worker has its surroundings put back."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from orion.executor._process.surroundings import Surroundings
from orion.executor._process.upkeep import Upkeep

MILLISECOND = 1_000_000


class Counting(Surroundings):
    """Counts how often it was put back; says what a test tells it to say."""

    def __init__(self) -> None:
        self.looks = 0
        self.is_fit = True

    def restore(self) -> bool:
        self.looks += 1
        return self.is_fit


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    os.close(read)
    os.close(write)


def test_they_are_put_back_before_the_worker_waits(pipe: tuple[int, int]) -> None:
    surroundings = Counting()
    upkeep = Upkeep(surroundings, pipe[0])
    assert all(upkeep.after_task(MILLISECOND + ns) for ns in range(3))
    assert surroundings.looks == 3


def test_while_calls_wait_they_are_put_back_once_a_millisecond(pipe: tuple[int, int]) -> None:
    surroundings = Counting()
    upkeep = Upkeep(surroundings, pipe[0])
    os.write(pipe[1], b"a call")
    for ns in range(MILLISECOND, 4 * MILLISECOND, MILLISECOND // 10):
        assert upkeep.after_task(ns)
    assert surroundings.looks == 3


def test_what_was_left_out_is_made_good_for_before_a_task_that_comes_later(pipe: tuple[int, int]) -> None:
    surroundings = Counting()
    upkeep = Upkeep(surroundings, pipe[0])
    upkeep.after_task(MILLISECOND)
    os.write(pipe[1], b"a call that another worker takes")
    upkeep.after_task(MILLISECOND + 1)
    assert surroundings.looks == 1
    upkeep.before_task(MILLISECOND + 2)
    assert surroundings.looks == 1
    upkeep.before_task(3 * MILLISECOND)
    assert surroundings.looks == 2
    upkeep.before_task(5 * MILLISECOND)
    assert surroundings.looks == 2


def test_a_worker_that_is_not_fit_stays_so(pipe: tuple[int, int]) -> None:
    surroundings = Counting()
    upkeep = Upkeep(surroundings, pipe[0])
    surroundings.is_fit = False
    assert not upkeep.after_task(MILLISECOND)
    surroundings.is_fit = True
    assert not upkeep.after_task(3 * MILLISECOND)
