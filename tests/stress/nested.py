"""Kinds of tasks that submit tasks."""

from __future__ import annotations

import random
from pathlib import Path

from orion.executor.errors import WorkerLost
from orion.executor.testing import tasks
from tests.stress import work
from tests.stress.case import Case, Kind, equals, stopped

__all__ = ["KINDS"]


def _tree(rng: random.Random, _: Path) -> Case:
    depth, width = rng.choice([(1, 3), (2, 2), (3, 2), (4, 1)])
    return Case(tasks.nested_sum, (depth, width), equals(width**depth), needs_executor=True)


def _chain(rng: random.Random, _: Path) -> Case:
    depth = rng.randrange(1, 7)
    return Case(tasks.nested_get, (depth,), equals(depth), needs_executor=True)


def _deaths(rng: random.Random, _: Path) -> Case:
    deaths, values = rng.randrange(3), rng.randrange(4)
    return Case(work.nested_deaths, (deaths, values), equals((deaths, values)), needs_executor=True)


def _array(rng: random.Random, _: Path) -> Case:
    return Case(
        work.nested_array, (rng.getrandbits(32), rng.choice([10_000, 2_000_000])), equals(True), needs_executor=True
    )


def _dies_after_submitting(rng: random.Random, _: Path) -> Case:
    return Case(work.parent_that_dies, (rng.randrange(1, 5),), stopped(WorkerLost, exitcode=4), needs_executor=True)


KINDS = [
    Kind("tree of tasks", 1, _tree),
    Kind("chain of tasks", 1, _chain),
    Kind("tasks that submit tasks that die", 0.7, _deaths),
    Kind("array passed on", 0.7, _array),
    Kind("submits, and dies", 0.5, _dies_after_submitting),
]
