"""Point 6: what fails or crashes at pickling or unpickling is that future's error, with the object named."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from orion.executor.errors import NotSerializable, RemoteException, WorkerLost
from orion.executor.testing import faults, tasks
from tests.faults import misdeeds
from tests.faults.conftest import Start

KINDS = [TypeError, RecursionError, MemoryError, SystemExit, GeneratorExit, StopIteration, UnicodeDecodeError]


def kinds(*chosen: type[BaseException]) -> Any:
    return pytest.mark.parametrize("kind", chosen, ids=[kind.__name__ for kind in chosen])


@kinds(TypeError, RecursionError, MemoryError, SystemExit, GeneratorExit)
def test_an_argument_that_fails_at_pickling_raises_in_submit(start: Start, kind: type[BaseException]) -> None:
    executor = start()
    with pytest.raises(NotSerializable, match=r"argument 2 of collect \(Unpicklable\)"):
        executor.submit(tasks.collect, 1, faults.Unpicklable(kind))
    assert executor.submit(tasks.identity, 1).get() == 1


def test_a_function_that_fails_at_pickling_raises_in_submit(start: Start) -> None:
    executor = start()
    with pytest.raises(NotSerializable, match="the function"):
        executor.submit(faults.Unpicklable().__reduce__)
    assert executor.submit(tasks.identity, 1).get() == 1


def test_an_argument_nested_too_deeply_raises_in_submit(start: Start) -> None:
    executor = start()
    with pytest.raises(NotSerializable, match="argument 1 of identity"):
        executor.submit(tasks.identity, faults.make_deep_list(100_000))
    assert executor.submit(tasks.identity, 1).get() == 1


@kinds(RuntimeError, RecursionError, MemoryError, SystemExit, KeyboardInterrupt)
def test_an_argument_that_fails_at_loading_fails_its_task(start: Start, kind: type[BaseException]) -> None:
    executor = start()
    with pytest.raises(NotSerializable, match=f"could not be loaded in the worker: {kind.__name__}"):
        executor.submit(tasks.identity, faults.Unloadable(kind)).get()
    assert executor.submit(tasks.identity, 1).get() == 1


@kinds(TypeError, RecursionError, MemoryError, SystemExit, KeyboardInterrupt)
def test_a_result_that_fails_at_pickling_fails_its_task(start: Start, kind: type[BaseException]) -> None:
    executor = start()
    with pytest.raises(NotSerializable, match=r"the result \(Unpicklable\) cannot travel: (?!PicklingError: Can't)"):
        executor.submit(faults.make, faults.Unpicklable, kind).get()
    assert executor.submit(tasks.identity, 1).get() == 1


@kinds(RuntimeError, RecursionError, MemoryError, SystemExit, GeneratorExit, KeyboardInterrupt)
def test_a_result_that_fails_at_loading_fails_its_task(start: Start, kind: type[BaseException]) -> None:
    """In the driver, where it must not end anything."""
    executor = start()
    future = executor.submit(faults.make, faults.Unloadable, kind)
    with pytest.raises(NotSerializable, match=f"could not be loaded here: {kind.__name__}"):
        future.get()
    with pytest.raises(NotSerializable):
        future.get()
    assert executor.submit(tasks.identity, 1).get() == 1


class BadState:
    """Fails when its state is set."""

    def __setstate__(self, state: object) -> NoReturn:
        raise SystemExit(3)

    def __getstate__(self) -> object:
        return {"a": 1}


def test_a_result_whose_state_cannot_be_set_fails_its_task(start: Start) -> None:
    with pytest.raises(NotSerializable, match="SystemExit: 3"):
        start().submit(faults.make, BadState).get()


def test_a_result_nested_too_deeply_fails_its_task(start: Start) -> None:
    executor = start()
    with pytest.raises(NotSerializable, match=r"the result \(list\)"):
        executor.submit(faults.make_deep_list, 100_000).get()
    assert executor.submit(tasks.identity, 1).get() == 1


@pytest.mark.parametrize(
    ("task", "args", "code"),
    [
        (tasks.identity, (faults.DeadlyToLoad(5),), 5),
        (faults.make, (faults.DeadlyToDump, 6), 6),
        (faults.make_and_drop, (faults.DeadlyToCollect, 7), 7),
    ],
    ids=["loading an argument", "pickling the result", "collecting"],
)
def test_an_exit_while_pickling_costs_that_task(
    start: Start, task: Callable[..., Any], args: tuple[Any, ...], code: int
) -> None:
    executor = start()
    doomed, fine = executor.submit(task, *args), executor.submit(tasks.identity, 1)
    with pytest.raises(WorkerLost) as raised:
        doomed.get()
    assert raised.value.exitcode == code
    assert fine.get() == 1


@pytest.mark.parametrize("when", ["load", "dump"])
def test_a_crash_while_pickling_costs_that_task(start: Start, when: str) -> None:
    executor = start()
    if when == "load":
        doomed: Any = executor.submit(tasks.identity, misdeeds.CrashesElsewhere())
    else:
        doomed = executor.submit(faults.make, misdeeds.CrashesAtDump)
    fine = executor.submit(tasks.identity, 1)
    with pytest.raises(WorkerLost) as raised:
        doomed.get()
    assert raised.value.signal == 11
    assert fine.get() == 1


@pytest.mark.parametrize("when", ["load", "dump"])
def test_a_hang_while_pickling_ends_at_the_time_limit(start: Start, when: str) -> None:
    from orion.executor.errors import TaskTimeout

    limited = start().options(timeout=0.4)
    if when == "load":
        future: Any = limited.submit(tasks.identity, misdeeds.HangsElsewhere())
    else:
        future = limited.submit(faults.make, misdeeds.HangsAtDump)
    with pytest.raises(TaskTimeout):
        future.get()


@pytest.mark.parametrize("kind", [faults.UnpicklableError, faults.UnloadableError], ids=lambda kind: kind.__name__)
def test_an_exception_that_cannot_travel_is_described(start: Start, kind: type[Exception]) -> None:
    executor = start()
    with pytest.raises((RemoteException, kind), match="what happened") as raised:
        executor.submit(tasks.fail_with, kind, "what happened").get()
    assert kind.__name__ in repr(raised.value)
    assert "fail_with" in str(raised.value.__cause__)
    assert executor.submit(tasks.identity, 1).get() == 1


def test_an_exception_that_cannot_be_printed_is_an_outcome(start: Start) -> None:
    executor = start()
    with pytest.raises(faults.MuteError):
        executor.submit(tasks.fail_with, faults.MuteError).get()
    assert executor.submit(tasks.identity, 1).get() == 1


def test_exceptions_with_odd_constructors_arrive_as_they_are(start: Start) -> None:
    executor = start()
    with pytest.raises(faults.OddConstructor) as odd:
        executor.submit(tasks.fail_with, faults.OddConstructor, 3, detail="why").get()
    assert (odd.value.code, odd.value.detail, odd.value.args) == (3, "why", ("code 3",))
    with pytest.raises(faults.TwoToOne) as two:
        executor.submit(tasks.fail_with, faults.TwoToOne, "loss", "epoch 3").get()
    assert (two.value.what, two.value.where, str(two.value)) == ("loss", "epoch 3", "loss at epoch 3")


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: int = dataclasses.field(default=2)


@dataclasses.dataclass
class Failed(Exception):
    """An exception whose constructor a dataclass makes."""

    what: str
    epoch: int


def test_dataclasses_arrive_as_they_are(start: Start) -> None:
    executor = start()
    assert executor.submit(tasks.identity, Point(1)).get() == Point(1, 2)
    with pytest.raises(Failed) as raised:
        executor.submit(tasks.fail_with, Failed, "loss", 3).get()
    assert (raised.value.what, raised.value.epoch) == ("loss", 3)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("def task():\n    return 7\n", 7),
        ("task = lambda: 7\n", 7),
        ("def make(n):\n    return lambda: n\ntask = make(7)\n", 7),
        ("def helper():\n    return 7\ndef task():\n    return helper()\n", 7),
        ("class Task:\n    def __call__(self):\n        return 7\ntask = Task()\n", 7),
        ("import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int\ndef task():\n    return P(7).x\n", 7),
        ("class B:\n  f = len\nclass T(B):\n  def g(self): return super().f('7 bytes')\ntask = T().g\n", 7),
    ],
    ids=["function", "lambda", "closure", "helper", "callable object", "dataclass", "super()"],
)
def test_what_a_script_or_a_notebook_defines_travels(start: Start, source: str, value: int) -> None:
    assert start().submit(misdeeds.as_if_in_script(source, "task")).get() == value


def test_an_exception_class_of_a_script_arrives_as_itself(start: Start) -> None:
    source = (
        "class Odd(Exception):\n"
        "    def __init__(self, *, code):\n"
        "        super().__init__('odd')\n"
        "        self.code = code\n"
        "def task():\n    raise Odd(code=4)\n"
    )
    with pytest.raises(Exception, match="odd") as raised:
        start().submit(misdeeds.as_if_in_script(source, "task")).get()
    assert type(raised.value).__name__ == "Odd"
    assert raised.value.code == 4  # type: ignore[attr-defined]  # its class is not known here


def test_a_call_of_many_kinds_of_things(start: Start) -> None:
    things = [1, "a", b"b", None, {"k": [1, 2]}, {3}, (4, 5), 1.5, 2j, range(3), Point(3), len, pickle.dumps]
    args, kwargs = start().submit(tasks.collect, *things, key=things).get()
    assert list(args) == things
    assert kwargs == {"key": things}


def test_one_that_cannot_travel_among_many(start: Start) -> None:
    executor = start(2)
    futures: list[Any] = [executor.submit(tasks.identity, n) for n in range(50)]
    bad = [executor.submit(faults.make, faults.Unloadable), executor.submit(faults.make, faults.Unpicklable)]
    futures += [executor.submit(tasks.identity, n) for n in range(50, 100)]
    assert executor.wait(futures) == list(range(100))
    for future in bad:
        with pytest.raises(NotSerializable):
            future.get()
