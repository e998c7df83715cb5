"""A thread that submits random tasks, collects them in random ways, and checks what has become of each."""

from __future__ import annotations

import random
import threading
from collections import deque
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orion.executor.base import BaseExecutor, Future
from orion.executor.errors import ExecutorClosed, ResultTimeout, WorkerLost
from tests.stress.case import Case, Ending, Kind
from tests.stress.catalogue import draw
from tests.stress.tally import Tally

__all__ = ["Circumstances", "Submitter"]

_CANCELLED_OF_ALL = 0.06
_KEPT_OF_ALL = 0.05


@dataclass
class Circumstances:
    """What concerns all threads of a session."""

    executor: BaseExecutor
    folder: Path
    tally: Tally
    with_nested: bool
    over: threading.Event
    """Set when no more should be submitted."""
    closing: bool = False
    """Whether the executor may be closed with tasks pending."""
    killing: bool = False
    """Whether processes of the pool are killed from outside."""


@dataclass
class _Entry:
    kind: Kind
    case: Case
    cancelled: bool = False


class Submitter(threading.Thread):
    """Keeps up to ``window`` tasks pending."""

    def __init__(self, circumstances: Circumstances, seed: str, window: int) -> None:
        super().__init__(name=f"submitter {seed}")
        self._all = circumstances
        self._rng = random.Random(seed)
        self._window = window
        self._entries: dict[Future[Any], _Entry] = {}
        self._kept: deque[tuple[_Entry, Ending]] = deque()

    def run(self) -> None:
        try:
            while not self._all.over.is_set():
                while len(self._entries) < self._window and not self._all.over.is_set():
                    self._submit()
                self._act()
        except ExecutorClosed:
            if not self._all.closing:
                self._all.tally.failed("an executor said that it was closed, and was not")
        except BaseException as error:
            self._all.tally.failed(f"{self.name} raised {type(error).__name__}: {error}")
            raise
        self._collect_rest()

    def _submit(self) -> None:
        kind = draw(self._rng, with_nested=self._all.with_nested)
        case = kind.make(self._rng, self._all.folder)
        executor = self._all.executor
        args = (executor, *case.args) if case.needs_executor else case.args
        try:
            future = (executor.options(**case.options) if case.options else executor).submit(case.function, *args)
        except Exception as error:
            if case.refused is None or type(error) is not case.refused:
                raise
            self._all.tally.ended(kind.name, "as expected")
            return
        entry = self._entries[future] = _Entry(kind, case)
        if case.refused is not None:
            self._all.tally.failed(f"{kind.name}: submit took what cannot travel")
        if self._rng.random() < _CANCELLED_OF_ALL:
            victim = self._rng.choice(list(self._entries)) if self._rng.random() < 0.5 else future
            entry = self._entries[victim]
            entry.cancelled = victim.cancel() or entry.cancelled

    def _act(self) -> None:
        """Collect some of what has ended."""
        futures = list(self._entries)
        way = self._rng.random()
        if way < 0.7:
            if self._rng.random() < 0.2:
                self._rng.shuffle(futures)
            for done in self._all.executor.async_get(futures, timeout=self._rng.choice([0, 0.01, 1.0])):
                self._collect(done.future)
        elif way < 0.9 and futures:
            future = self._rng.choice(futures)
            try:
                future.get(timeout=self._rng.choice([0, 0.05, 2.0]))
            except ResultTimeout:
                return
            except BaseException:
                pass  # looked at below
            self._collect(future)
        elif futures:
            future = self._rng.choice(futures)
            future.wait(timeout=0.1)
            if future.ready():
                self._collect(future)

    def _collect(self, future: Future[Any]) -> None:
        entry = self._entries.pop(future)
        try:
            ending = Ending(value=future.get(0))
        except BaseException as error:
            ending = Ending(error=error)
        how = self._judge(entry, ending)
        self._all.tally.ended(entry.kind.name, how)
        if how == "wrong":
            self._all.tally.failed(f"{entry.kind.name} {entry.case.options or ''}: {ending}")
        elif how == "as expected" and ending.error is None and self._rng.random() < _KEPT_OF_ALL:
            self._kept.append((entry, ending))
            if len(self._kept) > 8:
                self._look_again(*self._kept.popleft())

    def _judge(self, entry: _Entry, ending: Ending) -> str:
        if entry.cancelled:
            return "cancelled" if isinstance(ending.error, CancelledError) else "wrong"
        if self._all.closing and isinstance(ending.error, CancelledError):
            return "closed"
        if entry.case.is_right(ending):
            return "as expected"
        if self._all.killing and isinstance(ending.error, WorkerLost):
            return "killed from outside"
        return "wrong"

    def _look_again(self, entry: _Entry, ending: Ending) -> None:
        """Check a result that was kept for a while: its memory may have been given to another."""
        if not entry.case.is_right(ending):
            self._all.tally.failed(f"{entry.kind.name}: a result that was right has changed since")

    def _collect_rest(self) -> None:
        futures = list(self._entries)
        while futures:
            for done in self._all.executor.async_get(futures):
                self._collect(done.future)
        while self._kept:
            self._look_again(*self._kept.popleft())
