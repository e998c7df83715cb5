"""One family of errors that teach."""

from __future__ import annotations

import inspect
import multiprocessing
import pickle
import signal

import pytest

from orion.executor import errors
from orion.executor.errors import ExecutorError, RemoteException, ResultTimeout, TaskTimeout, WorkerLost

EXPORTED = [getattr(errors, name) for name in errors.__all__]
FAMILY = [kind for kind in EXPORTED if issubclass(kind, Exception) and kind is not errors.RemoteTraceback]


@pytest.mark.parametrize("kind", FAMILY)
def test_all_have_one_root(kind: type[Exception]) -> None:
    assert issubclass(kind, ExecutorError)


@pytest.mark.parametrize("kind", [kind for kind in FAMILY if kind is not ExecutorError])
def test_each_says_when_it_is_raised(kind: type[Exception]) -> None:
    assert (inspect.getdoc(kind) or "").startswith(("Raised when", "Stands in", "Root of"))


def test_all_are_listed() -> None:
    defined = {
        name
        for name, item in vars(errors).items()
        if isinstance(item, type) and issubclass(item, Exception) and item.__module__ == errors.__name__
    }
    assert defined <= set(errors.__all__)


def test_a_result_that_is_late_is_both_timeout_errors() -> None:
    assert issubclass(ResultTimeout, multiprocessing.TimeoutError)
    assert issubclass(ResultTimeout, TimeoutError)


def test_a_task_that_was_stopped_is_neither() -> None:
    assert not issubclass(TaskTimeout, TimeoutError)
    assert not issubclass(TaskTimeout, multiprocessing.TimeoutError)


@pytest.mark.parametrize("kind", [kind for kind in FAMILY if kind is not RemoteException])
def test_all_survive_pickling(kind: type[Exception]) -> None:
    error = kind("a message")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert copy.args == error.args
    assert str(copy) == "a message"


def test_the_fields_of_a_lost_worker_survive_pickling() -> None:
    copy = pickle.loads(pickle.dumps(WorkerLost.died("trial 7", exitcode=3)))
    assert (copy.exitcode, copy.signal) == (3, None)
    assert "trial 7" in str(copy)


def test_the_fields_of_a_remote_exception_survive_pickling() -> None:
    error = RemoteException("package.Kind", "a message", "a traceback", "it holds a lock")
    copy = pickle.loads(pickle.dumps(error))
    assert vars(copy) == vars(error)
    assert str(copy) == "package.Kind: a message (the exception itself could not travel: it holds a lock)"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"signal": signal.SIGKILL}, ["signal 9 (SIGKILL)", "out-of-memory"]),
        ({"signal": signal.SIGSEGV}, ["signal 11 (SIGSEGV)", "compiled extension"]),
        ({"signal": signal.SIGUSR1}, ["SIGUSR1", "on purpose"]),
        ({"signal": 200}, ["signal 200", "ikely cause"]),
        ({"exitcode": 3}, ["exited with code 3", "os._exit"]),
        ({"exitcode": 0}, ["exited with code 0"]),
        ({}, ["vanished", "host was lost"]),
    ],
)
def test_a_lost_worker_is_explained(fields: dict[str, int], words: list[str]) -> None:
    text = str(WorkerLost.died("task 'fit'", **fields))  # type: ignore[arg-type]
    for word in [*words, "task 'fit'", "retries=1"]:
        assert word in text
