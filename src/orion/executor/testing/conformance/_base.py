"""What the parts of the suite share: executors that are closed after each test, tasks held until released."""

from __future__ import annotations

import functools
import gc
import sys
import threading
import time
import traceback
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest

from orion.executor.base import BaseExecutor, Future
from orion.executor.testing import tasks

__all__ = ["Background", "Conformance", "Held"]

T = TypeVar("T")


class Conformance(ABC):
    """Base of the suite's parts.

    Every test runs in a thread of its own and fails, saying where it stood, if it has not ended
    after :attr:`patience` seconds: an engine that hangs does not hang its tests. Afterwards the
    executors that the test made are closed, and the tasks that it held are released.
    """

    patience: float = tasks.PATIENCE
    """Seconds after which a test that has not ended fails."""

    at_most: int | None = None
    """How many tasks a test submits at most where any large number would do; for engines that start tasks slowly."""

    engine_name: str | None = None
    """The name by which ``executor_factory`` knows the engine; ``None`` if it has none."""

    record_name: str | None = None
    """What a record of the tests calls the engine, if not by its name: each test notes it, with the guarantees that it
    is about, among its properties (:attr:`pytest.TestReport.user_properties`)."""

    _properties: list[tuple[str, object]] | None = None
    _made: list[BaseExecutor]
    _held: list[Held]

    @abstractmethod
    def make_executor(self, n_workers: int) -> BaseExecutor:
        """Return a new executor of the engine under test, with ``n_workers`` workers."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, member in list(vars(cls).items()):
            if name.startswith("test_") and callable(member):
                setattr(cls, name, _bounded(member))

    @pytest.fixture(autouse=True)
    def _noting(self, request: pytest.FixtureRequest) -> None:
        name = self.record_name or self.engine_name
        if name is not None:
            test = request.function.__name__
            self._properties = request.node.user_properties
            self._note("engine", name)
            self._note("part", next(kind.__name__ for kind in type(self).__mro__ if test in vars(kind)))

    def start(self, n_workers: int = 2) -> BaseExecutor:
        """Return a new executor that is closed after the test."""
        executor = self.make_executor(n_workers)
        self._made.append(executor)
        return executor

    def lot(self, number: int) -> int:
        """Return ``number``, or :attr:`at_most` if that is less."""
        return number if self.at_most is None else min(number, self.at_most)

    def hold(self, executor: BaseExecutor, folder: Path) -> Held:
        """Return a task that is running by now, and runs until it is released or the test ends."""
        started, release = folder / f"started-{uuid.uuid4().hex}", folder / f"release-{uuid.uuid4().hex}"
        held = Held(executor.submit(tasks.touch_and_wait, started, release, "held"), release)
        self._held.append(held)
        self.see_to(executor, held.future)
        self.await_file(started)
        return held

    def see_to(self, executor: BaseExecutor, *futures: Future[Any]) -> None:
        """See to it that tasks run, also on an engine that runs them only when they are waited for."""
        if "background" in executor.limitations:
            for future in futures:
                Background(functools.partial(future.wait))

    def await_file(self, path: Path) -> None:
        """Return once ``path`` exists."""
        tasks.wait_for_file(path, self.patience)

    def await_that(self, condition: Callable[[], bool]) -> None:
        """Return once ``condition`` holds."""
        deadline = time.monotonic() + self.patience
        while not condition():
            assert time.monotonic() < deadline, "this did not come to pass"
            time.sleep(0.005)

    def in_thread(self, function: Callable[[], T]) -> Background[T]:
        """Run ``function`` in another thread, from now on."""
        return Background(function, self.patience)

    def needs(self, executor: BaseExecutor, *guarantees: str) -> None:
        """Skip the test, with the declared reason, where the engine cannot keep one of ``guarantees``."""
        for guarantee in guarantees:
            if not self.keeps(executor, guarantee):
                pytest.skip(f"{type(executor).__name__} declares {guarantee}: {executor.limitations[guarantee]}")

    def keeps(self, executor: BaseExecutor, guarantee: str) -> bool:
        """Return whether the engine has to keep a guarantee; the test shows that it does, or what holds instead."""
        if guarantee in executor.limitations:
            self._note("refused", [guarantee, executor.limitations[guarantee]])
            return False
        self._note("guarantee", guarantee)
        return True

    def _note(self, name: str, value: object) -> None:
        if self._properties is not None:
            self._properties.append((name, value))


class Held:
    """A task that runs until it is released; its value is ``"held"``."""

    def __init__(self, future: Future[str], file: Path) -> None:
        self.future = future
        self._file = file

    def release(self) -> None:
        """Let the task end."""
        if self._file.parent.exists():
            self._file.touch()


class Background(threading.Thread, Generic[T]):
    """A call in another thread."""

    def __init__(self, function: Callable[[], T], patience: float = tasks.PATIENCE) -> None:
        super().__init__(daemon=True, name="conformance")
        self._function = function
        self._patience = patience
        self._value: T
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:
            self.error = error
        del self._function

    def result(self) -> T:
        """Return what the call returned, or raise what it raised."""
        self.join(self._patience)
        assert not self.is_alive(), f"a thread did not end within {self._patience} s; it stood at:\n{self.stack()}"
        if self.error is not None:
            raise self.error
        return self._value

    def stack(self) -> str:
        """Return where the thread stands, as text."""
        collects = gc.isenabled()
        gc.disable()  # a collection within the next call may wait for ever before Python 3.12 (CPython's issue 106883)
        try:
            frame = sys._current_frames().get(self.ident or 0)
        finally:
            if collects:
                gc.enable()
        return "".join(traceback.format_stack(frame)) if frame is not None else "(it has ended)"


def _bounded(test: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(self: Conformance, *args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        self._made, self._held = [], []
        threads = set(threading.enumerate())
        body = Background(lambda: test(self, *args, **kwargs), self.patience)
        body.join(self.patience)
        stack = body.stack() if body.is_alive() else None
        cleaning = Background(lambda: _clean(self), self.patience)
        cleaning.join(self.patience)
        _join(set(threading.enumerate()) - threads, self.patience)
        if stack is not None:
            raise AssertionError(f"the test did not end within {self.patience} s; it stood at:\n{stack}")
        if body.error is not None:
            raise body.error
        cleaning.result()

    return run


def _clean(test: Conformance) -> None:
    for held in test._held:
        held.release()
    while test._made:
        test._made.pop().close()


def _join(threads: set[threading.Thread], patience: float) -> None:
    """Wait for threads that a test began; an engine's own workers may still be ending their last task."""
    deadline = time.monotonic() + patience
    for thread in threads:
        if isinstance(thread, Background):
            thread.join(max(0.0, deadline - time.monotonic()))
