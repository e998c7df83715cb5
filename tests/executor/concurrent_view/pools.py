"""The executors that the same properties are shown for: the standard library's, and ours as seen through a view."""

from __future__ import annotations

import multiprocessing
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from orion.executor import create_executor
from orion.executor.testing import tasks

__all__ = ["ALL", "PROCESSES", "Blocker", "Pool", "opened"]


class Pool:
    """An executor under test, and what tests need to know of it."""

    def __init__(self, kind: str, executor: Executor, folder: Path) -> None:
        self.kind = kind
        self.executor = executor
        self._folder = folder
        self._blockers: list[Blocker] = []

    @property
    def is_ours(self) -> bool:
        return self.kind.startswith("ours")

    def block(self) -> Blocker:
        """Return a task that is running by now, until it is released."""
        blocker = Blocker(self.executor, self._folder)
        self._blockers.append(blocker)
        return blocker

    def release(self) -> None:
        for blocker in self._blockers:
            blocker.release()


class Blocker:
    """A task that runs until it is released; its value is ``"blocked"``."""

    def __init__(self, executor: Executor, folder: Path) -> None:
        started, self._release = folder / f"started-{uuid.uuid4().hex}", folder / f"release-{uuid.uuid4().hex}"
        self.future: Future[str] = executor.submit(tasks.touch_and_wait, started, self._release, "blocked")
        tasks.wait_for_file(started)

    def release(self) -> None:
        self._release.touch()


@contextmanager
def _ours(engine: str, n_workers: int) -> Iterator[Executor]:
    with create_executor(engine, n_workers=n_workers) as executor:
        view = executor.as_concurrent()
        yield view
        view.shutdown()


@contextmanager
def _stdlib_process(n_workers: int) -> Iterator[Executor]:
    # Forked: the other ways to start leave a helper process behind.
    with ProcessPoolExecutor(n_workers, mp_context=multiprocessing.get_context("fork")) as executor:
        yield executor


_MAKERS: dict[str, Callable[[int], object]] = {
    "ours-process": lambda n: _ours("process", n),
    "ours-thread": lambda n: _ours("thread", n),
    "stdlib-process": _stdlib_process,
    "stdlib-thread": ThreadPoolExecutor,
}

ALL = tuple(_MAKERS)
PROCESSES = ("ours-process", "stdlib-process")


@contextmanager
def opened(kind: str, folder: Path, n_workers: int = 1) -> Iterator[Pool]:
    """Make an executor of that kind; what blocks it is released in the end, and it is shut down."""
    with _MAKERS[kind](n_workers) as executor:  # type: ignore[attr-defined]  # a context manager, of several kinds
        pool = Pool(kind, executor, folder)
        try:
            yield pool
        finally:
            pool.release()
