"""The context manager that traces an executor."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from orion.executor._trace.recorder import Recorder, Run

if TYPE_CHECKING:
    from orion.executor._core.executor import BaseExecutor

__all__ = ["Trace"]

_FORMATS = (".json", ".html", ".png")


class Trace:
    """Records who was busy when, while its block runs; made by :meth:`BaseExecutor.trace`."""

    def __init__(self, executor: BaseExecutor, paths: tuple[str | os.PathLike[str], ...]) -> None:
        self._executor = executor
        self._paths = [Path(path) for path in paths]
        for path in self._paths:
            if path.suffix not in _FORMATS:
                raise ValueError(f"a trace is written to {', '.join(_FORMATS)}: {str(path)!r} is none of these")
            if not path.absolute().parent.is_dir():
                raise FileNotFoundError(f"the trace cannot be written to {str(path)!r}: there is no such folder")
            if path.suffix == ".png":
                import orion.executor._trace.png  # noqa: F401 - to fail now, not at the end, if matplotlib is missing
        self._recorder = Recorder()

    def runs(self) -> list[Run]:
        """Return the tasks that have ended since the trace began, in that order."""
        return self._recorder.runs()

    def __enter__(self) -> Trace:  # noqa: PYI034 - typing's own Self is not in 3.10
        if self._executor._trace is not None:
            raise ValueError("this executor is being traced already: one trace at a time")
        self._recorder = Recorder()
        self._executor._trace = self._recorder
        self._recorder.pending(self._executor._tracker.unfinished())
        self._executor._record(self._recorder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        counters = self._executor.counters()
        self._executor._trace = None
        self._executor._record(None)
        logging.getLogger("orion.executor").info("trace ended: %s", counters, extra={"counters": counters})
        runs = self.runs()
        for path in self._paths:
            if path.suffix == ".json":
                from orion.executor._trace.chrome import write_chrome

                write_chrome(path, runs, self._recorder.began, counters)
            elif path.suffix == ".html":
                from orion.executor._trace.html import write_html

                write_html(path, runs, self._recorder.began)
            else:
                from orion.executor._trace.png import write_png

                write_png(path, runs, self._recorder.began)
