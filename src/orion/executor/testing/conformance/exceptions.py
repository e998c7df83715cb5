"""Paragraph "Exceptions": a task's own exception arrives as it was raised."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import pytest

from orion.executor.base import AsyncException, Future
from orion.executor.errors import RemoteException
from orion.executor.testing import faults, tasks
from orion.executor.testing.conformance._base import Conformance


class ExceptionTests(Conformance):
    """Type, arguments, attributes and traceback survive; what cannot travel is replaced by a description."""

    def test_type_arguments_and_attributes_survive(self) -> None:
        error = self._raised(faults.raise_with_attributes)
        assert type(error) is ValueError
        assert error.args == ("with attributes",)
        assert error.detail == {"trial": 7}  # type: ignore[attr-defined]

    def test_an_odd_constructor_does_no_harm(self) -> None:
        error = self._raised(tasks.fail_with, faults.OddConstructor, 7, detail="odd")
        assert isinstance(error, faults.OddConstructor)
        assert (error.args, error.code, error.detail) == (("code 7",), 7, "odd")
        other = self._raised(tasks.fail_with, faults.TwoToOne, "a fault", "a place")
        assert isinstance(other, faults.TwoToOne)
        assert (other.args, other.what, other.where) == (("a fault at a place",), "a fault", "a place")

    def test_errors_of_the_system_keep_their_fields(self) -> None:
        error = self._raised(tasks.fail_with, FileNotFoundError, 2, "No such file", "somewhere")
        assert type(error) is FileNotFoundError
        assert (error.errno, error.strerror, error.filename) == (2, "No such file", "somewhere")
        decoding = self._raised(tasks.fail_with, UnicodeDecodeError, "utf-8", b"\xff", 0, 1, "invalid start byte")
        assert isinstance(decoding, UnicodeDecodeError)
        assert (decoding.encoding, decoding.object, decoding.reason) == ("utf-8", b"\xff", "invalid start byte")
        stop = self._raised(tasks.fail_with, StopIteration, 7)
        assert isinstance(stop, StopIteration)
        assert stop.value == 7

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have notes from Python 3.11 on")
    def test_notes_survive(self) -> None:
        def task() -> None:
            error = ValueError("noted")
            error.add_note("a note")  # type: ignore[attr-defined,unused-ignore]  # not in 3.10
            raise error

        assert self._raised(task).__notes__ == ["a note"]  # type: ignore[attr-defined,unused-ignore]

    def test_any_exception_is_a_failure_of_the_task_only(self) -> None:
        executor = self.start(1)
        kinds: list[type[BaseException]] = [SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, MemoryError]
        for kind in kinds:
            futures: list[Future[Any]] = [executor.submit(tasks.fail_with, kind, "raised by the task")]
            futures += [executor.submit(tasks.identity, number) for number in range(3)]
            futures[0].wait()
            with pytest.raises(kind) as raised:
                futures[0].get()
            assert raised.value.args == ("raised by the task",)
            assert not futures[0].successful()
            assert executor.wait(futures[1:]) == [0, 1, 2]

    def test_the_traceback_of_the_worker_shows(self) -> None:
        executor = self.start()
        future = executor.submit(faults.raise_with_attributes)
        with pytest.raises(ValueError, match="with attributes") as raised:
            future.get()
        report = "".join(traceback.format_exception(raised.type, raised.value, raised.tb))
        (result,) = executor.async_get([future])
        assert isinstance(result, AsyncException)
        for text in (report, result.traceback):
            assert "in raise_with_attributes" in text
            assert "ValueError: with attributes" in text

    def test_the_cause_shows_in_the_traceback(self) -> None:
        executor = self.start()
        (result,) = executor.async_get([executor.submit(faults.raise_chained)])
        assert isinstance(result, AsyncException)
        assert "KeyError: 'the inner failure'" in result.traceback
        assert "ValueError: the outer failure" in result.traceback

    def test_an_exception_that_cannot_be_pickled_is_described(self) -> None:
        self._same_or_described(faults.UnpicklableError, "holds a lock")

    def test_an_exception_that_cannot_be_loaded_is_described(self) -> None:
        self._same_or_described(faults.UnloadableError, "loads badly")

    def test_an_exception_that_cannot_be_printed_does_no_harm(self) -> None:
        executor = self.start()
        (result,) = executor.async_get([executor.submit(tasks.fail_with, faults.MuteError)])
        assert isinstance(result, AsyncException)
        assert isinstance(result.exception, faults.MuteError | RemoteException)
        assert "MuteError" in result.traceback
        assert executor.submit(tasks.identity, 1).get() == 1

    def test_an_exception_class_made_in_the_task_does_no_harm(self) -> None:
        def task() -> None:
            class LocalError(Exception):
                pass

            raise LocalError("from a local class")

        error = self._raised(task)
        assert "from a local class" in str(error)
        assert "LocalError" in f"{type(error)} {error}"

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups exist from Python 3.11 on")
    def test_a_group_of_exceptions_survives(self) -> None:
        group = vars(sys.modules["builtins"])["ExceptionGroup"]
        error: Any = self._raised(tasks.fail_with, group, "several", [ValueError("one"), KeyError("two")])
        assert type(error) is group
        assert [type(inner) for inner in error.exceptions] == [ValueError, KeyError]

    def _raised(self, function: Any, *args: Any, **kwargs: Any) -> BaseException:
        future = self.start().submit(function, *args, **kwargs)
        future.wait()
        with pytest.raises(BaseException) as raised:
            future.get()
        return raised.value

    def _same_or_described(self, kind: type[BaseException], message: str) -> None:
        executor = self.start()
        future = executor.submit(tasks.fail_with, kind, message)
        (result,) = executor.async_get([future])
        assert isinstance(result, AsyncException)
        error = result.exception
        if not isinstance(error, kind):
            assert isinstance(error, RemoteException)
            assert error.type_name.endswith(kind.__name__)
            assert error.message == message
            assert "in fail_with" in error.remote_traceback
            assert kind.__name__ in str(error)
        assert "in fail_with" in result.traceback
        assert executor.submit(tasks.identity, 1).get() == 1
