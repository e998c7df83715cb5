"""A test of an engine on the user's own cluster, which takes about a minute and says in words what is wrong."""

from __future__ import annotations

import os
import platform
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from orion.executor._core.outcome import described
from orion.executor._core.registry import create_executor
from orion.executor.base import BaseExecutor, Future
from orion.executor.errors import ExecutorError, ResultTimeout, TaskTimeout, WorkerLost

__all__ = ["Finding", "self_test"]

_FIRST_ANSWER_SECONDS = 60.0  # a worker may have to be started first
_ANSWER_SECONDS = 30.0
_MAX_PROBES = 64


class Finding(NamedTuple):
    """What one part of the test found.

    Parameters
    ----------
    is_good
        Whether all is well.
    text
        What was looked at and what was found, in words.
    """

    is_good: bool
    text: str


class _Answer(NamedTuple):
    """What a worker says of itself; plain data."""

    host: str
    python: str
    cloudpickle: str
    package: str
    sees_folder: bool
    missing: list[str]


def self_test(
    name: str, options: Mapping[str, Any] | None = None, *, modules: Sequence[str] = (), folder: Path | None = None
) -> Iterator[Finding]:
    """Try an engine; yield what is found as soon as it is.

    Parameters
    ----------
    name, options
        What :func:`~orion.executor.create_executor` takes.
    modules
        Names of modules that tasks will import, which the workers have to have.
    folder
        A folder that tasks will use, which the workers have to see; by default the current one.
    """
    start = time.monotonic()
    try:
        executor = create_executor(name, **dict(options or {}))
    except (ExecutorError, TypeError, ValueError, OSError) as error:
        yield Finding(False, described(error, text_only=True))
        return
    yield Finding(True, f"the engine started in {time.monotonic() - start:.1f} s, with {executor.n_workers} workers")
    try:
        yield from _try_out(executor, list(modules), folder or Path.cwd())
    finally:
        executor.close()


def _try_out(executor: BaseExecutor, modules: list[str], folder: Path) -> Iterator[Finding]:
    with tempfile.NamedTemporaryFile(prefix=".orion-self-test-", dir=folder) as file:
        probe = partial(_probe, Path(file.name), modules)
        start = time.monotonic()
        first = _first_answer(executor, probe)
        if isinstance(first, Finding):
            yield first
            return
        yield Finding(True, f"a worker on {first.host} answered after {time.monotonic() - start:.1f} s")
        futures = [executor.submit(probe) for _ in range(min(2 * executor.n_workers, _MAX_PROBES))]
        answers = [first, *(answer for answer in map(_answer, futures) if isinstance(answer, _Answer))]
        yield _all_answered(len(answers) - 1, len(futures))
        yield from _compare(answers, folder)
    yield _by_value(executor)
    yield from _faults(executor)


def _probe(file: Path, modules: list[str]) -> tuple[Any, ...]:
    from importlib import import_module

    missing = []
    for name in modules:
        try:
            import_module(name)
        except ImportError:
            missing.append(name)
    time.sleep(0.05)  # so that others get some of the work
    return (*_versions(), file.exists(), missing)


def _versions() -> tuple[str, str, str, str]:
    from importlib.metadata import version

    return socket.gethostname(), platform.python_version(), version("cloudpickle"), version("orion-executor")


def _answer(future: Future[Any], seconds: float = _ANSWER_SECONDS) -> _Answer | Exception:
    try:
        return _Answer(*future.get(timeout=seconds))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
        return error


def _first_answer(executor: BaseExecutor, probe: Callable[[], Any]) -> _Answer | Finding:
    try:
        future = executor.submit(probe)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
        return Finding(False, f"no task could be submitted: {described(error)}")
    answer = _answer(future, _FIRST_ANSWER_SECONDS)
    if isinstance(answer, _Answer):
        return answer
    if isinstance(answer, ResultTimeout):
        return Finding(
            False,
            f"no worker has answered within {_FIRST_ANSWER_SECONDS:.0f} s. Likely causes: there is no worker, or none "
            "is free (look at the scheduler's list); or a worker has no route back to the scheduler or to this host",
        )
    return Finding(False, f"the first task failed: {described(answer)}")


def _all_answered(n_answers: int, n_asked: int) -> Finding:
    if n_answers == n_asked:
        return Finding(True, f"{n_asked} tasks at once all came back")
    return Finding(False, f"of {n_asked} tasks at once only {n_answers} came back within {_ANSWER_SECONDS:.0f} s each")


def _compare(answers: list[_Answer], folder: Path) -> Iterator[Finding]:
    """Hold what the workers have against what is here."""
    here = _Answer(*_versions(), True, [])
    problems: set[str] = set()
    for there in answers:
        if there.python.rpartition(".")[0] != here.python.rpartition(".")[0]:
            problems.add(f"host {there.host} runs Python {there.python}, this one {here.python}")
        if there.cloudpickle != here.cloudpickle:
            problems.add(f"host {there.host} has cloudpickle {there.cloudpickle}, this one {here.cloudpickle}")
        if there.package != here.package:
            problems.add(f"host {there.host} has orion-executor {there.package}, this one {here.package}")
        if not there.sees_folder:
            problems.add(f"host {there.host} does not see the folder {folder}: it is not shared")
        for module in there.missing:
            problems.add(f"host {there.host} lacks the module {module}: install it there")
    hosts = sorted({there.host for there in answers})
    for problem in sorted(problems):
        yield Finding(False, problem)
    if not problems:
        yield Finding(True, f"Python, cloudpickle, orion-executor and the folder are the same on {', '.join(hosts)}")


def _by_value(executor: BaseExecutor) -> Finding:
    token = uuid.uuid4().hex
    try:
        came_back = executor.submit(lambda: token).get(timeout=_ANSWER_SECONDS)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
        return Finding(False, f"a lambda did not come back: {described(error)}")
    return Finding(came_back == token, "a function that travels by value came back")


def _faults(executor: BaseExecutor) -> Iterator[Finding]:
    """See that what goes wrong is told, where the engine promises that."""
    if "timeout" not in executor.limitations:
        yield _fails(
            executor.options(timeout=1.0), TaskTimeout, "a task beyond its time limit is stopped", time.sleep, 60
        )
    if "worker_death" not in executor.limitations:
        yield _fails(executor, WorkerLost, "a task that ends its process is reported lost", os._exit, 3)
        answer = _answer(executor.submit(_probe, Path.cwd(), []))
        yield Finding(isinstance(answer, _Answer), "the next task runs after that")


def _fails(
    executor: BaseExecutor, expected: type[Exception], text: str, function: Callable[[int], Any], argument: int
) -> Finding:
    future = executor.submit(function, argument)
    try:
        future.get(timeout=_ANSWER_SECONDS)
    except expected:
        return Finding(True, text)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
        future.cancel()
        return Finding(False, f"this should be so and is not: {text}; it came to {described(error)}")
    return Finding(False, f"this should be so and is not: {text}; it returned")
