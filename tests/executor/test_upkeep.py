"""When a worker has its surroundings put back."""

from __future__ import annotations

from orion.executor._process.upkeep import Upkeep

MILLISECOND = 1_000_000


class Counting:
    """Counts how often the surroundings were put back; says what a test tells it to say."""

    def __init__(self) -> None:
        self.looks = 0
        self.is_fit = True

    def restore(self) -> bool:
        self.looks += 1
        return self.is_fit


def test_a_look_is_due_before_anything_was_looked_at() -> None:
    assert Upkeep(Counting().restore).is_due(MILLISECOND)


def test_while_calls_wait_a_look_is_due_once_a_millisecond() -> None:
    surroundings = Counting()
    upkeep = Upkeep(surroundings.restore)
    for ns in range(MILLISECOND, 4 * MILLISECOND, MILLISECOND // 10):
        if upkeep.is_due(ns):
            assert upkeep.look(ns)
    assert surroundings.looks == 3


def test_a_look_that_was_not_due_puts_off_the_next() -> None:
    surroundings = Counting()
    upkeep = Upkeep(surroundings.restore)
    for ns in (MILLISECOND, MILLISECOND + 1):
        assert upkeep.look(ns)
    assert surroundings.looks == 2
    assert not upkeep.is_due(2 * MILLISECOND)
    assert upkeep.is_due(2 * MILLISECOND + 1)


def test_a_worker_whose_surroundings_cannot_be_put_back_may_not_go_on() -> None:
    surroundings = Counting()
    surroundings.is_fit = False
    assert not Upkeep(surroundings.restore).look(MILLISECOND)
