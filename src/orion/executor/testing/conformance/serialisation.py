"""Paragraph "Serialisation"."""

from __future__ import annotations

import functools
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from orion.executor.errors import NotSerializable
from orion.executor.testing import faults, tasks
from orion.executor.testing.conformance._base import Conformance

_OF_MAIN = """
class {prefix}Point:
    def __init__(self, x):
        self.x = x
    def doubled(self):
        return {prefix}Point(2 * self.x)

class {prefix}Error(Exception):
    pass

{prefix}factor = 10

def {prefix}helper(x):
    return x * {prefix}factor

def {prefix}call(x):
    return {prefix}helper(x) + 1

def {prefix}double(point):
    return point.doubled()

def {prefix}fail():
    raise {prefix}Error("from main")
"""


class Adder:
    """An object that can be called, and has a method to submit."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, number: int) -> int:
        return number + self.step

    def add(self, number: int) -> int:
        return self(number)


class SerialisationTests(Conformance):
    """Any function travels; what cannot be serialised is refused in ``submit``; a task is a snapshot."""

    def test_lambdas_and_closures_travel(self) -> None:
        executor = self.start()
        step = 5
        assert executor.submit(lambda number: number + step, 1).get() == 6

        def outer(depth: int) -> int:
            return 0 if depth == 0 else 1 + outer(depth - 1)

        assert executor.submit(outer, 3).get() == 3

    def test_all_that_can_be_called_travels(self) -> None:
        executor = self.start()
        assert executor.submit(functools.partial(divmod, 7), 2).get() == (3, 1)
        assert executor.submit(Adder(2), 1).get() == 3
        assert executor.submit(Adder(2).add, 1).get() == 3
        assert executor.submit(len, "four").get() == 4
        assert executor.submit("text".upper).get() == "TEXT"
        assert executor.submit(dict, a=1).get() == {"a": 1}

    def test_functions_and_classes_of_main_travel(self) -> None:
        main, prefix = self._main("plain_")
        executor = self.start()
        assert executor.submit(main[f"{prefix}call"], 4).get() == 41
        point = executor.submit(main[f"{prefix}double"], main[f"{prefix}Point"](3)).get()
        assert type(point) is main[f"{prefix}Point"]
        assert point.x == 6
        with pytest.raises(main[f"{prefix}Error"], match="from main"):
            executor.submit(main[f"{prefix}fail"]).get()

    def test_functions_of_main_travel_as_they_are_now(self) -> None:
        """Not as they were when they were first submitted: in a notebook they are defined again."""
        main, prefix = self._main("anew_")
        executor = self.start()
        assert executor.submit(main[f"{prefix}call"], 1).get() == 11
        main[f"{prefix}factor"] = 20
        assert executor.submit(main[f"{prefix}call"], 1).get() == 21
        exec(f"def {prefix}helper(x): return -x", main)
        assert executor.submit(main[f"{prefix}call"], 1).get() == 0

    def test_changing_an_argument_after_submit_does_not_change_the_task(self, tmp_path: Path) -> None:
        executor = self.start(1)
        held = self.hold(executor, tmp_path)
        items, table, raw, adder, cell = [1], {"a": [1]}, bytearray(b"before"), Adder(1), [1]
        futures: list[Any] = [
            executor.submit(tasks.identity, items),
            executor.submit(tasks.identity, value=table),
            executor.submit(tasks.identity, raw),
            executor.submit(adder.add, 1),
            executor.submit(lambda: cell[0]),
        ]
        items.append(2)
        table["a"].append(2)
        raw[:] = b"after!"
        adder.step = 100
        cell[0] = 100
        held.release()
        assert executor.wait(futures) == [[1], {"a": [1]}, bytearray(b"before"), 2, 1]

    def test_a_task_does_not_change_the_arguments_of_its_caller(self) -> None:
        items: list[Any] = ["mine"]
        assert self.start().submit(tasks.change, items).get() == ["mine", "changed by the task"]
        assert items == ["mine"]

    def test_shared_and_recursive_arguments_stay_so(self) -> None:
        shared: list[Any] = []
        shared.append(shared)

        def task(one: list[Any], two: list[Any], **named: list[Any]) -> tuple[bool, ...]:
            return one is two, one is named["three"], one[0] is one

        assert self.start().submit(task, shared, shared, three=shared).get() == (True, True, True)

    def test_an_argument_that_cannot_be_pickled_is_refused_in_submit(self) -> None:
        executor = self.start()
        kinds: list[type[BaseException]] = [TypeError, RuntimeError, RecursionError, SystemExit]
        for kind in kinds:
            with pytest.raises(NotSerializable) as raised:
                executor.submit(tasks.collect, 1, faults.Unpicklable(kind))
            assert isinstance(raised.value, pickle.PicklingError)
            assert "argument 2 of collect" in str(raised.value)
            assert "Unpicklable" in str(raised.value)
            with pytest.raises(NotSerializable, match="argument 'this' of collect"):
                executor.submit(tasks.collect, 1, fine=2, this=[faults.Unpicklable(kind)])

    def test_a_function_that_cannot_be_pickled_is_refused_in_submit(self) -> None:
        obstacle = faults.Unpicklable()
        with pytest.raises(NotSerializable, match="function .*captures"):
            self.start().submit(_capturing(obstacle))

    def test_a_refused_task_harms_nothing_else(self, tmp_path: Path) -> None:
        with self.start(1) as executor:
            held = self.hold(executor, tmp_path)
            before = executor.submit(tasks.identity, 1)
            for _ in range(3):
                with pytest.raises(NotSerializable):
                    executor.submit(tasks.identity, faults.Unpicklable())
            after = executor.submit(tasks.identity, 2)
            held.release()
            assert executor.wait([before, after]) == [1, 2]

    def test_a_future_is_refused_as_an_argument(self) -> None:
        executor = self.start()
        future = executor.submit(tasks.identity, 1)
        with pytest.raises(NotSerializable, match="Future"):
            executor.submit(tasks.identity, future)

    def test_large_buffers_travel_both_ways(self) -> None:
        data = bytearray(range(256)) * 40_000
        back = self.start().submit(tasks.identity, data).get()
        assert back == data
        back[0] = 7
        assert data[0] == 0

    def _main(self, prefix: str) -> tuple[dict[str, Any], str]:
        """Define functions in ``__main__``, as a script or a notebook does; return its names and the prefix of ours."""
        main = vars(sys.modules["__main__"])
        exec(_OF_MAIN.format(prefix=prefix), main)
        return main, prefix


def _capturing(obstacle: object) -> Any:
    def captures() -> object:
        return obstacle

    return captures
