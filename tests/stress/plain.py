"""Kinds of tasks that concern serialising, values and exceptions."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orion.executor.errors import NotSerializable, RemoteException
from orion.executor.testing import faults, tasks
from tests.stress import work
from tests.stress.case import Case, Check, Ending, Kind, equals, raises

__all__ = ["KINDS"]


def _small(rng: random.Random, _: Path) -> Case:
    value = rng.choice([rng.random(), rng.getrandbits(80), str(rng.random()), None, (1, [2, {"a": rng.random()}])])
    return Case(tasks.identity, (value,), equals(value))


def _large(rng: random.Random, _: Path) -> Case:
    value = rng.randbytes(int(10 ** rng.uniform(2, 6.5)))
    return Case(tasks.identity, (value,), equals(value))


def _near_a_packet(rng: random.Random, _: Path) -> Case:
    value = rng.randbytes(4096 - rng.randrange(200))  # inline or in a segment: just so
    return Case(tasks.identity, (value,), equals(value))


def _spin(rng: random.Random, _: Path) -> Case:
    seconds = rng.choice([0.001, 0.002, 0.01, 0.05])
    return Case(work.spin, (seconds,), equals(seconds))


def _nap(rng: random.Random, _: Path) -> Case:
    return Case(work.nap, (rng.choice([0.001, 0.01, 0.1]), "slept"), equals("slept"))


def _in_time(rng: random.Random, _: Path) -> Case:
    options = {"timeout": 300.0, **({"grace": 1.0} if rng.random() < 0.5 else {})}
    return Case(work.nap, (0.001, "in time"), equals("in time"), options)


def _closure(rng: random.Random, _: Path) -> Case:
    offset = rng.random()
    return Case(lambda number: number + offset, (1.0,), equals(1.0 + offset))


def _raised(rng: random.Random, _: Path) -> Case:
    kind = rng.choice([ValueError, KeyError, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration])
    number = rng.random()
    return Case(tasks.fail_with, (kind, number), raises(kind, number))


def _odd_constructor(rng: random.Random, _: Path) -> Case:
    code = rng.randrange(100)

    def check(ending: Ending) -> bool:
        error = ending.error
        return isinstance(error, faults.OddConstructor) and error.code == code and error.detail == "more"

    return Case(_raise_odd, (code,), check)


def _raise_odd(code: int) -> None:
    raise faults.OddConstructor(code, detail="more")


def _fixed(function: Callable[..., Any], args: tuple[Any, ...], check: Check) -> Callable[[random.Random, Path], Case]:
    """Return a maker of always the same case."""
    return lambda _, __: Case(function, args, check)


def _unpicklable_argument(rng: random.Random, _: Path) -> Case:
    return Case(tasks.identity, (faults.Unpicklable(),), equals(None), refused=NotSerializable)


_UNLOADABLE = raises(NotSerializable, text="made to fail")

KINDS = [
    Kind("small value", 20, _small),
    Kind("large value", 4, _large),
    Kind("value of a packet's size", 3, _near_a_packet),
    Kind("computes", 8, _spin),
    Kind("sleeps", 6, _nap),
    Kind("ends within its limit", 4, _in_time),
    Kind("closure", 4, _closure),
    Kind("raises", 6, _raised),
    Kind("raises what has an odd constructor", 1, _odd_constructor),
    Kind(
        "raises what cannot be pickled",
        1,
        _fixed(tasks.fail_with, (faults.UnpicklableError, "x"), raises(RemoteException)),
    ),
    Kind(
        "raises what cannot be loaded",
        1,
        _fixed(tasks.fail_with, (faults.UnloadableError,), raises(faults.UnloadableError)),
    ),
    Kind("raises what cannot be printed", 1, _fixed(tasks.fail_with, (faults.MuteError,), raises(faults.MuteError))),
    Kind("recursion without end", 0.5, _fixed(faults.recurse, (), raises(RecursionError))),
    Kind("argument that cannot be pickled", 1, _unpicklable_argument),
    Kind("argument that cannot be loaded", 1, _fixed(tasks.identity, (faults.Unloadable(),), _UNLOADABLE)),
    Kind("result that cannot be pickled", 1, _fixed(faults.make, (faults.Unpicklable,), _UNLOADABLE)),
    Kind("result that cannot be loaded", 1, _fixed(faults.make, (faults.Unloadable,), _UNLOADABLE)),
    Kind("result nested too deeply", 0.5, _fixed(faults.make_deep_list, (100_000,), raises(NotSerializable))),
    Kind("prints", 2, _fixed(work.print_nothing, (), equals("printed"))),
    Kind("leaves a thread", 0.5, _fixed(work.leave_thread, (), equals("left a thread"))),
    Kind("module function", 1, _fixed(time.sleep, (0,), equals(None))),
]
