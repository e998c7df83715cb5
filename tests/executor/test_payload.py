"""How calls, results and exceptions are serialised."""

from __future__ import annotations

import copyreg
import pickle
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import pytest

from orion.executor._core import payload
from orion.executor._core.outcome import Failure, Value
from orion.executor.errors import NotSerializable, RemoteException, RemoteTraceback
from orion.executor.testing import faults, tasks


def run(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Value | Failure:
    """Serialise a call, run it as a worker does, and load its outcome as the driver does."""
    ok, data, buffers = payload.execute(payload.dumps_call(function, args, kwargs))
    return payload.load_value(data, buffers) if ok else payload.load_failure(data)


def failure(function: Callable[..., Any], *args: Any, **kwargs: Any) -> BaseException:
    outcome = run(function, *args, **kwargs)
    assert isinstance(outcome, Failure)
    return outcome.exception


def value(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    outcome = run(function, *args, **kwargs)
    assert isinstance(outcome, Value)
    return outcome.value


def test_calls_are_serialised_while_another_thread_imports_cloudpickle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module is in sys.modules before it is complete."""
    monkeypatch.setitem(sys.modules, "cloudpickle", ModuleType("cloudpickle"))
    assert value(tasks.identity, 1) == 1


def test_functions_of_modules_travel_by_name() -> None:
    """A few bytes, and no cloudpickle."""
    call = payload.dumps_call(tasks.identity, (1,), {})
    assert len(call) < 120
    assert b"cloudpickle" not in call


def test_functions_of_main_travel_by_value() -> None:
    main = vars(sys.modules["__main__"])
    exec("def of_main(x): return x + offset_of_main\noffset_of_main = 5", main)
    call = payload.dumps_call(main["of_main"], (1,), {})
    del main["of_main"], main["offset_of_main"]
    ok, data, _ = payload.execute(call)
    assert ok
    assert payload.load_value(data).resolve().value == 6  # type: ignore[union-attr]


def test_the_mere_word_main_takes_no_cloudpickle() -> None:
    """scikit-learn sends the filters of warnings with each call, and one of them is for ``__main__``."""
    calls = [payload.dumps_call(kind(tasks.identity, ["__main__"]), (), {}) for kind in (partial, partial, _Bound)]
    assert [payload.execute(call)[:2] for call in calls] == [(True, payload.dumps(["__main__"]))] * 3
    assert not any(b"cloudpickle" in call for call in calls)


def test_what_belongs_to_main_is_found_after_the_mere_word_was() -> None:
    main = vars(sys.modules["__main__"])
    exec("class OfMain:\n    number = 5", main)
    calls = [
        payload.dumps_call(_Bound(tasks.identity, argument), (), {})
        for argument in ("__main__", "__main__", main["OfMain"](), [main["OfMain"]], "__main__")
    ]
    del main["OfMain"]
    outcomes = [payload.execute(call) for call in calls]
    assert all(ok for ok, _, _ in outcomes)
    found = [payload.load_value(data).resolve().value for _, data, _ in outcomes]  # type: ignore[union-attr]
    assert (found[0], found[2].number, found[3][0].number, found[4]) == ("__main__", 5, 5, "__main__")


class _Bound:
    """A callable that is no function."""

    def __init__(self, function: Callable[..., Any], argument: object) -> None:
        self._function = function
        self._argument = argument

    def __call__(self) -> Any:
        return self._function(self._argument)


def test_modules_registered_by_value_travel_by_value() -> None:
    import cloudpickle

    cloudpickle.register_pickle_by_value(tasks)
    try:
        assert b"cloudpickle" in payload.dumps_call(tasks.identity, (1,), {})
    finally:
        cloudpickle.unregister_pickle_by_value(tasks)


def test_lambdas_and_closures_travel() -> None:
    step = 3
    assert value(lambda number: number + step, 4) == 7


def test_large_buffers_stay_out_of_band() -> None:
    buffers: list[pickle.PickleBuffer] = []
    data = bytearray(100_000)
    call = payload.dumps_call(tasks.identity, (pickle.PickleBuffer(data),), {}, buffers)
    assert len(call) < 1000
    assert [buffer.raw().nbytes for buffer in buffers] == [100_000]
    data[0] = 7
    ok, result, out = payload.execute(call, buffers)
    assert ok
    assert bytes(payload.load_value(result, out).resolve().value)[0] == 7  # type: ignore[union-attr]


def test_buffers_are_not_collected_twice_when_cloudpickle_is_needed() -> None:
    buffers: list[pickle.PickleBuffer] = []
    payload.dumps_call(lambda block: block, (pickle.PickleBuffer(bytearray(100_000)),), {}, buffers)
    assert len(buffers) == 1


@pytest.mark.parametrize(
    ("args", "kwargs", "culprit"),
    [
        ((faults.Unpicklable(),), {}, "argument 1 of collect (Unpicklable)"),
        ((1, [faults.Unpicklable()]), {}, "argument 2 of collect (list)"),
        ((1,), {"this": faults.Unpicklable()}, "argument 'this' of collect (Unpicklable)"),
        ((threading.Lock(),), {}, "argument 1 of collect (lock)"),
        ((), {"stream": (number for number in range(3))}, "argument 'stream' of collect (generator)"),
    ],
)
def test_the_culprit_is_named(args: tuple[Any, ...], kwargs: dict[str, Any], culprit: str) -> None:
    with pytest.raises(NotSerializable) as raised:
        payload.dumps_call(tasks.collect, args, kwargs)
    assert culprit in str(raised.value)
    assert raised.value.__cause__ is not None


def test_a_function_may_be_the_culprit() -> None:
    lock = threading.Lock()

    def uses_a_lock() -> None:
        lock.acquire()

    with pytest.raises(NotSerializable, match="the function .*uses_a_lock cannot travel to a worker: .*lock"):
        payload.dumps_call(uses_a_lock, (), {})


def test_an_interrupt_while_pickling_is_not_taken_for_a_failure() -> None:
    """Ctrl-C in the driver, while it serialises a large argument, stops the driver."""
    with pytest.raises(KeyboardInterrupt):
        payload.dumps_call(tasks.identity, (faults.Unpicklable(KeyboardInterrupt),), {})


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (abs, "abs"),
        (tasks.identity, "identity"),
        (lambda: None, "<lambda>"),
        (__import__("functools").partial(tasks.identity, 1), "identity"),
        (faults.Unpicklable, "Unpicklable"),
        ("text".upper, "str.upper"),
    ],
)
def test_what_a_function_is_called(function: Callable[..., Any], name: str) -> None:
    assert name in payload.call_name(function)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("plain"),
        KeyError(("a", "tuple")),
        OSError(2, "No such file", "name"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        StopIteration(3),
        SystemExit(4),
        KeyboardInterrupt(),
        faults.OddConstructor(7, detail="odd"),
        faults.TwoToOne("a fault", "a place"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_exceptions_survive(error: BaseException) -> None:
    error.extra = [1, 2]  # type: ignore[attr-defined]  # what users do
    loaded = payload.load_failure(payload.dump_failure(error)).exception
    assert type(loaded) is type(error)
    assert loaded.args == error.args
    assert vars(loaded) == vars(error)
    assert str(loaded) == str(error)
    assert isinstance(loaded.__cause__, RemoteTraceback)


def test_exceptions_survive_where_a_library_has_changed_how_they_are_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As tblib does: it makes them without their constructor, and some then say nothing."""

    def reduce(error: UnicodeDecodeError) -> tuple[Any, ...]:
        return UnicodeDecodeError.__new__, (UnicodeDecodeError, *error.args), error.__dict__

    monkeypatch.setitem(copyreg.dispatch_table, UnicodeDecodeError, reduce)
    error = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")
    loaded = payload.load_failure(payload.dump_failure(error)).exception
    assert str(loaded) == str(error)


def test_an_exception_that_says_something_else_each_time_keeps_its_type() -> None:
    loaded = payload.load_failure(payload.dump_failure(faults.Counting())).exception
    assert type(loaded) is faults.Counting


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have notes from Python 3.11 on")
def test_notes_survive() -> None:
    error = ValueError("noted")
    error.add_note("one")  # type: ignore[attr-defined,unused-ignore]  # not in 3.10
    failed = payload.load_failure(payload.dump_failure(error))
    assert failed.exception.__notes__ == ["one"]  # type: ignore[attr-defined,unused-ignore]
    assert "one" in failed.traceback


def test_an_odd_constructor_keeps_attributes_that_cannot_be_guessed() -> None:
    error = failure(tasks.fail_with, faults.OddConstructor, 3, detail="kept")
    assert isinstance(error, faults.OddConstructor)
    assert (error.code, error.detail) == (3, "kept")


def test_what_cannot_be_pickled_is_described() -> None:
    error = failure(tasks.fail_with, faults.UnpicklableError, "holds a lock")
    assert isinstance(error, RemoteException)
    assert error.type_name == "orion.executor.testing.faults.UnpicklableError"
    assert error.message == "holds a lock"
    assert "lock" in error.reason
    assert "fail_with" in error.remote_traceback


def test_what_loads_badly_in_its_own_way_is_made_again() -> None:
    error = failure(tasks.fail_with, faults.UnloadableError, "loads badly")
    assert isinstance(error, faults.UnloadableError)
    assert error.args == ("loads badly",)


class StubbornError(Exception):
    """Can be made in one way only."""

    def __new__(cls, *, key: int) -> StubbornError:  # noqa: PYI034 - Self is not in 3.10
        return super().__new__(cls, key)

    def __init__(self, *, key: int) -> None:
        super().__init__(key)


def test_what_cannot_be_loaded_is_described() -> None:
    error = failure(tasks.fail_with, StubbornError, key=3)
    assert isinstance(error, RemoteException)
    assert error.type_name.endswith("StubbornError")
    assert error.message == "3"
    assert "StubbornError" in error.reason


def test_what_cannot_be_printed_is_described() -> None:
    error = failure(tasks.fail_with, faults.MuteError)
    assert "MuteError" in type(error).__name__ + str(getattr(error, "type_name", ""))


def test_the_report_shows_the_worker() -> None:
    import traceback

    error = failure(faults.raise_with_attributes)
    report = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    assert "in raise_with_attributes" in report
    assert "payload.py" not in report.partition("direct cause")[0]


@pytest.mark.parametrize("kind", [RuntimeError, SystemExit, KeyboardInterrupt, RecursionError])
def test_a_result_that_cannot_be_pickled_is_a_failure(kind: type[BaseException]) -> None:
    error = failure(faults.make, faults.Unpicklable, kind)
    assert isinstance(error, NotSerializable)
    assert "the result (Unpicklable) cannot travel" in str(error)


@pytest.mark.parametrize("kind", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_a_result_that_cannot_be_loaded_is_a_failure(kind: type[BaseException]) -> None:
    error = failure(faults.make, faults.Unloadable, kind)
    assert isinstance(error, NotSerializable)
    assert "made to fail at loading" in str(error)


@pytest.mark.parametrize("runner", [run, lambda f, *a: payload.run_here(payload.dumps_call(f, a, {}))])
@pytest.mark.parametrize("kind", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_an_argument_that_cannot_be_loaded_is_a_failure(runner: Any, kind: type[BaseException]) -> None:
    outcome = runner(tasks.identity, faults.Unloadable(kind))
    assert isinstance(outcome, Failure)
    assert isinstance(outcome.exception, NotSerializable)
    assert "made to fail at loading" in str(outcome.exception)


def test_damaged_data_is_a_failure() -> None:
    assert isinstance(payload.load_value(b"\x80\x05damaged"), Failure)


def test_here_an_exception_keeps_its_own_traceback() -> None:
    outcome = payload.run_here(payload.dumps_call(faults.raise_with_attributes, (), {}))
    assert isinstance(outcome, Failure)
    traceback = outcome.exception.__traceback__
    assert traceback is not None
    assert traceback.tb_frame.f_code.co_name == "raise_with_attributes"
    assert outcome.exception.__cause__ is None
