"""Kinds of tasks that take or return arrays, whose every value is checked."""

from __future__ import annotations

import random
from pathlib import Path

import numpy

from orion.executor.errors import WorkerLost
from tests.stress import work
from tests.stress.case import Case, Ending, Kind, stopped

__all__ = ["KINDS"]


def _size(rng: random.Random) -> int:
    return int(10 ** rng.uniform(1, 7.3))  # up to 20 MB; the same sizes return, so that segments are used again


def _checked(rng: random.Random, _: Path) -> Case:
    seed, answer_seed = rng.getrandbits(32), rng.getrandbits(32)
    size, answer_size = _size(rng), _size(rng)
    array = work.pattern(seed, size)

    def check(ending: Ending) -> bool:
        if ending.error is not None:
            return False
        right, answer = ending.value
        return (
            right
            and numpy.array_equal(answer, work.pattern(answer_seed, answer_size))
            and numpy.array_equal(array, work.pattern(seed, size))  # the task's writing is not seen here
        )

    return Case(work.check_and_answer, (array, seed, answer_seed, answer_size), check)


def _echoed(rng: random.Random, _: Path) -> Case:
    seed, size = rng.getrandbits(32), rng.choice([100_000, 1_000_000, 8_000_000, 32_000_000])

    def check(ending: Ending) -> bool:
        return ending.error is None and numpy.array_equal(ending.value, work.pattern(seed, size))

    return Case(work.echo, (work.pattern(seed, size),), check)


def _dies_with_it(rng: random.Random, _: Path) -> Case:
    array = work.pattern(rng.getrandbits(32), 1_000_000)
    return Case(work.array_and_death, (array, 5), stopped(WorkerLost, exitcode=5))


KINDS = [
    Kind("array, another returned", 5, _checked),
    Kind("array returned", 2, _echoed),
    Kind("array, and death", 1, _dies_with_it),
]
